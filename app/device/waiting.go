package device

import (
	"slices"
	"time"

	"gonetmon/app/names"
)

const (
	lookupGrace = 5 * time.Second // how long a new device waits for its first lookup before it is shown
	noNameGrace = 3 * time.Second // how long it waits when that has found no name, in case it introduces itself
)

// wait queues a group to be shown, unless it is shown already.
func (r *Registry) wait(g *group) {
	if g.waits || g.series != nil {
		return
	}
	g.waits, g.since = true, r.now
	r.waiting = append(r.waiting, g)
}

// nothingToShow reports whether a group need not wait: it is shown already, or is empty.
func (g *group) nothingToShow() bool { return g.series != nil || len(g.hosts) == 0 && g.pending == nil }

// show shows the groups that have waited long enough, or all that are waiting.
func (r *Registry) show(all bool) {
	for _, g := range slices.Clone(r.waiting) {
		if g.series == nil && (all || r.isReady(g)) {
			for _, h := range slices.Clone(g.hosts) {
				r.embed(h)
			}
		}
	}
	waiting := r.waiting
	r.waiting = nil
	still := waiting[:0]
	for _, g := range waiting {
		switch {
		case g.nothingToShow(), (all || r.isReady(g)) && r.assignName(g):
			g.waits = false
		case all: // there is no room for another series
			for _, h := range g.hosts {
				r.movePending(h)
			}
			if g.pending != nil {
				r.overflow.Add(&g.pending.totals)
				r.book(0, &g.pending.totals)
				g.pending = nil
			}
			g.waits = false
		default:
			still = append(still, g)
		}
	}
	clear(waiting[len(still):])
	r.waiting = append(still, r.waiting...) // the latter have begun to wait meanwhile
}

// isReady reports whether a group need not wait any longer.
func (r *Registry) isReady(g *group) bool {
	age := r.now.Sub(g.since)
	real := len(g.hosts) == 0
	looking := false
	for _, h := range g.hosts {
		// To receive something is not enough: anyone can send to any IPv6 address.
		real = real || h.addr.Is4() || h.sent || h.station != nil || h.ptr != ""
		looking = looking || !h.lookedUp
	}
	if !real {
		return false
	}
	_, source := r.chooseName(g)
	switch {
	case source == names.SourceFile || source == names.SourcePTR && !r.mayBeWildcard(g):
		return true
	case age >= lookupGrace:
		return true
	default:
		return source != names.SourcePTR && (!looking || !r.uses(names.SourcePTR)) &&
			(source != names.SourceAddress || age >= noNameGrace)
	}
}

// mayBeWildcard reports whether the name of a group in the reverse DNS may turn out to be that of every address: another device
// has it too, or gonetmon has just started.
func (r *Registry) mayBeWildcard(g *group) bool {
	return r.now.Sub(r.cfg.Start) < time.Minute || slices.ContainsFunc(g.hosts, func(h *host) bool {
		return len(h.keys) > 0 && len(r.byName[h.keys[0]]) > 1
	})
}

// embed gives an IPv6 host of which nothing was heard to the MAC that its address was made from.
func (r *Registry) embed(h *host) {
	if h.station != nil || h.evidence != (evidence{}) {
		return
	}
	if hw, ok := embeddedMAC(h.addr); ok {
		if s := r.stationFor(hw); s != nil {
			h.station, h.why = s, byAddress
			s.add(h)
			r.regroup(h)
		}
	}
}

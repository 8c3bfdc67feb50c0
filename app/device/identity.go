package device

import (
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

// An ID is a device's for ever, under each name and after a restart. A group has the ID, and its series counts for it.

// book adds to what a device has gained since the last call of Gains.
func (r *Registry) book(id uint64, totals *traffic.Totals) {
	g := r.gains[id]
	if g == nil {
		g = &traffic.Totals{}
		r.gains[id] = g
	}
	g.Add(totals)
}

// Gains calls f for each device that has gained something since the last call, with its ID and that gain. ID 0 is what belongs to
// no device. The gains add up to those of all hosts, except what waits until its device has a name. f must not call the registry.
func (r *Registry) Gains(f func(id uint64, gained *traffic.Totals)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, gained := range r.gains {
		f(id, gained)
	}
	clear(r.gains)
}

// identify gives an ID to a group that gets a series: its own, a new one, or that of the device that had the series before and is
// likely to be the same.
func (r *Registry) identify(g *group, s *series) {
	switch {
	case s.group == g:
		return
	case s.id != 0 && s.id != g.id && r.isSameDevice(g, s):
		if o := s.group; o != nil {
			r.setID(o, 0)
			o.known = time.Time{}
		}
		r.setID(g, s.id)
		return
	case g.id == 0:
		r.lastID++
		r.setID(g, r.lastID)
	case g.series != nil:
		g.known = g.series.known
	}
	if s.id != g.id {
		s.id, s.known, s.had = g.id, g.known, nil
		if was := g.series; was != nil && s.first.IsZero() {
			s.last, s.seen = was.last, was.seen
		}
	}
}

// isSameDevice reports whether a group that gets a series is likely to be the device that had it.
func (r *Registry) isSameDevice(g *group, s *series) bool {
	ours, theirs := g.mac(), s.mac
	known := ours != mac.Addr{} && theirs != mac.Addr{}
	switch _, err := netip.ParseAddr(s.name); {
	case r.isFormer(s):
		return false
	case err == nil && known: // an address passes from device to device
		return ours == theirs
	case s.group == nil && !known: // only an address says that it is the same
		return g.id == 0 && g.mayRevive(s)
	default:
		return true
	}
}

// mayRevive reports whether a group may be the device without a known MAC that a series counted for before the restart: it has
// one of its addresses.
func (g *group) mayRevive(s *series) bool {
	return !s.revived || g.behind != nil ||
		slices.ContainsFunc(g.hosts, func(h *host) bool { return slices.Contains(s.had, h.addr) })
}

// setID makes a group the device with an ID, or with ID 0 no device.
func (r *Registry) setID(g *group, id uint64) {
	if r.byID[g.id] == g {
		delete(r.byID, g.id)
	}
	if g.id = id; id != 0 {
		r.byID[id] = g
	}
}

// isFormer reports whether a series is the former name of a device that has another one now.
func (r *Registry) isFormer(s *series) bool {
	g := r.byID[s.id]
	return g != nil && g.series != s
}

// inherit makes a group the device that another group was, unless it is a device already. The group may be nil.
func (r *Registry) inherit(g, from *group) {
	if g == nil || g.id != 0 || from.id == 0 {
		return
	}
	id := from.id
	r.setID(from, 0)
	r.setID(g, id)
	if g.known = from.known; from.series != nil {
		g.known = from.series.known
	}
}

package device

import (
	"net/netip"
	"slices"
	"time"
)

// maxNamesakes is how many hosts without a known MAC are one device because they share a name.
const maxNamesakes = 256

// A group is the hosts that are one device: those of a station, those that share a name, or those that the hosts file joins.
type group struct {
	hosts    []*host    // counted ones, sorted by address
	stations []*station // whose hosts these are; several only because of the hosts file
	fileName string     // in the hosts file; "" if none
	name     string     // by which it is shown, with its domain
	source   string     // of name
	series   *series    // under which it is shown; nil: not yet
	pending  *counters  // of hosts that left before the group was shown; nil: nothing
	waits    bool       // in Registry.waiting
	since    time.Time  // when it began to wait
	renameAt time.Time  // when its other name has held for long enough; zero: there is none
}

// regroup moves a host to the group that it belongs to now. If the hosts file names that group, the other hosts of the
// station follow.
func (r *Registry) regroup(h *host) {
	if !h.counted {
		return
	}
	r.move(h, r.groupFor(h))
	if h.station == nil || h.group.fileName == "" {
		return
	}
	for _, o := range slices.Clone(h.station.hosts) {
		if o.counted && o.group != h.group {
			r.move(o, r.groupFor(o))
		}
	}
}

// groupFor returns the group that a host belongs to.
func (r *Registry) groupFor(h *host) *group {
	own := h.group
	if name := r.nameInFile(h); name != "" {
		g := r.byFileName[name]
		if g == nil {
			if g = own; g == nil || g.fileName != "" || len(g.hosts) > 1 && (h.station == nil || h.station.group != g) {
				g = &group{}
			}
			g.fileName = name
			r.byFileName[name] = g
		}
		if s := h.station; s != nil && !s.proxy && (s.group == nil || s.group.fileName == "" && s.group != g) {
			r.attach(g, s)
		}
		return g
	}
	loose := own != nil && own.fileName == "" && len(own.stations) == 0
	if s := h.station; s != nil {
		switch {
		case s.group == nil:
			if !loose {
				own = &group{}
			}
			r.attach(own, s)
		case loose && own.series != nil && s.group.series == nil && s.group.fileName == "":
			for len(s.group.hosts) > 0 { // the group that is shown already stays
				r.move(s.group.hosts[0], own)
			}
			r.attach(own, s)
		}
		return s.group
	}
	for _, name := range []string{h.ptr, h.mdns.name} {
		g := r.groupNamed(name)
		if g == nil || g != own && len(g.hosts) >= maxNamesakes {
			continue
		}
		if !slices.ContainsFunc(g.stations, func(s *station) bool { return s.proxy }) {
			return g
		}
	}
	if loose && len(own.hosts) == 1 {
		return own
	}
	return &group{}
}

// attach makes g the group of a station.
func (r *Registry) attach(g *group, s *station) {
	if old := s.group; old != nil {
		old.stations = remove(old.stations, s)
		r.absorb(g, old)
	}
	s.group = g
	g.stations = append(g.stations, s)
	r.indexName(g, s.dhcp.name)
}

// move moves a host to a group.
func (r *Registry) move(h *host, g *group) {
	old := h.group
	if old == g {
		return
	}
	if old != nil {
		old.remove(h)
	}
	g.insert(h)
	if old != nil && len(old.hosts) == 0 {
		r.hostless(old, g)
	}
	r.indexName(g, h.ptr)
	r.indexName(g, h.mdns.name)
	r.maybeRename(g)
	if old != nil && len(old.hosts) > 0 {
		r.maybeRename(old)
	}
	g.applyPending()
	if h.pending != nil || h.ptr != "" {
		r.wait(g)
	}
}

// insert adds a host that is in no group.
func (g *group) insert(h *host) {
	i, _ := slices.BinarySearchFunc(g.hosts, h.addr, func(o *host, addr netip.Addr) int { return o.addr.Compare(addr) })
	g.hosts = slices.Insert(g.hosts, i, h)
	h.group = g
}

// remove leaves a host without a group.
func (g *group) remove(h *host) {
	g.hosts = remove(g.hosts, h)
	h.group = nil
}

// hostless handles a group that has lost its last host, to another group or because the host expired. A group with a MAC or
// a name in the hosts file keeps its series, for when it has an address again.
func (r *Registry) hostless(g, to *group) {
	bare := g.fileName == "" && len(g.stations) == 0
	switch {
	case bare && g.series != nil:
		r.retire(g.series)
	case bare && to != nil:
		r.absorb(to, g)
	case bare && g.pending != nil:
		r.forgotten.Add(&g.pending.totals)
		g.pending = nil
	case g.series != nil && !g.series.queued:
		g.series.queued = true
		r.retired = append(r.retired, g.series)
	}
}

// absorb gives g what is pending in another group.
func (r *Registry) absorb(g, from *group) {
	g.pending, from.pending = merged(g.pending, from.pending), nil
	g.applyPending()
	if g.pending != nil {
		r.wait(g)
	}
}

// indexName records that a group has a name, so that hosts of that name whose MAC is not known find it. The first of two groups
// keeps the name, unless only the second has a MAC.
func (r *Registry) indexName(g *group, name string) {
	key := r.stripDomain(name)
	if key == "" {
		return
	}
	first := r.groupNamed(name)
	switch {
	case first == g:
	case first == nil:
		if len(r.byName) >= 4*r.cfg.Limit {
			r.pruneNames()
		}
		r.byName[key] = g
	case len(g.stations) > 0 && len(first.stations) == 0 && first.fileName == "":
		r.byName[key] = g
		for _, h := range slices.Clone(first.hosts) {
			r.regroup(h)
		}
	}
}

// groupNamed returns the group that has a name; nil if none.
func (r *Registry) groupNamed(name string) *group {
	key := r.stripDomain(name)
	if key == "" {
		return nil
	}
	g := r.byName[key]
	if g != nil && !r.hasName(g, key) {
		delete(r.byName, key)
		return nil
	}
	return g
}

// pruneNames removes the names that are out of date. That leaves at most three for each host of the limit: two of the host and
// one of its station.
func (r *Registry) pruneNames() {
	for key, g := range r.byName {
		if !r.hasName(g, key) {
			delete(r.byName, key)
		}
	}
}

// hasName reports whether a group has a name, which is given without its domain.
func (r *Registry) hasName(g *group, key string) bool {
	return slices.ContainsFunc(g.hosts, func(h *host) bool {
		return h.group == g && (r.stripDomain(h.ptr) == key || r.stripDomain(h.mdns.name) == key)
	}) || slices.ContainsFunc(g.stations, func(s *station) bool {
		return s.group == g && len(g.hosts) > 0 && r.stripDomain(s.dhcp.name) == key
	})
}

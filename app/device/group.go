package device

import (
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/mac"
)

// A group is the hosts that are one device: those of a station, those that share a name, or those that the hosts file joins. Or
// it is what is behind a station that speaks for others, as far as it belongs to no known device.
type group struct {
	id       uint64     // of the device; 0 until it is shown
	known    time.Time  // when it was first seen under another name; zero: there was none
	hosts    []*host    // counted ones, sorted by address
	stations []*station // whose hosts these are; several if they are twins, or by the hosts file
	behind   *station   // that sends for these hosts; nil: they are a device
	fileName string     // in the hosts file; "" if none
	name     string     // by which it is shown, with its domain
	source   string     // of name
	weak     bool       // the name gives way to any other
	keptFrom string     // the source of a name that is kept from before the restart; "" if there is none, or it was heard since
	series   *series    // under which it is shown; nil: not yet
	pending  *counters  // of hosts that left before the group was shown; nil: nothing
	waits    bool       // in Registry.waiting
	since    time.Time  // when it began to wait
	renameAt time.Time  // when its other name has held for long enough; zero: there is none
	renameTo string     // that name
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
	if name := r.nameInFile(h); name != "" {
		return r.fileGroup(h, name)
	}
	if h.station != nil {
		return r.stationGroup(h)
	}
	if g := r.namesake(h); g != nil {
		return g
	}
	if g := r.groupBehind(h); g != nil {
		return g
	}
	if h.group.isLoose() && len(h.group.hosts) == 1 {
		return h.group
	}
	return &group{}
}

// isLoose reports whether nothing but a name or an address holds a group together. A nil group is not loose.
func (g *group) isLoose() bool {
	return g != nil && g.fileName == "" && len(g.stations) == 0 && g.behind == nil
}

// isUsed reports whether a group, which may be nil, has or had anything that was counted and is not forgotten.
func (g *group) isUsed() bool {
	return g != nil && (len(g.hosts) > 0 || g.series != nil || g.pending != nil)
}

// fileGroup returns the group of a host that has a name in the hosts file.
func (r *Registry) fileGroup(h *host, name string) *group {
	g := r.byFileName[name]
	if g == nil {
		g = h.group
		if g == nil || g.fileName != "" || g.behind != nil || len(g.hosts) > 1 && (h.station == nil || h.station.group != g) {
			g = &group{}
		}
		g.fileName = name
		r.byFileName[name] = g
	}
	if s := h.station; s != nil && (s.group == nil || s.group.fileName == "" && s.group != g) {
		r.attach(g, s)
	}
	return g
}

// stationGroup returns the group of a host that a station has.
func (r *Registry) stationGroup(h *host) *group {
	s, own := h.station, h.group
	loose := own.isLoose() && len(own.hosts) == 1
	switch {
	case s.group == nil && r.comeBack(s.mac):
	case s.group == nil:
		if !loose {
			own = &group{}
		}
		r.attach(own, s)
	case loose && own.series != nil && s.group.series == nil && s.group.fileName == "":
		old := s.group
		for len(old.hosts) > 0 { // the group that is shown already stays
			r.move(old.hosts[0], own)
		}
		for _, t := range slices.Clone(old.stations) {
			r.attach(own, t)
		}
	}
	return s.group
}

// groupBehind returns the group of what is behind the sender of an IPv6 address that no station has; nil if that sender has the
// address itself. Such addresses change from day to day.
func (r *Registry) groupBehind(h *host) *group {
	s := r.stations[h.sender.mac]
	if s == nil || h.addr.Is4() || !s.several {
		return nil
	}
	if s.behind == nil {
		s.behind = &group{behind: s}
	}
	return s.behind
}

// detach leaves the group of a station to the address that it is shown by, if the station no longer has that address.
func (r *Registry) detach(s *station) {
	g := s.group
	if g == nil || g.series == nil || g.fileName != "" {
		return
	}
	i := slices.IndexFunc(g.hosts, func(h *host) bool {
		return h.apart && h.sender.mac == s.mac && (g.name == h.addr.String() || g.name == h.ptr || h.isCalled(g.name))
	})
	if i < 0 {
		return
	}
	shown := g.hosts[i]
	s.group, g.stations = nil, remove(g.stations, s)
	for _, h := range slices.Clone(g.hosts) {
		if h != shown {
			r.regroup(h)
		}
	}
}

// attach makes g the group of a station.
func (r *Registry) attach(g *group, s *station) {
	if old := s.group; old != nil {
		old.stations = remove(old.stations, s)
		r.absorb(g, old)
		if len(old.hosts) == 0 {
			r.hostless(old, g)
		}
	}
	s.group = g
	g.stations = append(g.stations, s)
	if g.series != nil && g.series.mac == (mac.Addr{}) {
		g.series.mac = s.mac
	}
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
	r.maybeRename(g)
	if old != nil && len(old.hosts) > 0 {
		r.maybeRename(old)
	}
	if g.series != nil && !h.doubted {
		r.movePending(h)
	}
	r.flush(g)
	if h.pending != nil || h.ptr != "" {
		r.wait(g)
	}
}

// insert adds a host that is in no group.
func (g *group) insert(h *host) {
	i, _ := slices.BinarySearchFunc(g.hosts, h.addr, compareHost)
	g.hosts = slices.Insert(g.hosts, i, h)
	h.group = g
}

// remove leaves a host without a group.
func (g *group) remove(h *host) {
	if i, ok := slices.BinarySearchFunc(g.hosts, h.addr, compareHost); ok {
		g.hosts = slices.Delete(g.hosts, i, i+1)
	}
	h.group = nil
}

func compareHost(h *host, addr netip.Addr) int { return h.addr.Compare(addr) }

// hostless handles a group that has lost its last host, to another group or because the host expired. A group with a MAC or
// a name in the hosts file keeps its series, for when it has an address again.
func (r *Registry) hostless(g, to *group) {
	bare := g.fileName == "" && len(g.stations) == 0 && g.behind == nil
	if bare {
		r.inherit(to, g)
		defer r.setID(g, 0)
	}
	switch {
	case bare && g.series != nil:
		r.retire(g.series)
	case bare && to != nil:
		r.absorb(to, g)
	case bare && g.pending != nil:
		r.forgotten.Add(&g.pending.totals)
		r.book(0, &g.pending.totals)
		g.pending = nil
	case g.series != nil && !g.series.queued:
		g.series.queued = true
		r.retired = append(r.retired, g.series)
	}
}

// absorb gives g what is pending in another group.
func (r *Registry) absorb(g, from *group) {
	g.pending, from.pending = merged(g.pending, from.pending), nil
	r.flush(g)
	if g.pending != nil {
		r.wait(g)
	}
}

// kind returns what kind of a device a group is; "" if that is not known.
func (g *group) kind() string {
	for _, s := range g.stations {
		if s.kind != "" {
			return s.kind
		}
	}
	for _, h := range g.hosts {
		if h.kind != "" {
			return h.kind
		}
	}
	return ""
}

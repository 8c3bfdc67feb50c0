package device

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/names"
)

// assignName gives a group the series of its best name, or of that name with a suffix if another device has it. It reports
// whether there was room for the series.
func (r *Registry) assignName(g *group) bool {
	name, source := r.chooseName(g)
	short := r.stripDomain(name)
	if source == names.SourceAddress && len(g.hosts) == 0 && g.behind == nil {
		return r.assignLabel(g, name, source, []string{g.suffixed(short, source, 1)})
	}
	labels := []string{short}
	if name != short && source != names.SourceAddress {
		labels = append(labels, name)
	}
	above := r.namesakeAbove(g, short)
	if above != nil {
		labels = nil
	}
	if !r.assignLabel(g, name, source, labels) {
		return false
	}
	if above != nil { // so that it does not depend on which of the two came first
		r.assignLabel(above, above.name, above.source, nil)
	}
	return true
}

// assignLabel gives a group the first of the labels, or of those with a suffix, that no other device has.
func (r *Registry) assignLabel(g *group, name, source string, labels []string) bool {
	for i := range 100 {
		label := g.suffixed(r.stripDomain(name), source, i)
		if i < len(labels) {
			label = labels[i]
		}
		if label == "" || !r.isFree(g, label) {
			continue
		}
		g.renameAt = time.Time{}
		if !r.assign(g, label) {
			return false
		}
		g.name, g.source, g.weak, g.keptFrom = name, source, r.isWeak(g, name), ""
		return true
	}
	return false
}

// namesakeAbove returns the group that is shown by a name, if it is another device with a higher MAC; else nil. Then neither of
// the two is shown by the name alone. Over a restart that is remembered, each keeps the label that it has.
func (r *Registry) namesakeAbove(g *group, label string) *group {
	s := r.series[label]
	if r.cfg.Remember || s == nil || s.group == nil || s.group == g || g.mac() == (mac.Addr{}) || !g.mac().Less(s.group.mac()) ||
		r.isFree(g, label) {
		return nil
	}
	return s.group
}

// mac returns the MAC of a group, or the first of several; zero if none is known.
func (g *group) mac() (hw mac.Addr) {
	if len(g.stations) > 0 {
		hw = g.stations[0].mac
	}
	return hw
}

// suffixed returns a name with a suffix that other groups of that name are unlikely to have. Each try has another suffix.
func (g *group) suffixed(name, source string, try int) string {
	hw, addr := g.mac(), ""
	if len(g.hosts) > 0 {
		addr = g.addr().String()
	}
	switch {
	case source == names.SourceAddress && hw != mac.Addr{} && try < 3:
		return hw.String()
	case source == names.SourceAddress:
		return cmp.Or(addr, hw.String()) + "-" + strconv.Itoa(try)
	case try < 3 && addr != "":
		return name + "-" + addr
	case try < 4 && hw != mac.Addr{}:
		return name + "-" + hw.String()
	default:
		return name + "-" + strconv.Itoa(try)
	}
}

// isFree reports whether a group may take a label: no other device has or had it. A silent device keeps its label, so that it
// finds its series again. It gives the label up only if both MACs are randomized, and so may be of one device, unless the name
// is that of many devices.
func (r *Registry) isFree(g *group, label string) bool {
	s := r.series[label]
	if s == nil || s.group == g {
		return true
	}
	if a, err := netip.ParseAddr(label); err == nil { // the series of an address is that of the device that has it
		return r.hosts[a] != nil && r.hosts[a].group == g
	}
	ours, theirs := g.mac(), s.mac
	if theirs != (mac.Addr{}) && ours == theirs {
		return true // it comes back
	}
	silent := r.cfg.AwaitNames && r.now.Sub(s.seen) >= asleepAfter
	if s.group == nil && (theirs == mac.Addr{}) {
		return silent || g.mayRevive(s)
	}
	if theirs == (mac.Addr{}) {
		return silent && !slices.ContainsFunc(s.group.hosts, func(h *host) bool { return r.now.Sub(h.last) < asleepAfter })
	}
	return silent && ours.IsRandom() && theirs.IsRandom() && !names.IsGeneric(label)
}

package device

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"gonetmon/app/names"
)

const renameAfter = 10 * time.Minute // how long another name must hold before a device is renamed

// chooseName returns the best name of a group, with its domain, and the source. Names that say little give way to any other. The
// current name stays as long as the best source still has it.
func (r *Registry) chooseName(g *group) (name, source string) {
	if g.behind != nil {
		return r.nameBehind(g.behind), names.SourceAddress
	}
	hosts := g.hosts[:min(len(g.hosts), maxNamesakes)]
	for _, weak := range []bool{false, true} {
		for _, source := range r.cfg.Order {
			if name := r.nameFrom(g, hosts, source, weak); name != "" {
				return name, source
			}
		}
	}
	return g.addr().String(), names.SourceAddress
}

// nameFrom returns the best name of a group from one source, among its weak names or among the others; "" if there is none.
func (r *Registry) nameFrom(g *group, hosts []*host, source string, weak bool) (best string) {
	consider := func(name string, isWeak bool) {
		if name != "" && isWeak == weak && (best == "" || name == g.name) {
			best = name
		}
	}
	switch source {
	case names.SourceFile:
		consider(g.fileName, false)
	case names.SourcePTR:
		for _, h := range hosts {
			if h.ptr != "" && (h.ptrWeak || !r.isWildcard(firstLabel(h.ptr))) {
				consider(h.ptr, h.ptrWeak)
			}
		}
	case names.SourceDHCP:
		for _, s := range g.stations {
			consider(s.dhcp.name, s.dhcp.weak)
		}
	}
	if i := slices.Index(saidSources[:], source); i >= 0 {
		r.considerSaid(g, hosts, i, consider)
	}
	if best == "" && g.keptFrom == source && (source != names.SourcePTR || !r.isWildcard(firstLabel(g.name))) {
		consider(g.name, g.weak)
	}
	return best
}

// considerSaid considers the names that were said in messages on the LAN.
func (r *Registry) considerSaid(g *group, hosts []*host, i int, consider func(name string, isWeak bool)) {
	for _, h := range hosts {
		if r.stillCalled(h, &h.said[i]) {
			consider(h.said[i].name, h.said[i].weak)
		}
	}
	for _, s := range g.stations {
		for _, h := range s.hosts[:min(len(s.hosts), maxNamesakes)] {
			if !h.counted && r.stillCalled(h, &h.said[i]) {
				consider(h.said[i].name, h.said[i].weak)
			}
		}
	}
}

// nameBehind returns the name of what is behind a station.
func (r *Registry) nameBehind(s *station) string {
	name := s.mac.String()
	if s.group != nil && s.group.series != nil {
		name = s.group.series.name
	} else if s.dhcp.name != "" {
		name = s.dhcp.name
	}
	return "behind-" + name
}

// addr returns the first address of a group; IPv4 is before IPv6.
func (g *group) addr() netip.Addr {
	if len(g.hosts) == 0 {
		return netip.Addr{}
	}
	return g.hosts[0].addr
}

// maybeRename renames a group that is shown, now or after a while, if its best name has changed.
func (r *Registry) maybeRename(g *group) {
	if g.series == nil {
		return
	}
	name, source := r.chooseName(g)
	if source == names.SourceAddress {
		r.maybeReaddress(g, name)
		return
	}
	switch {
	case g.source != names.SourceAddress && sameName(name, g.name):
		g.renameAt = time.Time{}
		g.source = source
	case g.source == names.SourceAddress, source == names.SourceFile, g.source == names.SourceFile,
		g.weak && !r.isWeak(g, name), g.source == names.SourcePTR && r.isWildcard(firstLabel(g.name)):
		r.assignName(g)
	case g.renameAt.IsZero():
		g.renameAt, g.renameTo = r.now.Add(renameAfter), name
		r.renaming = append(r.renaming, g)
	case name != g.renameTo:
		g.renameAt, g.renameTo = r.now.Add(renameAfter), name
	}
}

// maybeReaddress handles a shown group that has an address, but no name any more. The last good name stays, unless it turns out
// to be a wildcard. An address that another device has now is no name. Of two addresses, people know the IPv4 one.
func (r *Registry) maybeReaddress(g *group, name string) {
	if g.source != names.SourceAddress {
		if g.source == names.SourcePTR && r.isWildcard(firstLabel(g.name)) {
			r.assignName(g)
		}
		return
	}
	was, err := netip.ParseAddr(g.name)
	switch h := r.hosts[was]; {
	case g.behind != nil && name != g.name, err == nil && was.Is6() && g.addr().Is4():
		r.assignName(g)
	case err == nil && h != nil && h.group != g && len(g.hosts) > 0: // it is shown by another one when it next sends or receives
		rec := r.record(g.series)
		r.retire(g.series)
		r.setAside(g, rec)
		if slices.ContainsFunc(g.hosts, func(h *host) bool { return h.pending != nil }) {
			r.wait(g)
		}
	}
}

// isWeak reports whether a name of a group gives way to any other.
func (r *Registry) isWeak(g *group, name string) bool {
	return names.IsGeneric(name) || slices.ContainsFunc(g.hosts, func(h *host) bool { return h.ptr == name && h.ptrWeak })
}

// applyRenames renames the groups whose other name has held for long enough.
func (r *Registry) applyRenames() {
	r.renaming = slices.DeleteFunc(r.renaming, func(g *group) bool {
		switch {
		case g.renameAt.IsZero() || g.series == nil:
			return true // the name has changed back, or the group is gone
		case g.renameAt.After(r.now):
			return false
		}
		g.renameAt = time.Time{}
		if name, source := r.chooseName(g); source != names.SourceAddress && !sameName(name, g.name) {
			r.assignName(g)
		}
		return true
	})
}

// stripDomain returns a name without its domain, if that is one of Config.Strip. Names are compared in this form.
func (r *Registry) stripDomain(name string) string {
	for _, domain := range r.cfg.Strip {
		if rest, ok := strings.CutSuffix(name, "."+domain); ok {
			if _, ok := names.Canonical(rest); ok { // not if an address is left
				return rest
			}
		}
	}
	return name
}

// sameName reports whether two names are the same, or one is the other with a domain appended.
func sameName(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == b || len(a) > 0 && strings.HasPrefix(b, a) && b[len(a)] == '.'
}

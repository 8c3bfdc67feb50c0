package device

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/names"
)

const (
	renameAfter   = 10 * time.Minute // how long another name must hold before a device is renamed
	takeOverAfter = 10 * time.Minute // how long a device must be silent before another one may take its name
)

// chooseName returns the best name of a group, with its domain, and the source. The current name stays as long as the best
// source still has it.
func (r *Registry) chooseName(g *group) (name, source string) {
	for _, source := range r.cfg.Order {
		best := ""
		consider := func(name string) {
			switch {
			case name == "":
			case best == "", isUUID(best) && !isUUID(name), name == g.name && isUUID(best) == isUUID(name):
				best = name
			}
		}
		switch source {
		case names.SourceFile:
			consider(g.fileName)
		case names.SourcePTR:
			for _, h := range g.hosts {
				consider(h.ptr)
			}
		case names.SourceDHCP:
			for _, s := range g.stations {
				consider(s.dhcp.name)
			}
		case names.SourceMDNS:
			for _, h := range g.hosts {
				consider(h.mdns.name)
			}
			for _, s := range g.stations {
				for _, h := range s.hosts {
					consider(h.mdns.name)
				}
			}
		}
		if best != "" {
			return best, source
		}
	}
	return g.addr().String(), names.SourceAddress
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
		// The last good name stays. But of two addresses, people know the IPv4 one.
		if was, err := netip.ParseAddr(g.name); g.source == names.SourceAddress && err == nil && was.Is6() && g.addr().Is4() {
			r.assignName(g)
		}
		return
	}
	switch {
	case g.source != names.SourceAddress && sameName(name, g.name):
		g.renameAt = time.Time{}
		g.source = source
	case g.source == names.SourceAddress || source == names.SourceFile || g.source == names.SourceFile:
		r.assignName(g)
	case g.renameAt.IsZero():
		g.renameAt = r.now.Add(renameAfter)
		r.renaming = append(r.renaming, g)
	}
}

// applyRenames renames the groups whose other name has held for long enough.
func (r *Registry) applyRenames() {
	for len(r.renaming) > 0 {
		g := r.renaming[0]
		if g.renameAt.After(r.now) {
			return
		}
		r.renaming[0] = nil
		r.renaming = r.renaming[1:]
		if g.renameAt.IsZero() || g.series == nil {
			continue // the name has changed back, or the group is gone
		}
		g.renameAt = time.Time{}
		if name, source := r.chooseName(g); source != names.SourceAddress && !sameName(name, g.name) {
			r.assignName(g)
		}
	}
}

// assignName shows a group under its best name, with a suffix if that is taken. It reports whether there was room.
func (r *Registry) assignName(g *group) bool {
	name, source := r.chooseName(g)
	short := r.stripDomain(name)
	text := short
	if source == names.SourceAddress && len(g.hosts) == 0 {
		text = ""
	}
	for i := range 100 {
		if i == 1 && text != name && source != names.SourceAddress {
			text = name
		} else if i > 0 {
			text = g.suffixed(short, source, i)
		}
		if text != "" && r.isFree(g, text) {
			g.renameAt = time.Time{}
			if !r.assign(g, text) {
				return false
			}
			g.name, g.source = name, source
			return true
		}
	}
	return false
}

// suffixed returns a name with a suffix that other groups of that name are unlikely to have.
func (g *group) suffixed(name, source string, try int) string {
	var hw mac.Addr
	if len(g.stations) > 0 {
		hw = g.stations[0].mac
	}
	addr := ""
	if len(g.hosts) > 0 {
		addr = g.addr().String()
	}
	switch {
	case source == names.SourceAddress && hw != mac.Addr{} && try < 3:
		return hw.String()
	case source == names.SourceAddress:
		return addr + "-" + strconv.Itoa(try)
	case try < 3 && addr != "":
		return name + "-" + addr
	case try < 4 && hw != mac.Addr{}:
		return name + "-" + hw.String()
	default:
		return name + "-" + strconv.Itoa(try)
	}
}

// isFree reports whether a group may take a name: no other one has it, or that one has been silent for long.
func (r *Registry) isFree(g *group, text string) bool {
	s := r.series[text]
	if s == nil || s.group == nil || s.group == g {
		return true
	}
	active := func(h *host) bool { return r.now.Sub(h.last) < takeOverAfter }
	return r.cfg.AwaitNames && !slices.ContainsFunc(s.group.hosts, active)
}

// stripDomain returns a name without its domain, if that is one of Config.Strip. Names are compared in this form.
func (r *Registry) stripDomain(name string) string {
	for _, domain := range r.cfg.Strip {
		if rest, ok := strings.CutSuffix(name, "."+domain); ok && rest != "" {
			return rest
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

// isUUID reports whether a name is a UUID. Browsers and media players call themselves that in multicast DNS, on machines that
// may have a better name.
func isUUID(name string) bool {
	if len(name) < 36 || len(name) > 36 && name[36] != '.' {
		return false
	}
	for i := range 36 {
		switch c := name[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
		default:
			return false
		}
	}
	return true
}

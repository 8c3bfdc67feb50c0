package localnet

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
)

// A hop is a way to the internet: a default route and one of its links.
type hop struct {
	link   *Link
	six    bool
	metric int64
}

// hops returns the ways to the internet, those that the kernel prefers first, and IPv4 before IPv6.
func (s *Snapshot) hops() (all []hop) {
	for _, r := range s.Routes {
		metric := int64(r.Metric)
		if r.Destination.Bits() == 1 {
			if r.Destination.Addr().IsUnspecified() || !s.hasLowerHalf(r) {
				continue
			}
			metric = -1 // two halves win against any whole
		} else if r.Destination.Bits() != 0 {
			continue
		}
		for _, index := range r.Links {
			if l := s.link(index); l != nil && l.Flags&flagLoopback == 0 {
				all = append(all, hop{l, r.Destination.Addr().Is6(), metric})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b hop) int {
		return cmp.Or(compareBool(a.six, b.six), cmp.Compare(a.metric, b.metric))
	})
	return all
}

// hasLowerHalf reports whether there is the other half of a default route, as OpenVPN's redirect-gateway sets them.
func (s *Snapshot) hasLowerHalf(upper Route) bool {
	return slices.ContainsFunc(s.Routes, func(r Route) bool {
		return r.Destination.Bits() == 1 && r.Destination.Addr().IsUnspecified() &&
			r.Destination.Addr().Is6() == upper.Destination.Addr().Is6() && slices.Equal(r.Links, upper.Links)
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// defaultLink returns the link of the best default route that can be part of a LAN, or else of the best one; nil if there is
// none. Among them a link with a carrier is better, and of the links of one multipath route the current one.
func (s *Snapshot) defaultLink(current int) *Link {
	all := s.hops()
	if len(all) == 0 {
		return nil
	}
	best := slices.MinFunc(all, func(a, b hop) int {
		return cmp.Or(
			compareBool(!a.link.ethernet(), !b.link.ethernet()),
			compareBool(a.link.reason() != "", b.link.reason() != ""),
			compareBool(a.six, b.six),
			cmp.Compare(a.metric, b.metric),
			compareBool(a.link.Index != current, b.link.Index != current),
		)
	})
	return best.link
}

// vpn returns the link of the best default route if it cannot be part of a LAN, or else nil.
func (s *Snapshot) vpn() *Link {
	if all := s.hops(); len(all) > 0 && !all[0].link.ethernet() {
		return all[0].link
	}
	return nil
}

// internalName matches the interfaces of containers and virtual machines.
var internalName = regexp.MustCompile(`^(docker|podman|cni|virbr|lxcbr|lxdbr|vnet|veth)|^br-[0-9a-f]{12}$`)

// candidates returns the names of the interfaces that a LAN may be connected to: those with a carrier, or else all.
func (s *Snapshot) candidates() (names []string) {
	var others []string
	for i := range s.Links {
		l := &s.Links[i]
		switch {
		case !l.ethernet() || l.Flags&flagLoopback != 0 || l.Master != 0 || l.Kind == "dummy" || internalName.MatchString(l.Name):
		case l.reason() == "":
			names = append(names, l.Name)
		default:
			others = append(others, l.Name)
		}
	}
	if len(names) == 0 {
		return others
	}
	return names
}

// onLink returns the prefix of a route without gateway that contains the address, for addresses that DHCPv6 gave: they have a
// length of 128 (RFC 8415, section 18.2.10.1). Without such a route it returns the address's own prefix.
func (s *Snapshot) onLink(a Address) netip.Prefix {
	for _, r := range s.Routes {
		if a.Prefix.Bits() == 128 && !r.Gateway && r.Destination.Bits() > 1 && slices.Contains(r.Links, a.Link) &&
			r.Destination.Contains(a.Prefix.Addr()) {
			return r.Destination
		}
	}
	return a.Prefix.Masked()
}

package localnet

import (
	"net/netip"
	"slices"
)

// isLinkLocal reports whether a prefix says nothing about the LAN: every interface may have it (RFC 3927, RFC 4291).
func isLinkLocal(p netip.Prefix) bool { return p.Addr().IsLinkLocalUnicast() }

// isKnown reports whether prefixes say something about the LAN.
func isKnown(all []netip.Prefix) bool {
	return slices.ContainsFunc(all, func(p netip.Prefix) bool { return !isLinkLocal(p) })
}

// prefixes returns the prefixes of the network that a link belongs to: those of this machine's addresses on the link, on the
// bridge or bond that it is a port of, and on its VLANs. A macvlan without addresses has those of the link below it.
func (s *Snapshot) prefixes(index int) []netip.Prefix {
	all := s.prefixesAbove(index)
	if l := s.link(index); l != nil && l.macvlan() && !isKnown(all) {
		all = append(all, s.prefixesAbove(l.Parent)...)
	}
	return all
}

// prefixesOfDefault returns the prefixes that a mirror port has: those of the link of the default route or, if that cannot be
// part of a LAN, those of the links that can.
func (s *Snapshot) prefixesOfDefault() (all []netip.Prefix) {
	l := s.defaultLink(0)
	if l == nil {
		return nil
	}
	if !l.ethernet() {
		for _, name := range s.candidates() {
			all = append(all, s.prefixes(s.named(name).Index)...)
		}
	}
	if len(all) == 0 {
		all = s.prefixes(l.Index)
	}
	return all
}

// prefixesAbove returns the prefixes of a link and of everything on top of it.
func (s *Snapshot) prefixesAbove(index int) (all []netip.Prefix) {
	if index == 0 {
		return nil
	}
	stack := []int{index}
	add := func(index int) {
		if index != 0 && !slices.Contains(stack, index) {
			stack = append(stack, index)
		}
	}
	for i := 0; i < len(stack); i++ {
		for _, l := range s.Links {
			switch {
			case l.Index == stack[i]:
				add(l.Master)
			case l.Parent == stack[i] && slices.Contains([]string{"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"}, l.Kind):
				add(l.Index)
			}
		}
		for _, a := range s.Addresses {
			if a.Link == stack[i] && !a.Prefix.Addr().IsLoopback() {
				all = append(all, s.onLink(a))
			}
		}
	}
	for i, p := range all {
		if p.Addr().Is6() && isLinkLocal(p) {
			all[i] = linkLocal // an address stands for all of fe80::/10 (RFC 4291)
		}
	}
	return all
}

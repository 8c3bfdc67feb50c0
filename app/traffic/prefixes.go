package traffic

import (
	"cmp"
	"net/netip"
	"slices"
)

// Prefixes say which addresses are ours. They are immutable; any number of goroutines may use them.
type Prefixes struct {
	list      []netip.Prefix
	v4        []prefix4 // most specific first
	flat      []prefix4 // the first ones of v4: each of their addresses has a location in the flat part of a table
	locations int       // size of the flat part
	v6        []prefix6 // most specific first
}

type prefix4 struct {
	base      uint32
	hostMask  uint32
	broadcast uint32 // the host bits of the broadcast address; 0 if the prefix is too long to have one (RFC 3021)
	location  int    // of the base address in the flat part
}

type prefix6 struct{ mask, base Addr }

// groups is 224.0.0.0. Groups are above it, so a prefix below it has none, and its addresses can be looked up by location alone.
const groups = 0xe0000000

// maxLocations is the maximum size of the flat part of a table: a /16, at four bytes an address.
const maxLocations = 1 << 16

// NewPrefixes returns a set of prefixes. It ignores bits after the prefix length and repeated prefixes.
func NewPrefixes(list []netip.Prefix) *Prefixes {
	p := &Prefixes{}
	for _, prefix := range list {
		if prefix = prefix.Masked(); prefix.IsValid() && !slices.Contains(p.list, prefix) {
			p.list = append(p.list, prefix)
		}
	}
	sorted := slices.Clone(p.list)
	slices.SortStableFunc(sorted, func(a, b netip.Prefix) int { return cmp.Compare(b.Bits(), a.Bits()) })
	full := false
	for _, prefix := range sorted {
		base, bits := addrFrom(prefix.Addr()), prefix.Bits()
		if !prefix.Addr().Is4() {
			mask := Addr{^uint64(0) << max(64-bits, 0), ^uint64(0) << min(128-bits, 64)}
			p.v6 = append(p.v6, prefix6{mask, base})
			continue
		}
		n := prefix4{base: uint32(base.Lo), hostMask: ^uint32(0) >> bits, location: p.locations}
		if bits <= 30 {
			n.broadcast = n.hostMask
		}
		p.v4 = append(p.v4, n)
		if size := uint64(n.hostMask) + 1; !full && uint64(p.locations)+size <= maxLocations && n.base < groups {
			p.flat = append(p.flat, n)
			p.locations += int(size)
		} else {
			full = true
		}
	}
	return p
}

// List returns the prefixes in the order in which they were given.
func (p *Prefixes) List() []netip.Prefix { return slices.Clone(p.list) }

// Results of locate4 and locate6. From 0 on, the result is a location in the flat part of a table.
const (
	outside = -3 // not ours
	group   = -2 // multicast or broadcast: a destination that is not a host
	local   = -1 // ours, without a location
)

// locate4 finds out whose an IPv4 address is. The network and broadcast addresses of the most specific prefix are not hosts.
func (p *Prefixes) locate4(v uint32) int {
	switch {
	case v>>28 == 14 || v == 0xffffffff: // 224.0.0.0/4 (RFC 5771) and the limited broadcast address (RFC 919)
		return group
	case v == 0: // the unspecified address, even as the network address of 0.0.0.0/N
		return outside
	}
	for i := range p.v4 {
		n := &p.v4[i]
		bits := v ^ n.base
		switch {
		case bits > n.hostMask:
		case n.broadcast != 0 && (bits == 0 || bits == n.broadcast):
			return group
		case i < len(p.flat):
			return n.location + int(bits)
		default:
			return local
		}
	}
	return outside
}

// locate6 finds out whose an IPv6 address is.
func (p *Prefixes) locate6(a Addr) int {
	if a.Hi>>56 == 0xff {
		return group
	}
	for i := range p.v6 {
		if n := &p.v6[i]; a.Hi&n.mask.Hi == n.base.Hi && a.Lo&n.mask.Lo == n.base.Lo {
			if a.Hi|a.Lo == 0 {
				return outside
			}
			return local
		}
	}
	return outside
}

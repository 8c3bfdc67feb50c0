package traffic

import (
	"cmp"
	"net/netip"
	"slices"
)

// Prefixes say which addresses are ours. They do not change once made; any number of goroutines may use it.
type Prefixes struct {
	prefixes []netip.Prefix
	four     []net4 // most specific first
	flats    []net4 // those of four, its first ones, whose addresses have a place each in the flat part of a table
	places   int    // of the flat part
	six      []net6 // most specific first
}

type net4 struct {
	base  uint32
	host  uint32 // the mask of the host bits
	last  uint32 // the host bits of the broadcast address; 0 when the prefix is too long to have one (RFC 3021)
	place int    // of the base address in the flat part
}

type net6 struct{ mask, base Addr }

// groups is 224.0.0.0. No group lies below it, so that an address of a flat prefix is known by its place alone.
const groups = 0xe0000000

// maxFlat is how many places the flat part of a table has at most: a /16, at four bytes each.
const maxFlat = 1 << 16

// NewPrefixes returns a set of prefixes. Bits behind the prefix length are ignored, and so are repeated prefixes.
func NewPrefixes(prefixes []netip.Prefix) *Prefixes {
	l := &Prefixes{}
	for _, p := range prefixes {
		if p = p.Masked(); p.IsValid() && !slices.Contains(l.prefixes, p) {
			l.prefixes = append(l.prefixes, p)
		}
	}
	sorted := slices.Clone(l.prefixes)
	slices.SortStableFunc(sorted, func(a, b netip.Prefix) int { return cmp.Compare(b.Bits(), a.Bits()) })
	full := false
	for _, p := range sorted {
		base := addrFrom(p.Addr())
		if !p.Addr().Is4() {
			mask := Addr{^uint64(0) << max(64-p.Bits(), 0), ^uint64(0) << min(128-p.Bits(), 64)}
			l.six = append(l.six, net6{mask, base})
			continue
		}
		n := net4{base: uint32(base.Lo), host: ^uint32(0) >> p.Bits(), place: l.places}
		if p.Bits() <= 30 {
			n.last = n.host
		}
		l.four = append(l.four, n)
		if size := uint64(n.host) + 1; !full && uint64(l.places)+size <= maxFlat && n.base < groups {
			l.flats = append(l.flats, n)
			l.places += int(size)
		} else {
			full = true
		}
	}
	return l
}

// List returns the prefixes in the order in which they were given.
func (l *Prefixes) List() []netip.Prefix { return slices.Clone(l.prefixes) }

// Contains tells whether addr is a host of the LAN: inside a prefix, and not multicast, unspecified, or the network or
// broadcast address of the most specific IPv4 prefix that holds it (where that is at most 30 bits long).
func (l *Prefixes) Contains(addr netip.Addr) bool {
	switch a := addrFrom(addr); {
	case !addr.IsValid():
		return false
	case addr.Is4():
		return l.locate4(uint32(a.Lo)) >= host
	default:
		return l.locate6(a) >= host
	}
}

// What locate4 and locate6 say of an address: these, or from 0 on its place in the flat part of a table.
const (
	far   = -3 // not ours
	group = -2 // multicast or broadcast: a destination that is no host
	host  = -1 // ours, without a place
)

func (l *Prefixes) locate4(v uint32) int {
	switch {
	case v>>28 == 14 || v == 0xffffffff: // 224.0.0.0/4 (RFC 5771) and the limited broadcast address (RFC 919)
		return group
	case v == 0: // the unspecified address, also where it would be the network address of 0.0.0.0/N
		return far
	}
	for i := range l.four {
		n := &l.four[i]
		bits := v ^ n.base
		switch {
		case bits > n.host:
		case n.last != 0 && (bits == 0 || bits == n.last):
			return group
		case i < len(l.flats):
			return n.place + int(bits)
		default:
			return host
		}
	}
	return far
}

func (l *Prefixes) locate6(a Addr) int {
	if a.Hi>>56 == 0xff {
		return group
	}
	for i := range l.six {
		if n := &l.six[i]; a.Hi&n.mask.Hi == n.base.Hi && a.Lo&n.mask.Lo == n.base.Lo {
			if a.Hi|a.Lo == 0 {
				return far
			}
			return host
		}
	}
	return far
}

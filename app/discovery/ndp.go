package discovery

import (
	"encoding/binary"
	"net/netip"

	"gonetmon/app/mac"
)

// The messages of neighbour and router discovery that are read (RFC 4861, 4).
const (
	routerSolicitation    = 133
	routerAdvertisement   = 134
	neighborSolicitation  = 135
	neighborAdvertisement = 136
)

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	uniqueLocal   = netip.MustParsePrefix("fc00::/7")
)

// ndp reads a message of neighbour or router discovery; other ICMPv6 is passed over. A hop limit of 255 and a right
// checksum are asked for as every host does: the former means that no router has forwarded it (RFC 4861, 3.1).
func (d *Decoder) ndp(m *message) {
	b := m.payload
	fixed := 0 // bytes in front of the options
	if len(b) > 0 {
		switch b[0] {
		case routerSolicitation:
			fixed = 8
		case routerAdvertisement:
			fixed = 16
		case neighborSolicitation, neighborAdvertisement:
			fixed = 24
		}
	}
	if fixed == 0 {
		return
	}
	if len(b) < fixed || b[1] != 0 || m.hops != 255 || !m.cut && checksum6(m) != 0 || !d.discover(m, b[:fixed], b[fixed:]) {
		d.malformed[NDP].Add(1)
	}
}

// discover draws the facts of a message; it returns false if it can't be read.
func (d *Decoder) discover(m *message, fixed, options []byte) bool {
	source, target, ok := linkAddresses(options, m.cut)
	if !ok {
		return false
	}
	sender := m.src // where the option is missing
	if m.cut {
		sender = mac.Addr{} // perhaps it is not missing
	}
	if source == (mac.Addr{}) {
		source = sender
	}
	if fixed[0] == routerSolicitation {
		d.draw(Fact{Kind: Announced, Protocol: NDP, MAC: source, Addr: m.from})
		return true
	}
	if fixed[0] == routerAdvertisement {
		if !m.from.IsLinkLocalUnicast() {
			return false
		}
		d.draw(Fact{Kind: Announced, Protocol: NDP, MAC: source, Addr: m.from})
		d.draw(Fact{Kind: Router, Protocol: NDP, MAC: source, Addr: m.from})
		d.prefixes(source, options)
		return true
	}
	addr := netip.AddrFrom16([16]byte(fixed[8:24]))
	switch {
	case addr.IsMulticast():
		return false
	case fixed[0] == neighborSolicitation && m.from.IsUnspecified(): // duplicate address detection (RFC 4862, 5.4)
		d.draw(Fact{Kind: Probed, Protocol: NDP, MAC: m.src, Addr: addr})
	case fixed[0] == neighborSolicitation:
		d.draw(Fact{Kind: Announced, Protocol: NDP, MAC: source, Addr: m.from})
	case m.from == addr:
		if target == (mac.Addr{}) {
			target = sender
		}
		d.draw(Fact{Kind: Announced, Protocol: NDP, MAC: target, Addr: addr})
	default:
		d.draw(Fact{Kind: Replied, Protocol: NDP, MAC: target, Addr: addr})
		if target == (mac.Addr{}) || target == m.src { // else one of the two speaks for the other
			d.draw(Fact{Kind: Announced, Protocol: NDP, MAC: m.src, Addr: m.from})
		}
	}
	return true
}

// linkAddresses returns the source and the target link-layer address of the options, zero if there is none. Unless the
// message was cut, options that don't end where it ends are refused, as is one of length 0 (RFC 4861, 4.6).
func linkAddresses(options []byte, cut bool) (source, target mac.Addr, ok bool) {
	for len(options) > 0 {
		if len(options) < 2 || 8*int(options[1]) > len(options) {
			return source, target, cut
		}
		size := 8 * int(options[1])
		switch {
		case size == 0:
			return source, target, false
		case options[0] == 1 && size == 8:
			source = mac.Addr(options[2:8])
		case options[0] == 2 && size == 8:
			target = mac.Addr(options[2:8])
		}
		options = options[size:]
	}
	return source, target, true
}

// prefixes draws the prefixes that a router says are on the link, or good to make addresses from (RFC 4861, 4.6.2).
// Those shorter than 48 bits are passed over: nobody has them at home, and a forged 2000::/3 would make the internet local.
func (d *Decoder) prefixes(router mac.Addr, options []byte) {
	for len(options) >= 2 && 8*int(options[1]) <= len(options) {
		size := 8 * int(options[1])
		if options[0] == 3 && size == 32 {
			bits, flags := int(options[2]), options[3]
			addr := netip.AddrFrom16([16]byte(options[16:32]))
			ours := globalUnicast.Contains(addr) || uniqueLocal.Contains(addr)
			if ours && flags&0xc0 != 0 && bits >= 48 && bits < 128 {
				prefix := netip.PrefixFrom(addr, bits).Masked()
				d.draw(Fact{Kind: OnLinkPrefix, Protocol: NDP, MAC: router, Prefix: prefix, Lifetime: lifetime(options[4:])})
			}
		}
		options = options[size:]
	}
}

// checksum6 is 0 for an ICMPv6 message with a right checksum (RFC 8200, 8.1).
func checksum6(m *message) uint16 {
	from, to := m.from.As16(), m.to.As16()
	sum := add16(add16(uint32(len(m.payload))+58, from[:]), to[:])
	sum = add16(sum, m.payload)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// add16 adds 16-bit words to sum, the last one filled up with a zero. 65,535 bytes can't overflow it.
func add16(sum uint32, b []byte) uint32 {
	for len(b) > 1 {
		sum += uint32(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

package discovery

import (
	"encoding/binary"
	"net/netip"

	"gonetmon/app/mac"
)

// Messages of neighbor discovery (RFC 4861, 4).
const (
	routerSolicitation    = 133
	routerAdvertisement   = 134
	neighborSolicitation  = 135
	neighborAdvertisement = 136
)

// Options of neighbor discovery (RFC 4861, 4.6).
const (
	optSourceLinkAddr    = 1
	optTargetLinkAddr    = 2
	optPrefixInformation = 3
)

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	uniqueLocal   = netip.MustParsePrefix("fc00::/7")
)

// ndp decodes a message of neighbor discovery and ignores other ICMPv6. Like every host it requires a hop limit of 255,
// which says that no router has forwarded the message, and a correct checksum (RFC 4861, 3.1).
func (d *Decoder) ndp(m *message) {
	b := m.payload
	fixed := 0 // bytes before the options
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
	if len(b) < fixed || b[1] != 0 || m.hops != 255 || !m.truncated && checksum6(m) != 0 || !d.ndpFacts(m, b[:fixed], b[fixed:]) {
		d.malformed[NDP].Add(1)
	}
}

// ndpFacts emits the facts of a message. It returns false if the message is malformed.
func (d *Decoder) ndpFacts(m *message, fixed, options []byte) bool {
	source, target, ok := linkAddrs(options, m.truncated)
	if !ok {
		return false
	}
	sender := m.src // if the option is missing
	if m.truncated {
		sender = mac.Addr{} // it may not be missing
	}
	if source == (mac.Addr{}) {
		source = sender
	}
	switch fixed[0] {
	case routerSolicitation:
		d.emit(Fact{Kind: Announced, Protocol: NDP, MAC: source, Via: m.src, Addr: m.from})
		return true
	case routerAdvertisement:
		if !m.from.IsLinkLocalUnicast() {
			return false
		}
		d.emit(Fact{Kind: Announced, Protocol: NDP, MAC: source, Addr: m.from})
		d.emit(Fact{Kind: Router, Protocol: NDP, MAC: source, Addr: m.from})
		d.prefixes(source, options)
		return true
	}
	// Without the override flag, an advertisement is of a proxy or of an anycast address, and not of one host (RFC 4861, 7.2.4,
	// 7.2.8).
	addr, override, solicited := netip.AddrFrom16([16]byte(fixed[8:24])), fixed[4]&0x20 != 0, fixed[4]&0x40 != 0
	switch {
	case addr.IsMulticast():
		return false
	case fixed[0] == neighborSolicitation && m.from.IsUnspecified(): // duplicate address detection (RFC 4862, 5.4)
		d.emit(Fact{Kind: Probed, Protocol: NDP, MAC: m.src, Addr: addr})
	case fixed[0] == neighborSolicitation:
		d.emit(Fact{Kind: Announced, Protocol: NDP, MAC: source, Via: m.src, Addr: m.from})
	case m.from == addr && !override: // a proxy can send as its target
	case m.from == addr:
		if target == (mac.Addr{}) {
			target = sender
		}
		d.emit(Fact{Kind: Announced, Protocol: NDP, MAC: target, Addr: addr, Own: !solicited})
	default:
		if override {
			d.emit(Fact{Kind: Replied, Protocol: NDP, MAC: target, Addr: addr})
		}
		if target == (mac.Addr{}) || target == m.src { // otherwise one of the two is a proxy
			d.emit(Fact{Kind: Announced, Protocol: NDP, MAC: m.src, Addr: m.from})
		}
	}
	return true
}

// linkAddrs returns the source and the target link-layer address in the options, zero if there is none. It is not ok if an
// option has the length 0 or, unless the message is truncated, if the options do not end with the message (RFC 4861, 4.6).
func linkAddrs(options []byte, truncated bool) (source, target mac.Addr, ok bool) {
	for len(options) > 0 {
		if len(options) < 2 || 8*int(options[1]) > len(options) {
			return source, target, truncated
		}
		size := 8 * int(options[1])
		switch {
		case size == 0:
			return source, target, false
		case options[0] == optSourceLinkAddr && size == 8:
			source = mac.Addr(options[2:8])
		case options[0] == optTargetLinkAddr && size == 8:
			target = mac.Addr(options[2:8])
		}
		options = options[size:]
	}
	return source, target, true
}

// prefixes emits the prefixes that a router advertises as on-link, or for autoconfiguration (RFC 4861, 4.6.2). It ignores
// prefixes shorter than 48 bits: no home has one, and a forged 2000::/3 would turn the internet into the LAN.
func (d *Decoder) prefixes(router mac.Addr, options []byte) {
	const onLinkOrAutonomous = 0xc0
	for len(options) >= 2 && 8*int(options[1]) <= len(options) {
		size := 8 * int(options[1])
		if options[0] == optPrefixInformation && size == 32 {
			bits, flags := int(options[2]), options[3]
			addr := netip.AddrFrom16([16]byte(options[16:32]))
			unicast := globalUnicast.Contains(addr) || uniqueLocal.Contains(addr)
			if unicast && flags&onLinkOrAutonomous != 0 && bits >= 48 && bits < 128 {
				prefix := netip.PrefixFrom(addr, bits).Masked()
				d.emit(Fact{Kind: OnLinkPrefix, Protocol: NDP, MAC: router, Prefix: prefix, Lifetime: lifetime(options[4:])})
			}
		}
		options = options[size:]
	}
}

// checksum6 returns 0 for an ICMPv6 message with a correct checksum (RFC 8200, 8.1).
func checksum6(m *message) uint16 {
	from, to := m.from.As16(), m.to.As16()
	sum := add16(add16(uint32(len(m.payload))+58, from[:]), to[:])
	sum = add16(sum, m.payload)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// add16 adds 16-bit words to sum, with a zero after an odd last byte. 65,535 bytes can't overflow it.
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

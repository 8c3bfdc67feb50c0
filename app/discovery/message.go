package discovery

import (
	"encoding/binary"
	"net/netip"

	"gonetmon/app/mac"
)

// A message is the payload of a control frame, and its addresses.
type message struct {
	src, dst  mac.Addr // of the frame; zero if the link has none
	from, to  netip.Addr
	hops      uint8 // TTL or hop limit
	truncated bool  // not captured to its end
	payload   []byte
}

// LINKTYPE numbers of links with MAC addresses.
const (
	linkCooked  = 113 // Linux cooked capture, which has only the sender's
	linkCooked2 = 276 // likewise, version 2
)

// setMACs takes the MAC addresses from the link header in front of the message, which begins at offset at. They are of those who
// sent and receive the message only if its ethertype stands right before it. PPPoE and MPLS have another number there, and their
// frames go from router to router; the last MPLS label is odd, and no ethertype of ours is.
func (m *message) setMACs(link uint16, data []byte, at int) {
	if link != linkCooked2 || at > 20 { // whose ethertype comes first
		switch link {
		case linkEthernet, linkCooked, linkCooked2:
		default:
			return
		}
		switch binary.BigEndian.Uint16(data[at-2:]) {
		case 0x0800, 0x0806, 0x86dd:
		default:
			return
		}
	}
	const hardwareEthernet = 1 // ARPHRD_ETHER
	switch link {
	case linkEthernet:
		m.dst, m.src = mac.Addr(data[:6]), mac.Addr(data[6:12])
	case linkCooked:
		if binary.BigEndian.Uint16(data[2:]) == hardwareEthernet && binary.BigEndian.Uint16(data[4:]) == 6 {
			m.src = mac.Addr(data[6:12])
		}
	case linkCooked2:
		if binary.BigEndian.Uint16(data[8:]) == hardwareEthernet && data[11] == 6 {
			m.src = mac.Addr(data[12:18])
		}
	}
}

// ipv4 hands the datagram in an IPv4 packet to its protocol, unless it is the first fragment of one.
func (d *Decoder) ipv4(m *message) {
	h := m.payload
	const moreFragments = 0x20
	if h[6]&moreFragments != 0 {
		return
	}
	m.from, m.to, m.hops = netip.AddrFrom4([4]byte(h[12:16])), netip.AddrFrom4([4]byte(h[16:20])), h[8]
	m.payload = d.trim(h)[int(h[0]&15)*4:]
	d.datagram(m)
}

// ipv6 hands the message in an IPv6 packet to its protocol.
func (d *Decoder) ipv6(m *message) {
	h := m.payload
	m.from, m.to, m.hops = netip.AddrFrom16([16]byte(h[8:24])), netip.AddrFrom16([16]byte(h[24:40])), h[7]
	if h[6] == 17 { // UDP
		m.payload = d.trim(h)[40:]
		d.datagram(m)
		return
	}
	size := int(binary.BigEndian.Uint16(h[4:]))
	m.payload, m.truncated = h[40:], size > len(h)-40
	m.payload = m.payload[:min(size, len(m.payload))]
	d.ndp(m)
}

// trim removes what follows an IP packet in its frame.
func (d *Decoder) trim(ip []byte) []byte { return ip[:min(uint64(len(ip)), d.packet.Bytes)] }

// datagram hands a UDP datagram to the protocol of its ports. Of DHCP only the destination port is fixed.
func (d *Decoder) datagram(m *message) {
	b := m.payload
	if len(b) < 8 {
		return
	}
	from, to, size := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), int(binary.BigEndian.Uint16(b[4:]))
	switch {
	case size == 0: // a jumbogram (RFC 2675)
		size = len(b)
	case size < 8:
		return
	}
	m.payload, m.truncated = b[8:min(size, len(b))], size > len(b)
	switch {
	case m.from.Is4() && (to == 67 || to == 68):
		d.dhcp4(m)
	case m.from.Is6() && (to == 546 || to == 547):
		d.dhcp6(m)
	case from == 5353 || to == 5353:
		d.mdns(m, from == 5353)
	case from == 5355 || to == 5355:
		d.llmnr(m, from == 5355)
	case from == 1900 || to == 1900:
		d.ssdp(m, from == 1900)
	case m.from.Is4() && (from == 137 || to == 137):
		d.netbiosNames(m)
	case m.from.Is4() && to == 138:
		d.netbiosDatagram(m)
	}
}

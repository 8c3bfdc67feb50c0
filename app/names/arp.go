package names

import (
	"encoding/binary"
	"net/netip"
)

// arp reads an ARP message of IPv4 over Ethernet (RFC 826); others are passed over. What it says of itself is taken, not
// the source of the frame: extenders put their own there.
func (r *Reader) arp(m *message) {
	b := m.payload
	if len(b) < 8 {
		r.malformed[ARP].Add(1)
		return
	}
	if binary.BigEndian.Uint16(b) != 1 || binary.BigEndian.Uint16(b[2:]) != 0x0800 || b[4] != 6 || b[5] != 4 {
		return
	}
	if len(b) < 28 {
		r.malformed[ARP].Add(1)
		return
	}
	sender, senderAddr := MAC(b[8:14]), netip.AddrFrom4([4]byte(b[14:18]))
	target, targetAddr := MAC(b[18:24]), netip.AddrFrom4([4]byte(b[24:28]))
	switch op := binary.BigEndian.Uint16(b[6:]); {
	case op == 1 && senderAddr.IsUnspecified(): // a probe (RFC 5227, 2.1.1)
		r.draw(Fact{Kind: Tries, From: ARP, MAC: sender, Addr: targetAddr})
	case op == 1, op == 2 && (senderAddr == targetAddr || m.dst == MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}):
		r.draw(Fact{Kind: Speaks, From: ARP, MAC: sender, Addr: senderAddr})
	case op == 2:
		r.draw(Fact{Kind: Answers, From: ARP, MAC: sender, Addr: senderAddr})
		if target == m.dst { // it must have asked so
			r.draw(Fact{Kind: Speaks, From: ARP, MAC: target, Addr: targetAddr})
		}
	}
}

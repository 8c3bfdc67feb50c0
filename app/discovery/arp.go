package discovery

import (
	"encoding/binary"
	"net/netip"

	"gonetmon/app/mac"
)

// arp reads an ARP message of IPv4 over Ethernet (RFC 826); others are passed over. What it says of itself is taken, not
// the source of the frame: extenders put their own there.
func (d *Decoder) arp(m *message) {
	b := m.payload
	if len(b) < 8 {
		d.malformed[ARP].Add(1)
		return
	}
	if binary.BigEndian.Uint16(b) != 1 || binary.BigEndian.Uint16(b[2:]) != 0x0800 || b[4] != 6 || b[5] != 4 {
		return
	}
	if len(b) < 28 {
		d.malformed[ARP].Add(1)
		return
	}
	sender, senderAddr := mac.Addr(b[8:14]), netip.AddrFrom4([4]byte(b[14:18]))
	target, targetAddr := mac.Addr(b[18:24]), netip.AddrFrom4([4]byte(b[24:28]))
	switch op := binary.BigEndian.Uint16(b[6:]); {
	case op == 1 && senderAddr.IsUnspecified(): // a probe (RFC 5227, 2.1.1)
		d.draw(Fact{Kind: Probed, Protocol: ARP, MAC: sender, Addr: targetAddr})
	case op == 1, op == 2 && (senderAddr == targetAddr || m.dst == mac.Addr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}):
		d.draw(Fact{Kind: Announced, Protocol: ARP, MAC: sender, Addr: senderAddr})
	case op == 2:
		d.draw(Fact{Kind: Replied, Protocol: ARP, MAC: sender, Addr: senderAddr})
		if target == m.dst { // it must have asked so
			d.draw(Fact{Kind: Announced, Protocol: ARP, MAC: target, Addr: targetAddr})
		}
	}
}

package discovery

import (
	"encoding/binary"
	"net/netip"

	"gonetmon/app/mac"
)

// arp decodes an ARP message of IPv4 over Ethernet (RFC 826) and ignores others. The sender is the one in the message, not
// the source of the frame, as Wi-Fi extenders put their own MAC there.
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
	const request, reply = 1, 2
	sender, senderAddr := mac.Addr(b[8:14]), netip.AddrFrom4([4]byte(b[14:18]))
	target, targetAddr := mac.Addr(b[18:24]), netip.AddrFrom4([4]byte(b[24:28]))
	gratuitous := senderAddr == targetAddr
	toAll := m.dst == mac.Addr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	switch op := binary.BigEndian.Uint16(b[6:]); {
	case op == request && senderAddr.IsUnspecified(): // a probe (RFC 5227, 2.1.1)
		d.emit(Fact{Kind: Probed, Protocol: ARP, MAC: sender, Via: m.src, Addr: targetAddr})
	case op == request, op == reply && (gratuitous || toAll):
		d.emit(Fact{Kind: Announced, Protocol: ARP, MAC: sender, Via: m.src, Addr: senderAddr, Own: gratuitous})
	case op == reply:
		d.emit(Fact{Kind: Replied, Protocol: ARP, MAC: sender, Addr: senderAddr})
		if target == m.dst { // the target has sent the request
			d.emit(Fact{Kind: Announced, Protocol: ARP, MAC: target, Addr: targetAddr})
		}
	}
}

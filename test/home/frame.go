package home

import (
	"encoding/binary"
	"net/netip"

	"gonetmon/app/mac"
	"gonetmon/test/testnet"
)

const (
	ethernet = 14 // bytes of its header
	shortest = 64 // bytes of an IP packet: with room for its header and two ports
)

// appendData appends the captured part of a frame with bytes of IP: link header, IP header and ports. A frame may stand for
// many: where the length of the IP packet does not fit its header, that says 0, as in frames that a kernel has merged.
func appendData(b []byte, from, to mac.Addr, src, dst netip.Addr, bytes int) []byte {
	b = append(append(b, to[:]...), from[:]...)
	if src.Is4() {
		total := bytes
		if total > 65535 {
			total = 0
		}
		b = append(b, 0x08, 0x00, 0x45, 0, byte(total>>8), byte(total), 0, 0, 0, 0, 64, 6, 0, 0)
		s, d := src.As4(), dst.As4()
		b = append(append(b, s[:]...), d[:]...)
	} else {
		total := bytes - 40
		if total > 65535 {
			total = 0
		}
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, byte(total>>8), byte(total), 6, 64)
		s, d := src.As16(), dst.As16()
		b = append(append(b, s[:]...), d[:]...)
	}
	return append(b, 0x01, 0xbb, 0xc3, 0x50, 0, 0, 0, 0) // 443 and 50000
}

// ends returns the addresses and the length of the IP packet in an untagged Ethernet frame. There are none in ARP.
func ends(frame []byte, wire int) (src, dst netip.Addr, bytes int) {
	ip := frame[ethernet:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case 0x0800:
		if bytes = int(binary.BigEndian.Uint16(ip[2:])); bytes == 0 {
			bytes = wire - ethernet
		}
		return netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:])), bytes
	case 0x86dd:
		if bytes = int(binary.BigEndian.Uint16(ip[4:])); bytes == 0 {
			bytes = wire - ethernet - 40
		}
		return netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:])), 40 + bytes
	}
	return src, dst, 0
}

// neighborAdvert answers a solicitation (RFC 4861, 4.4): solicited, override and, from a router, that too.
func neighborAdvert(e testnet.Ends, router bool, hw mac.Addr) []byte {
	flags := byte(0x60)
	if router {
		flags |= 0x80
	}
	return testnet.ICMPv6(e, 255, 136, append([]byte{flags, 0, 0, 0}, e.Src.AsSlice()...), testnet.TargetMAC(hw))
}

// dhcpFrame returns a DHCP message with a transaction ID.
func dhcpFrame(m testnet.DHCP, xid uint32) []byte {
	b := m.Message()
	binary.BigEndian.PutUint32(b[4:], xid)
	from, to := uint16(68), uint16(67)
	if b[0] == 2 {
		from, to = to, from
	}
	return testnet.Datagram(m.Ends, from, to, 64, b)
}

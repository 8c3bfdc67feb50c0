package testnet

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// NetBIOSName encodes a name with the byte that says what has it (RFC 1001, 14.1).
func NetBIOSName(name string, suffix byte) []byte {
	b := []byte{32}
	for _, c := range append([]byte(name+strings.Repeat(" ", 15-len(name))), suffix) {
		b = append(b, 'A'+c>>4, 'A'+c&15)
	}
	return append(b, 0)
}

// NetBIOSRegistration registers a name at addr by broadcast, from mac with src. With the flag 0x8000 it is a group's (RFC 1002,
// 4.2.2).
func NetBIOSRegistration(mac [6]byte, src netip.Addr, encoded []byte, flags uint16, addr netip.Addr) []byte {
	b := append([]byte{0, 1, 0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1}, encoded...)
	b = append(b, 0, 32, 0, 1, 0xc0, 12, 0, 32, 0, 1, 0, 0, 0, 0, 0, 6)
	b = append(binary.BigEndian.AppendUint16(b, flags), addr.AsSlice()...)
	return Datagram(Ends{SrcMAC: mac, DstMAC: Broadcast, Src: src, Dst: subnetBroadcast(src)}, 137, 137, 64, b)
}

// NetBIOSDatagram is a datagram to the group WORKGROUP, from mac with src, of a computer with a name (RFC 1002, 4.4.2).
func NetBIOSDatagram(mac [6]byte, src netip.Addr, encoded []byte) []byte {
	b := append([]byte{0x11, 0x0a, 0, 1}, src.AsSlice()...)
	b = append(append(b, 0, 138, 0, 68, 0, 0), encoded...)
	b = append(b, NetBIOSName("WORKGROUP", 0x1d)...)
	return Datagram(Ends{SrcMAC: mac, DstMAC: Broadcast, Src: src, Dst: subnetBroadcast(src)}, 138, 138, 64, b)
}

// subnetBroadcast returns the broadcast address of the /24 of addr.
func subnetBroadcast(addr netip.Addr) netip.Addr {
	a := addr.As4()
	a[3] = 255
	return netip.AddrFrom4(a)
}

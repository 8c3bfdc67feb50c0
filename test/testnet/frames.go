package testnet

import "net/netip"

// UDP returns an Ethernet frame with a UDP datagram of n bytes of payload, behind 802.1Q tags if any are given, outermost
// first. Its MACs are always the same.
func UDP(src, dst netip.Addr, n int, tags ...uint16) []byte {
	ends := Ends{SrcMAC: [6]byte{2, 0, 0, 0, 0, 1}, DstMAC: [6]byte{2, 0, 0, 0, 0, 2}, Src: src, Dst: dst}
	return Tagged(Datagram(ends, 4000, 4001, 64, make([]byte, n)), tags...)
}

// Conversation returns n frames between hosts of 192.168.2.0/24 and the internet, in both directions, with the lengths of the
// Internet Mix (64, 590 and 1,514 bytes as 7:4:1).
func Conversation(n int) [][]byte {
	frames := make([][]byte, n)
	for i := range frames {
		host := netip.AddrFrom4([4]byte{192, 168, 2, byte(i*7%200) + 1})
		peer := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		if i%2 == 1 {
			host, peer = peer, host
		}
		size := []int{64, 64, 64, 590, 64, 590, 64, 1514, 64, 590, 64, 590}[i%12]
		frames[i] = UDP(host, peer, size-42)
	}
	return frames
}

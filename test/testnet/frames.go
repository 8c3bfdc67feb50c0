package testnet

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// UDP returns an Ethernet frame with a UDP datagram of n bytes of payload, behind 802.1Q tags if any are given, outermost
// first. Its MACs are always the same.
func UDP(src, dst netip.Addr, n int, tags ...uint16) []byte {
	eth := &layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}}
	all := []gopacket.SerializableLayer{eth}
	next := &eth.EthernetType
	for _, id := range tags {
		*next = layers.EthernetTypeDot1Q
		q := &layers.Dot1Q{VLANIdentifier: id}
		all = append(all, q)
		next = &q.Type
	}
	udp := &layers.UDP{SrcPort: 4000, DstPort: 4001}
	if src.Is4() {
		*next = layers.EthernetTypeIPv4
		all = append(all, &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()})
	} else {
		*next = layers.EthernetTypeIPv6
		all = append(all, &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: src.AsSlice(),
			DstIP: dst.AsSlice()})
	}
	all = append(all, udp, gopacket.Payload(make([]byte, n)))
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, all...); err != nil {
		panic("testnet: " + err.Error()) // the layers are ours
	}
	return b.Bytes()
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

// IPBytes returns the total length in the header of an IPv4 frame of UDP's.
func IPBytes(frame []byte) uint64 { return uint64(binary.BigEndian.Uint16(frame[16:])) }

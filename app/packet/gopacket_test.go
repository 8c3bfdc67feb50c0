package packet_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"gonetmon/app/packet"
)

// An answer is a decoded outermost IP header.
type answer struct {
	src, dst netip.Addr
	bytes    uint64
}

// ours returns the answer of Decode. ok is false if there is no IP packet.
func ours(link uint16, data []byte, wire int) (a answer, class packet.Class, ok bool) {
	var p packet.Packet
	p.Decode(link, data, wire, 0)
	src, dst := p.Addrs()
	return answer{src, dst, p.Bytes}, p.Class, p.Class <= packet.IPv6
}

// theirs returns the answer of gopacket. ok is false if it has none that can be compared: it finds no IP layer, or one behind
// something that Decode does not look into (Ethernet in MPLS, PPPoE discovery), or a header that it rejects (too short), or one
// without a length, for which it uses the captured bytes and Decode those on the wire.
func theirs(link uint16, data []byte, wire int) (a answer, ok bool) {
	defer func() {
		if recover() != nil { // its layers panic on some crafted frames
			ok = false
		}
	}()
	switch link {
	case packet.LinkNull, packet.LinkEthernet, 12, 14, packet.LinkRaw, packet.LinkLoop, packet.LinkCooked:
	default: // gopacket takes other numbers for something else
		return a, false
	}
	data = data[:len(data):len(data)] // its PPPoE reads up to the capacity
	// carried is how many bytes the wire can have carried from a header on. gopacket believes what a header claims.
	carried := func(header []byte) uint64 { return uint64(wire - (cap(data) - cap(header))) }
	p := gopacket.NewPacket(data, layers.LinkType(link), gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	ethernets, discovery := 0, false
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			if ethernets++; ethernets > 1 {
				return a, false
			}
			discovery = l.EthernetType == layers.EthernetTypePPPoEDiscovery
		case *layers.IPv4:
			if len(l.Contents) < max(20, 4*int(l.IHL)) || binary.BigEndian.Uint16(l.Contents[2:]) == 0 || l.Version != 4 ||
				l.IHL < 5 || int(l.Length) < 4*int(l.IHL) {
				return a, false
			}
			a.src, _ = netip.AddrFromSlice(l.SrcIP)
			a.dst, _ = netip.AddrFromSlice(l.DstIP)
			a.bytes = min(uint64(l.Length), carried(l.Contents))
			return a, true
		case *layers.IPv6:
			if l.Length == 0 || l.Version != 6 {
				return a, false
			}
			a.src, _ = netip.AddrFromSlice(l.SrcIP)
			a.dst, _ = netip.AddrFromSlice(l.DstIP)
			a.bytes = min(40+uint64(l.Length), carried(l.Contents))
			return a, true
		case *layers.PPPoE:
			if l.Code != layers.PPPoECodeSession || discovery {
				return a, false
			}
		case *layers.Dot1Q:
			discovery = l.Type == layers.EthernetTypePPPoEDiscovery
		case *layers.SNAP:
			discovery = l.Type == layers.EthernetTypePPPoEDiscovery
		case *layers.LinuxSLL:
			discovery = l.EthernetType == layers.EthernetTypePPPoEDiscovery
		case *layers.Loopback, *layers.LLC, *layers.PPP, *layers.MPLS:
		default:
			return a, false
		}
	}
	return a, false
}

// FuzzAgreesWithGopacket fails if Decode and gopacket both find an IP header, and differ.
func FuzzAgreesWithGopacket(f *testing.F) {
	eth := func(next gopacket.SerializableLayer, typ layers.EthernetType, more ...gopacket.SerializableLayer) {
		all := append([]gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6),
			EthernetType: typ}, next}, more...)
		b := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, all...); err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(1), b.Bytes())
	}
	four := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: []byte{192, 168, 2, 7},
		DstIP: []byte{8, 8, 8, 8}}
	six := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolNoNextHeader, SrcIP: make([]byte, 16), DstIP: make([]byte, 16)}
	payload := gopacket.Payload(make([]byte, 30))
	eth(four, layers.EthernetTypeIPv4, payload)
	eth(six, layers.EthernetTypeIPv6, payload)
	eth(&layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeIPv4}, layers.EthernetTypeDot1Q, four, payload)
	eth(&layers.MPLS{Label: 7, StackBottom: true}, layers.EthernetTypeMPLSUnicast, four, payload)
	eth(&layers.PPPoE{Version: 1, Type: 1}, layers.EthernetTypePPPoESession, &layers.PPP{PPPType: layers.PPPTypeIPv4}, four, payload)
	f.Fuzz(func(t *testing.T, link uint16, data []byte) {
		theirAnswer, defined := theirs(link, data, len(data))
		if !defined {
			return
		}
		ourAnswer, class, ok := ours(link, data, len(data))
		if !ok || ourAnswer != theirAnswer {
			t.Errorf("link %d, frame %x: got %v %v, gopacket says %v", link, data, class, ourAnswer, theirAnswer)
		}
	})
}

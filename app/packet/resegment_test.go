package packet

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// A flow describes segments on the wire, which the test merges as the kernel does.
type flow struct {
	name    string
	link    []byte // link header up to the IP header
	outer   []byte // what lies between the link header and the inner IP header: a tunnel
	v6      bool
	proto   byte
	options int // bytes of TCP options
	gso     uint8
	tag     int
	unknown bool // the kernel does not say where the transport header is
}

// transport returns the length of the transport header.
func (f flow) transport() int {
	if f.proto == protoUDP {
		return 8
	}
	return 20 + f.options
}

// packet returns a frame with n bytes of payload.
func (f flow) packet(n int) []byte {
	l4 := f.transport()
	transport := make([]byte, l4+n)
	if f.proto == protoTCP {
		transport[12] = byte(l4/4) << 4
	} else {
		binary.BigEndian.PutUint16(transport[4:], uint16(l4+n))
	}
	b := append([]byte{}, f.link...)
	start := len(b)
	b = append(b, f.outer...)
	inner := len(b)
	if f.v6 {
		b = append(b, with(ip6[:40], 6, f.proto)...)
		if size := l4 + n; size < 1<<16 {
			binary.BigEndian.PutUint16(b[inner+4:], uint16(size))
		} else { // BIG TCP: no length, and a jumbo payload option (RFC 2675)
			b[inner+4], b[inner+5], b[inner+6] = 0, 0, protoHopByHop
			b = append(b, f.proto, 0, 0xc2, 4)
			b = binary.BigEndian.AppendUint32(b, uint32(size+8))
		}
	} else {
		b = append(b, with(ip4[:20], 9, f.proto)...)
		if size := 20 + l4 + n; size < 1<<16 {
			binary.BigEndian.PutUint16(b[inner+2:], uint16(size))
		} else {
			b[inner+2], b[inner+3] = 0, 0
		}
	}
	b = append(b, transport...)
	if len(f.outer) > 0 { // the outermost packet's own length
		if f.outer[0]>>4 == 4 {
			binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
		} else {
			binary.BigEndian.PutUint16(b[start+4:], uint16(len(b)-start-40))
		}
	}
	return b
}

// Resegment counts a merged frame as Decode counts its segments.
func TestResegment_EqualsSegments(t *testing.T) {
	ether := func(typ int) []byte { return join(macs, typ) }
	outer4 := func(proto byte, more ...any) []byte { return join(with(ip4[:20], 9, proto), join(more...)) }
	outer6 := func(proto byte, more ...any) []byte { return join(with(ip6[:40], 6, proto), join(more...)) }
	flows := []flow{
		{name: "tcp4", link: ether(0x0800), proto: protoTCP, gso: gsoTCP4},
		{name: "tcp4 with timestamps", link: ether(0x0800), proto: protoTCP, options: 12, gso: gsoTCP4},
		{name: "tcp4 with ECN", link: ether(0x0800), proto: protoTCP, gso: gsoTCP4 | gsoECN},
		{name: "tcp6", link: ether(0x86dd), v6: true, proto: protoTCP, options: 12, gso: gsoTCP6},
		{name: "udp4", link: ether(0x0800), proto: protoUDP, gso: gsoUDP4},
		{name: "udp6", link: ether(0x86dd), v6: true, proto: protoUDP, gso: gsoUDP4},
		{name: "tcp4, removed tag", link: ether(0x0800), proto: protoTCP, gso: gsoTCP4, tag: 4},
		{name: "tcp6, inner tag", link: join(macs, 0x8100, 7, 0x86dd), v6: true, proto: protoTCP, gso: gsoTCP6},
		{name: "tcp4 over pppoe", link: join(macs, 0x8864, "\x11\x00\x00\x01\x00\x00\x00\x21"), proto: protoTCP, gso: gsoTCP4},
		{name: "tcp4 over ipv4", link: ether(0x0800), outer: outer4(protoIPv4), proto: protoTCP, gso: gsoTCP4},
		{name: "tcp6 over ipv4", link: ether(0x0800), outer: outer4(protoIPv6), v6: true, proto: protoTCP, gso: gsoTCP6},
		{name: "tcp4 over ipv6", link: ether(0x86dd), outer: outer6(protoIPv4), proto: protoTCP, gso: gsoTCP4},
		{name: "tcp4 over gre with key", link: ether(0x0800), proto: protoTCP, gso: gsoTCP4,
			outer: outer4(protoGRE, 0x2000, 0x0800, make([]byte, 4))},
		{name: "tcp6 over gre", link: ether(0x0800), outer: outer4(protoGRE, 0, 0x86dd), v6: true, proto: protoTCP, gso: gsoTCP6},
		{name: "tcp4 over gre ethernet", link: ether(0x0800), proto: protoTCP, gso: gsoTCP4,
			outer: outer4(protoGRE, 0, 0x6558, macs, 0x0800)},
		{name: "tcp6 over gre ethernet with tags", link: ether(0x0800), v6: true, proto: protoTCP, options: 12, gso: gsoTCP6,
			outer: outer4(protoGRE, 0, 0x6558, macs, 0x88a8, 5, 0x8100, 7, 0x86dd)},
		{name: "tcp6 behind extension headers", link: ether(0x86dd), v6: true, proto: protoTCP, gso: gsoTCP6,
			outer: outer6(protoOptions, []byte{protoRouting, 1}, make([]byte, 14), []byte{protoIPv6, 0}, make([]byte, 6))},
	}
	for _, f := range slices.Clone(flows) { // without the kernel's help
		f.name, f.unknown = f.name+", transport header unknown", true
		flows = append(flows, f)
	}
	flows = append(flows, // only with it
		flow{name: "tcp6 over vxlan", link: ether(0x0800), v6: true, proto: protoTCP, gso: gsoTCP6,
			outer: outer4(protoUDP, 4789, 8472, make([]byte, 12), macs, 0x86dd)},
		flow{name: "tcp6 with timestamps over vxlan over ipv6", link: join(macs, 0x8100, 7, 0x86dd), v6: true, proto: protoTCP,
			options: 12, gso: gsoTCP6, outer: outer6(protoUDP, 4789, 4789, make([]byte, 12), macs, 0x86dd)},
		flow{name: "tcp4 over geneve", link: ether(0x0800), proto: protoTCP, gso: gsoTCP4,
			outer: outer4(protoUDP, 6081, 6081, make([]byte, 4+8), macs, 0x0800)},
		flow{name: "udp4 over udp (FOU)", link: ether(0x0800), proto: protoUDP, gso: gsoUDP4,
			outer: outer4(protoUDP, 5555, 5555, make([]byte, 4))},
		flow{name: "tcp4 over mpls over udp", link: ether(0x0800), proto: protoTCP, gso: gsoTCP4,
			outer: outer4(protoUDP, 6635, 6635, make([]byte, 4), "\x00\x01\x01\x40")},
	)
	random := rand.New(rand.NewPCG(2, 3))
	for _, f := range flows {
		t.Run(f.name, func(t *testing.T) {
			for range 300 {
				size := 1 + random.IntN(1500)
				payload := size + 1 + random.IntN(40*size)
				if len(f.outer) > 0 {
					payload = min(payload, 60000) // an outer header has a length of its own
				}
				if f.proto == protoUDP {
					payload = min(payload, 65000)
				}
				if payload <= size {
					continue
				}
				var p, one Packet
				var frames, bytes, wire uint64
				for left := payload; left > 0; left -= size {
					segment := f.packet(min(left, size))
					one.Decode(LinkEthernet, segment, len(segment)+f.tag, f.tag)
					frames++
					bytes += one.Bytes
					wire += one.Wire
				}
				merged := f.packet(payload)
				p.Decode(LinkEthernet, merged[:min(len(merged), 160)], len(merged)+f.tag, f.tag)
				transport := uint16(0)
				if !f.unknown {
					transport = uint16(len(merged) - payload - f.transport())
				}
				p.Resegment(merged[:min(len(merged), 160)], f.gso, uint16(size), transport)
				if p.Frames != frames || p.Bytes != bytes || p.Wire != wire {
					t.Fatalf("%d bytes in segments of %d: got %d frames, %d bytes, %d on the wire, want %d, %d, %d",
						payload, size, p.Frames, p.Bytes, p.Wire, frames, bytes, wire)
				}
				if n := testing.AllocsPerRun(1, func() { p.Resegment(merged, f.gso, uint16(size), transport) }); n != 0 {
					t.Fatalf("Resegment: %v allocations", n)
				}
			}
		})
	}
}

// UFO: a datagram stands for IP fragments (RFC 791, RFC 8200 4.5). Each has an IP header, and in IPv6 also a fragment header.
func TestResegment_Fragments(t *testing.T) {
	for _, tt := range []struct {
		name   string
		v6     bool
		each   uint64 // bytes of headers that each fragment has
		header uint64 // bytes of IP header in the merged frame
	}{{"ipv4", false, 20, 20}, {"ipv6", true, 48, 40}} {
		t.Run(tt.name, func(t *testing.T) {
			link := join(macs, 0x0800)
			if tt.v6 {
				link = join(macs, 0x86dd)
			}
			merged := flow{link: link, v6: tt.v6, proto: protoUDP}.packet(4992) // 5,000 with the UDP header
			var p Packet
			p.Decode(LinkEthernet, merged, len(merged), 0)
			p.Resegment(merged, gsoUDP, 1480, 0)
			if want := 4*tt.each + 5000; p.Frames != 4 || p.Bytes != want || p.Wire != want+4*14 {
				t.Errorf("got %d frames, %d bytes, %d on the wire, want 4, %d, %d", p.Frames, p.Bytes, p.Wire, want, want+4*14)
			}
		})
	}
}

// A frame that is not merged, or not IP, does not change. Headers that cannot be read are estimated.
func TestResegment_UnknownHeaders(t *testing.T) {
	frame := flow{link: join(macs, 0x0800), proto: protoTCP}.packet(3000)
	arp := join(macs, 0x0806, make([]byte, 46))
	for _, tt := range []struct {
		name  string
		frame []byte
		gso   uint8
		size  uint16
	}{{"no offload", frame, 0, 1448}, {"no size", frame, gsoTCP4, 0}, {"no IP", arp, gsoTCP4, 10}, {"one segment", frame,
		gsoTCP4, 3000}} {
		t.Run(tt.name, func(t *testing.T) {
			var p Packet
			p.Decode(LinkEthernet, tt.frame, len(tt.frame), 0)
			was := p
			p.Resegment(tt.frame, tt.gso, tt.size, 34)
			if p != was {
				t.Errorf("got %+v, want %+v", p, was)
			}
		})
	}
	var p Packet
	p.Decode(LinkEthernet, frame[:34], len(frame), 0) // the TCP header was not stored
	p.Resegment(frame[:34], gsoTCP4, 1000, 0)
	if p.Frames != 3 {
		t.Errorf("got %d frames of a cut one, want 3", p.Frames)
	}
}

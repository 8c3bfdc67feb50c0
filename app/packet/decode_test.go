package packet

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// Parts of frames.
var (
	macs = bytes.Repeat([]byte{2}, 12)
	// ip4 is 28 bytes, from 192.168.2.7 to 8.8.8.8.
	ip4 = []byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 168, 2, 7, 8, 8, 8, 8, 0, 9, 0, 9, 0, 8, 0, 0}
	// ip6 is 48 bytes, from fe80::1 to ff02::2.
	ip6 = append([]byte{0x60, 0, 0, 0, 0, 8, 17, 1, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 0, 9, 0, 9, 0, 8, 0, 0)
)

func join(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case []byte:
			b = append(b, p...)
		case int: // an ethertype or length
			b = binary.BigEndian.AppendUint16(b, uint16(p))
		case string:
			b = append(b, p...)
		}
	}
	return b
}

// with returns a copy of b with v at i.
func with(b []byte, i int, v ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[i:], v)
	return b
}

func TestDecode(t *testing.T) {
	tag, snap := "\x00\x07", "\xaa\xaa\x03\x00\x00\x00"
	label, bottom := "\x00\x01\x00\x40", "\x00\x01\x01\x40"
	sll := join(make([]byte, 14))
	tests := []struct {
		name  string
		link  uint16
		frame []byte
		more  int // bytes on the wire beyond the stored ones
		class Class
		key   string
		bytes uint64
	}{
		{"ethernet ipv4", 1, join(macs, 0x0800, ip4), 0, IPv4, "", 28},
		{"padding does not count", 1, join(macs, 0x0800, ip4, make([]byte, 18)), 0, IPv4, "", 28},
		{"stored in part counts in full", 1, join(macs, 0x0800, with(ip4, 2, 5, 220)), 1472, IPv4, "", 1500},
		{"total length above the frame", 1, join(macs, 0x0800, with(ip4, 2, 255, 255)), 0, IPv4, "", 28},
		{"total length above the frame, padded", 1, join(macs, 0x0800, with(ip4, 2, 255, 255), make([]byte, 18)), 0, IPv4, "", 46},
		{"total length above the frame, tagged", 1, join(macs, 0x8100, tag, 0x0800, with(ip4, 2, 255, 255)), 100, IPv4, "", 128},
		{"total length above the frame, stored in part", 1, join(macs, 0x0800, with(ip4, 2, 255, 255)), 1472, IPv4, "", 1500},
		{"total length above a frame with options", 1, join(macs, 0x0800, with(ip4, 0, 0x46, 0, 255, 255)), 0, IPv4, "", 28},
		{"total length 0 is the wire's", 1, join(macs, 0x0800, with(ip4, 2, 0, 0)), 70000, IPv4, "", 70028},
		{"total length 0 and a shorter wire", 228, with(ip4, 2, 0, 0), -10, Malformed, "total length", 0},
		{"total length below the header", 1, join(macs, 0x0800, with(ip4, 2, 0, 19)), 0, Malformed, "total length", 0},
		{"header length below 20", 1, join(macs, 0x0800, with(ip4, 0, 0x44)), 0, Malformed, "header length", 0},
		{"header with options", 1, join(macs, 0x0800, with(ip4, 0, 0x47)), 0, IPv4, "", 28},
		{"header behind the stored bytes", 1, join(macs, 0x0800, with(ip4, 0, 0x48)), 100, Malformed, "short", 0},
		{"ipv4 cut", 1, join(macs, 0x0800, ip4[:19]), 9, Malformed, "short", 0},
		{"ipv4 of version 6", 1, join(macs, 0x0800, with(ip4, 0, 0x65)), 0, Malformed, "version", 0},
		{"ethernet ipv6", 1, join(macs, 0x86dd, ip6), 0, IPv6, "", 48},
		{"ipv6 of version 4", 1, join(macs, 0x86dd, with(ip6, 0, 0x45)), 0, Malformed, "version", 0},
		{"ipv6 cut", 1, join(macs, 0x86dd, ip6[:39]), 9, Malformed, "short", 0},
		{"ipv6 jumbogram", 1, join(macs, 0x86dd, with(ip6, 4, 0, 0, 0)), 70000, IPv6, "", 70048},
		{"ipv6 payload length above the frame", 1, join(macs, 0x86dd, with(ip6, 4, 255, 255)), 4, IPv6, "", 52},
		{"ipv6 without payload", 1, join(macs, 0x86dd, with(ip6, 4, 0, 0, 59)), 6, IPv6, "", 40},
		{"ipv6 payload 0 and a shorter wire", 229, with(ip6, 4, 0, 0, 6), -20, IPv6, "", 40},
		{"802.1Q", 1, join(macs, 0x8100, tag, 0x0800, ip4), 0, IPv4, "", 28},
		{"802.1ad, 802.1Q, 9100", 1, join(macs, 0x88a8, tag, 0x8100, tag, 0x9100, tag, 0x86dd, ip6), 0, IPv6, "", 48},
		{"200 tags", 1, join(macs, strings.Repeat("\x81\x00\x00\x01", 200), 0x0800, ip4), 0, IPv4, "", 28},
		{"tag cut", 1, join(macs, 0x8100, "\x00\x07\x08"), 0, Other, "short", 0},
		{"tag with a length", 1, join(macs, 0x8100, tag, 36, snap, 0x0800, ip4), 0, IPv4, "", 28},
		{"llc snap", 1, join(macs, 36, snap, 0x0800, ip4), 0, IPv4, "", 28},
		{"snap with a tag", 1, join(macs, 36, snap, 0x8100, tag, 0x86dd, ip6), 0, IPv6, "", 48},
		{"snap of a vendor", 1, join(macs, 36, "\xaa\xaa\x03\x00\x00\x0c", 0x0800, ip4), 0, Other, "llc", 0},
		{"snap with a length", 1, join(macs, 36, snap, 36, ip4), 0, Other, "llc", 0},
		{"snap cut", 1, join(macs, 36, snap, "\x08"), 0, Other, "short", 0},
		{"llc", 1, join(macs, 38, "\x42\x42\x03", make([]byte, 40)), 0, Other, "llc", 0},
		{"llc cut", 1, join(macs, 38, "\x42\x42"), 0, Other, "short", 0},
		{"neither length nor ethertype", 1, join(macs, 1501, ip4), 0, Other, "0x05dd", 0},
		{"arp", 1, join(macs, 0x0806, make([]byte, 28)), 0, ARP, "0x0806", 0},
		{"tagged arp", 1, join(macs, 0x8100, tag, 0x0806, make([]byte, 28)), 0, ARP, "0x0806", 0},
		{"eapol", 1, join(macs, 0x888e, make([]byte, 28)), 0, Other, "0x888e", 0},
		{"pppoe ipv4", 1, join(macs, 0x8864, "\x11\x00\x00\x01\x00\x1e\x00\x21", ip4), 0, IPv4, "", 28},
		{"pppoe ipv6", 1, join(macs, 0x8864, "\x11\x00\x00\x01\x00\x32\x00\x57", ip6), 0, IPv6, "", 48},
		{"pppoe compressed protocol", 1, join(macs, 0x8864, "\x11\x00\x00\x01\x00\x1d\x21", ip4), 0, IPv4, "", 28},
		{"pppoe lcp", 1, join(macs, 0x8864, "\x11\x00\x00\x01\x00\x1e\xc0\x21", ip4), 0, Other, "0x8864", 0},
		{"pppoe no session", 1, join(macs, 0x8864, "\x11\x09\x00\x01\x00\x1e\x00\x21", ip4), 0, Other, "0x8864", 0},
		{"pppoe cut", 1, join(macs, 0x8864, "\x11\x00\x00\x01\x00\x1e"), 0, Other, "short", 0},
		{"pppoe protocol cut", 1, join(macs, 0x8864, "\x11\x00\x00\x01\x00\x1e\x00"), 0, Other, "short", 0},
		{"mpls", 1, join(macs, 0x8847, label, label, bottom, ip4), 0, IPv4, "", 28},
		{"mpls multicast ipv6", 1, join(macs, 0x8848, bottom, ip6), 0, IPv6, "", 48},
		{"mpls ethernet", 1, join(macs, 0x8847, bottom, make([]byte, 40)), 0, Other, "0x8847", 0},
		{"mpls without bottom", 1, join(macs, 0x8847, label, label), 0, Other, "short", 0},
		{"mpls with nothing behind", 1, join(macs, 0x8847, bottom), 0, Other, "short", 0},
		{"a tunnel counts by its outer header", 1, join(macs, 0x86dd, with(ip6, 5, 28, 4), ip4), 0, IPv6, "", 68},
		{"ethernet cut", 1, macs, 2, Other, "short", 0},
		{"null, little endian", 0, join("\x02\x00\x00\x00", ip4), 0, IPv4, "", 28},
		{"null, big endian", 0, join("\x00\x00\x00\x1e", ip6), 0, IPv6, "", 48},
		{"loop", 108, join("\x00\x00\x00\x02", ip4), 0, IPv4, "", 28},
		{"null, another family", 0, join("\x07\x00\x00\x00", ip4), 0, Other, "family:7", 0},
		{"null cut", 0, []byte{2, 0, 0}, 0, Other, "short", 0},
		{"raw ipv4", 101, ip4, 0, IPv4, "", 28},
		{"raw ipv6, old number", 12, ip6, 0, IPv6, "", 48},
		{"raw, neither", 14, with(ip4, 0, 0x55), 0, Malformed, "version", 0},
		{"raw, empty", 101, nil, 0, Malformed, "empty", 0},
		{"raw ipv4 only", 228, ip6, 0, Malformed, "version", 0},
		{"raw ipv6 only", 229, ip6, 0, IPv6, "", 48},
		{"sll", 113, join(sll, 0x0800, ip4), 0, IPv4, "", 28},
		{"sll tagged", 113, join(sll, 0x8100, tag, 0x86dd, ip6), 0, IPv6, "", 48},
		{"sll llc", 113, join(sll, 4, snap, 0x0800, ip4), 0, IPv4, "", 28},
		{"sll of a Linux type", 113, join(sll, 0x000c, ip4), 0, Other, "0x000c", 0},
		{"sll of radiotap", 113, join(with(sll, 2, 3, 35), 0x0800, ip4), 0, Other, "arphrd:803", 0},
		{"sll cut", 113, sll, 2, Other, "short", 0},
		{"sll2", 276, join(0x0800, make([]byte, 18), ip4), 0, IPv4, "", 28},
		{"sll2 arp", 276, join(0x0806, make([]byte, 18), ip4), 0, ARP, "0x0806", 0},
		{"sll2 of netlink", 276, join(0x0800, make([]byte, 6), 824, make([]byte, 10), ip4), 0, Other, "arphrd:824", 0},
		{"sll2 cut", 276, make([]byte, 19), 0, Other, "short", 0},
		{"radiotap", 127, ip4, 0, Other, "linktype:127", 0},
	}
	var p Packet // reused, as in the hot path: nothing of one frame may show in the next
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wire := len(tt.frame) + tt.more
			p.Decode(tt.link, tt.frame, wire, 0)
			if p.Class != tt.class || p.Key() != tt.key || p.Bytes != tt.bytes {
				t.Errorf("got %v %q %d bytes, want %v %q %d bytes", p.Class, p.Key(), p.Bytes, tt.class, tt.key, tt.bytes)
			}
			if p.Frames != 1 || p.Wire != uint64(wire) {
				t.Errorf("got %d frames of %d bytes, want 1 of %d", p.Frames, p.Wire, wire)
			}
			src, dst := p.Addrs()
			want := map[Class]string{IPv4: "192.168.2.7 8.8.8.8", IPv6: "fe80::1 ff02::2"}[tt.class]
			if got := src.String() + " " + dst.String(); want != "" && got != want {
				t.Errorf("got addresses %s, want %s", got, want)
			}
			if n := testing.AllocsPerRun(100, func() { p.Decode(tt.link, tt.frame, wire, 0) }); n != 0 {
				t.Errorf("Decode: %v allocations", n)
			}
		})
	}
}

// A tag that the kernel removed counts on the wire, but not in a packet with total length 0.
func TestDecode_RemovedTag(t *testing.T) {
	frame := join(macs, 0x0800, with(ip4, 2, 0, 0))
	var p Packet
	p.Decode(LinkEthernet, frame, len(frame)+4, 4)
	if p.Bytes != uint64(len(ip4)) || p.Wire != uint64(len(frame)+4) {
		t.Errorf("got %d bytes, %d on the wire, want %d and %d", p.Bytes, p.Wire, len(ip4), len(frame)+4)
	}
}

func TestDecode_Broadcast(t *testing.T) {
	everybody := "\xff\xff\xff\xff\xff\xff"
	tests := []struct {
		name  string
		link  uint16
		frame []byte
		want  bool
	}{
		{"ethernet", LinkEthernet, join(everybody, macs[6:], 0x0800, ip4), true},
		{"ethernet, tagged", LinkEthernet, join(everybody, macs[6:], 0x8100, "\x00\x07", 0x0800, ip4), true},
		{"ethernet to a station", LinkEthernet, join(macs, 0x0800, ip4), false},
		{"ethernet to a group", LinkEthernet, join("\xff\xff\xff\xff\xff\xfe", macs[6:], 0x0800, ip4), false},
		{"cooked", LinkCooked, join("\x00\x01", make([]byte, 12), 0x0800, ip4), true},
		{"cooked to a group", LinkCooked, join("\x00\x02", make([]byte, 12), 0x0800, ip4), false},
		{"cooked version 2", LinkCooked2, join(0x0800, make([]byte, 8), "\x01", make([]byte, 9), ip4), true},
		{"cooked version 2 to a station", LinkCooked2, join(0x0800, make([]byte, 8), "\x00", make([]byte, 9), ip4), false},
		{"raw", LinkRaw, ip4, false},
	}
	var p Packet // reused: no frame may inherit the flag
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.Decode(tt.link, tt.frame, len(tt.frame), 0)
			if p.Class != IPv4 || p.Broadcast != tt.want {
				t.Errorf("got %v, broadcast %v, want ipv4, %v", p.Class, p.Broadcast, tt.want)
			}
		})
	}
}

func TestDecode_SrcMAC(t *testing.T) {
	from := "\xaa\xbb\xcc\xdd\xee\xff"
	const want = 0xaabbccddeeff
	eth := join(macs[:6], from)
	sll := func(hardware, length int) []byte { return join(0, hardware, length, from, 0, 0x0800, ip4) }
	sll2 := func(hardware, length int) []byte { return join(0x0800, 0, 0, 0, hardware, length, from, 0, ip4) }
	tests := []struct {
		name  string
		link  uint16
		frame []byte
		want  uint64
	}{
		{"ipv4", LinkEthernet, join(eth, 0x0800, ip4), want},
		{"ipv4 with options", LinkEthernet, join(eth, 0x0800, with(ip4, 0, 0x47)), want},
		{"ipv6", LinkEthernet, join(eth, 0x86dd, ip6), want},
		{"tagged", LinkEthernet, join(eth, 0x8100, "\x00\x07", 0x86dd, ip6), want},
		{"arp", LinkEthernet, join(eth, 0x0806, make([]byte, 28)), want},
		{"cut", LinkEthernet, eth, 0},
		{"pppoe", LinkEthernet, join(eth, 0x8864, "\x11\x00\x00\x01\x00\x1e\x00\x21", ip4), 0},
		{"mpls", LinkEthernet, join(eth, 0x8847, "\x00\x01\x01\x40", ip4), 0},
		{"cooked", LinkCooked, sll(1, 6), want},
		{"cooked, a loopback interface", LinkCooked, sll(772, 6), 0},
		{"cooked, a tunnel", LinkCooked, sll(1, 4), 0},
		{"cooked, cut", LinkCooked, sll(1, 6)[:15], 0},
		{"cooked version 2", LinkCooked2, sll2(1, 6), want},
		{"cooked version 2, a loopback interface", LinkCooked2, sll2(772, 6), 0},
		{"cooked version 2, a tunnel", LinkCooked2, sll2(1, 4), 0},
		{"cooked version 2, cut", LinkCooked2, sll2(1, 6)[:19], 0},
		{"raw", LinkRaw, ip4, 0},
		{"null", LinkNull, join("\x02\x00\x00\x00", ip4), 0},
		{"another link", 127, join(eth, 0x0800, ip4), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Packet{SrcMAC: 7} // of another frame
			if p.Decode(tt.link, tt.frame, len(tt.frame), 0); p.SrcMAC != tt.want {
				t.Errorf("got %012x, want %012x", p.SrcMAC, tt.want)
			}
		})
	}
}

func TestClass_String(t *testing.T) {
	for c, want := range map[Class]string{IPv4: "ipv4", IPv6: "ipv6", ARP: "arp", Other: "other", Malformed: "malformed",
		77: "invalid"} {
		if got := c.String(); got != want {
			t.Errorf("Class(%d) = %q, want %q", c, got, want)
		}
	}
}

// Every frame, cut anywhere, has one class, and is not read past its end.
func FuzzDecode(f *testing.F) {
	for _, frame := range [][]byte{join(macs, 0x0800, ip4), join(macs, 0x8100, 7, 0x86dd, ip6),
		join(macs, 0x8847, "\x00\x01\x01\x40", ip4), join(macs, 0x8864, "\x11\x00\x00\x01\x00\x1e\x00\x21", ip4)} {
		f.Add(uint16(1), frame, 0, uint8(1), uint16(1448))
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte, more int, gso uint8, size uint16) {
		wire := len(data) + more&0xffff
		var p Packet
		for n := range len(data) + 1 {
			cut := bytes.Clone(data[:n]) // with this capacity, so that a read past the end panics
			p.Decode(link, cut, wire, 0)
			if p.Class >= NumClasses || p.Wire != uint64(wire) || p.Frames != 1 {
				t.Fatalf("%d of %x: %+v", n, data, p)
			}
			if isIP := p.Class <= IPv6; isIP != (p.Reason == ReasonNone) || isIP != (p.Key() == "") || isIP != (p.Bytes > 0) {
				t.Fatalf("%d of %x: class %v and key %q", n, data, p.Class, p.Key())
			}
			if p.Unread(cut); p.Class <= ARP && (p.Offset() < 0 || p.Offset() > n) {
				t.Fatalf("%d of %x: begins at %d", n, data, p.Offset())
			}
			was := p
			p.Resegment(cut, gso, size, uint16(n))
			if p.Frames < 1 || p.Frames > 1 && p.Bytes < was.Bytes && was.Bytes > 65575 || p.Class != was.Class {
				t.Fatalf("%d of %x: resegmented %+v from %+v", n, data, p, was)
			}
		}
	})
}

package faults

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gonetmon/test/testnet"
)

func wireRows() []row {
	const holds = "each frame in its class, its bytes those of the outermost IP packet; the same with offloads on and off"
	all := []row{
		{name: "vlan", fault: "802.1Q, one to four tags", holds: holds, run: wire(vlan), beside: true},
		{name: "qinq", fault: "802.1ad, 0x9100 and 802.1Q, nested", holds: holds, run: wire(qinq), beside: true},
		{name: "pppoe", fault: "PPPoE, session and discovery", holds: holds, run: wire(pppoe), beside: true},
		{name: "mpls", fault: "MPLS, one to eight labels", holds: holds, run: wire(mpls), beside: true},
		{name: "fragments", fault: "IPv4 and IPv6 fragments", holds: holds, run: wire(fragments), beside: true},
		{name: "extensions", fault: "IPv6 with up to 64 extension headers", holds: holds, run: wire(extensions), beside: true},
		{name: "jumbo", fault: "frames of up to 65,549 bytes, and of 60 that are mostly padding", holds: holds, run: wire(jumbo), beside: true},
	}
	for _, m := range testnet.OffloadCases() {
		all = append(all, row{
			name:  "merged-" + strings.ReplaceAll(m.Name, " ", "-"),
			fault: "GRO, GSO and TSO: TCP in bulk, " + m.Name,
			holds: "frames and bytes are those of the wire, offloads on and off",
			run:   func(b *bench) string { return b.merged(m) }, beside: true,
		})
	}
	return all
}

func (b *bench) merged(m testnet.OffloadCase) string {
	var figures []string
	for _, on := range []bool{true, false} {
		n := testnet.NewOffloadNet(b, m, on)
		d := b.start(n.Here, "GONETMON_CIDR=192.168.2.0/24,2001:db8::/64,fe80::/10", "GONETMON_RING_SIZE=64MiB")
		p := n.Bulk(b, d.Daemon, int64(b.of(64, 1024))<<20)
		total, _ := d.captured()
		d.endAny(total)
		figures = append(figures, fmt.Sprintf("%s: %d frames, %d bytes of the wire from %d frames", map[bool]string{true: "on", false: "off"}[on], p.Frames, p.Bytes, p.Tap))
	}
	return strings.Join(figures, "; ")
}

// A crafted frame, and what must be counted of it.
type crafted struct {
	data  []byte
	class string
	ip    int // bytes; 0: none
}

var (
	wireHome4, wireHome6 = netip.MustParseAddr("192.168.2.7"), netip.MustParseAddr("2001:db8:2::7")
	wireClasses          = []string{"ipv4", "ipv6", "arp", "other", "malformed"}
)

// wire is a row that sends crafted frames with offloads on and off.
func wire(craft func() []crafted) func(b *bench) string {
	return func(b *bench) string {
		testnet.NeedCommand(b, "ethtool", "install ethtool")
		frames := craft()
		want := map[string]uint64{}
		times := b.of(100, 2000)
		var ip uint64
		for _, f := range frames {
			want[f.class] += uint64(times)
			ip += uint64(times * f.ip)
		}
		for _, is := range []string{"on", "off"} {
			here, there := testnet.NewPair(b)
			for n, i := range map[*testnet.Namespace]string{here: "mon0", there: "in0"} {
				n.Run(fmt.Sprintf("ethtool -K %s rxvlan %[2]s txvlan %[2]s rx-vlan-stag-hw-parse %[2]s tx-vlan-stag-hw-insert %[2]s gro %[2]s gso %[2]s tso %[2]s sg %[2]s rx %[2]s tx %[2]s", i, is))
			}
			d := b.start(here, "GONETMON_CIDR=192.168.2.0/24,2001:db8:2::/64")
			s := testnet.NewSender(there, "in0")
			for range times {
				for _, f := range frames {
					s.Send(f.data)
				}
			}
			d.settled(s.Sent)
			m := d.Metrics()
			for _, class := range wireClasses {
				if got := uint64(m[fmt.Sprintf(`gonetmon_frames_total{class="%s"}`, class)]); got != want[class] {
					b.Errorf("offloads %s: %d frames of class %s, want %d", is, got, class, want[class])
				}
			}
			var frameBytes uint64
			for _, class := range wireClasses {
				frameBytes += uint64(m[fmt.Sprintf(`gonetmon_frame_bytes_total{class="%s"}`, class)])
			}
			if got := uint64(m["network_bytes_total"]); got != ip || frameBytes != s.Bytes {
				b.Errorf("offloads %s: %d bytes of IP, want %d; %d bytes of frames, want %d", is, got, ip, frameBytes, s.Bytes)
			}
			d.end(s.Sent)
		}
		return fmt.Sprintf("%d kinds of frames, %d frames and %d bytes of IP, twice", len(frames), len(frames)*times, ip)
	}
}

// home4 and home6 are IP packets from a host here to one elsewhere, without a link header.
func home4(payload int) []byte { return testnet.UDP(wireHome4, away, payload)[14:] }
func home6(payload int) []byte { return testnet.UDP(wireHome6, away6, payload)[14:] }

// ethernet is a frame with a payload of a type, behind other headers if there are any.
func ethernet(typ uint16, payload []byte, before ...[]byte) []byte {
	b := slices.Concat([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, slices.Concat(before...))
	return append(binary.BigEndian.AppendUint16(b, typ), payload...)
}

// both are the frames that a function makes of an IPv4 and an IPv6 packet, which it gets with their Ethernet types.
func both(frame func(typ uint16, packet []byte) []byte) (all []crafted) {
	for _, payload := range []int{20, 500, 1400} {
		four, six := home4(payload), home6(payload)
		all = append(all, crafted{frame(0x0800, four), "ipv4", len(four)}, crafted{frame(0x86dd, six), "ipv6", len(six)})
	}
	return all
}

func tag(protocol, id uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, protocol), id)
}

func vlan() (all []crafted) {
	for depth := range 5 {
		var tags []byte
		for d := range depth {
			tags = append(tags, tag(0x8100, uint16(d+1))...)
		}
		all = append(all, both(func(typ uint16, packet []byte) []byte { return ethernet(typ, packet, tags) })...)
		all = append(all, crafted{ethernet(0x0806, make([]byte, 28), tags), "arp", 0})
	}
	return all
}

func qinq() (all []crafted) {
	for _, protocols := range [][]uint16{{0x88a8}, {0x88a8, 0x8100}, {0x9100, 0x8100}, {0x88a8, 0x88a8, 0x8100}, {0x9100, 0x9100}, {0x8100, 0x88a8}} {
		var tags []byte
		for i, p := range protocols {
			tags = append(tags, tag(p, uint16(i+1))...)
		}
		all = append(all, both(func(typ uint16, packet []byte) []byte { return ethernet(typ, packet, tags) })...)
	}
	return all
}

func pppoe() []crafted {
	session := func(protocol uint16, payload []byte) []byte {
		b := []byte{0x11, 0, 0, 1}
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)+2))
		return append(binary.BigEndian.AppendUint16(b, protocol), payload...)
	}
	protocols := map[uint16]uint16{0x0800: 0x0021, 0x86dd: 0x0057}
	all := both(func(typ uint16, packet []byte) []byte { return ethernet(0x8864, session(protocols[typ], packet)) })
	all = append(all, both(func(typ uint16, packet []byte) []byte {
		return ethernet(0x8864, session(protocols[typ], packet), tag(0x8100, 7))
	})...)
	return append(all,
		crafted{ethernet(0x8864, session(0xc021, make([]byte, 40))), "other", 0}, // LCP
		crafted{ethernet(0x8863, make([]byte, 46)), "other", 0},                  // discovery
	)
}

func mpls() (all []crafted) {
	for labels := 1; labels <= 8; labels++ {
		var stack []byte
		for i := range labels {
			bottom := byte(0)
			if i == labels-1 {
				bottom = 1
			}
			stack = append(stack, 0, byte(i), 0x10|bottom, 64)
		}
		for _, typ := range []uint16{0x8847, 0x8848} {
			all = append(all, both(func(_ uint16, packet []byte) []byte { return ethernet(typ, slices.Concat(stack, packet)) })...)
		}
	}
	return all
}

func fragments() (all []crafted) {
	for _, offset := range []uint16{0x2000, 0x2000 | 185, 185} { // more to come, more to come, the last
		four := home4(1400)
		binary.BigEndian.PutUint16(four[6:], offset)
		all = append(all, crafted{ethernet(0x0800, four), "ipv4", len(four)})
		six := home6(1400)
		header := []byte{six[6], 0, 0, byte(offset >> 13), 0, 0, 0, 1}
		binary.BigEndian.PutUint16(header[2:], offset<<3|offset>>13)
		six = slices.Concat(six[:40], header, six[40:])
		six[6] = 44
		binary.BigEndian.PutUint16(six[4:], uint16(len(six)-40))
		all = append(all, crafted{ethernet(0x86dd, six), "ipv6", len(six)})
	}
	return all
}

func extensions() (all []crafted) {
	for _, n := range []int{1, 2, 8, 63, 64} {
		six := home6(100)
		next, headers := six[6], []byte(nil)
		for i := range n {
			kind := byte(60) // destination options
			if i == n-1 {
				kind = 0 // hop by hop comes first
			}
			headers = slices.Concat([]byte{next, 0, 1, 4, 0, 0, 0, 0}, headers)
			next = kind
		}
		six = slices.Concat(six[:40], headers, six[40:])
		six[6] = next
		binary.BigEndian.PutUint16(six[4:], uint16(len(six)-40))
		all = append(all, crafted{ethernet(0x86dd, six), "ipv6", len(six)})
	}
	return all
}

func jumbo() (all []crafted) {
	for _, payload := range []int{1472, 8972, 16000, 65507} {
		four := home4(payload)
		all = append(all, crafted{ethernet(0x0800, four), "ipv4", len(four)})
		six := home6(min(payload, 65535-8-40))
		all = append(all, crafted{ethernet(0x86dd, six), "ipv6", len(six)})
	}
	return append(all, crafted{ethernet(0x0800, home4(0)), "ipv4", 28}) // testnet.UDP pads it to 60 bytes
}

package faults

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

func wireRows() []row {
	const expected = "each frame in its class, with the bytes of the outermost IP packet; the same with offloads on and off"
	return []row{
		{name: "tags", run: wire(vlan, qinq, pppoe, mpls), parallel: true,
			fault:    "802.1Q, 802.1ad and 0x9100 tags, nested; PPPoE; MPLS with up to eight labels",
			expected: expected},
		{name: "packets", run: wire(fragments, extensions, jumbo), parallel: true,
			fault:    "fragments, IPv6 with up to 64 extension headers, frames of 60 to 65,549 bytes",
			expected: expected},
		{name: "offloads", run: offloads, parallel: true,
			fault:    "GRO, GSO, TSO and BIG TCP: bulk TCP over IPv4, IPv6 and jumbo frames",
			expected: "frames and bytes are those of the wire, offloads on and off"},
	}
}

func offloads(b *bench) string {
	cases := testnet.OffloadCases()
	var names []string
	for _, c := range cases {
		names = append(names, c.Name)
	}
	return b.each(names, func(b *bench, i int) string { return b.offload(cases[i], true) + ", " + b.offload(cases[i], false) })
}

// offload sends TCP in bulk with offloads on or off.
func (b *bench) offload(c testnet.OffloadCase, on bool) string {
	n := testnet.NewOffloadNet(b, c, on)
	d := b.start(n.Here, "GONETMON_CIDR=192.168.2.0/24,2001:db8::/64,fe80::/10", "GONETMON_RING_SIZE=64MiB")
	p := n.Bulk(b, d.Daemon, int64(b.of(32, 1024))<<20)
	total, _ := d.captured()
	d.finishPartial(total)
	state := map[bool]string{true: "on", false: "off"}[on]
	return fmt.Sprintf("%d frames with %d bytes on the wire, %s captured as %d", p.Frames, p.Bytes, state, p.Captured)
}

// A crafted frame, and what must be counted for it.
type crafted struct {
	data  []byte
	class string
	ip    int // bytes; 0: none
}

var wireClasses = []string{"ipv4", "ipv6", "arp", "other", "malformed"}

// wire returns a row's func that sends crafted frames, kind by kind, with offloads on and off.
func wire(kinds ...func() []crafted) func(b *bench) string {
	return func(b *bench) string {
		testnet.NeedCommand(b, "ethtool", "install ethtool")
		times := b.of(50, 2000)
		frames, bytes := uint64(0), uint64(0)
		for _, state := range []string{"on", "off"} {
			here, there := testnet.NewPair(b)
			for n, i := range map[*testnet.Namespace]string{here: "mon0", there: "in0"} {
				n.Run(fmt.Sprintf("ethtool -K %s rxvlan %[2]s txvlan %[2]s rx-vlan-stag-hw-parse %[2]s tx-vlan-stag-hw-insert %[2]s "+
					"gro %[2]s gso %[2]s tso %[2]s sg %[2]s rx %[2]s tx %[2]s", i, state))
			}
			d := b.start(here, "GONETMON_CIDR=192.168.2.0/24,2001:db8:2::/64")
			s := testnet.NewSender(there, "in0")
			want := map[string]uint64{} // frames by class, and bytes of IP
			for i, kind := range kinds {
				sendCrafted(s, kind(), times, want)
				d.waitCounted(s.Sent)
				got, frameBytes := d.classes()
				if diff := cmp.Diff(want, got); diff != "" || frameBytes != s.Bytes {
					b.Errorf("offloads %s, kind %d: %d bytes of frames, want %d; frames by class and bytes of IP (-want +got):\n%s",
						state, i+1, frameBytes, s.Bytes, diff)
				}
			}
			d.finish(s.Sent)
			frames, bytes = s.Sent, want["ip bytes"]
		}
		return fmt.Sprintf("%d frames and %d bytes of IP, twice", frames, bytes)
	}
}

// sendCrafted sends all frames so many times, and adds what must be counted for them.
func sendCrafted(s *testnet.Sender, frames []crafted, times int, want map[string]uint64) {
	for range times {
		for _, f := range frames {
			s.Send(f.data)
			want[f.class]++
			want["ip bytes"] += uint64(f.ip)
		}
	}
}

// classes returns what is counted: frames by class and bytes of IP, as sendCrafted adds them, and the bytes of all frames.
func (d *daemon) classes() (got map[string]uint64, frameBytes uint64) {
	d.b.Helper()
	m := d.Metrics()
	got = map[string]uint64{"ip bytes": uint64(m["network_bytes_total"])}
	for _, class := range wireClasses {
		if n := uint64(m[fmt.Sprintf(`gonetmon_frames_total{class="%s"}`, class)]); n > 0 {
			got[class] = n
		}
		frameBytes += uint64(m[fmt.Sprintf(`gonetmon_frame_bytes_total{class="%s"}`, class)])
	}
	return got, frameBytes
}

// home4 and home6 return IP packets from a local host to a remote one, without a link header.
func home4(payload int) []byte { return testnet.UDP(known4, away, payload)[14:] }
func home6(payload int) []byte { return testnet.UDP(known6, away6, payload)[14:] }

// ethernet returns a frame with a payload of a type, behind other headers if any are given.
func ethernet(typ uint16, payload []byte, before ...[]byte) []byte {
	b := slices.Concat([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, slices.Concat(before...))
	return append(binary.BigEndian.AppendUint16(b, typ), payload...)
}

// both returns the frames that a func makes of IPv4 and IPv6 packets, which it gets with their Ethernet types.
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
	for _, protocols := range [][]uint16{{0x88a8}, {0x88a8, 0x8100}, {0x9100, 0x8100}, {0x88a8, 0x88a8, 0x8100},
		{0x9100, 0x9100}, {0x8100, 0x88a8}} {
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

package faults

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

// A crafted frame, and what must be counted for it.
type crafted struct {
	data  []byte
	class string
	ip    int // bytes; 0: none
}

var frameClasses = []string{"ipv4", "ipv6", "arp", "other", "malformed"}

// before are headers between the MACs and an IP packet, in hexadecimal. TYPE stands for the packet's Ethernet type, PPP for its
// PPP protocol and SIZE for its length with the latter.
var before = []string{
	"TYPE",
	"8100 0001 TYPE", "8100 0001 8100 0002 TYPE", "8100 0001 8100 0002 8100 0003 TYPE",
	"8100 0001 8100 0002 8100 0003 8100 0004 TYPE",
	"88a8 0001 TYPE", "88a8 0001 8100 0002 TYPE", "88a8 0001 88a8 0002 8100 0003 TYPE", "8100 0001 88a8 0002 TYPE",
	"9100 0001 8100 0002 TYPE", "9100 0001 9100 0002 TYPE",
	"8864 11000001 SIZE PPP", "8100 0007 8864 11000001 SIZE PPP",
	"8847 00001140", "8848 00001140", "8847 00001040 00002140", "8848 00001040 00002040 00003040 00004140",
	"8847 00001040 00002040 00003040 00004040 00005040 00006040 00007040 00008140",
}

// withoutIP are frames without an IP packet, from the type on, and their class.
var withoutIP = map[string]string{
	"0806": "arp", "8100 0001 0806": "arp", "8100 0001 8100 0002 8100 0003 8100 0004 0806": "arp",
	"8863": "other", "8864 11000001 002a c021": "other", // PPPoE's discovery, and LCP
}

const macs = "020000000002 020000000001 "

// craft makes a frame of headers in hexadecimal and a payload.
func craft(headers string, payload []byte) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(macs+headers, " ", ""))
	if err != nil {
		panic("faults: " + err.Error()) // they are ours
	}
	return append(b, payload...)
}

// home4 and home6 return IP packets from a local host to a remote one.
func home4(payload int) []byte { return testnet.UDP(known4, away, payload)[14:] }
func home6(payload int) []byte { return testnet.UDP(known6, away6, payload)[14:] }

// encapsulated returns IP packets behind all headers.
func encapsulated() (all []crafted) {
	for _, headers := range before {
		for _, payload := range []int{20, 500, 1400} {
			four, six := home4(payload), home6(payload)
			fill := func(typ, ppp string, packet []byte) []byte {
				size := fmt.Sprintf("%04x", len(packet)+2)
				return craft(strings.NewReplacer("TYPE", typ, "PPP", ppp, "SIZE", size).Replace(headers), packet)
			}
			all = append(all, crafted{fill("0800", "0021", four), "ipv4", len(four)}, crafted{fill("86dd", "0057", six), "ipv6", len(six)})
		}
	}
	for headers, class := range withoutIP {
		all = append(all, crafted{craft(headers, make([]byte, 46)), class, 0})
	}
	return all
}

// extended inserts extension headers into an IPv6 packet; next is the type of the first.
func extended(six []byte, next byte, headers ...byte) []byte {
	six = slices.Concat(six[:40], headers, six[40:])
	six[6] = next
	binary.BigEndian.PutUint16(six[4:], uint16(len(six)-40))
	return six
}

// unusual returns IP packets that are fragments, have extension headers, or have all lengths up to the maximum.
func unusual() (all []crafted) {
	add := func(four, six []byte) {
		if four != nil {
			all = append(all, crafted{craft("0800", four), "ipv4", len(four)})
		}
		all = append(all, crafted{craft("86dd", six), "ipv6", len(six)})
	}
	for _, offset := range []uint16{0x2000, 0x2000 | 185, 185} { // more to come, more to come, the last
		four, six := home4(1400), home6(1400)
		binary.BigEndian.PutUint16(four[6:], offset)
		field := offset<<3 | offset>>13
		add(four, extended(six, 44, six[6], 0, byte(field>>8), byte(field), 0, 0, 0, 1))
	}
	for _, n := range []int{1, 2, 8, 63, 64} {
		six := home6(100)
		headers := []byte{six[6], 0, 1, 4, 0, 0, 0, 0} // the last one
		for range n - 1 {
			headers = append([]byte{60, 0, 1, 4, 0, 0, 0, 0}, headers...) // 60: destination options follow
		}
		add(nil, extended(six, 0, headers...)) // 0: hop-by-hop options come first
	}
	for _, payload := range []int{1472, 8972, 16000, 65507} {
		add(home4(payload), home6(min(payload, 65535-8-40)))
	}
	return append(all, crafted{craft("0800", home4(0)), "ipv4", 28}) // testnet.UDP pads it to 60 bytes
}

// classes returns what is counted: frames by class and bytes of IP, and the bytes of all frames.
func (d *daemon) classes() (got map[string]uint64, frameBytes uint64) {
	d.b.Helper()
	m := d.Metrics()
	got = map[string]uint64{"ip bytes": uint64(m["network_bytes_total"])}
	for _, class := range frameClasses {
		if n := uint64(m[fmt.Sprintf(`gonetmon_frames_total{class="%s"}`, class)]); n > 0 {
			got[class] = n
		}
		frameBytes += uint64(m[fmt.Sprintf(`gonetmon_frame_bytes_total{class="%s"}`, class)])
	}
	return got, frameBytes
}

func headers(b *bench) string {
	testnet.NeedCommand(b, "ethtool", "install ethtool")
	return b.each([]string{"offloads on", "offloads off"}, func(b *bench, i int) string {
		state := []string{"on", "off"}[i]
		here, there := testnet.NewPair(b)
		for n, iface := range map[*testnet.Namespace]string{here: "mon0", there: "in0"} {
			n.Run(fmt.Sprintf("ethtool -K %s rxvlan %[2]s txvlan %[2]s rx-vlan-stag-hw-parse %[2]s tx-vlan-stag-hw-insert %[2]s "+
				"gro %[2]s gso %[2]s tso %[2]s sg %[2]s rx %[2]s tx %[2]s", iface, state))
		}
		d := b.start(here, "GONETMON_CIDR=192.168.2.0/24,2001:db8:2::/64")
		s := testnet.NewSender(there, "in0")
		want := map[string]uint64{}
		for _, frames := range [][]crafted{encapsulated(), unusual()} {
			for range b.of(50, 2000) {
				for _, f := range frames {
					s.Send(f.data)
					want[f.class]++
					want["ip bytes"] += uint64(f.ip)
				}
			}
			d.waitCounted(s.Sent)
			got, frameBytes := d.classes()
			if diff := cmp.Diff(want, got); diff != "" || frameBytes != s.Bytes {
				b.Errorf("%d bytes of frames, want %d; frames by class and bytes of IP (-want +got):\n%s", frameBytes, s.Bytes, diff)
			}
		}
		return fmt.Sprintf("%s, %d bytes of IP", d.finish(s.Sent), want["ip bytes"])
	})
}

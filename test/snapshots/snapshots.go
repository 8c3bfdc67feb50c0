// Package snapshots makes snapshots of networks for the tests of what shows them. Only tests import it.
package snapshots

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/mac"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/packet"
	"gonetmon/app/traffic"
)

// Start is when the counting of all snapshots started.
var Start = time.Date(2026, 11, 23, 14, 3, 0, 0, time.UTC)

// Totals returns counters of so many bytes, in packets of at most 1,000 bytes.
func Totals(outInternet, outLAN, outMulticast, inInternet, inLAN uint64) (t traffic.Totals) {
	count := func(bytes uint64) traffic.Count { return traffic.Count{Bytes: bytes, Packets: (bytes + 999) / 1000} }
	t.Out = [3]traffic.Count{count(outInternet), count(outLAN), count(outMulticast)}
	t.In = [2]traffic.Count{count(inInternet), count(inLAN)}
	return t
}

// Addrs parses addresses.
func Addrs(texts ...string) (all []netip.Addr) {
	for _, t := range texts {
		all = append(all, netip.MustParseAddr(t))
	}
	return all
}

// Home returns a small network two minutes after the start. Its parts add up to its whole.
func Home() *device.Snapshot {
	s := &device.Snapshot{
		Time: Start.Add(2 * time.Minute), Start: Start,
		Devices: []device.Device{
			{ID: 1, Name: "192.168.1.77", Source: names.SourceAddress, Hosts: Addrs("192.168.1.77"),
				MAC:    mac.Addr{0xda, 0xa1, 0x19, 1, 2, 3},
				Totals: Totals(512, 0, 0, 0, 0), First: Start.Add(3 * time.Second), Last: Start.Add(4500 * time.Millisecond)},
			{ID: 2, Name: "nas.fritz.box", Source: names.SourcePTR, Hosts: Addrs("192.168.1.2", "fd00::2", "fe80::211:32ff:fe12:3456"),
				MAC: mac.Addr{0x00, 0x11, 0x32, 0x12, 0x34, 0x56}, Vendor: "Synology", Kind: "NAS",
				Totals: Totals(120_000, 8_400_000_000, 31_000, 2_400_000, 96_000_000),
				First:  Start.Add(time.Second), Last: Start.Add(2 * time.Minute), InRate: 1_200_000, OutRate: 95_000_000,
				InternetInRate: 200_000, InternetOutRate: 12_000},
			{ID: 3, Name: "old-phone.fritz.box", Source: names.SourceMDNS, Totals: Totals(7_000, 0, 300, 90_000, 0), // was renamed
				First: Start.Add(time.Second), Last: Start.Add(30 * time.Second)},
			{ID: 4, Name: "printer.fritz.box", Source: names.SourcePTR, Hosts: Addrs("192.168.1.9"), Kind: "printer"},
			{ID: 5, Name: "tv.fritz.box", Source: names.SourceDHCP, Hosts: Addrs("192.168.1.30", "2001:db8::30"),
				MAC: mac.Addr{0x00, 0x09, 0xb0, 0xaa, 0xbb, 0xcc}, Vendor: "D&M Holdings",
				Totals: Totals(9_800_000, 0, 4_100, 612_000_000, 0),
				First:  Start.Add(2 * time.Second), Last: Start.Add(119 * time.Second), InRate: 3_100_000, OutRate: 48_000,
				InternetInRate: 3_100_000, InternetOutRate: 47_000},
		},
		Overflow:  Totals(1000, 0, 0, 2000, 0),
		Waiting:   Totals(0, 0, 340, 0, 0),
		Forgotten: Totals(0, 1_000_000, 0, 0, 8_305_000_000), // the other ends of what the nas sent and received
		Hosts:     7, Limit: 4096,
		Tables: []device.TableUsage{{Name: "hosts", Used: 7, Limit: 4096}, {Name: "neighbours", Used: 3, Limit: 4096},
			{Name: "macs", Used: 6, Limit: 4096}, {Name: "devices", Used: 5, Limit: 8192}},
	}
	// A packet between two hosts of the LAN is counted once here, and by both of them above.
	s.Network[traffic.IPv4] = [traffic.NumScopes]traffic.Count{
		{Bytes: 600_000_000, Packets: 600_000}, {Bytes: 8_000_000_000, Packets: 8_000_000},
		{Bytes: 31_000, Packets: 31}, {Bytes: 4_000_000_000, Packets: 4_000_000}}
	s.Network[traffic.IPv6] = [traffic.NumScopes]traffic.Count{{Bytes: 24_420_512, Packets: 25_000},
		{Bytes: 401_000_000, Packets: 401_000}, {Bytes: 4_740, Packets: 6}}
	return s
}

// HostileNames are names that no device may have, and that must do no harm.
var HostileNames = []string{
	`quote"`, "new\nline", `back\slash`, "bad\xffutf8", "bad\xfeutf8", "bad\ufffdutf8", "bad\ufffdffutf8",
	"cut\xe2\x82", "nul\x00", "cr\r",
	"<script>alert(1)</script>", "{{.}}", `"} 1` + "\nnode_bytes_total 7\n", `\`, `\\`, `\n`, `\"`, "", " ", "ünï", "\u2028",
	strings.Repeat("x", 300),
}

// Hostile returns Home with other devices, which have hostile names, vendors, kinds and sources.
func Hostile() *device.Snapshot {
	s := Home()
	var all []device.Device
	for i, name := range HostileNames {
		all = append(all, device.Device{ID: uint64(i) + 1, Name: name, Source: name, Vendor: name, Kind: name,
			Hosts:  Addrs(fmt.Sprint("10.0.0.", i)),
			Totals: Totals(uint64(i), 1, 2, 3, 4), First: Start, Last: Start})
	}
	s.Devices = all
	return s
}

// Two returns Home with two other devices, or one if they have the same name. Each has the other's name as its vendor and kind.
func Two(name, other string) *device.Snapshot {
	if name > other {
		name, other = other, name
	}
	all := []device.Device{{
		ID: 1, Name: name, Vendor: other, Kind: other, Source: name, Hosts: Addrs("10.0.0.1"), Totals: Totals(1, 0, 0, 0, 0),
	}}
	if name != other {
		all = append(all, device.Device{
			ID: 2, Name: other, Vendor: name, Kind: name, Hosts: Addrs("10.0.0.2", "fe80::2"), Totals: Totals(2, 0, 0, 0, 0),
		})
	}
	s := Home()
	s.Devices = all
	return s
}

// Crowd returns a network of n devices, each with traffic of all scopes.
func Crowd(n int) *device.Snapshot {
	s := &device.Snapshot{Time: Start.Add(time.Hour), Start: Start, Hosts: n, Limit: n}
	all := make([]device.Device, n)
	for i := range all {
		u := uint64(i)
		all[i] = device.Device{
			ID: u + 1, Name: fmt.Sprintf("device-%06d.home.example.net", i), Source: names.SourcePTR,
			Hosts:  []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})},
			Totals: Totals(1e9+u, 2e9+u, 3e6+u, 4e9+u, 5e9+u),
			First:  Start.Add(time.Duration(i) * time.Millisecond), Last: Start.Add(time.Hour),
			InRate: float64(i), OutRate: float64(i) / 2, InternetInRate: float64(i) / 2,
		}
	}
	s.Devices = all
	return s
}

// Meters returns the state of two interfaces, one of which does not exist.
func Meters() []meter.Status {
	m := []meter.Status{
		{Interface: "eth1", Stats: capture.Stats{Frames: 9_000_000, Drops: 12, Attached: 2, Up: true}},
		{Interface: "eth2", Stats: capture.Stats{Attached: 0, Reason: "no such interface"}},
	}
	for c := range m[0].Classes {
		frames := uint64(packet.NumClasses) - uint64(c)
		m[0].Classes[c] = meter.Class{Frames: frames, Bytes: 100 * frames}
	}
	m[1].Classes[packet.ARP] = meter.Class{Frames: 1, Bytes: 42}
	return m
}

// Why returns the evidence for the devices of Home: n lines for the nas, one for others, and one that is hostile.
func Why(n int) map[string][]string {
	why := map[string][]string{
		"192.168.1.77": {"192.168.1.77: da:a1:19:01:02:03 sends from it"},
		"tv.fritz.box": {"192.168.1.30: <b>\u00fc sends from it"},
	}
	for i := range n {
		why["nas.fritz.box"] = append(why["nas.fritz.box"], fmt.Sprintf("fd00::%x: 00:11:32:12:34:56 sends from it", i+2))
	}
	return why
}

package export

import (
	"flag"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/packet"
	"gonetmon/app/traffic"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// golden compares got with a file of testdata, or writes that.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

var start = time.Date(2026, 11, 23, 14, 3, 0, 0, time.UTC)

func totals(outInternet, outLAN, outMulticast, inInternet, inLAN uint64) (t traffic.Totals) {
	count := func(bytes uint64) traffic.Count { return traffic.Count{Bytes: bytes, Packets: (bytes + 999) / 1000} }
	t.Out = [3]traffic.Count{count(outInternet), count(outLAN), count(outMulticast)}
	t.In = [2]traffic.Count{count(inInternet), count(inLAN)}
	return t
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, t := range texts {
		all = append(all, netip.MustParseAddr(t))
	}
	return all
}

// home is a small network two minutes after the start.
func home() *device.Snapshot {
	s := &device.Snapshot{
		Time: start.Add(2 * time.Minute), Start: start,
		Devices: device.Pack([]device.Device{
			{Name: "192.168.1.77", Source: device.SourceAddress, Hosts: addrs("192.168.1.77"),
				MAC:    names.MAC{0xda, 0xa1, 0x19, 1, 2, 3},
				Totals: totals(512, 0, 0, 0, 0), First: start.Add(3 * time.Second), Last: start.Add(4500 * time.Millisecond)},
			{Name: "nas.fritz.box", Source: device.SourcePTR, Hosts: addrs("192.168.1.2", "fd00::2", "fe80::211:32ff:fe12:3456"),
				MAC: names.MAC{0x00, 0x11, 0x32, 0x12, 0x34, 0x56}, Vendor: "Synology",
				Totals: totals(120_000, 8_400_000_000, 31_000, 2_400_000, 96_000_000),
				First:  start.Add(time.Second), Last: start.Add(2 * time.Minute), InRate: 1_200_000, OutRate: 95_000_000},
			{Name: "old-phone.fritz.box", Source: device.SourceMDNS, Totals: totals(7_000, 0, 300, 90_000, 0), // has got another name
				First: start.Add(time.Second), Last: start.Add(30 * time.Second)},
			{Name: "printer.fritz.box", Source: device.SourcePTR, Hosts: addrs("192.168.1.9")},
			{Name: "tv.fritz.box", Source: device.SourceDHCP, MAC: names.MAC{0x00, 0x09, 0xb0, 0xaa, 0xbb, 0xcc}, Vendor: "D&M Holdings", Hosts: addrs("192.168.1.30", "2001:db8::30"),
				Totals: totals(9_800_000, 0, 4_100, 612_000_000, 0),
				First:  start.Add(2 * time.Second), Last: start.Add(119 * time.Second), InRate: 3_100_000, OutRate: 48_000},
		}...),
		Overflow:  totals(1000, 0, 0, 2000, 0),
		Waiting:   totals(0, 0, 340, 0, 0),
		Forgotten: totals(0, 1_000_000, 0, 0, 8_305_000_000), // the other ends of what the nas sent and received
		Hosts:     7, Limit: 65536,
		Tables: []device.Table{{Name: "hosts", Used: 7, Limit: 65536}, {Name: "neighbours", Used: 3, Limit: 65536},
			{Name: "macs", Used: 6, Limit: 65536}, {Name: "devices", Used: 5, Limit: 131072}},
	}
	// What hosts of the LAN send each other is moved by two of them, and counted once here.
	s.Network[traffic.IPv4] = [traffic.NumScopes]traffic.Count{{Bytes: 600_000_000, Packets: 600_000}, {Bytes: 8_000_000_000, Packets: 8_000_000},
		{Bytes: 31_000, Packets: 31}, {Bytes: 4_000_000_000, Packets: 4_000_000}}
	s.Network[traffic.IPv6] = [traffic.NumScopes]traffic.Count{{Bytes: 24_420_512, Packets: 25_000},
		{Bytes: 401_000_000, Packets: 401_000}, {Bytes: 4_740, Packets: 6}}
	return s
}

func meters() []meter.Status {
	m := []meter.Status{
		{Interface: "eth1", Stats: capture.Stats{Frames: 9_000_000, Drops: 12, Attached: 2, Up: true}},
		{Interface: "eth2", Stats: capture.Stats{Attached: 0, Why: "no such interface"}},
	}
	for c := range m[0].Classes {
		m[0].Classes[c] = meter.Class{Frames: uint64(packet.NumClasses) - uint64(c), Bytes: 100 * (uint64(packet.NumClasses) - uint64(c))}
	}
	m[1].Classes[packet.ARP] = meter.Class{Frames: 1, Bytes: 42}
	return m
}

func lookups() names.Stats {
	s := names.Stats{Queries: 41, Refused: 1, InFlight: 2, Waiting: 3, Remembered: 8}
	s.Failures[names.Timeout] = 5
	return s
}

func facts() Facts {
	f := Facts{Taps: []ControlTap{{Interface: "eth1", Frames: 2_204, Drops: 7}, {Interface: "eth2"}}}
	f.Facts = [names.NumProtocols]uint64{names.ARP: 1_890, names.NDP: 212, names.DHCP: 31, names.DHCPv6: 2, names.MDNS: 95}
	f.Malformed = [names.NumProtocols]uint64{names.DHCP: 1}
	f.Refused = [names.NumProtocols]uint64{names.DHCP: 2, names.MDNS: 4}
	return f
}

// crowd is a network of n devices that all use all scopes.
func crowd(n int) *device.Snapshot {
	s := &device.Snapshot{Time: start.Add(time.Hour), Start: start, Hosts: n, Limit: n}
	all := make([]device.Device, n)
	for i := range all {
		u := uint64(i)
		all[i] = device.Device{
			Name: fmt.Sprintf("device-%06d.home.example.net", i), Source: device.SourcePTR,
			Hosts:  []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})},
			Totals: totals(1e9+u, 2e9+u, 3e6+u, 4e9+u, 5e9+u),
			First:  start.Add(time.Duration(i) * time.Millisecond), Last: start.Add(time.Hour),
			InRate: float64(i), OutRate: float64(i) / 2,
		}
	}
	s.Devices = device.Pack(all...)
	return s
}

// lookAt looks at snapshots.
func lookAt(now func() *device.Snapshot) Look {
	return func(fn func(*device.Snapshot, iter.Seq[*device.Device])) {
		s := now()
		fn(s, s.Devices.All())
	}
}

func ownPage(s *device.Snapshot) *Page {
	return NewPage(PageConfig{
		Snapshot: func() *device.Snapshot { return s },
		Meters:   meters, Names: lookups, Facts: facts,
		Process: process,
		Version: "v1.2.3", Revision: "0123456", Own: true,
	})
}

func process() (ProcessStats, error) {
	return ProcessStats{
		Start: start, Processor: 3200 * time.Millisecond, Threads: 7, Files: 14, MaxFiles: 1024,
		Resident: 20 << 20, ResidentPeak: 21 << 20, ResidentAnon: 8 << 20, Virtual: 1200 << 20,
	}, nil
}

package metrics

import (
	"time"

	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/rdns"
	"gonetmon/app/store"
	"gonetmon/test/snapshots"
)

func lookups() rdns.Stats {
	s := rdns.Stats{Queries: 41, NamesRefused: 1, InFlight: 2, Queued: 3, Cached: 8}
	s.Failures[rdns.Timeout] = 5
	return s
}

func control() ControlStats {
	s := ControlStats{Taps: []ControlTap{{Interface: "eth1", Frames: 2_204, Drops: 7}, {Interface: "eth2"}}}
	s.Facts = [discovery.NumProtocols]uint64{
		discovery.ARP: 1_890, discovery.NDP: 212, discovery.DHCP: 31, discovery.DHCPv6: 2, discovery.MDNS: 95,
	}
	s.Malformed = [discovery.NumProtocols]uint64{discovery.DHCP: 1}
	s.NamesRefused = [discovery.NumProtocols]uint64{discovery.DHCP: 2, discovery.MDNS: 4}
	return s
}

func process() (ProcessStats, error) {
	return ProcessStats{
		Start: snapshots.Start, CPU: 3200 * time.Millisecond, Threads: 7, Files: 14, MaxFiles: 1024,
		Resident: 20 << 20, ResidentPeak: 21 << 20, ResidentAnon: 8 << 20, Virtual: 1200 << 20,
	}, nil
}

func kept() store.Status { return store.Status{Kept: true, Saved: snapshots.Start.Add(time.Minute)} }

// ownFamilies returns the exposition of s without the metrics of Go.
func ownFamilies(s *device.Snapshot) *Exposition {
	return NewExposition(Config{
		Snapshot: func() *device.Snapshot { return s },
		Meters:   snapshots.Meters, Names: lookups, Control: control, Process: process, Usage: snapshots.Usage, Store: kept,
		Version: "v1.2.3", Revision: "0123456", OmitGoMetrics: true,
	})
}

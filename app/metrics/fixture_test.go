package metrics

import (
	"time"

	"gonetmon/app/device"
	"gonetmon/app/names"
	"gonetmon/test/snapshots"
)

func lookups() names.Stats {
	s := names.Stats{Queries: 41, Refused: 1, InFlight: 2, Waiting: 3, Remembered: 8}
	s.Failures[names.Timeout] = 5
	return s
}

func control() ControlStats {
	s := ControlStats{Taps: []ControlTap{{Interface: "eth1", Frames: 2_204, Drops: 7}, {Interface: "eth2"}}}
	s.Facts = [names.NumProtocols]uint64{names.ARP: 1_890, names.NDP: 212, names.DHCP: 31, names.DHCPv6: 2, names.MDNS: 95}
	s.Malformed = [names.NumProtocols]uint64{names.DHCP: 1}
	s.Refused = [names.NumProtocols]uint64{names.DHCP: 2, names.MDNS: 4}
	return s
}

func process() (ProcessStats, error) {
	return ProcessStats{
		Start: snapshots.Start, Processor: 3200 * time.Millisecond, Threads: 7, Files: 14, MaxFiles: 1024,
		Resident: 20 << 20, ResidentPeak: 21 << 20, ResidentAnon: 8 << 20, Virtual: 1200 << 20,
	}, nil
}

// ownFamilies returns the exposition of s without the metrics of Go.
func ownFamilies(s *device.Snapshot) *Exposition {
	return NewExposition(Config{
		Snapshot: func() *device.Snapshot { return s },
		Meters:   snapshots.Meters, Names: lookups, Control: control, Process: process,
		Version: "v1.2.3", Revision: "0123456", OmitGoMetrics: true,
	})
}

package device

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

// A Snapshot is the state of a Registry at one moment. It is shared by all readers and must not be changed. All of it counts the
// same packets: the totals of the devices, Overflow, Waiting and Forgotten add up to those of all hosts.
type Snapshot struct {
	Time      time.Time // of the snapshot
	Start     time.Time // of the counting
	Devices   []Device  // sorted by name
	Former    []Device  // that are known only by their ID, MAC, kind and former name, and when they were seen; by ID
	Network   traffic.Network
	Overflow  traffic.Totals // of hosts over the limit
	Waiting   traffic.Totals // of devices that are not shown yet, because their name is still being looked up
	Forgotten traffic.Totals // of expired devices
	Hosts     int            // counted
	Limit     int            // of hosts
	Tables    []TableUsage   // how full the tables of the registry are
}

// NumAddressed counts the devices that have an address.
func (s *Snapshot) NumAddressed() (n int) {
	for i := range s.Devices {
		if len(s.Devices[i].Hosts) > 0 {
			n++
		}
	}
	return n
}

// TableUsage is how full a table of the registry is.
type TableUsage struct {
	Name        string
	Used, Limit int // entries
}

// Snapshot returns the state as of the last Update. The first call after an Update builds it, the others share it. It is safe
// for concurrent use.
func (r *Registry) Snapshot() *Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.snapshot == nil {
		r.snapshot = r.newSnapshot()
	}
	return r.snapshot
}

func (r *Registry) newSnapshot() *Snapshot {
	s := &Snapshot{
		Time: r.lastUpdate, Start: r.cfg.Start, Devices: r.devices(), Former: r.formerDevices(),
		Network: r.network, Overflow: r.overflow, Forgotten: r.forgotten,
		Hosts: r.counted, Limit: r.cfg.Limit,
		Tables: []TableUsage{
			{"hosts", r.counted, r.cfg.Limit},
			{"neighbours", len(r.hosts) - r.counted, r.cfg.Limit},
			{"macs", len(r.stations), r.cfg.Limit},
			{"devices", len(r.series), seriesPerHost * r.cfg.Limit},
		},
	}
	for _, g := range r.waiting {
		if g.pending != nil {
			s.Waiting.Add(&g.pending.totals)
		}
		for _, h := range g.hosts {
			if h.pending != nil {
				s.Waiting.Add(&h.pending.totals)
			}
		}
	}
	for _, h := range r.doubts {
		if h.pending != nil && h.group != nil && !h.group.waits {
			s.Waiting.Add(&h.pending.totals)
		}
	}
	return s
}

// devices describes all series, sorted by name.
func (r *Registry) devices() []Device {
	all := make([]Device, 0, len(r.series))
	hosts := make([]netip.Addr, 0, r.counted) // of all devices
	for _, name := range slices.Sorted(maps.Keys(r.series)) {
		s := r.series[name]
		d := Device{
			ID: s.id, Name: s.name, Source: s.source, Totals: s.totals, First: s.known, Last: s.last,
			InRate: s.in.value, OutRate: s.out.value, InternetInRate: s.inetIn.value, InternetOutRate: s.inetOut.value,
		}
		if !s.last.IsZero() {
			d.Idle = r.now.Sub(s.seen)
		}
		if g := s.group; g != nil {
			d.Source = g.source
			from := len(hosts)
			for _, h := range g.hosts {
				hosts = append(hosts, h.addr)
			}
			d.Hosts = slices.Clip(hosts[from:])
			d.MAC, d.Kind = g.mac(), g.kind()
			d.Vendor = mac.Vendor(d.MAC)
		}
		if len(d.Hosts) == 0 {
			d.Known = s.had
		}
		all = append(all, d)
	}
	return all
}

// formerDevices describes the devices that are not shown any more.
func (r *Registry) formerDevices() (all []Device) {
	for _, id := range slices.Sorted(maps.Keys(r.former)) {
		rec := r.former[id]
		d := Device{ID: id, Name: rec.Label, Source: rec.Source, Kind: rec.Kind, First: rec.First, Last: rec.Last}
		if len(rec.Stations) > 0 {
			d.MAC = rec.Stations[0].MAC
			d.Vendor = mac.Vendor(d.MAC)
		}
		all = append(all, d)
	}
	return all
}

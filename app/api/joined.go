package api

import (
	"cmp"
	"slices"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/traffic"
	"gonetmon/app/usage"
)

// A joined is one device of a snapshot, with the counts under all names that it has had.
type joined struct {
	*device.Device // under the name to show: the one with addresses, or else the one seen last
	totals         traffic.Totals
	rates          Rates
	first, last    time.Time
	idle           time.Duration // since last
}

// join joins the devices of a snapshot by ID, sorted by name.
func join(s *device.Snapshot) []*joined {
	all, byID := make([]*joined, 0, len(s.Devices)), make(map[uint64]*joined, len(s.Devices))
	for i := range s.Devices {
		d := &s.Devices[i]
		j := byID[d.ID]
		if j == nil {
			j = &joined{Device: d}
			byID[d.ID], all = j, append(all, j)
		}
		j.add(d)
	}
	slices.SortFunc(all, func(a, b *joined) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// joinUsed is join, and adds the former devices that have moved something.
func joinUsed(s *device.Snapshot, use map[uint64]usage.Use) []*joined {
	all := join(s)
	known := make(map[uint64]bool, len(all))
	for _, j := range all {
		known[j.ID] = true
	}
	for i := range s.Former {
		if d := &s.Former[i]; !known[d.ID] && use[d.ID] != (usage.Use{}) {
			all = append(all, formerly(s, d))
		}
	}
	return all
}

func formerly(s *device.Snapshot, d *device.Device) *joined {
	return &joined{Device: d, first: d.First, last: d.Last, idle: max(0, s.Time.Sub(d.Last))}
}

// find returns the device with an ID, also a former one; nil if there is none.
func find(s *device.Snapshot, id uint64) (j *joined) {
	for i := range s.Devices {
		if d := &s.Devices[i]; d.ID == id {
			if j == nil {
				j = &joined{Device: d}
			}
			j.add(d)
		}
	}
	for i := range s.Former {
		if d := &s.Former[i]; d.ID == id && j == nil {
			j = formerly(s, d)
		}
	}
	return j
}

// add adds what a device has under one name.
func (j *joined) add(d *device.Device) {
	j.totals.Add(&d.Totals)
	j.rates.add(ratesOf(d))
	if !d.First.IsZero() && (j.first.IsZero() || d.First.Before(j.first)) {
		j.first = d.First
	}
	if d.Last.After(j.last) {
		j.last, j.idle = d.Last, d.Idle
	}
	if d.Supersedes(j.Device) {
		j.Device = d
	}
}

// Package report prints tables for people, and lists of devices as JSON. It knows nothing of how traffic is counted or how
// devices are named.
package report

import (
	"cmp"
	"context"
	"io"
	"math"
	"slices"
	"time"

	"gonetmon/app/device"
)

// maxRows is how many devices a report lists: more than an ordinary network has. Otherwise forged addresses could fill
// the disk.
const maxRows = 256

// A Report prints which devices had traffic, at regular intervals.
type Report struct {
	w        io.Writer
	every    time.Duration
	snapshot func() *device.Snapshot
	last     baselines // as of the last report
}

// baselines are the counters at one time.
type baselines struct {
	time     time.Time
	devices  map[string]baseline
	overflow baseline
}

type baseline struct {
	first   time.Time // when the device was first seen
	in, out uint64    // bytes
}

func baselineOf(d *device.Device) baseline {
	return baseline{d.First, d.Totals.Received().Bytes, d.Totals.Sent().Bytes}
}

// NewReport returns a report to w. Run needs an interval above 0.
func NewReport(w io.Writer, every time.Duration, snapshot func() *device.Snapshot) *Report {
	return &Report{w: w, every: every, snapshot: snapshot}
}

// Run prints at the end of each interval until ctx ends.
func (r *Report) Run(ctx context.Context) error {
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			r.Print(now)
		case <-ctx.Done():
			return nil
		}
	}
}

// Print prints, with one Write, what was counted since the last call, or since the start. Beyond 256 devices those with
// the least traffic share a row. It must not be called while Run is running.
func (r *Report) Print(now time.Time) {
	s := r.snapshot()
	writeTraffic(r.w, now, r.last, s, maxRows)
	r.last = baselines{time: s.Time, devices: make(map[string]baseline, len(s.Devices)), overflow: baselineOf(overflow(s))}
	for i := range s.Devices {
		d := &s.Devices[i]
		r.last.devices[d.Name] = baselineOf(d)
	}
}

// WriteTable writes the same table of all that was counted since the start, with a row for each device.
func WriteTable(w io.Writer, s *device.Snapshot) {
	writeTraffic(w, s.Time, baselines{}, s, math.MaxInt)
}

// overflow returns the addresses over the limit as if they were a device.
func overflow(s *device.Snapshot) *device.Device {
	return &device.Device{Name: overLimit, Totals: s.Overflow}
}

// usage is what a device used in an interval.
type usage struct {
	name, address string
	in, out       uint64 // bytes
}

// writeTraffic writes the table of what was counted from one time to a snapshot, highest usage first.
func writeTraffic(w io.Writer, now time.Time, from baselines, to *device.Snapshot, maxRows int) {
	if from.time.IsZero() {
		from.time = to.Start
	}
	interval := to.Time.Sub(from.time)
	var all []usage
	for i := range to.Devices {
		d := &to.Devices[i]
		if u := used(d, from.devices[d.Name]); u.in+u.out > 0 {
			all = append(all, u)
		}
	}
	count := len(all)
	all = limit(all, maxRows)
	if u := used(overflow(to), from.overflow); u.in+u.out > 0 {
		all = append(all, u)
	}
	t := table{titles: []string{"device", "address", "in", "out", "in rate", "out rate"}, left: 2}
	var in, out uint64
	for _, u := range all {
		in, out = in+u.in, out+u.out
		t.add(printable(u.name, maxName), u.address, inBytes(u.in), inBytes(u.out), rate(u.in, interval), rate(u.out, interval))
	}
	heading := "no traffic"
	if len(all) > 0 {
		heading = headingOf(count, in, out)
	}
	t.write(w, period(now, interval)+"  "+heading)
}

// used returns what a device used since a baseline. If it has expired and come back since, its counters started at 0 again.
func used(d *device.Device, since baseline) usage {
	now := baselineOf(d)
	if now.first.After(since.first) || now.in < since.in || now.out < since.out {
		since = baseline{}
	}
	return usage{d.Name, addresses(d.Hosts, 0), now.in - since.in, now.out - since.out}
}

// limit sorts by usage, highest first, and joins those behind the first maxRows into one.
func limit(all []usage, maxRows int) []usage {
	slices.SortFunc(all, func(a, b usage) int {
		return cmp.Or(cmp.Compare(b.in+b.out, a.in+a.out), cmp.Compare(a.name, b.name))
	})
	if len(all) <= maxRows {
		return all
	}
	rest := usage{name: "(" + countDevices(len(all)-maxRows) + " more)"}
	for _, u := range all[maxRows:] {
		rest.in, rest.out = rest.in+u.in, rest.out+u.out
	}
	return append(all[:maxRows], rest)
}

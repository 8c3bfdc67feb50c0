package report

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/device"
	"gonetmon/app/names"
	"gonetmon/app/traffic"
	"gonetmon/test/golden"
	"gonetmon/test/snapshots"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// A recorder keeps each write.
type recorder struct{ writes []string }

func (r *recorder) Write(b []byte) (int, error) {
	r.writes = append(r.writes, string(b))
	return len(b), nil
}

// later is s after some more traffic: one device more, one that has got another name, two that have had none.
func later(s *device.Snapshot) *device.Snapshot {
	n := *s
	n.Time = s.Time.Add(time.Minute)
	var all []device.Device
	for _, d := range s.Devices {
		switch d.Name {
		case "nas.fritz.box":
			d.Hosts = nil // renamed
		case "tv.fritz.box":
			more := snapshots.Totals(1_000_000, 0, 0, 75_000_000, 0)
			all = append(all, device.Device{Name: "storage.fritz.box", Source: names.SourcePTR,
				Hosts: snapshots.Addrs("192.168.1.2", "fd00::2"), Totals: snapshots.Totals(0, 900_000_000, 0, 0, 1)})
			d.Totals.Add(&more)
		}
		all = append(all, d)
	}
	all = append(all, device.Device{Name: strings.Repeat("x", 50) + ".fritz.box", Source: names.SourcePTR,
		Hosts: snapshots.Addrs("2001:db8:1234:5678:9abc:def0:1234:5678"), Totals: snapshots.Totals(999, 0, 0, 0, 0)})
	n.Devices = all
	return &n
}

func TestReport_Golden(t *testing.T) {
	first := snapshots.Home()
	s := first
	var out recorder
	r := NewReport(&out, time.Minute, func() *device.Snapshot { return s })
	r.Print(first.Time)
	s = later(first)
	r.Print(s.Time)
	r.Print(s.Time.Add(time.Minute)) // nothing was counted since
	quiet := *s
	quiet.Time = quiet.Time.Add(time.Minute)
	s = &quiet
	r.Print(s.Time)
	if len(out.writes) != 4 {
		t.Errorf("%d writes, want one for each print", len(out.writes))
	}
	golden.Equal(t, "report.txt", strings.Join(out.writes, "---\n"))
}

// A report of many devices stays short without losing bytes; the table of a replay lists all.
func TestReport_JoinsDevicesBeyondMaxRows(t *testing.T) {
	s := snapshots.Crowd(10_000)
	var out recorder
	NewReport(&out, time.Minute, func() *device.Snapshot { return s }).Print(s.Time)
	lines := strings.Split(strings.TrimSpace(out.writes[0]), "\n")
	if len(lines) != 2+maxRows+1 || !strings.Contains(lines[0], "10000 devices") {
		t.Errorf("%d lines, the first %s", len(lines), lines[0])
	}
	var rest traffic.Totals
	for _, d := range s.Devices[:len(s.Devices)-maxRows] { // the last use most
		rest.Add(&d.Totals)
	}
	want := "(9744 devices more) " + inBytes(rest.Received().Bytes) + " " + inBytes(rest.Sent().Bytes)
	if last := strings.Join(strings.Fields(lines[len(lines)-1]), " "); !strings.HasPrefix(last, want) {
		t.Errorf("last row %q, want %q", last, want)
	}
	WriteTable(&out, s)
	if n := strings.Count(strings.Join(out.writes[1:], ""), "\n"); n != 2+10_000 {
		t.Errorf("%d lines of a replay", n)
	}
}

// The counters of a device that has expired and come back within one interval started at 0 again.
func TestReport_CountsReturnedDeviceFromZero(t *testing.T) {
	first := snapshots.Home()
	s := *first
	s.Time = s.Time.Add(time.Minute)
	all := slices.Clone(s.Devices)
	for i := range all {
		d := &all[i]
		switch d.Name {
		case "nas.fritz.box": // more than before
			d.First = first.Time.Add(time.Second)
			d.Totals = snapshots.Totals(0, 9_000_000_000, 0, 0, 100_000_000)
		case "tv.fritz.box": // less
			d.First = first.Time.Add(time.Second)
			d.Totals = snapshots.Totals(1_000, 0, 0, 2_000, 0)
		}
	}
	s.Devices = all
	var out recorder
	now := first
	r := NewReport(&out, time.Minute, func() *device.Snapshot { return now })
	r.Print(first.Time)
	now = &s
	r.Print(s.Time)
	got := out.writes[1]
	for _, want := range []string{"2 devices", "100 MB  9.00 GB", "2.00 kB  1.00 kB"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestReport_PrintsEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		s := &device.Snapshot{Start: began}
		var out recorder
		r := NewReport(&out, time.Minute, func() *device.Snapshot {
			n := *s
			n.Time = time.Now()
			return &n
		})
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		time.Sleep(3*time.Minute + 30*time.Second)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.Print(time.Now())
		var want []string
		for _, at := range []struct {
			after time.Duration
			span  string
		}{{time.Minute, "1m0s"}, {2 * time.Minute, "1m0s"}, {3 * time.Minute, "1m0s"}, {210 * time.Second, "30s"}} {
			want = append(want, began.Add(at.after).Format(time.DateTime)+"  "+at.span+"  no traffic\n")
		}
		if diff := cmp.Diff(want, out.writes); diff != "" {
			t.Errorf("reports (-want +got):\n%s", diff)
		}
	})
}

func TestWriteTable_Golden(t *testing.T) {
	var b bytes.Buffer
	WriteTable(&b, snapshots.Home())
	golden.Equal(t, "table.txt", b.String())
	for line := range strings.Lines(b.String()) {
		if len(line) > 101 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

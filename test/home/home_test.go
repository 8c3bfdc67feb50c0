package home

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/traffic"
)

var (
	days = flag.Int("days", 0, "simulate so many days instead of those of the form")
	seed = flag.Int("seed", -1, "simulate only this home")

	watch = flag.String("watch", "", "print the rows of this device each time that they change")
)

// What a home must show. make home prints the figures of thirty days.
const (
	minShare  = 0.999 // of all bytes under the right device
	maxRows   = 1.6   // for each device, between two restarts of gonetmon
	maxSplit  = 2     // devices
	maxMerged = 2     // rows
)

// TestHome simulates homes for a day each. With TEST_HOME=long it does so for thirty days, which takes some minutes.
func TestHome(t *testing.T) {
	length, seeds := 1, []uint64{0, 1, 2, 3}
	switch form := os.Getenv("TEST_HOME"); form {
	case "", "short":
	case "long":
		length = 30
	default:
		t.Fatalf("TEST_HOME=%q: neither short nor long; for example TEST_HOME=long", form)
	}
	if *days > 0 {
		length = *days
	}
	if *seed >= 0 {
		seeds = []uint64{uint64(*seed)}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			r := Run(Config{Days: length, Seed: seed, Watch: *watch, Log: os.Stdout})
			if s := r.Share(); s < minShare {
				t.Errorf("%.3f %% of the bytes are under the right device, want %.3f %%", 100*s, 100*minShare)
			}
			if r.Other > r.Bytes/1e6 {
				t.Errorf("%d bytes could not be followed", r.Other)
			}
			if r.MostRows > maxRows {
				t.Errorf("%.2f rows for each device, want at most %.2f", r.MostRows, maxRows)
			}
			if len(r.Split) > maxSplit || len(r.Merged) > maxMerged {
				t.Errorf("%d devices are split, %d rows merged, want at most %d and %d", len(r.Split), len(r.Merged), maxSplit, maxMerged)
			}
			for _, s := range r.Sums {
				t.Error(s)
			}
			if t.Failed() || testing.Verbose() {
				var text strings.Builder
				r.Write(&text)
				t.Log("\n" + text.String())
			}
		})
	}
}

// The ledger notices bytes in the wrong row, a split device and a merged row.
func TestLedger(t *testing.T) {
	h := newHome(Config{Days: 1, Seed: 1})
	l := newLedger(h)
	l.start()
	local := []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}
	var addrs []netip.Addr
	for i, name := range []string{"nas", "nas", "tablet"} {
		n := h.device(name).nics[min(i, len(h.device(name).nics)-1)]
		n.up = true
		n.setV4(h.router.addr4(10 + i))
		h.named[n.v4] = true
		addrs = append(addrs, n.v4)
	}
	internet := netip.MustParseAddr("192.0.2.1")
	for i, bytes := range []int{1000, 3000, 500} {
		l.frame(appendData(nil, tplink, avm, addrs[i], internet, bytes), ethernet+bytes, local)
	}
	row := func(name string, bytes uint64, hosts ...netip.Addr) device.Device {
		d := device.Device{Name: name, Hosts: hosts}
		d.Totals.Out[traffic.ScopeInternet].Bytes = bytes
		return d
	}
	s := &device.Snapshot{Devices: []device.Device{row("a", 1500, addrs[0], addrs[2]), row("b", 3000, addrs[1])}}
	s.Network[traffic.IPv4][traffic.ScopeInternet].Bytes = 4500
	l.update(s)
	l.check(s, local)
	h.now = h.now.Add(2 * splitAfter)
	for i := range addrs {
		l.used[addrs[i]] = h.now
	}
	l.check(s, local)
	l.stop()
	r := l.report()
	want := Report{Bytes: 4500, Wrong: 500, Devices: 2, Rows: 2}
	if got := (Report{Bytes: r.Bytes, Wrong: r.Wrong, Devices: r.Devices, Rows: r.Rows}); got.Bytes != want.Bytes ||
		got.Wrong != want.Wrong || got.Devices != want.Devices || got.Rows != want.Rows {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(r.Split) != 1 || r.Split[0].What != "nas" || len(r.Merged) != 1 || r.Merged[0].What != "a" || len(r.Sums) != 0 {
		t.Errorf("split %v, merged %v, sums %v, want nas, a and none", r.Split, r.Merged, r.Sums)
	}
}

// Bytes that waited for a name, or whose address has another row by now, are found in the row that has gained as much.
func TestChoose(t *testing.T) {
	chunks := []*chunk{{bytes: 100}, {bytes: 250}, {bytes: 70}, {bytes: 30}}
	for _, tt := range []struct{ gained, chunks uint64 }{{450, 4}, {320, 2}, {350, 2}, {60, 0}, {451, 0}} {
		got := choose(chunks, tt.gained, map[*chunk]bool{}, func(*chunk) bool { return true })
		var sum uint64
		for _, c := range got {
			sum += c.bytes
		}
		if uint64(len(got)) != tt.chunks || sum != tt.gained && tt.chunks > 0 {
			t.Errorf("gained %d: %d chunks with %d bytes, want %d", tt.gained, len(got), sum, tt.chunks)
		}
	}
}

// The same seed is the same home.
func TestRun_IsRepeatable(t *testing.T) {
	run := func() string {
		h := newHome(Config{Days: 1, Seed: 5})
		h.monitor = newMonitor(h)
		h.schedule()
		for e, ok := h.next(begin.Add(time.Hour)); ok; e, ok = h.next(begin.Add(time.Hour)) {
			h.monitor.advance(e.at)
			h.now = e.at
			e.do()
		}
		return fmt.Sprint(h.Uint64(), h.monitor.ledger.total, h.monitor.ledger.network)
	}
	if a, b := run(), run(); a != b {
		t.Errorf("%s and %s", a, b)
	}
}

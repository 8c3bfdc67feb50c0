package daemon

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/traffic"
	"gonetmon/app/usage"
)

// A keeperTest is a keeper, and the table in which its only device counts.
type keeperTest struct {
	*keeper
	table *traffic.Table
}

// newKeeper returns a keeper that keeps in dir, "" for nowhere.
func newKeeper(t *testing.T, dir string) *keeperTest {
	t.Helper()
	d := &Daemon{cfg: Config{StateDir: dir}, log: slog.New(slog.DiscardHandler)}
	records, err := d.openStore()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.keep.close() })
	lan := traffic.NewPrefixes([]netip.Prefix{netip.MustParsePrefix("192.168.2.0/24")})
	k := &keeperTest{d.keep, traffic.NewTable(lan, 100)}
	k.registry = device.NewRegistry(device.Config{
		Tables: []*traffic.Table{k.table}, Limit: 100, AwaitNames: true, Start: time.Now(), Remember: true, Records: records,
	})
	return k
}

// count counts bytes that 192.168.2.7 sends to the internet.
func (k *keeperTest) count(bytes uint64) {
	number := func(a string) traffic.Addr {
		b := netip.MustParseAddr(a).As4()
		return traffic.Addr{Lo: uint64(binary.BigEndian.Uint32(b[:]))}
	}
	k.table.Begin()
	defer k.table.End()
	k.table.Count(traffic.IPv4, number("192.168.2.7"), number("198.51.100.1"), bytes, bytes+14, 1, 0)
}

// flush books what was counted, although the device has no name yet.
func (k *keeperTest) flush() {
	k.registry.Update(time.Now())
	k.registry.FlushPending()
	k.add()
}

// hours returns what was moved by hour.
func (k *keeperTest) hours() (all []uint64) {
	for _, h := range k.book.NetworkHistory().Hours {
		all = append(all, h.InternetOut)
	}
	return all
}

// What is moved before the end of an hour belongs to that hour, to the byte, also if somebody asks right after it.
func TestKeeper_EndsHoursExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 29, 11, 59, 33, 0, time.Local))) // the Book does not believe in earlier years
		k := newKeeper(t, "")
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = k.run(ctx) })
		defer running.Wait()
		defer cancel()
		at := func(clock string) { // of that day
			day, err := time.ParseInLocation("2006-01-02 15:04:05.000", "2026-11-29 "+clock, time.Local)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(day))
		}
		k.count(1000)
		at("11:59:59.900")
		k.count(200)
		at("12:00:00.100")
		k.usage()
		k.count(30)
		at("12:59:59.999")
		k.count(4)
		at("13:00:00.001")
		k.count(5)
		at("13:00:12.000")
		if got, want := k.hours(), []uint64{1200, 34, 5}; !slices.Equal(got, want) {
			t.Errorf("by hour %v, want %v", got, want)
		}
		k.count(6)
		k.registry.Update(time.Now())
		if got := k.usage().Network.Today.InternetOut; got != 1245 {
			t.Errorf("today %d, want 1245", got)
		}
	})
}

// While the clock of the machine is not set, traffic waits, and people are told why.
func TestKeeper_WaitsForClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins in the year 2000
		k := newKeeper(t, "")
		k.count(2_000_000)
		k.flush()
		all := k.notices()
		if len(all) != 1 || !strings.Contains(all[0].Text, "2.00 MB") || !strings.Contains(all[0].Hint, "January 2000") {
			t.Errorf("notices %+v", all)
		}
		time.Sleep(time.Until(time.Date(2026, 11, 29, 12, 0, 0, 0, time.Local)))
		k.flush()
		if all := k.notices(); len(all) > 0 || k.usage().Network.Today.InternetOut != 2_000_000 {
			t.Errorf("notices %+v, today %+v", all, k.usage().Network.Today)
		}
	})
}

// What could not be written is written the next time, together with what has changed since.
func TestKeeper_SavesWhatFailed(t *testing.T) {
	dir := t.TempDir()
	k := newKeeper(t, dir)
	path := k.status().Path
	k.count(1000)
	k.flush()
	if err := k.close(); err != nil {
		t.Fatal(err)
	}
	k.save(false)
	if s := k.status(); !s.Kept || s.Error == "" || s.Path != path {
		t.Errorf("a closed store: %+v", s)
	}
	again := newKeeper(t, dir)
	if got := again.usage().Network.Period; got != (usage.Bytes{}) {
		t.Errorf("kept: %+v", got)
	}
	k.store = again.store // as if the disk had recovered
	k.count(200)
	k.finish()
	if s := k.status(); !s.Kept || s.Error != "" || s.Saved.IsZero() {
		t.Errorf("after the recovery: %+v", s)
	}
	if err := k.close(); err != nil {
		t.Fatal(err)
	}
	last := newKeeper(t, dir)
	if got := last.usage().Network.Period.InternetOut; got != 1200 {
		t.Errorf("%d bytes are kept, want 1200", got)
	}
	if all := last.registry.Records(); len(all) != 1 || all[0].Label != "192.168.2.7" {
		t.Errorf("devices %+v", all)
	}
}

// Without a folder nothing is kept, and the changes do not pile up.
func TestKeeper_WithoutStore(t *testing.T) {
	k := newKeeper(t, "")
	k.count(1000)
	k.flush()
	k.save(false)
	if left := k.book.Changed(); len(left) > 0 {
		t.Errorf("to save: %v", left)
	}
	if s := k.status(); s.Kept || s.Error != "" || k.backup() != nil {
		t.Errorf("status %+v", s)
	}
	if got := k.usage().Network.Period.InternetOut; got != 1000 {
		t.Errorf("%d bytes, want 1000", got)
	}
}

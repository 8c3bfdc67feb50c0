package store

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	bolt "go.etcd.io/bbolt"

	"gonetmon/app/device"
	"gonetmon/app/mac"
	"gonetmon/app/usage"
)

var birth = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// record returns a record of a usual device: one MAC with an IPv4 and two IPv6 addresses, the former with a lease.
func record(id uint64) device.Record {
	hw := mac.Addr{2, 0, 0, 0, byte(id >> 8), byte(id)}
	rec := device.Record{
		ID: id, Label: fmt.Sprint("device-", id), Name: fmt.Sprintf("device-%d.home.arpa", id), Source: "ptr", Kind: "printer",
		First: birth, Last: birth.Add(time.Hour),
		Stations: []device.Station{{MAC: hw, DHCP: fmt.Sprint("device-", id)}},
	}
	for _, a := range []string{"192.168.2.7", "2001:db8::7", "fe80::7%eth0"} {
		rec.Hosts = append(rec.Hosts, device.Host{Addr: netip.MustParseAddr(a), MAC: hw, Sender: hw, Sent: birth, Last: birth})
	}
	rec.Hosts[0].Client, rec.Hosts[0].Since, rec.Hosts[0].Until = hw, birth, birth.Add(12*time.Hour)
	return rec
}

func saveDevices(tb testing.TB, s *Store, final bool, records ...device.Record) {
	tb.Helper()
	if err := s.Save(Changes{Devices: records, Final: final}); err != nil {
		tb.Fatal(err)
	}
}

func TestStore_KeepsDevices(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	one, two := record(1), record(1<<40)
	saveDevices(t, s, false, one, two, record(3))
	saveDevices(t, s, false, one, two) // 3 is gone
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var state State
		s, state = reopen(t, dir)
		if diff := gocmp.Diff([]device.Record{one, two}, state.Devices,
			cmpopts.EquateComparable(netip.Addr{}, mac.Addr{})); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		one.Label = "phone"
		saveDevices(t, s, false, one, two)
	}
	saveDevices(t, s, false)
	if state := loadAll(t, s); len(state.Devices) > 0 {
		t.Errorf("all are gone, but it has %v", state.Devices)
	}
}

// Times change with every packet. They alone are written every ten minutes, and at the end.
func TestStore_WritesTimesRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		rec := record(1)
		commits := func() (n int) {
			_ = s.db.View(func(tx *bolt.Tx) error { n = tx.ID(); return nil })
			return n
		}
		saveDevices(t, s, false, rec)
		start := commits()
		for range 25 {
			time.Sleep(time.Minute)
			rec.Last = rec.Last.Add(time.Minute)
			rec.Hosts = slices.Clone(rec.Hosts)
			slices.Reverse(rec.Hosts)
			for i := range rec.Hosts {
				rec.Hosts[i].Last, rec.Hosts[i].Sent = rec.Last, rec.Last
			}
			saveDevices(t, s, false, rec)
		}
		if got := commits() - start; got != 2 {
			t.Errorf("%d commits in 25 minutes, want 2", got)
		}
		saveDevices(t, s, true, rec)
		if got := commits() - start; got != 3 {
			t.Errorf("%d commits after the last, want 3", got)
		}
		if got := loadAll(t, s).Devices[0].Last; !got.Equal(rec.Last) {
			t.Errorf("last seen %v, want %v", got, rec.Last)
		}
		saveDevices(t, s, true, rec)
		rec.Name = "another"
		saveDevices(t, s, false, rec)
		if got := commits() - start; got != 4 {
			t.Errorf("%d commits after a change of the name, want 4", got)
		}
	})
}

// An entry that cannot be read is left out, and the log says so.
func TestOpen_LeavesOutBadEntries(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	save(t, s, entry(usage.Hour, 3600, 1, 5))
	saveDevices(t, s, false, record(1), record(2))
	err := s.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucketDevices))
		if err := b.Put(deviceKey(1), []byte("{")); err != nil {
			return err
		}
		return b.Put(deviceKey(3), []byte(`{"id": 4}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	log, lines := newLog()
	s, state, err := Open(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if len(state.Devices) != 1 || state.Devices[0].ID != 2 || len(state.Usage) != 1 {
		t.Errorf("%+v", state)
	}
	if all := lines(); strings.Count(all, "\n") != 1 || !strings.Contains(all, "devices 0000000000000003: it is of device 4") {
		t.Errorf("log: %s", all)
	}
}

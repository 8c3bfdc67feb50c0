package device

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/mac"
	"gonetmon/app/names"
	"gonetmon/app/traffic"
)

func TestRegistry_RemembersDevices(t *testing.T) {
	runScenarios(t, []scenario{
		{
			name: "a label from DHCP",
			lines: `0s a lease .20 tv
				1s..60s/5s a send .20 100
				2m gw restart 1m
				3m a send .20 7`,
			want:  `tv dhcp a .20 7/0`,
			never: "192",
		}, {
			name: "with another address, the same device",
			lines: `0s a lease .20 tv
				1s..60s/5s a send .20 100
				2m gw restart 1h
				1h3m a send .77 7`,
			want:  `tv dhcp a .77 7/0`,
			never: "192",
		}, {
			name: "a device that is not there has no traffic",
			lines: `0s a lease .20 tv
				1s a send .20 100
				2m gw restart 1m
				3m b send .30 7`,
			want: `tv dhcp a 0/0
				192.168.2.30 address b .30 7/0`,
		}, {
			name: "namesakes, the other one first",
			lines: `0s b lease .20 cam
				1s b send .20 100
				10s a lease .21 cam
				11s a send .21 100
				2m gw restart 1m
				4m a send .21 7
				5m b send .20 9
				6m c lease .22 cam
				6m c send .22 1`,
			want: `cam-192.168.2.20 dhcp b .20 9/0
				cam-192.168.2.21 dhcp a .21 7/0
				cam dhcp c .22 1/0`,
		}, {
			name: "a new namesake with a lower MAC takes no label",
			lines: `0s b lease .20 cam
				1s b send .20 100
				2m gw restart 1m
				4m b send .20 7
				5m a lease .21 cam
				5m a send .21 1`,
			want: `cam dhcp b .20 7/0
				cam-192.168.2.21 dhcp a .21 1/0`,
		}, {
			name: "a lease, while an extender sends for the client",
			lines: `0s e lease .2 re450
				0s a lease .20 tv
				1s..20m/5s e send .2 1
				1s..20m/5s e send .20 100
				21m gw restart 1m
				23m e send .20 7
				23m e send .2 3`,
			want: `tv dhcp a .20 7/0
				re450 dhcp e .2 3/0`,
		}, {
			name: "an address of a device that sleeps, which a sleep proxy announces",
			lines: `0s a lease .20 imac
				0s a ann ::20
				1s a send ::20 100
				2s a send .20 100
				2m gw restart 1m
				4m p ann .30
				4m p send .30 1
				4m p reply ::20
				5m gw recv ::20 7`,
			want: `imac dhcp a ::20 0/7
				192.168.2.30 address p .30 1/0`,
		}, {
			name: "an address that another device got meanwhile",
			lines: `0s a ann .20
				1s..60s/5s a send .20 100
				2m gw restart 2h
				2h5m..2h6m/5s b send .20 1`,
			want: `192.168.2.20 address b .20 13/0
				? 00:17:88:00:00:61 address a 0/0`,
		}, {
			name: "a better source later",
			lines: `0s a mdns desk .20
				0s a ann .20
				1s a send .20 100
				2m gw restart 1m
				4m a lease .20 desktop
				4m..20m/10s a send .20 1`,
			want: `desk mdns - 60/0
				desktop dhcp a .20 37/0`,
			shown: "desktop 14m",
		}, {
			name: "a lesser source says nothing against the name",
			lines: `0s a lease .20 tv
				1s a send .20 100
				2m gw restart 1m
				4m a mdns living-room .20
				4m..30m/10s a send .20 1`,
			want: `tv dhcp a .20 157/0`,
		}, {
			name: "a device without a MAC, by its name in DNS",
			ptr:  ".20 nas",
			lines: `1s - send- .20 100
				2m gw restart 1m
				4m - send- .20 7`,
			want: `nas ptr - .20 7/0`,
		}, {
			name: "a wildcard that turns out to be one after the restart names nobody",
			ptr: `.20 dsl
				.21 dsl 3m
				.22 dsl 3m`,
			lines: `1s a send .20 100
				2m gw restart 1m
				4m a send .20 7
				4m b send .21 7
				4m c send .22 7`,
			want: `192.168.2.20 address a .20 0/0
				192.168.2.21 address b .21 7/0
				192.168.2.22 address c .22 7/0
				dsl ptr - 7/0`,
		},
	})
}

// ids returns the IDs of the devices by name.
func (lan *testLAN) ids() map[string]uint64 {
	all := map[string]uint64{}
	for _, d := range lan.Snapshot().Devices {
		all[d.Name] = d.ID
	}
	return all
}

func TestRegistry_KeepsIDs(t *testing.T) {
	lan := newTestLAN(100, false)
	lan.learn(announced(1, "192.168.2.20"), announced(2, "192.168.2.30"), macName(2, "tv"))
	lan.sendAll("192.168.2.20 192.168.2.30")
	lan.update(time.Minute)
	want := map[string]uint64{"192.168.2.20": lan.ids()["192.168.2.20"], "tv": lan.ids()["tv"]}
	if want["tv"] == 0 || want["tv"] == want["192.168.2.20"] {
		t.Fatalf("IDs are %v", want)
	}

	lan.SetHosts(&names.Hosts{MACs: map[mac.Addr]string{testMAC(1): "nas"}}) // a device that is renamed is still the same
	lan.sendAll("192.168.2.20 192.168.2.30")
	want["nas"] = want["192.168.2.20"]
	if d := cmp.Diff(want, lan.ids()); d != "" {
		t.Errorf("after a line in the hosts file (-want +got):\n%s", d)
	}

	lan.restart(t, time.Hour)
	delete(want, "192.168.2.20") // a former name
	if d := cmp.Diff(want, lan.ids()); d != "" {
		t.Errorf("after a restart (-want +got):\n%s", d)
	}
	lan.SetHosts(&names.Hosts{MACs: map[mac.Addr]string{testMAC(1): "nas", testMAC(2): "telly"}})
	lan.sendAll("192.168.2.30 192.168.2.20")
	want["telly"] = want["tv"]
	got := lan.ids()
	delete(got, "tv")
	delete(want, "tv")
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("after a restart with another hosts file (-want +got):\n%s", d)
	}

	lan.learn(announced(3, "192.168.2.40"))
	lan.sendAll("192.168.2.40")
	lan.update(time.Minute)
	if id := lan.ids()["192.168.2.40"]; id == want["nas"] || id == want["telly"] || id == 0 {
		t.Errorf("a new device has the ID %d, known devices %v", id, want)
	}
}

// An address that passes to another device does not take the device's history along.
func TestRegistry_IDDoesNotFollowAddress(t *testing.T) {
	lan := newTestLAN(100, false)
	lan.learn(announced(1, "192.168.2.20"))
	lan.sendAll("192.168.2.20")
	lan.update(time.Minute)
	first := lan.ids()["192.168.2.20"]
	lan.update(time.Hour)
	lan.learn(announced(2, "192.168.2.20"), leased(2, "192.168.2.20"))
	for range 10 {
		lan.sendAll("192.168.2.20")
	}
	lan.update(time.Minute)
	var second uint64
	for _, d := range lan.Snapshot().Devices {
		if d.MAC == testMAC(2) {
			second = d.ID
		}
	}
	if second == 0 || second == first {
		t.Errorf("the second device at the address has the ID %d, the first %d", second, first)
	}
}

func TestRegistry_RemembersWhenSeen(t *testing.T) {
	lan := newTestLAN(100, false)
	lan.learn(announced(1, "192.168.2.20"), announced(1, "2001:db8::20"), macName(1, "tv"))
	lan.sendAll("192.168.2.20 2001:db8::20")
	first := lan.now
	lan.update(time.Hour)
	lan.sendAll("192.168.2.20")
	last := lan.now
	lan.restart(t, 24*time.Hour)
	lan.update(time.Second)
	d := lan.Snapshot().Devices
	if len(d) != 1 || !d[0].First.Equal(first) || !d[0].Last.Equal(last) || len(d[0].Hosts) > 0 || len(d[0].Known) != 2 ||
		d[0].MAC != testMAC(1) || d[0].Totals != (traffic.Totals{}) || d[0].Idle < 24*time.Hour {
		t.Errorf("after the restart: %+v", d)
	}
	lan.sendAll("192.168.2.20")
	if d := lan.Snapshot().Devices; len(d) != 1 || !d[0].First.Equal(first) || !d[0].Last.Equal(lan.now) || len(d[0].Hosts) != 1 {
		t.Errorf("after it has sent again: %+v", d)
	}
}

// A device that was forgotten has its ID and its label again when it comes back, also after a restart.
func TestRegistry_RemembersForgottenDevices(t *testing.T) {
	for _, restart := range []bool{false, true} {
		lan := newTestLAN(100, false)
		lan.cfg.Forget = time.Hour
		lan.learn(announced(1, "192.168.2.20"), macName(1, "guest"))
		lan.sendAll("192.168.2.20")
		lan.update(time.Minute)
		want := lan.ids()
		for range 70 {
			lan.update(time.Minute)
		}
		if got := lan.ids(); len(got) != 0 {
			t.Fatalf("not forgotten: %v", got)
		}
		if restart {
			lan.restart(t, time.Hour)
		}
		lan.learn(announced(2, "192.168.2.30"))
		lan.sendAll("192.168.2.30")
		lan.learn(announced(1, "192.168.2.40"))
		lan.sendAll("192.168.2.40")
		lan.update(time.Minute)
		got := lan.ids()
		if got["guest"] != want["guest"] || got["192.168.2.30"] == want["guest"] || got["192.168.2.30"] == 0 {
			t.Errorf("restart %v: IDs %v, before %v", restart, got, want)
		}
	}
}

// Records that are damaged or of a clock that was wrong must not keep the daemon from starting.
func TestRegistry_RestoresAnything(t *testing.T) {
	lan := newTestLAN(100, false)
	cfg := lan.cfg
	future := lan.now.AddDate(10, 0, 0)
	cfg.Records = []Record{
		{}, {ID: 1, Label: "a", Last: future, First: future, Stations: []Station{{}, {MAC: testMAC(1), Until: future}}},
		{ID: 1, Label: "a", Last: lan.now, Stations: []Station{{MAC: testMAC(1)}}},
		{ID: 2, Label: "b", Last: lan.now, Stations: []Station{{MAC: testMAC(1)}, {MAC: mac.Addr{1}}},
			Hosts: []Host{{}, {MAC: testMAC(9)}}},
	}
	lan.Registry = NewRegistry(cfg)
	checkLinks(t, lan.Registry)
	lan.learn(announced(1, "192.168.2.20"))
	lan.sendAll("192.168.2.20")
	checkLinks(t, lan.Registry)
	if got := lan.ids(); got["a"] != 1 {
		t.Errorf("devices are %v", maps.Collect(maps.All(got)))
	}
}

// idOf returns the ID of the record with a MAC, 0 if there is none.
func idOf(t *testing.T, r *Registry, hw mac.Addr) uint64 {
	t.Helper()
	for _, rec := range storedRecords(t, r) {
		for _, s := range rec.Stations {
			if s.MAC == hw {
				return rec.ID
			}
		}
	}
	return 0
}

// A device without a name is shown by its address. It keeps its ID and its record when another device takes that, and its usage
// is still its own.
func TestRegistry_KeepsDeviceThatLostItsAddress(t *testing.T) {
	lan := newTestLAN(100, false)
	lan.learn(announced(2, "192.168.2.23"))
	lan.sendAll("192.168.2.23")
	lan.update(time.Minute)
	id := lan.ids()["192.168.2.23"]
	lan.update(time.Hour)
	lan.learn(announced(1, "192.168.2.23"))
	lan.macs[scenarioAddr(".23")] = testMAC(1)
	for range 20 {
		lan.sendAll("192.168.2.23")
	}
	if got := lan.ids()["192.168.2.23"]; got == id || got == 0 {
		t.Errorf("the other device has the ID %d, the first %d", got, id)
	}
	if got := idOf(t, lan.Registry, testMAC(2)); got != id {
		t.Errorf("the record of the first device has the ID %d, want %d", got, id)
	}
	former := lan.Snapshot().Former
	if len(former) != 1 || former[0].ID != id || former[0].MAC != testMAC(2) || former[0].First.IsZero() {
		t.Errorf("former devices are %+v", former)
	}
	lan.restart(t, time.Minute)
	lan.learn(announced(2, "192.168.2.55"))
	lan.sendAll("192.168.2.55")
	lan.update(time.Minute)
	if got := idOf(t, lan.Registry, testMAC(2)); got != id {
		t.Errorf("after the restart it has the ID %d, want %d", got, id)
	}
}

// An ID that has usage, but no record, is not given to another device.
func TestRegistry_GivesNoIDTwice(t *testing.T) {
	lan := newTestLAN(100, false)
	cfg := lan.cfg
	cfg.LastID = 41
	lan.Registry = NewRegistry(cfg)
	lan.learn(announced(1, "192.168.2.20"))
	lan.sendAll("192.168.2.20")
	lan.update(time.Minute)
	if got := lan.ids()["192.168.2.20"]; got != 42 {
		t.Errorf("a new device has the ID %d, want 42", got)
	}
}

// After a restart nobody gets the label or the ID of a device without a known MAC by its name alone.
func TestRegistry_NameIsNoProofAfterRestart(t *testing.T) {
	lan := newTestLAN(100, true)
	lan.send("192.168.9.20", 1)
	lan.namer.found = []answer{{"192.168.9.20", "nas"}}
	lan.update(time.Second)
	lan.update(time.Minute)
	id := lan.ids()["nas"]
	lan.restart(t, time.Second)
	lan.learn(announced(5, "192.168.2.66"), macName(5, "nas"))
	lan.sendAll("192.168.2.66")
	lan.update(10 * time.Second)
	lan.send("192.168.9.20", 1)
	lan.namer.found = []answer{{"192.168.9.20", "nas"}}
	lan.update(time.Second)
	lan.update(time.Minute)
	for _, d := range lan.Snapshot().Devices {
		if (d.MAC == testMAC(5)) == (d.ID == id) || (d.MAC == testMAC(5)) == (d.Name == "nas") {
			t.Errorf("%s %v %v has the ID %d, nas had %d", d.Name, d.MAC, d.Hosts, d.ID, id)
		}
	}
}

// A lease is not longer after a start with a clock that was not set.
func TestRegistry_KeepsLengthOfLease(t *testing.T) {
	lan := newTestLAN(100, false)
	lan.learn(leased(1, "192.168.2.20"))
	lan.learn(announced(1, "192.168.2.20"))
	lan.sendAll("192.168.2.20")
	lan.update(time.Minute)
	cfg := lan.cfg
	cfg.Records, cfg.Start = storedRecords(t, lan.Registry), time.Unix(60, 0)
	r := NewRegistry(cfg)
	if end := r.hosts[scenarioAddr(".20")].lease.end; end.After(cfg.Start.Add(time.Hour)) {
		t.Errorf("a lease of an hour ends %v after the start", end.Sub(cfg.Start))
	}
}

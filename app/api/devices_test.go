package api

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/device"
	"gonetmon/app/metrics"
	"gonetmon/app/usage"
	"gonetmon/test/snapshots"
	"gonetmon/test/testnet"
)

// renamed returns Home, where old-phone is a former name of the tv.
func renamed() *device.Snapshot {
	s := snapshots.Home()
	s.Devices[2].ID = s.Devices[4].ID
	s.Devices[2].InRate = 8
	return s
}

func TestDevices_JoinsFormerNames(t *testing.T) {
	start := snapshots.Start
	named := func(id uint64, name string, bytes uint64, first, last time.Duration, hosts ...string) device.Device {
		d := device.Device{ID: id, Name: name, Hosts: snapshots.Addrs(hosts...), Totals: snapshots.Totals(bytes, 0, 0, 0, 0)}
		if bytes > 0 {
			d.First, d.Last, d.Idle = start.Add(first), start.Add(last), time.Hour-last
		}
		return d
	}
	type shown struct {
		id        uint64
		name      string
		total     uint64
		first     time.Time
		idle      uint64
		addresses int
	}
	for _, tt := range []struct {
		name    string
		devices []device.Device
		want    []shown
	}{
		{"the present name has the addresses", []device.Device{
			named(7, "a", 100, 0, 30*time.Second, "10.0.0.1"), named(7, "b", 10, time.Second, time.Minute),
		}, []shown{{7, "a", 110, start, 3540, 1}}},
		{"whatever the order", []device.Device{
			named(7, "a", 100, time.Second, time.Minute), named(7, "b", 10, 0, 30*time.Second, "10.0.0.1"), named(7, "c", 1, 5, 7),
		}, []shown{{7, "b", 111, start, 3540, 1}}},
		{"of former names, the one seen last", []device.Device{
			named(7, "a", 1, 0, time.Second), named(7, "b", 2, 0, time.Minute), named(7, "c", 4, 0, time.Second),
		}, []shown{{7, "b", 7, start, 3540, 0}}},
		{"a new name without traffic", []device.Device{
			named(7, "a", 1, time.Second, time.Second), named(7, "b", 0, 0, 0, "10.0.0.1", "fe80::1"),
		}, []shown{{7, "b", 1, start.Add(time.Second), 3599, 2}}},
		{"not seen since the restart", []device.Device{
			{ID: 7, Name: "a", Known: snapshots.Addrs("10.0.0.1", "fe80::1"), First: start, Last: start, Idle: time.Hour},
			named(7, "b", 0, 0, 0),
		}, []shown{{7, "a", 0, start, 3600, 2}}},
		{"sorted by the names that are shown", []device.Device{
			named(7, "a", 1, 0, 0), named(8, "b", 1, 0, 0, "10.0.0.2"), named(7, "c", 1, 0, 0, "10.0.0.1"),
		}, []shown{{8, "b", 1, start, 3600, 1}, {7, "c", 2, start, 3600, 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := home()
			s := snapshots.Home()
			s.Devices = tt.devices
			cfg.Snapshot = func() *device.Snapshot { return s }
			var got []shown
			for _, d := range get[Devices](t, cfg, "/api/v1/devices").Devices {
				got = append(got, shown{d.ID, d.Name, d.Total.InternetOut, d.FirstSeen, d.IdleSeconds, len(d.Addresses)})
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(shown{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What a device has moved since the start is what the metrics say of its names at that moment.
func TestDevices_TotalsAreThoseOfTheMetrics(t *testing.T) {
	for name, s := range map[string]*device.Snapshot{"home": snapshots.Home(), "renamed": renamed(),
		"crowd": snapshots.Crowd(1000)} {
		t.Run(name, func(t *testing.T) {
			cfg := home()
			cfg.Snapshot = func() *device.Snapshot { return s }
			var page bytes.Buffer
			metrics.NewExposition(metrics.Config{Snapshot: cfg.Snapshot, OmitGoMetrics: true}).WritePrometheus(&page)
			ids := map[string]uint64{}
			for _, d := range s.Devices {
				ids[d.Name] = d.ID
			}
			want, network := map[uint64]Bytes{}, Bytes{}
			for series, value := range testnet.ParseMetrics(t, page.String()) {
				family, labels := testnet.SplitSeries(series)
				if family != "gonetmon_device_bytes_total" {
					continue
				}
				var b Bytes
				switch labels["direction"] + " " + labels["scope"] {
				case "in internet":
					b.InternetIn = uint64(value)
				case "out internet":
					b.InternetOut = uint64(value)
				case "in lan":
					b.LANIn = uint64(value)
				default:
					b.LANOut = uint64(value)
				}
				sum := want[ids[labels["device"]]]
				sum.add(b)
				want[ids[labels["device"]]] = sum
				network.add(b)
			}
			answer, got := get[Devices](t, cfg, "/api/v1/devices"), map[uint64]Bytes{}
			for _, d := range answer.Devices {
				got[d.ID] = d.Total
				if detail := get[DeviceDetail](t, cfg, "/api/v1/devices/"+idText(d.ID)); d.ID < 9 && detail.Total != d.Total {
					t.Errorf("alone, device %d has %v, want %v", d.ID, detail.Total, d.Total)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-metrics +got):\n%s", diff)
			}
			if answer.Network.Total != network {
				t.Errorf("the network has %v, want %v", answer.Network.Total, network)
			}
		})
	}
}

func TestDevices_HaveTheirUse(t *testing.T) {
	cfg := home()
	answer, want := get[Devices](t, cfg, "/api/v1/devices"), snapshots.Usage()
	for _, d := range answer.Devices {
		use := want.Devices[d.ID]
		if d.Today != Bytes(use.Today) || d.Period != Bytes(use.Period) || d.StandbyBytes != use.Standby {
			t.Errorf("%s has %v, %v and %d, want %v", d.Name, d.Today, d.Period, d.StandbyBytes, use)
		}
		if moves := d.ID == 5; (len(d.Recent.InternetIn) == 60) != moves || (len(d.Recent.InternetOut) == 60) != moves {
			t.Errorf("%s has recent traffic %v", d.Name, d.Recent)
		}
		if d.Active != (d.ID == 2 || d.ID == 5) {
			t.Errorf("%s is active: %v", d.Name, d.Active)
		}
	}
	n := answer.Network
	if n.Today != Bytes(want.Network.Today) || n.Period != Bytes(want.Network.Period) || n.StandbyBytes != want.Network.Standby {
		t.Errorf("the network has %v, want %v", n, want.Network)
	}
	if want := (Rates{InternetIn: 3_300_000, InternetOut: 59_000, LANIn: 1_000_000, LANOut: 94_989_000}); n.Rates != want {
		t.Errorf("the rates of the network are %v, want %v", n.Rates, want)
	}
}

func TestDevice_Detail(t *testing.T) {
	cfg := home()
	d := get[DeviceDetail](t, cfg, "/api/v1/devices/2")
	want := Packets{InternetIn: 2400, InternetOut: 120, LANIn: 96_000, LANOut: 8_400_031}
	if d.Name != "nas.fritz.box" || d.ShortName != "nas" || d.Packets != want || len(d.Evidence) != 1 {
		t.Errorf("%+v, want packets %+v", d, want)
	}
	if d := get[DeviceDetail](t, cfg, "/api/v1/devices/1"); d.ShortName != "192.168.1.77" {
		t.Errorf("short name %s of an address", d.ShortName)
	}
}

// Clients that ask for the same snapshot share an answer; a new snapshot, or a second, makes another one.
func TestDevices_ShareAnAnswer(t *testing.T) {
	cfg, rendered := home(), 0
	cfg.Usage = func() usage.Summary { rendered++; return snapshots.Usage() }
	s := snapshots.Home()
	cfg.Snapshot = func() *device.Snapshot { return s }
	inBubble(t, func() {
		handler := New(cfg)
		ask := func(want int) {
			t.Helper()
			if serve(handler, "/api/v1/devices"); rendered != want {
				t.Errorf("%d answers were made, want %d", rendered, want)
			}
		}
		ask(1)
		ask(1)
		s = snapshots.Home()
		ask(2)
		time.Sleep(maxAge)
		ask(3)
	})
}

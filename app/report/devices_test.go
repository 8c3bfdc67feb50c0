package report

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"gonetmon/app/device"
	"gonetmon/app/mac"
	"gonetmon/app/names"
	"gonetmon/test/golden"
	"gonetmon/test/snapshots"
)

func TestWriteDevices_Golden(t *testing.T) {
	s := snapshots.Home()
	s.Devices = append(s.Devices, device.Device{Name: "zombie", Source: names.SourcePTR}) // has no address, and has moved nothing
	for file, why := range map[string]map[string][]string{"devices.txt": nil, "why.txt": snapshots.Why(maxReasons + 3)} {
		t.Run(file, func(t *testing.T) {
			var out recorder
			WriteDevices(&out, s, why)
			if len(out.writes) != 1 {
				t.Errorf("%d writes", len(out.writes))
			}
			golden.Equal(t, file, strings.Join(out.writes, ""))
		})
	}
}

func TestWriteDevices_Empty(t *testing.T) {
	var b bytes.Buffer
	WriteDevices(&b, &device.Snapshot{Time: snapshots.Start, Start: snapshots.Start}, nil)
	if got, want := b.String(), "2026-11-23 14:03:00  0s  no devices\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAddresses(t *testing.T) {
	const long = "2001:db8:1234:5678:9abc:def0:1234:5678"
	for _, c := range []struct {
		name, hosts, want string
	}{
		{"none", "", ""},
		{"one", "192.168.1.2", "192.168.1.2"},
		{"longest", long, long},
		{"some", "192.168.1.2 fd00::2", "192.168.1.2 fd00::2"},
		{"all that fit", "192.168.1.2 fe80::211:32ff:fe12:3456", "192.168.1.2 fe80::211:32ff:fe12:3456"},
		{"not all", "192.168.1.2 " + long + " fe80::1", "192.168.1.2 +2"},
		{"the last does not", "192.168.1.2 fd00::2 " + long, "192.168.1.2 fd00::2 +1"},
		{"two of the longest", long + " " + long, long + " +1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := addresses(snapshots.Addrs(strings.Fields(c.hosts)...), maxAddresses); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestWriteDevicesJSON_Golden(t *testing.T) {
	s := &device.Snapshot{Devices: []device.Device{
		{Name: "gone", Source: names.SourceMDNS, Totals: snapshots.Totals(0, 0, 340, 0, 0)},
		{Name: "nas.fritz.box", Source: names.SourcePTR, MAC: mac.Addr{0x00, 0x11, 0x32, 0x12, 0x34, 0x56}, Vendor: "D&M Holdings",
			Hosts: snapshots.Addrs("192.168.1.2", "192.168.1.10", "fd00::2"), Totals: snapshots.Totals(1000, 2500, 300, 4000, 5000)},
		{Name: "nobody", Source: names.SourceFile},
	}}
	why := map[string][]string{"nas.fritz.box": {"192.168.1.2: 00:11:32:12:34:56 sends from it"}}
	var b bytes.Buffer
	for file, why := range map[string]map[string][]string{"devices.json": nil, "why.json": why} {
		b.Reset()
		if err := WriteDevicesJSON(&b, s, why); err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, file, b.String())
	}
	w := httptest.NewRecorder()
	NewDevices(func() *device.Snapshot { return s }, func() map[string][]string { return why }).ServeHTTP(w, nil)
	golden.Equal(t, "why.json", w.Body.String())
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	b.Reset()
	if err := WriteDevicesJSON(&b, &device.Snapshot{}, nil); err != nil || b.String() != "{\n  \"devices\": []\n}\n" {
		t.Errorf("of nothing: %q, error %v", b.String(), err)
	}
}

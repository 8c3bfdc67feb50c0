package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/device"
	"gonetmon/app/usage"
	"gonetmon/test/snapshots"
)

// The devices are sorted by the internet traffic of the period, and they and the others add up to the network.
func TestUsage_AddsUp(t *testing.T) {
	cfg, want := home(), snapshots.Usage()
	u := get[Usage](t, cfg, "/api/v1/usage")
	var names []string
	sum := u.Others
	for _, d := range u.Devices {
		names = append(names, d.ShortName)
		sum.Today.add(d.Today)
		sum.Period.add(d.Period)
		sum.StandbyBytes += d.StandbyBytes
	}
	if diff := cmp.Diff([]string{"tv", "nas", "192.168.1.77"}, names); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	if sum != u.Network || sum != useOf(want.Network) {
		t.Errorf("the sum is %v, the network has %v, want %v", sum, u.Network, want.Network)
	}
	if u.Others.Period.Internet() != 1_020_000_000 {
		t.Errorf("the others have %v", u.Others)
	}
	p := u.Period
	if p.CapBytes != want.Cap || p.ProjectedBytes != want.Projected ||
		!p.Start.Equal(want.Period.Start) || !p.End.Equal(want.Period.End) {
		t.Errorf("period %v, want %v", p, want.Period)
	}
}

// Days of 23 and 25 hours are days, and today is one that is left.
func TestUsage_DaysLeft(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		today, end time.Time
		want       int
	}{
		{time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), time.Date(2026, 3, 30, 0, 0, 0, 0, berlin), 1},
		{time.Date(2026, 3, 28, 0, 0, 0, 0, berlin), time.Date(2026, 4, 15, 0, 0, 0, 0, berlin), 18},
		{time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), time.Date(2026, 10, 26, 0, 0, 0, 0, berlin), 1},
		{time.Date(2026, 10, 1, 0, 0, 0, 0, berlin), time.Date(2026, 11, 1, 0, 0, 0, 0, berlin), 31},
	} {
		cfg := home()
		cfg.Usage = func() usage.Summary {
			return usage.Summary{Day: usage.Span{Start: tt.today}, Period: usage.Span{End: tt.end}}
		}
		if got := get[Usage](t, cfg, "/api/v1/usage").Period.DaysLeft; got != tt.want {
			t.Errorf("%v to %v: %d days, want %d", tt.today, tt.end, got, tt.want)
		}
	}
}

// The use of a device that was renamed is one row.
func TestUsage_JoinsFormerNames(t *testing.T) {
	cfg, s := home(), renamed()
	cfg.Snapshot = func() *device.Snapshot { return s }
	if u := get[Usage](t, cfg, "/api/v1/usage"); len(u.Devices) != 3 || u.Devices[0].Name != "tv.fritz.box" {
		t.Errorf("%v", u.Devices)
	}
}

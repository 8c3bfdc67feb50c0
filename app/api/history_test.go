package api

import (
	"testing"
	"time"

	"gonetmon/app/usage"
	"gonetmon/test/snapshots"
)

func TestHistory_OfWhom(t *testing.T) {
	cfg := home()
	for target, id := range map[string]uint64{"": 0, "?device=2": 2, "?device=5": 5} {
		h, want := get[History](t, cfg, "/api/v1/history"+target), snapshots.History(id)
		if len(h.Hours) != len(want.Hours) || len(h.Days) != len(want.Days) || len(h.Periods) != 1 {
			t.Fatalf("%s: %v, want %v", target, h, want)
		}
		for i, d := range h.Days {
			if w := want.Days[i]; !d.Start.Equal(w.Start) || !d.End.Equal(w.End) || d.Bytes != Bytes(w.Bytes) {
				t.Errorf("%s: %v, want %v", target, d, w)
			}
		}
		if h.Periods[0].Bytes != Bytes(want.Periods[0].Bytes) || h.Hours[0].Bytes != Bytes(want.Hours[0].Bytes) {
			t.Errorf("%s: %v, want %v", target, h, want)
		}
	}
	if h := get[History](t, cfg, "/api/v1/history?device=4"); len(h.Hours)+len(h.Days)+len(h.Periods) > 0 {
		t.Errorf("a device without traffic has %v", h)
	}
	// A device that was forgotten still has its history.
	cfg.History = func(uint64) usage.History { return snapshots.History(5) }
	if h := get[History](t, cfg, "/api/v1/history?device=99"); len(h.Periods) != 1 {
		t.Errorf("a forgotten device has %v", h)
	}
}

// Times are those of the zone, with its offset at that time.
func TestHistory_Zone(t *testing.T) {
	cfg := home()
	var err error
	if cfg.Zone, err = time.LoadLocation("Europe/Berlin"); err != nil {
		t.Fatal(err)
	}
	summer := time.Date(2026, 7, 1, 22, 0, 0, 5, time.UTC)
	cfg.NetworkHistory = func() usage.History {
		return usage.History{Days: []usage.Slot{{Start: summer, End: summer.AddDate(0, 5, 0).Add(time.Hour)}}}
	}
	day := get[History](t, cfg, "/api/v1/history").Days[0]
	if start, end := day.Start.Format(time.RFC3339Nano), day.End.Format(time.RFC3339Nano); start != "2026-07-02T00:00:00+02:00" ||
		end != "2026-12-02T00:00:00+01:00" {
		t.Errorf("%s to %s", start, end)
	}
	if s := get[Status](t, cfg, "/api/v1/status"); s.Timezone != "Europe/Berlin" {
		t.Errorf("zone %s", s.Timezone)
	}
}

package daemon

import (
	"testing"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/meter"
)

// minute is what an interface shows in one minute.
type minute struct {
	down                          bool
	looked, others, seen, dropped uint64
}

func repeat(n int, m minute) (all []minute) {
	for range n {
		all = append(all, m)
	}
	return all
}

func TestHearing_Health(t *testing.T) {
	mirror := minute{looked: 1000, others: 900, seen: 1000}
	ordinary := minute{looked: 100, seen: 100} // broadcasts and this machine's own
	flooded := minute{looked: 100, others: 1, seen: 100}
	lossy := minute{looked: 1000, others: 900, seen: 1000, dropped: 3}
	quiet := minute{looked: 1, seen: 1}
	tests := []struct {
		name    string
		minutes [][]minute
		want    meter.Health
	}{
		{"a mirror port", [][]minute{repeat(60, mirror)}, meter.AllHeard},
		{"just started", nil, meter.Listening},
		{"an ordinary port after a minute", [][]minute{repeat(1, ordinary)}, meter.BroadcastsOnly},
		{"an ordinary port after an hour", [][]minute{repeat(60, ordinary)}, meter.BroadcastsOnly},
		{"a switch floods a frame now and then", [][]minute{repeat(15, ordinary), repeat(9, flooded)}, meter.BroadcastsOnly},
		{"a day of such frames", [][]minute{repeat(1440, flooded), repeat(15, ordinary)}, meter.BroadcastsOnly},
		{"mirroring was turned off ten minutes ago", [][]minute{repeat(60, mirror), repeat(10, ordinary)}, meter.AllHeard},
		{"mirroring was turned off", [][]minute{repeat(60, mirror), repeat(15, ordinary)}, meter.BroadcastsOnly},
		{"mirroring was turned on", [][]minute{repeat(60, ordinary), repeat(1, mirror)}, meter.AllHeard},
		{"a quiet port", [][]minute{repeat(20, quiet)}, meter.BroadcastsOnly},
		{"too little to tell", [][]minute{repeat(5, quiet)}, meter.Listening},
		{"frames are being lost", [][]minute{repeat(60, mirror), repeat(5, lossy)}, meter.FramesLost},
		{"one frame in 1,000 is lost", [][]minute{repeat(10, minute{looked: 999, others: 900, seen: 999, dropped: 1})}, meter.AllHeard},
		{"frames were lost", [][]minute{repeat(5, lossy), repeat(5, mirror)}, meter.AllHeard},
		{"silent for ten minutes", [][]minute{repeat(60, mirror), repeat(10, minute{})}, meter.AllHeard},
		{"silent", [][]minute{repeat(60, mirror), repeat(15, minute{})}, meter.NotHeard},
		{"down", [][]minute{repeat(60, mirror), repeat(1, minute{down: true})}, meter.NotHeard},
		{"up again", [][]minute{repeat(60, ordinary), repeat(30, minute{down: true}), repeat(1, minute{})}, meter.Listening},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h hearing
			now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
			m, f := meter.Status{Stats: capture.Stats{Up: true}}, meter.Findings{}
			h.add(now, &m, &f)
			for _, part := range tt.minutes {
				for _, x := range part {
					now = now.Add(time.Minute)
					m.Up = !x.down
					m.Frames, m.Drops = m.Frames+x.seen, m.Drops+x.dropped
					f.Frames, f.Others = f.Frames+x.looked, f.Others+x.others
					h.add(now, &m, &f)
				}
			}
			if got := h.health(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if len(h.samples) > 16 {
				t.Errorf("%d samples are kept", len(h.samples))
			}
		})
	}
}

package usage

import (
	"testing"
	"time"
)

// Each reading says how much time has passed, by the monotonic and by the wall clock, and whether the wall clock is right then.
func TestClock(t *testing.T) {
	type tick struct {
		mono, wall time.Duration
		right      bool
	}
	const m, h, day = time.Minute, time.Hour, 24 * time.Hour
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	epoch := time.Unix(60, 0)
	for _, tt := range []struct {
		name          string
		start, booked time.Time
		ticks         []tick
	}{
		{"runs", now, time.Time{}, []tick{{0, 0, true}, {m, m, true}, {20 * h, 20 * h, true}}},
		{"small steps", now, time.Time{}, []tick{{0, 0, true}, {m, -59 * m, true}, {m, 61 * m, true}, {m, -59 * m, true}}},
		{"starts in 1970", epoch, now, []tick{{0, 0, false}, {20 * m, 20 * m, false}, {m, now.Sub(epoch), true}, {m, m, true}}},
		{"1970 while it runs", now, now, []tick{{0, 0, true}, {m, epoch.Sub(now), false}, {h, h, false}, {m, now.Sub(epoch), true}}},
		{"starts days before the last booking, for good", now, now.Add(2 * day), []tick{
			{0, 0, false}, {h, h, false}, {23*h - m, 23*h - m, false}, {m, m, true}}},
		{"starts before the last booking, for good", now, now.Add(day), []tick{{0, 0, false}, {9 * m, 9 * m, false}, {m, m, true}}},
		{"starts before the last booking, until it is set", now, now.Add(day), []tick{{0, 0, false}, {m, 24 * h, true}}},
		{"starts in the hour before the last booking", now, now.Add(59 * m), []tick{{0, 0, true}}},
		{"starts long after the last booking", now, now.Add(-30 * day), []tick{{0, 0, true}}},
		{"jumps ahead and back", now, time.Time{}, []tick{{0, 0, true}, {m, 5 * h, false}, {m, m, false}, {m, -5*h + 3*m, true}}},
		{"jumps ahead for good", now, time.Time{},
			[]tick{{0, 0, true}, {m, 5 * h, false}, {9 * m, 9 * m, false}, {m, m, true}, {m, m, true}}},
		{"jumps back for good", now, time.Time{}, []tick{{0, 0, true}, {m, -5 * h, false}, {9 * m, 9 * m, false}, {m, m, true}}},
		{"jumps twice", now, time.Time{},
			[]tick{{0, 0, true}, {m, 5 * h, false}, {9 * m, 5 * h, false}, {9 * m, 9 * m, false}, {m, m, true}}},
		{"suspend", now, time.Time{}, []tick{{0, 0, true}, {m, 8 * h, false}, {10 * m, 10 * m, true}}},
		{"short suspend", now, time.Time{}, []tick{{0, 0, true}, {m, 30 * m, true}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c clock
			r := reading{wall: tt.start, mono: 5 * time.Second}
			for i, tick := range tt.ticks {
				r = reading{wall: r.wall.Add(tick.wall), mono: r.mono + tick.mono}
				if got := c.isRight(r, tt.booked); got != tick.right {
					t.Errorf("reading %d, %v: right %v, want %v", i, r.wall, got, tick.right)
				}
			}
		})
	}
}

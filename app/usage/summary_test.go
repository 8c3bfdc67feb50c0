package usage

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A device that is used for two hours in the evening moves little in all others; one that moves as much all the time is idle all
// the time. The current hour does not count, nor do hours without internet traffic.
func TestBook_Standby(t *testing.T) {
	b := NewBook(Config{Zone: time.UTC})
	start := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for hour := range 73 {
		gains := map[uint64]Bytes{
			0: internet(30), // of no device
			1: internet(300 + uint64(hour%3)*150),
			2: internet(9000),
			3: {LANIn: 5e6},
			5: internet(30),
		}
		if h := hour % 24; h == 20 || h == 21 {
			gains[1] = internet(3e9)
		}
		if hour < 23 {
			gains[4] = internet(30)
		}
		if hour%3 > 0 {
			delete(gains, 5)
		}
		b.Add(start.Add(time.Duration(hour)*time.Hour), gains)
	}
	s := b.Summary(start.Add(72*time.Hour + time.Minute))
	got := map[uint64]uint64{}
	for id, u := range s.Devices {
		got[id] = u.Standby
	}
	// The last 72 hours, without the current one, are hours 1 to 71. Hours 20 and 21 leave 300 + 450 on each of three days.
	want := map[uint64]uint64{0: 0, 1: 300*23 + 450*24 + 600*24 - 3*(600+300), 2: 71 * 9000, 3: 0, 5: 0}
	want[4] = 0
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if want := want[1] + want[2]; s.Network.Standby != want {
		t.Errorf("network: %d, want %d", s.Network.Standby, want)
	}
	b.Add(start.Add(73*time.Hour), map[uint64]Bytes{2: internet(9000)}) // hour 72 is complete now, and hour 2 is kept
	if got, want := b.Summary(start.Add(73 * time.Hour)).Devices[2].Standby, uint64(71*9000); got != want {
		t.Errorf("an hour later: %d, want %d", got, want)
	}
}

// The projection goes by the last seven days with a day before and a day after, and by what the period has so far.
func TestBook_Projected(t *testing.T) {
	at := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		name string
		days []uint64 // from November 1
		now  time.Time
		want uint64
	}{
		{"nothing", nil, at(1, 12), 0},
		{"the first day", []uint64{500}, at(1, 12), 0},
		{"the second day", []uint64{500, 300}, at(2, 12), 0},
		{"the first complete day", []uint64{500, 300, 60}, at(3, 12), 860 + 300*55/2},
		{"seven of nine", []uint64{1, 9e9, 100, 200, 300, 400, 500, 600, 700, 6}, at(11, 0), 9e9 + 2807 + 20*2800/7},
		{"not the days around a gap", []uint64{1, 1000, 1, 0, 1, 2000, 7}, at(7, 0), 3010 + 24*1500},
		{"nothing on this day yet", []uint64{1, 1000, 2000}, at(4, 0), 3001 + 27*1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBook(Config{Zone: time.UTC})
			for i, n := range tt.days {
				b.Add(at(1+i, 0), map[uint64]Bytes{1: internet(n)})
				b.Add(at(1+i, 0), map[uint64]Bytes{1: {LANIn: 1e12 * min(n, 1)}})
			}
			if got := b.Summary(tt.now).Projected; got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

func TestBook_Since(t *testing.T) {
	b := NewBook(Config{Zone: time.UTC})
	start := time.Date(2026, 3, 10, 7, 30, 0, 0, time.UTC)
	if got := b.Summary(start).Since; !got.IsZero() {
		t.Errorf("nothing booked: %v", got)
	}
	for _, tt := range []struct {
		name  string
		hours int
		want  time.Time
	}{
		{"hours", 3, start.Truncate(time.Hour)},
		{"days", 100, start.Truncate(24 * time.Hour)},
		{"periods", 70 * 24, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
	} {
		for hour := range tt.hours {
			b.Add(start.Add(time.Duration(hour)*time.Hour), map[uint64]Bytes{1: internet(3)})
		}
		b.Add(start.Add(time.Duration(tt.hours)*time.Hour), nil)
		if got := b.Summary(start).Since; !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

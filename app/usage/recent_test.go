package usage

import (
	"math"
	"testing"
	"time"
)

// What is moved between two readings is spread over the time between them, and the steps end at full ten seconds.
func TestBook_Recent(t *testing.T) {
	b := NewBook(Config{Zone: time.UTC})
	start := time.Date(2026, 11, 29, 12, 0, 5, 0, time.UTC)
	add := func(seconds float64, gains map[uint64]Bytes) {
		d := time.Duration(seconds * float64(time.Second))
		b.add(reading{wall: start.Add(d), mono: time.Hour + d}, gains)
	}
	check := func(name string, got Recent, end time.Duration, in ...float64) {
		t.Helper()
		same := len(got.In) == len(in) && len(got.Out) == len(in)
		for i := range in {
			same = same && math.Abs(got.In[i]-in[i]) < 1e-6 && math.Abs(got.Out[i]-in[i]/2) < 1e-6
		}
		if !same || !got.End.Equal(start.Add(end)) || got.Step != 10*time.Second {
			t.Errorf("%s: %v, want until %v: %v", name, got, start.Add(end), in)
		}
	}
	add(0, map[uint64]Bytes{1: internet(3e6)}) // how long that took is not known
	add(5, map[uint64]Bytes{1: internet(3e6)}) // in a step that was not complete
	check("network at first", b.NetworkRecent(), 5*time.Second)
	add(15, map[uint64]Bytes{1: internet(300), 2: {LANIn: 70}})
	add(35, map[uint64]Bytes{1: internet(1200)})
	add(45.5, map[uint64]Bytes{0: internet(315)})
	check("network", b.NetworkRecent(), 45*time.Second, 20, 40, 40, 20)
	check("device 1", b.Recent(1), 45*time.Second, 20, 40, 40, 0)
	check("device without internet traffic", b.Recent(2), 45*time.Second)
	check("no device", b.Recent(0), 45*time.Second, 0, 0, 0, 20)

	want := make([]float64, 60)
	for i := range 60 {
		add(float64(55+10*i), map[uint64]Bytes{1: internet(30 * uint64(i))})
		want[i] = 2 * float64(i)
	}
	want[0] = 1 // the rest of what had come at 45.5
	check("network after ten minutes", b.NetworkRecent(), 645*time.Second, want...)
	add(655, nil)
	if n := len(b.recent.devices); n != 1 {
		t.Errorf("%d devices after ten minutes of silence of all but one", n)
	}
}

// The rates stay right when the wall clock jumps.
func TestBook_RecentIgnoresTheWallClock(t *testing.T) {
	b := NewBook(Config{Zone: time.UTC})
	wall := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for i := range 6 {
		if i == 3 {
			wall = wall.AddDate(1, 0, 0)
		}
		b.add(reading{wall: wall, mono: time.Duration(i) * step}, map[uint64]Bytes{1: internet(30)})
		wall = wall.Add(step)
	}
	got := b.Recent(1)
	for _, in := range got.In {
		if math.Abs(in-2) > 1e-9 || len(got.In) != 5 || got.End.Year() != 2027 {
			t.Fatalf("%v", got)
		}
	}
}

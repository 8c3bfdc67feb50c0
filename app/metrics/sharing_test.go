package metrics

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/test/snapshots"
)

// counted makes a page count how often it is rendered, and calls meanwhile each time, if that is not nil.
func counted(p *Exposition, meanwhile func()) *atomic.Int64 {
	var n atomic.Int64
	p.renderings.render = func(s *device.Snapshot) *rendering {
		n.Add(1)
		if meanwhile != nil {
			meanwhile()
		}
		return p.render(s)
	}
	return &n
}

// A hundred readers of one snapshot cost one rendering, and each gets all of it.
func TestPageShared(t *testing.T) {
	p := ownFamilies(snapshots.Crowd(5000))
	want := text(p)
	n := counted(p, nil)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			encoding := []string{"gzip", ""}[i%2]
			if got := body(t, get(p, "GET", encoding)); got != want {
				t.Errorf("%q: %d bytes that differ from the %d wanted", encoding, len(got), len(want))
			}
		})
	}
	wg.Wait()
	if n := n.Load(); n < 1 || n > 3 { // it is kept for a second, which may not be enough on a busy machine
		t.Errorf("rendered %d times", n)
	}
	if len(p.renderings.held) != 0 {
		t.Errorf("%d renderings are held by nobody", len(p.renderings.held))
	}
}

// Who comes while a page is made gets that, even if the world has moved on; who comes later gets a page of the new world.
func TestPageJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Pointer[device.Snapshot]
		now.Store(snapshots.Home())
		p := ownFamilies(nil)
		p.renderings.snapshot = now.Load
		p.renderings.folded = func() time.Time { return now.Load().Time }
		n := counted(p, func() {
			time.Sleep(10 * time.Second)
			next := snapshots.Home()
			next.Time = next.Time.Add(time.Second)
			next.Devices = []device.Device{{Name: "new"}}
			now.Store(next)
		})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if strings.Contains(body(t, get(p, "GET", "gzip")), `device="new"`) {
					t.Error("the page is of a later world")
				}
			})
			time.Sleep(50 * time.Millisecond)
		}
		wg.Wait()
		if n := n.Load(); n != 1 {
			t.Errorf("rendered %d times, want once", n)
		}
		if !strings.Contains(body(t, get(p, "GET", "gzip")), `device="new"`) || n.Load() != 2 {
			t.Error("the page is of an earlier world")
		}
		time.Sleep(2 * keepFor)
		if p.renderings.current() != nil {
			t.Error("a page is kept that nobody reads")
		}
	})
}

// Nobody is told that an interface is heard, or not, when that is not so any more: neither by a page that is kept, nor by one that has
// been made meanwhile.
func TestPageUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, up := snapshots.Home(), atomic.Bool{}
		status := func() []meter.Status { return []meter.Status{{Interface: "eth1", Stats: capture.Stats{Up: up.Load()}}} }
		p := NewExposition(Config{Snapshot: func() *device.Snapshot { return s }, LastUpdate: func() time.Time { return s.Time }, Meters: status, OmitGoMetrics: true})
		p.renderings.render = func(s *device.Snapshot) *rendering {
			defer time.Sleep(time.Second / 2)
			return p.render(s)
		}
		for i := range 8 {
			want := fmt.Sprintf("gonetmon_capture_up{interface=\"eth1\"} %d\n", (i+1)%2)
			early := make(chan string)
			go func() { early <- body(t, get(p, "GET", "gzip")) }()
			time.Sleep(time.Second / 4)
			up.Store(i%2 == 0)
			if got := body(t, get(p, "GET", "gzip")); !strings.Contains(got, want) {
				t.Errorf("round %d: %q is missing", i, want)
			}
			<-early
			if i > 4 {
				time.Sleep(2 * keepFor)
			}
		}
	})
}

// That one rendering fails does not spoil the next.
func TestPageFails(t *testing.T) {
	p := ownFamilies(snapshots.Home())
	var n *atomic.Int64
	n = counted(p, func() {
		if n.Load() == 1 {
			panic("once")
		}
	})
	func() {
		defer func() { _ = recover() }()
		get(p, "GET", "gzip")
		t.Error("no panic")
	}()
	if body(t, get(p, "GET", "gzip")) != text(p) {
		t.Error("another page than wanted")
	}
}

// However many devices there are, and so in however many pieces it is rendered, a page is the same.
func TestPagePieces(t *testing.T) {
	for _, n := range []int{0, 1, perPart - 1, perPart, perPart + 1, 3*perPart + 7} {
		p := ownFamilies(snapshots.Crowd(n))
		want := text(p)
		for _, encoding := range []string{"gzip", ""} {
			r := get(p, "GET", encoding)
			if got := body(t, r); got != want {
				t.Errorf("%d devices, %q: %d bytes that differ from the %d wanted", n, encoding, len(got), len(want))
			}
		}
	}
}

// What readers hold stays as it is while the world moves on. If that is too much, the oldest is taken away.
func TestRenderingsHeld(t *testing.T) {
	var now atomic.Pointer[device.Snapshot]
	folded := func() time.Time { return now.Load().Time }
	c := renderings{folded: folded, up: func() []bool { return nil }, snapshot: now.Load, render: func(s *device.Snapshot) *rendering {
		r := newRendering(s.Time, nil)
		r.size = mostHeld/2 - 1
		return r
	}}
	var held []*rendering
	for i := range 5 {
		now.Store(&device.Snapshot{Time: snapshots.Start.Add(time.Duration(i) * time.Second)})
		r := c.take()
		if again := c.take(); again != r {
			t.Error("two renderings of one snapshot")
		}
		c.give(r)
		held = append(held, r)
	}
	for i, r := range held {
		if taken := r.taken.Err() != nil; taken != (i < 2) {
			t.Errorf("rendering %d is taken: %v", i, taken)
		}
	}
	for _, r := range held {
		c.give(r)
	}
	if len(c.held) != 0 {
		t.Errorf("%d renderings are held by nobody", len(c.held))
	}
}

func TestSum(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		b := make([]byte, random.IntN(5000))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		var all sum
		for rest := b; len(rest) > 0; {
			n := 1 + random.IntN(len(rest))
			var one sum
			one.add(rest[:n])
			all = all.with(one).with(sum{})
			rest = rest[n:]
		}
		if want := crc32.ChecksumIEEE(b); all.crc != want || all.size != uint64(len(b)) {
			t.Fatalf("%x of %d bytes, want %x of %d", all.crc, all.size, want, len(b))
		}
	}
}

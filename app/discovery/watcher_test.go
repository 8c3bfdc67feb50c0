package discovery

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/capture"
	"gonetmon/test/testnet"
)

// announcement returns an ARP announcement of the nth host, which has one fact.
func announcement(n int) capture.Frame {
	addr := addrOf(n)
	data := testnet.ARPRequest([6]byte{2, 0, 0, 0, byte(n >> 8), byte(n)}, addr, addr)
	return capture.Frame{Data: data, Wire: len(data), Link: 1}
}

// announcements returns the announcements of the hosts from the one to before the other.
func announcements(from, to int) (frames []capture.Frame) {
	for n := from; n < to; n++ {
		frames = append(frames, announcement(n))
	}
	return frames
}

func addrOf(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }

// groupSource lends groups of frames, those of one group available together, and ends with err.
type groupSource struct {
	groups [][]capture.Frame
	err    error
	more   bool          // of More after the last frame
	stop   chan struct{} // if not nil, the end waits for Stop
}

func (s *groupSource) Next(batch []capture.Frame) (int, error) {
	for len(s.groups) > 0 && len(s.groups[0]) == 0 {
		s.groups = s.groups[1:]
	}
	if len(s.groups) == 0 {
		if s.stop != nil {
			<-s.stop
		}
		return 0, s.err
	}
	n := copy(batch, s.groups[0])
	s.groups[0] = s.groups[0][n:]
	return n, nil
}

func (s *groupSource) More() bool { return len(s.groups) > 0 && len(s.groups[0]) > 0 || s.more }

func (s *groupSource) Stop() { close(s.stop) }

// Facts are handed over in the order of the frames, for each group together, at most 256 at once.
func TestWatcher_HandsOverFacts(t *testing.T) {
	lost := errors.New("lost")
	other := capture.Frame{Data: testnet.UDP(addrOf(1), addrOf(2), 10), Wire: 52, Link: 1}
	for _, tt := range []struct {
		name   string
		source groupSource
		want   []int // facts in each batch
	}{
		{"nothing", groupSource{err: io.EOF}, nil},
		{"one frame", groupSource{groups: [][]capture.Frame{announcements(0, 1)}, err: io.EOF}, []int{1}},
		{"groups", groupSource{groups: [][]capture.Frame{announcements(0, 3), announcements(3, 4), announcements(4, 104)},
			err: io.EOF}, []int{3, 1, 100}},
		{"no facts", groupSource{groups: [][]capture.Frame{{other}, announcements(0, 2), {other, other}}, err: io.EOF}, []int{2}},
		{"full batch", groupSource{groups: [][]capture.Frame{announcements(0, 256), announcements(256, 257)}, err: io.EOF},
			[]int{256, 1}},
		{"more than a batch", groupSource{groups: [][]capture.Frame{announcements(0, 600), announcements(600, 601)}, err: io.EOF},
			[]int{256, 256, 88, 1}},
		{"failure", groupSource{groups: [][]capture.Frame{announcements(0, 3), announcements(3, 5)}, err: lost}, []int{3, 2}},
		{"failure within a group", groupSource{groups: [][]capture.Frame{announcements(0, 1)}, err: lost, more: true}, []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sizes []int
			next := 0
			w := NewWatcher(&tt.source, NewDecoder(), func(facts []Fact) {
				sizes = append(sizes, len(facts))
				for _, f := range facts {
					if f.Kind != Announced || f.Protocol != ARP || f.Addr != addrOf(next) {
						t.Errorf("fact %+v, want one of %s", f, addrOf(next))
					}
					next++
				}
			})
			if err := w.Run(context.Background()); !errors.Is(err, lost) && (err != nil || errors.Is(tt.source.err, lost)) {
				t.Errorf("Run: %v", err)
			}
			if d := cmp.Diff(tt.want, sizes); d != "" {
				t.Errorf("batches (-want +got):\n%s", d)
			}
		})
	}
}

// When ctx ends, the Watcher stops the source and decodes its last frames.
func TestWatcher_Stops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &groupSource{groups: [][]capture.Frame{announcements(0, 5)}, err: io.EOF, stop: make(chan struct{})}
		got := 0
		done := make(chan error, 1)
		go func() {
			done <- NewWatcher(s, NewDecoder(), func(facts []Fact) { got += len(facts) }).Run(ctx)
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("ended too early: %v", err)
		default:
		}
		cancel()
		if err := <-done; err != nil || got != 5 {
			t.Errorf("%d facts, error %v", got, err)
		}
	})
}

// floodSource always has another frame until it is stopped. Then it has left more.
type floodSource struct {
	left    int
	lent    atomic.Int64
	stopped atomic.Bool
}

func (f *floodSource) Next(batch []capture.Frame) (int, error) {
	if f.stopped.Load() {
		batch = batch[:min(len(batch), f.left)]
		f.left -= len(batch)
	}
	if len(batch) == 0 {
		return 0, io.EOF
	}
	for i := range batch {
		batch[i] = announcement(1)
	}
	f.lent.Add(int64(len(batch)))
	return len(batch), nil
}

func (f *floodSource) More() bool { return true }

func (f *floodSource) Stop() { f.stopped.Store(true) }

// In a flood the Watcher decodes 20,000 frames a second, and what is left at the end without a wait.
func TestWatcher_LimitsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const left = 5000
		ctx, cancel := context.WithCancel(t.Context())
		source := &floodSource{left: left}
		got := 0
		done := make(chan error, 1)
		go func() {
			done <- NewWatcher(source, NewDecoder(), func(facts []Fact) { got += len(facts) }).Run(ctx)
		}()
		before := 0
		for second := range 10 {
			time.Sleep(time.Second)
			synctest.Wait()
			maxFrames := maxRate + 64
			if second == 0 {
				maxFrames += int(maxBurst * maxRate / time.Second)
			}
			lent := int(source.lent.Load())
			if n := lent - before; n > maxFrames || n < maxRate-64 {
				t.Errorf("second %d: %d frames", second, n)
			}
			before = lent
		}
		end := time.Now()
		source.Stop() // cancel calls it in another goroutine, somewhat later
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(end); took != 0 {
			t.Errorf("the end took %v", took)
		}
		if lent := int(source.lent.Load()); lent != before+left || got != lent {
			t.Errorf("%d frames, %d facts, want %d", lent, got, before+left)
		}
	})
}

// When frames keep coming that are slow to decode, the Watcher works for at most a fifth of the time.
func TestWatcher_RestsAfterWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const work, run = 20 * time.Millisecond, 10 * time.Second
		ctx, cancel := context.WithCancel(t.Context())
		source := &floodSource{}
		busy := time.Duration(0)
		done := make(chan error, 1)
		go func() {
			done <- NewWatcher(source, NewDecoder(), func([]Fact) {
				time.Sleep(work)
				busy += work
			}).Run(ctx)
		}()
		time.Sleep(run)
		source.Stop()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if allowed := (run+maxBurst)/maxShare + work; busy > allowed || busy < allowed/2 {
			t.Errorf("busy for %v of %v, want at most %v", busy, run, allowed)
		}
	})
}

// After a long pause, in which the process was stopped, the Watcher is back at work within a second.
func TestWatcher_LimitsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &groupSource{groups: [][]capture.Frame{announcements(0, 1), announcements(1, 2)}, err: io.EOF}
		var back []time.Time
		w := NewWatcher(source, NewDecoder(), func([]Fact) {
			if len(back) == 0 {
				time.Sleep(time.Minute)
			}
			back = append(back, time.Now())
		})
		if err := w.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(back) != 2 || back[1].Sub(back[0]) > maxRest {
			t.Errorf("at work at %v", back)
		}
	})
}

// The frames of a LAN are decoded without a wait: 1,000 a second, also 60 at once every 60 ms, and a storm of 2,000.
func TestWatcher_DoesNotDelay(t *testing.T) {
	for _, tt := range []struct {
		name   string
		frames int
		every  time.Duration
	}{
		{"one by one", 1, time.Millisecond},
		{"by block", 60, 60 * time.Millisecond},
		{"storms", 2000, 200 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &timedSource{frames: tt.frames, every: tt.every, next: time.Now()}
				got := 0
				w := NewWatcher(source, NewDecoder(), func(facts []Fact) { got += len(facts) })
				if err := w.Run(t.Context()); err != nil || got != 100*tt.frames {
					t.Errorf("%d facts of %d, error %v", got, 100*tt.frames, err)
				}
				if source.delay > 0 {
					t.Errorf("asked for frames %v late", source.delay)
				}
			})
		})
	}
}

// timedSource lends some frames at regular intervals, a hundred times, and records how late it is asked for them.
type timedSource struct {
	frames int // at once
	every  time.Duration
	next   time.Time
	round  int
	left   int
	delay  time.Duration
}

func (s *timedSource) Next(batch []capture.Frame) (int, error) {
	if s.left == 0 {
		if s.round++; s.round > 100 {
			return 0, io.EOF
		}
		s.next = s.next.Add(s.every)
		time.Sleep(time.Until(s.next))
		s.left = s.frames
	}
	s.delay = max(s.delay, time.Since(s.next))
	n := min(len(batch), s.left)
	for i := range batch[:n] {
		batch[i] = announcement(1)
	}
	s.left -= n
	return n, nil
}

func (s *timedSource) More() bool { return s.left > 0 }

func (s *timedSource) Stop() {}

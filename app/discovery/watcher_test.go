package discovery

import (
	"context"
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

func addrOf(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }

// putAll puts the announcements of the hosts from the one to before the other.
func putAll(q *Queue, from, to int) {
	for n := from; n < to; n++ {
		put(q, n)
	}
}

// watch runs a Watcher of q in a synctest bubble. After test, it is stopped.
func watch(t *testing.T, learn func(q *Queue, facts []Fact), test func(q *Queue, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		ended := func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			done <- nil
		}
		defer ended()
		w := NewWatcher(q, NewDecoder(), func(facts []Fact) { learn(q, facts) })
		go func() { done <- w.Run(ctx) }()
		synctest.Wait()
		test(q, ended)
	})
}

// Facts are handed over in the order of the frames, those of frames that are available together at most 256 at once.
func TestWatcher_HandsOverFacts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		groups []int // frames available together
		want   []int // facts in each batch
	}{
		{"groups", []int{1, 3, 1, 100}, []int{1, 3, 1, 100}},
		{"full batch", []int{256, 257}, []int{256, 256, 1}},
		{"more than a batch", []int{600, 1}, []int{256, 256, 88, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sizes []int
				next, sent, groups := 0, 0, tt.groups
				q := NewQueue()
				q.Put(&capture.Frame{Data: testnet.UDP(addrOf(1), addrOf(2), 10), Wire: 52, Link: 1}) // has no facts
				send := func() {
					putAll(q, sent, sent+groups[0])
					sent, groups = sent+groups[0], groups[1:]
				}
				send()
				w := NewWatcher(q, NewDecoder(), func(facts []Fact) {
					sizes = append(sizes, len(facts))
					for _, f := range facts {
						if f.Kind != Announced || f.Protocol != ARP || f.Addr != addrOf(next) {
							t.Errorf("fact %+v, want one of %s", f, addrOf(next))
						}
						next++
					}
					switch {
					case next < sent:
					case len(groups) == 0:
						q.Stop()
					default:
						send()
					}
				})
				if err := w.Run(t.Context()); err != nil {
					t.Error(err)
				}
				if d := cmp.Diff(tt.want, sizes); d != "" {
					t.Errorf("batches (-want +got):\n%s", d)
				}
			})
		})
	}
}

// In a flood the Watcher decodes 20,000 frames a second. When ctx ends, it decodes what is left without a wait.
func TestWatcher_LimitsRate(t *testing.T) {
	var got atomic.Int64
	var over atomic.Bool
	watch(t, func(q *Queue, facts []Fact) {
		if got.Add(int64(len(facts))); !over.Load() {
			putAll(q, 0, 2*len(facts))
		}
	}, func(q *Queue, stop func()) {
		putAll(q, 0, queueFrames)
		before := int64(0)
		for second := range 3 {
			time.Sleep(time.Second)
			synctest.Wait()
			maxFrames := int64(maxRate + maxBatch)
			if second == 0 {
				maxFrames += int64(maxBurst * maxRate / time.Second)
			}
			if n := got.Load() - before; n > maxFrames || n < maxRate-maxBatch {
				t.Errorf("second %d: %d frames", second, n)
			}
			before = got.Load()
		}
		end := time.Now()
		over.Store(true)
		q.Stop() // cancel calls it in another goroutine, somewhat later
		stop()
		if took := time.Since(end); took != 0 {
			t.Errorf("the end took %v", took)
		}
		if s := q.Stats(); int64(s.Frames) != got.Load() || got.Load() == before {
			t.Errorf("%d frames, %d facts", s.Frames, got.Load())
		}
	})
}

// When frames keep coming that are slow to decode, the Watcher works for at most a fifth of the time.
func TestWatcher_RestsAfterWork(t *testing.T) {
	const work, run = 20 * time.Millisecond, 10 * time.Second
	busy, end := time.Duration(0), time.Time{}
	watch(t, func(q *Queue, _ []Fact) {
		time.Sleep(work)
		if busy += work; time.Now().Before(end) {
			put(q, 0)
		}
	}, func(q *Queue, _ func()) {
		end = time.Now().Add(run)
		put(q, 0)
		time.Sleep(2 * run)
		synctest.Wait()
		if allowed := (run+maxBurst)/maxShare + work; busy > allowed || busy < allowed/2 {
			t.Errorf("busy for %v of %v, want at most %v", busy, run, allowed)
		}
	})
}

// After a long pause, in which the process was stopped, the Watcher is back at work within a second.
func TestWatcher_LimitsRest(t *testing.T) {
	var back []time.Time
	watch(t, func(q *Queue, _ []Fact) {
		if len(back) == 0 {
			time.Sleep(time.Minute)
			put(q, 1)
		}
		back = append(back, time.Now())
	}, func(q *Queue, _ func()) {
		put(q, 0)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(back) != 2 || back[1].Sub(back[0]) > maxRest {
			t.Errorf("at work at %v", back)
		}
	})
}

// The frames of a LAN are decoded without a wait: 1,000 a second, also 60 at once every 60 ms, and a storm of 2,000.
func TestWatcher_DoesNotDelay(t *testing.T) {
	for frames, every := range map[int]time.Duration{1: time.Millisecond, 60: 60 * time.Millisecond, 2000: 200 * time.Millisecond} {
		var begin time.Time
		got := 0
		watch(t, func(_ *Queue, facts []Fact) {
			if late := time.Since(begin) % every; late != 0 {
				t.Errorf("%d frames every %v: %v late", frames, every, late)
			}
			got += len(facts)
		}, func(q *Queue, _ func()) {
			begin = time.Now()
			for range 100 {
				putAll(q, 0, frames)
				time.Sleep(every)
			}
			synctest.Wait()
			if got != 100*frames {
				t.Errorf("%d facts of %d", got, 100*frames)
			}
		})
	}
}

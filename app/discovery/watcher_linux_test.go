package discovery

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gonetmon/app/capture"
	"gonetmon/test/testnet"
)

// listening is a listener on a ring for control frames at one end of a veth pair.
type listening struct {
	ring   *capture.Ring
	sender *testnet.Sender
	facts  atomic.Uint64
	stop   context.CancelFunc
	done   chan error
}

func listen(t *testing.T) *listening {
	t.Helper()
	here, there := testnet.NewNamespace(t), testnet.NewNamespace(t)
	testnet.Veth(there, "in0", here, "mon0")
	l := &listening{ring: capture.NewRing(capture.RingConfig{Interface: "mon0", Control: true}), sender: testnet.NewSender(there, "in0"), done: make(chan error, 1)}
	here.Do(func() {
		if err := l.ring.Open(); err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	go func() {
		l.done <- NewWatcher(l.ring, NewDecoder(), func(facts []Fact) { l.facts.Add(uint64(len(facts))) }).Run(ctx)
		_ = l.ring.Close()
	}()
	return l
}

// end ends the listening and says how long that took.
func (l *listening) end(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	l.stop()
	select {
	case err := <-l.done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Run does not end")
	}
	return time.Since(begin)
}

// A fact is told soon after its frame was sent.
func TestListenerRing(t *testing.T) {
	l := listen(t)
	for n := range 10 {
		begin := time.Now()
		l.sender.Send(announced(n).Data)
		l.sender.Send(testnet.UDP(addrOf(1), addrOf(2), 100))
		for l.facts.Load() <= uint64(n) {
			if time.Since(begin) > time.Second {
				t.Fatal("no fact within a second")
			}
			time.Sleep(time.Millisecond)
		}
	}
	l.end(t)
	if s := l.ring.Stats(); s.Frames != 10 || s.Drops != 0 || l.facts.Load() != 10 {
		t.Errorf("%d facts of 10, stats %+v", l.facts.Load(), s)
	}
}

// Of a flood no more is read than at leisure; the rest is dropped and counted, and memory does not grow.
func TestListenerFlood(t *testing.T) {
	l := listen(t)
	frames := make([][]byte, 1000)
	for n := range frames {
		frames[n] = announced(n).Data
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	for range 200 {
		l.sender.SendAll(frames, 100000)
	}
	decoded, took := l.facts.Load(), time.Since(begin) // in this order: more is decoded all the time
	runtime.ReadMemStats(&after)
	ended := l.end(t)
	s := l.ring.Stats()
	t.Logf("%d frames in %v: %d decoded (%.0f a second), %d dropped; %d decoded in the end, which took %v; heap grown by %d KiB",
		l.sender.Sent, took, decoded, float64(decoded)/took.Seconds(), s.Drops, s.Frames-decoded, ended, (int64(after.HeapSys)-int64(before.HeapSys))>>10)
	if s.Frames+s.Drops != l.sender.Sent || l.facts.Load() != s.Frames {
		t.Errorf("%d seen, of which %d decoded, + %d dropped, %d sent", s.Frames, l.facts.Load(), s.Drops, l.sender.Sent)
	}
	if most := uint64((took+burst).Seconds()*leisure) + 64; decoded > most {
		t.Errorf("%d decoded in %v, want at most %d", decoded, took, most)
	}
	if s.Drops == 0 {
		t.Error("no drops, so this test shows nothing")
	}
	if ended > time.Second {
		t.Errorf("the end took %v", ended)
	}
	if after.HeapSys > before.HeapSys+16<<20 {
		t.Errorf("the heap has grown from %d to %d bytes", before.HeapSys, after.HeapSys)
	}
}

// In the midst of a flood the end comes no later.
func TestListenerFloodEnd(t *testing.T) {
	l := listen(t)
	frames := make([][]byte, 1000)
	for n := range frames {
		frames[n] = announced(n).Data
	}
	var stop atomic.Bool
	var load sync.WaitGroup
	load.Go(func() {
		for !stop.Load() {
			l.sender.SendAll(frames, 100000)
		}
	})
	time.Sleep(time.Second)
	ended := l.end(t)
	stop.Store(true)
	load.Wait()
	s := l.ring.Stats()
	t.Logf("the end took %v; %d seen, %d dropped of about %d", ended, s.Frames, s.Drops, l.sender.Sent)
	if ended > time.Second {
		t.Errorf("the end took %v", ended)
	}
	if l.facts.Load() != s.Frames {
		t.Errorf("%d facts, %d frames", l.facts.Load(), s.Frames)
	}
}

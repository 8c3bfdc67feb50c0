package discovery

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gonetmon/app/capture"
	"gonetmon/app/mac"
	"gonetmon/test/testnet"
)

// announced is an ARP announcement of the nth host, in which there is one fact.
func announced(n int) capture.Frame {
	addr := addrOf(n)
	data := testnet.ARPRequest(macOf(n), addr, addr)
	return capture.Frame{Data: data, Wire: len(data), Link: 1}
}

func macOf(n int) mac.Addr { return mac.Addr{2, 0, 0, 0, byte(n >> 8), byte(n)} }

func addrOf(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }

// script is a source that lends one group of frames after the other, each of them lying ready together, and ends with err.
type script struct {
	groups [][]capture.Frame
	err    error
	waits  bool // for Stop, at the end
	stop   chan struct{}
}

func (s *script) Next(batch []capture.Frame) (int, error) {
	for len(s.groups) > 0 && len(s.groups[0]) == 0 {
		s.groups = s.groups[1:]
	}
	if len(s.groups) == 0 {
		if s.waits {
			<-s.stop
		}
		return 0, s.err
	}
	n := copy(batch, s.groups[0])
	s.groups[0] = s.groups[0][n:]
	return n, nil
}

func (s *script) More() bool { return len(s.groups) > 0 && len(s.groups[0]) > 0 }

func (s *script) Stop() { close(s.stop) }

// group makes announcements of hosts from to below to.
func group(from, to int) (frames []capture.Frame) {
	for n := from; n < to; n++ {
		frames = append(frames, announced(n))
	}
	return frames
}

// Facts come in the order of the frames, together as these lay, and not too many at once.
func TestListener(t *testing.T) {
	lost := errors.New("lost")
	other := capture.Frame{Data: testnet.UDP(addrOf(1), addrOf(2), 10), Wire: 52, Link: 1}
	tests := []struct {
		name   string
		groups [][]capture.Frame
		err    error
		want   []int // facts in each batch
	}{
		{"nothing", nil, io.EOF, nil},
		{"one frame", [][]capture.Frame{group(0, 1)}, io.EOF, []int{1}},
		{"groups", [][]capture.Frame{group(0, 3), group(3, 4), group(4, 104)}, io.EOF, []int{3, 1, 100}},
		{"nothing in it", [][]capture.Frame{{other}, group(0, 2), {other, other}}, io.EOF, []int{2}},
		{"as many as fit", [][]capture.Frame{group(0, 256), group(256, 257)}, io.EOF, []int{256, 1}},
		{"many", [][]capture.Frame{group(0, 600), group(600, 601)}, io.EOF, []int{256, 256, 88, 1}},
		{"failure", [][]capture.Frame{group(0, 3), group(3, 5)}, lost, []int{3, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sizes, order []int
			l := NewWatcher(&script{groups: tt.groups, err: tt.err}, NewDecoder(), func(facts []Fact) {
				sizes = append(sizes, len(facts))
				for _, f := range facts {
					order = append(order, int(f.MAC[4])<<8|int(f.MAC[5]))
					if want := addrOf(order[len(order)-1]); f.Kind != Announced || f.Protocol != ARP || f.Addr != want {
						t.Errorf("fact %+v, want of %s", f, want)
					}
				}
			})
			err := l.Run(context.Background())
			if failed := errors.Is(err, lost); failed != errors.Is(tt.err, lost) || !failed && err != nil {
				t.Errorf("got error %v", err)
			}
			if d := cmp.Diff(tt.want, sizes); d != "" {
				t.Errorf("batches (-want +got):\n%s", d)
			}
			for i, n := range order {
				if n != i {
					t.Fatalf("fact %d is of host %d", i, n)
				}
			}
		})
	}
}

// When a source fails in the midst of what lies ready together, nothing heard before is lost.
func TestListenerFailsBetween(t *testing.T) {
	got := 0
	l := NewWatcher(&broken{}, NewDecoder(), func(facts []Fact) { got += len(facts) })
	if err := l.Run(context.Background()); !errors.Is(err, io.ErrUnexpectedEOF) || got != 1 {
		t.Errorf("%d facts, error %v", got, err)
	}
}

// broken has one frame, says that more lie ready, and fails.
type broken struct{ asked bool }

func (b *broken) Next(batch []capture.Frame) (int, error) {
	if b.asked {
		return 0, io.ErrUnexpectedEOF
	}
	b.asked = true
	batch[0] = announced(1)
	return 1, nil
}

func (b *broken) More() bool { return true }

func (b *broken) Stop() {}

// At the end of ctx the source is stopped, and what it has left is read.
func TestListenerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &script{groups: [][]capture.Frame{group(0, 5)}, err: io.EOF, waits: true, stop: make(chan struct{})}
		got := 0
		done := make(chan error)
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

// endless is a source that always has another frame, until it is stopped; then it has left so many.
type endless struct {
	frame   capture.Frame
	left    int
	lent    atomic.Int64
	stopped atomic.Bool
}

func (e *endless) Next(batch []capture.Frame) (int, error) {
	if e.stopped.Load() {
		batch = batch[:min(len(batch), e.left)]
		e.left -= len(batch)
	}
	if len(batch) == 0 {
		return 0, io.EOF
	}
	for i := range batch {
		batch[i] = e.frame
	}
	e.lent.Add(int64(len(batch)))
	return len(batch), nil
}

func (e *endless) More() bool { return true }

func (e *endless) Stop() { e.stopped.Store(true) }

// Of a flood 20,000 frames a second are read, and of what is left at the end all, at once.
func TestListenerPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const left = 5000
		ctx, cancel := context.WithCancel(t.Context())
		e := &endless{frame: announced(1), left: left}
		got := 0
		done := make(chan error)
		go func() {
			done <- NewWatcher(e, NewDecoder(), func(facts []Fact) { got += len(facts) }).Run(ctx)
		}()
		was := 0
		for second := range 10 {
			time.Sleep(time.Second)
			synctest.Wait()
			most := leisure + 64
			if second == 0 {
				most += int(burst * leisure / time.Second)
			}
			lent := int(e.lent.Load())
			if n := lent - was; n > most || n < leisure-64 {
				t.Errorf("second %d: %d frames", second, n)
			}
			was = lent
		}
		end := time.Now()
		e.Stop() // for cancel only sees to it that it is called, soon
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(end); took != 0 {
			t.Errorf("the end took %v", took)
		}
		if lent := int(e.lent.Load()); lent != was+left || got != lent {
			t.Errorf("%d frames, %d facts, want %d", lent, got, was+left)
		}
	})
}

// What comes as it does on a LAN is read without a wait: 1,000 frames a second, also as 60 in a block of 60 ms, and a storm of
// 2,000 once in a while.
func TestListenerDoesNotDelay(t *testing.T) {
	tests := []struct {
		name   string
		frames int
		every  time.Duration
	}{
		{"one by one", 1, time.Millisecond},
		{"by block", 60, 60 * time.Millisecond},
		{"storms", 2000, 200 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &timed{frames: tt.frames, every: tt.every, frame: announced(1), next: time.Now()}
				got := 0
				l := NewWatcher(s, NewDecoder(), func(facts []Fact) { got += len(facts) })
				if err := l.Run(t.Context()); err != nil || got != 100*tt.frames {
					t.Errorf("%d facts of %d, error %v", got, 100*tt.frames, err)
				}
				if s.late > 0 {
					t.Errorf("%v late", s.late)
				}
			})
		})
	}
}

// timed is a source that has some frames every now and then, a hundred times, and notes how much later it is asked for them.
type timed struct {
	frames int // at a time
	every  time.Duration
	frame  capture.Frame
	next   time.Time
	round  int
	left   int
	late   time.Duration
}

func (s *timed) Next(batch []capture.Frame) (int, error) {
	if s.left == 0 {
		if s.round++; s.round > 100 {
			return 0, io.EOF
		}
		s.next = s.next.Add(s.every)
		time.Sleep(time.Until(s.next))
		s.left = s.frames
	}
	s.late = max(s.late, time.Since(s.next))
	n := min(len(batch), s.left)
	for i := range batch[:n] {
		batch[i] = s.frame
	}
	s.left -= n
	return n, nil
}

func (s *timed) More() bool { return s.left > 0 }

func (s *timed) Stop() {}

// In all shared captures there is no Ethernet frame with a fact that a second tap would not hear.
func TestControlMissesNothing(t *testing.T) {
	reader := NewDecoder()
	frames, accepted, facts, telling := 0, 0, 0, 0
	for _, path := range captureFiles(t) {
		file, err := capture.OpenFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		batch := make([]capture.Frame, 64)
		for record := 0; ; {
			n, err := file.Next(batch)
			if err != nil {
				break
			}
			for i := range batch[:n] {
				record++
				f := &batch[i]
				if f.Link != 1 {
					continue
				}
				frames++
				heard := capture.IsControl(f)
				if heard {
					accepted++
				}
				before := facts
				reader.Decode(f.Link, f.Data, func(fact Fact) {
					facts++
					if !heard {
						t.Errorf("%s: frame %d is not heard, but says %+v", filepath.Base(path), record, fact)
					}
				})
				if facts > before {
					telling++
				}
			}
		}
		_ = file.Close()
	}
	t.Logf("%d of %d Ethernet frames are accepted, %d of them have %d facts", accepted, frames, telling, facts)
	if facts == 0 {
		t.Error("no facts, so this test shows nothing")
	}
}

// The same frames through a listener give the same facts, in the same order.
func TestListenerFile(t *testing.T) {
	for _, path := range captureFiles(t) {
		facts := func(run func(file *capture.File, learn func([]Fact)) error) (all []Fact) {
			file, err := capture.OpenFile(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			if err := run(file, func(f []Fact) { all = append(all, f...) }); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			return all
		}
		want := facts(func(file *capture.File, learn func([]Fact)) error {
			reader, frame := NewDecoder(), make([]capture.Frame, 1)
			for {
				if _, err := file.Next(frame); err != nil {
					return nil
				}
				reader.Decode(frame[0].Link, frame[0].Data, func(f Fact) { learn([]Fact{f}) })
			}
		})
		got := facts(func(file *capture.File, learn func([]Fact)) error {
			return NewWatcher(file, NewDecoder(), learn).Run(context.Background())
		})
		if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", path, d)
		}
	}
}

// captureFiles lists the capture files of the folder that TEST_CAPTURES names.
func captureFiles(t *testing.T) []string {
	t.Helper()
	folder := os.Getenv("TEST_CAPTURES")
	paths, err := filepath.Glob(filepath.Join(folder, "*.pcap*"))
	if err != nil {
		t.Fatal(err)
	}
	if folder != "" && len(paths) > 0 {
		return paths
	}
	if os.Getenv("TEST_KERNEL") == "1" {
		t.Fatalf("TEST_CAPTURES=%q: no captures there", folder)
	}
	t.Skip("set TEST_CAPTURES to a folder of capture files")
	return nil
}

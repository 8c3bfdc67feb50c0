package discovery

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"gonetmon/app/capture"
)

// put puts the nth announcement, in memory that is overwritten afterwards.
func put(q *Queue, n int) {
	f := announcement(n)
	lent := bytes.Clone(f.Data)
	f.Data = lent
	q.Put(&f)
	clear(lent)
}

// readAll reads until the end, and checks that the frames are the announcements in order.
func readAll(t *testing.T, q *Queue) (frames int) {
	t.Helper()
	batch := make([]capture.Frame, 64)
	for n := q.Next(batch); n > 0; n = q.Next(batch) {
		for _, f := range batch[:n] {
			if want := announcement(frames); !bytes.Equal(f.Data, want.Data) || f.Wire != want.Wire || f.Link != 1 {
				t.Fatalf("frame %d: got %x", frames, f.Data)
			}
			frames++
		}
	}
	return frames
}

func TestQueue_ReturnsFramesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const frames = 5000
		q := NewQueue()
		go func() {
			for n := range frames {
				put(q, n)
				if n%500 == 0 {
					time.Sleep(3 * time.Second) // the reader waits
				}
			}
			q.Stop()
		}()
		if got := readAll(t, q); got != frames {
			t.Errorf("read %d frames of %d", got, frames)
		}
		if s := q.Stats(); s.Frames != frames || s.Drops != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// When nobody reads, a queue keeps the oldest frames and counts the others.
func TestQueue_CountsDrops(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int // bytes of a frame
		want int
	}{
		{"many frames", 60, queueFrames},
		{"long frames", 1000, queueBytes / 1000},
		{"a frame that never fits", queueBytes + 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := NewQueue()
			f := capture.Frame{Data: make([]byte, tt.size), Wire: tt.size, Link: 1}
			const sent = 3000
			for range sent {
				q.Put(&f)
			}
			if n := testing.AllocsPerRun(100, func() { q.Put(&f) }); n != 0 {
				t.Errorf("Put: %v allocations", n)
			}
			q.Stop()
			got, batch := 0, make([]capture.Frame, 100)
			for n := q.Next(batch); n > 0; n = q.Next(batch) {
				got += n
			}
			if s := q.Stats(); got != tt.want || s.Frames != uint64(got) || s.Drops != uint64(sent+101-got) {
				t.Errorf("read %d frames, want %d; stats %+v", got, tt.want, s)
			}
		})
	}
}

func TestQueue_IgnoresFrames(t *testing.T) {
	q := NewQueue()
	f := announcement(1)
	cut, raw, tagged := f, f, f
	cut.Wire++
	raw.Link = 101
	tagged.Wire, tagged.Tag = f.Wire+4, 4
	for _, f := range []*capture.Frame{&cut, &raw, &tagged} {
		q.Put(f)
	}
	q.Stop()
	batch := make([]capture.Frame, 8)
	if n := q.Next(batch); n != 1 || batch[0].Tag != 4 {
		t.Errorf("%d frames, tag %d; want only the tagged one", n, batch[0].Tag)
	}
	if s := q.Stats(); s.Drops != 0 {
		t.Errorf("stats %+v", s)
	}
}

// A reader shows that it is alive also if nothing happens, and Stop wakes it.
func TestQueue_ShowsActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue()
		done := make(chan int)
		go func() { done <- readAll(t, q) }()
		for range 10 {
			time.Sleep(idleBeat)
			synctest.Wait()
			if idle := time.Since(q.Stats().LastActive); idle > idleBeat {
				t.Errorf("idle for %v", idle)
			}
		}
		begin := time.Now()
		q.Stop()
		if n := <-done; n != 0 || time.Since(begin) > 0 {
			t.Errorf("%d frames, after %v", n, time.Since(begin))
		}
	})
}

func BenchmarkQueue_Put(b *testing.B) {
	q := NewQueue()
	f := announcement(1)
	b.ReportAllocs()
	for b.Loop() {
		q.Put(&f)
		q.filling.data, q.filling.frames = q.filling.data[:0], q.filling.frames[:0]
	}
}

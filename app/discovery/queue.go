package discovery

import (
	"sync"
	"time"

	"gonetmon/app/capture"
)

const (
	queueFrames = 2048      // frames in one half of a queue
	queueBytes  = 256 << 10 // bytes in one half of a queue
	idleBeat    = time.Second

	linkEthernet = 1 // LINKTYPE_ETHERNET
)

// A Queue copies control frames from the hot path, which only borrows them, for a Watcher, which may take its time. It has two
// halves: one is filled while the other is read. What does not fit is counted as a drop. Put must not be called concurrently, and
// neither must Next and More.
type Queue struct {
	wake    chan struct{} // has a token after a Put into an empty half, and after Stop
	reading *half
	next    int // frame of reading to return next

	mu      sync.Mutex // guards all below; held to copy one frame, or to swap the halves
	filling *half
	stopped bool
	stats   QueueStats
}

// QueueStats counts what went through a Queue.
type QueueStats struct {
	Frames     uint64    // that were read
	Drops      uint64    // that did not fit
	LastActive time.Time // when the reader last showed a sign of life; it does once a second, even if nothing happens
}

// A half is one half of a Queue. The frames point into data, which never grows.
type half struct {
	data   []byte
	frames []capture.Frame
}

func newHalf() *half {
	return &half{data: make([]byte, 0, queueBytes), frames: make([]capture.Frame, 0, queueFrames)}
}

// NewQueue returns an empty queue.
func NewQueue() *Queue {
	return &Queue{wake: make(chan struct{}, 1), reading: newHalf(), filling: newHalf(), stats: QueueStats{LastActive: time.Now()}}
}

// Put copies a frame into the queue. It ignores frames that the ring cut, and those of links without MAC addresses. It is called
// in the hot path: it does not allocate or block.
func (q *Queue) Put(f *capture.Frame) {
	if f.Link != linkEthernet || len(f.Data) < f.Wire-f.Tag {
		return
	}
	q.mu.Lock()
	h := q.filling
	start := len(h.data)
	if len(h.frames) == cap(h.frames) || start+len(f.Data) > cap(h.data) {
		q.stats.Drops++
		q.mu.Unlock()
		return
	}
	h.data = append(h.data, f.Data...)
	h.frames = append(h.frames, capture.Frame{Data: h.data[start:len(h.data):len(h.data)], Wire: f.Wire, Tag: f.Tag, Link: f.Link})
	first := len(h.frames) == 1
	q.mu.Unlock()
	if first {
		q.signal()
	}
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Next fills batch with at least one frame. It returns 0 after Stop, when all frames have been read. The frames are valid until
// the next call.
func (q *Queue) Next(batch []capture.Frame) int {
	for !q.More() {
		if !q.swap() {
			return 0
		}
	}
	n := copy(batch, q.reading.frames[q.next:])
	q.next += n
	return n
}

// swap begins to read the frames that were put meanwhile, or waits a while for some. It returns false after Stop, if there are
// none.
func (q *Queue) swap() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.LastActive = time.Now()
	if len(q.filling.frames) == 0 {
		if q.stopped {
			return false
		}
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-time.After(idleBeat):
		}
		q.mu.Lock()
		return true
	}
	q.reading.data, q.reading.frames, q.next = q.reading.data[:0], q.reading.frames[:0], 0
	q.reading, q.filling = q.filling, q.reading
	q.stats.Frames += uint64(len(q.reading.frames))
	return true
}

// More reports whether Next would return without waiting.
func (q *Queue) More() bool { return q.next < len(q.reading.frames) }

// Stop makes Next return 0 after the frames that were put before. It is safe for concurrent use.
func (q *Queue) Stop() {
	q.mu.Lock()
	q.stopped = true
	q.mu.Unlock()
	q.signal()
}

// Stats returns the counters. It is safe for concurrent use.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

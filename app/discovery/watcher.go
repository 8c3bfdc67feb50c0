package discovery

import (
	"context"
	"time"

	"gonetmon/app/capture"
)

const (
	// maxRate is the number of frames a second that are decoded in the long run. A LAN has a few hundred at most. In a
	// flood the queue fills up, and counts what does not fit.
	maxRate = 20000

	// maxBurst is how much unused time may be saved up for a burst. A ring hands over frames every 60 ms.
	maxBurst = 100 * time.Millisecond

	// maxShare limits decoding to a fifth of the time while frames keep coming, as some can be forged to be slow to decode.
	maxShare = 5

	// maxRest limits a rest after work that seemed to take long, for example because the process was stopped meanwhile.
	maxRest = time.Second

	maxBatch = 256 // facts handed over at once
)

// A Watcher decodes control frames and hands over their facts.
type Watcher struct {
	queue   *Queue
	decoder *Decoder
	learn   func([]Fact)
	facts   []Fact    // not handed over yet
	paidFor time.Time // when the frames so far would have been decoded, one after the other
}

// NewWatcher returns a Watcher of a queue. Run calls learn with the facts of the frames that were available together, in
// order, 256 at most. They are valid until learn returns.
func NewWatcher(queue *Queue, decoder *Decoder, learn func([]Fact)) *Watcher {
	return &Watcher{queue: queue, decoder: decoder, learn: learn, facts: make([]Fact, 0, maxBatch)}
}

// Run watches until ctx ends: then it stops the queue, decodes its last frames, and returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, w.queue.Stop)()
	var frames [64]capture.Frame
	for {
		n := w.queue.Next(frames[:])
		if n == 0 {
			return nil
		}
		start := time.Now()
		for i := range frames[:n] {
			w.decoder.Decode(frames[i].Link, frames[i].Data, w.add)
		}
		if !w.queue.More() {
			w.flush()
		}
		w.pace(ctx, n, start)
	}
}

func (w *Watcher) add(f Fact) {
	if w.facts = append(w.facts, f); len(w.facts) == maxBatch {
		w.flush()
	}
}

func (w *Watcher) flush() {
	if len(w.facts) > 0 {
		w.learn(w.facts)
		w.facts = w.facts[:0]
	}
}

// pace waits if frames come faster than maxRate, or if decoding since start took more than its share of a processor. It does
// not wait after ctx has ended: then no more than a full queue is left.
func (w *Watcher) pace(ctx context.Context, frames int, start time.Time) {
	now := time.Now()
	if earliest := now.Add(-maxBurst); w.paidFor.Before(earliest) {
		w.paidFor = earliest
	}
	w.paidFor = w.paidFor.Add(max(time.Duration(frames)*time.Second/maxRate, maxShare*now.Sub(start)))
	if latest := now.Add(maxRest); w.paidFor.After(latest) {
		w.paidFor = latest
	}
	if w.paidFor.After(now) {
		select {
		case <-ctx.Done():
		case <-time.After(w.paidFor.Sub(now)):
		}
	}
}

package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gonetmon/app/capture"
)

// A FrameSource lends frames: capture.Ring or capture.File.
type FrameSource interface {
	// Next fills batch and returns the number of frames, which may be 0, or io.EOF. The frames are valid until the next call.
	Next(batch []capture.Frame) (int, error)
	// More says that Next would not have to wait.
	More() bool
	// Stop makes Next return io.EOF when it has handed over what had come. It may be called by any goroutine.
	Stop()
}

const (
	// leisure is how many frames a second are read when they never cease. A LAN has some hundred a second at most. A flood of
	// them fills the ring instead, and the kernel drops and counts the rest.
	leisure = 20000

	// burst is for how long nothing was heard when as much as that time is good for may be read at once. The ring hands frames
	// over every 60 ms.
	burst = 100 * time.Millisecond

	// share is how many times as long as it works the listener rests at least, when there is no end of frames: some can be made
	// to take long.
	share = 4

	mostFacts = 256 // handed over at a time
)

// A Watcher hears control frames and hands the facts in them on.
type Watcher struct {
	source  FrameSource
	decoder *Decoder
	learn   func([]Fact)
	facts   []Fact    // not handed over yet
	due     time.Time // when the frames read so far would have been, one after the other
}

// NewWatcher returns a listener to source. Its Run will call learn with the facts of the frames that lay ready together, in the
// order in which they were heard, 256 at most; they are valid until learn returns.
func NewWatcher(source FrameSource, decoder *Decoder, learn func([]Fact)) *Watcher {
	return &Watcher{source: source, decoder: decoder, learn: learn, facts: make([]Fact, 0, mostFacts)}
}

// Run listens until the source ends, or ctx: then it stops the source and reads what that still has. It returns nil unless
// the source failed.
func (l *Watcher) Run(ctx context.Context) error {
	cancel := context.AfterFunc(ctx, l.source.Stop)
	defer cancel()
	var frames [64]capture.Frame
	note := l.note
	for {
		n, err := l.source.Next(frames[:])
		begin := time.Now()
		for i := range frames[:n] {
			l.decoder.Decode(frames[i].Link, frames[i].Data, note)
		}
		if err != nil || !l.source.More() {
			l.handOver()
		}
		switch {
		case err == nil:
			l.pace(ctx, n, begin)
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("listen to control frames: %w", err)
		}
	}
}

func (l *Watcher) note(f Fact) {
	if l.facts = append(l.facts, f); len(l.facts) == mostFacts {
		l.handOver()
	}
}

func (l *Watcher) handOver() {
	if len(l.facts) > 0 {
		l.learn(l.facts)
		l.facts = l.facts[:0]
	}
}

// pace waits if the frames come faster than at leisure, or have taken more of a processor since begin than a share. It does not
// once ctx has ended: what is left then is a ring full at most.
func (l *Watcher) pace(ctx context.Context, frames int, begin time.Time) {
	now := time.Now()
	if earliest := now.Add(-burst); l.due.Before(earliest) {
		l.due = earliest
	}
	l.due = l.due.Add(max(time.Duration(frames)*time.Second/leisure, share*now.Sub(begin)))
	if l.due.After(now) {
		select {
		case <-ctx.Done():
		case <-time.After(l.due.Sub(now)):
		}
	}
}

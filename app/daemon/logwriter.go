package daemon

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	logQueue    = 256         // lines that may wait to be written
	maxLogFlush = time.Second // how long the end of the program waits for them
)

// A logWriter writes the log in a goroutine of its own. A write to a full pipe blocks when the program at its other end stops
// reading, and the reader of a ring must not wait for that. Lines that do not fit into the queue are lost, and the log says
// how many.
type logWriter struct {
	out   io.Writer
	lines chan []byte
	lost  atomic.Uint64
	quit  chan struct{}
	done  chan struct{}
}

// newLogWriter returns a writer to out. It must be closed.
func newLogWriter(out io.Writer) *logWriter {
	l := &logWriter{out: out, lines: make(chan []byte, logQueue), quit: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

// Write queues a line. It does not block.
func (l *logWriter) Write(line []byte) (int, error) {
	select {
	case l.lines <- bytes.Clone(line):
	default:
		l.lost.Add(1)
	}
	return len(line), nil
}

func (l *logWriter) run() {
	defer close(l.done)
	for {
		select {
		case line := <-l.lines:
			l.write(line)
			continue
		default:
		}
		select {
		case line := <-l.lines:
			l.write(line)
		case <-l.quit:
			if len(l.lines) == 0 {
				return
			}
		}
	}
}

func (l *logWriter) write(line []byte) {
	if n := l.lost.Swap(0); n > 0 {
		_, _ = fmt.Fprintf(l.out, "level=WARN msg=\"log lines lost, the log was not read\" lines=%d\n", n)
	}
	_, _ = l.out.Write(line)
}

// close writes the queued lines. It gives up when the log is not read for a second.
func (l *logWriter) close() {
	close(l.quit)
	select {
	case <-l.done:
	case <-time.After(maxLogFlush):
	}
}

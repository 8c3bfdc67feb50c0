package daemon

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A pipe is a writer that blocks while it is full.
type pipe struct {
	room chan struct{} // a token for each line
	text strings.Builder
}

func (p *pipe) Write(b []byte) (int, error) {
	<-p.room
	return p.text.Write(b)
}

// Logging goes on while nobody reads the log. Later the log has the oldest lines and the number of those that were lost.
func TestLogWriter_DoesNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipe{room: make(chan struct{}, 10000)}
		l := newLogWriter(p)
		const lines = 1000
		for i := range lines {
			_, _ = fmt.Fprintf(l, "line %d\n", i)
			synctest.Wait()
		}
		for range lines { // the reader is back
			p.room <- struct{}{}
		}
		synctest.Wait()
		_, _ = fmt.Fprintln(l, "last")
		l.close()
		// One line was being written, and the queue was full.
		got := strings.Split(strings.TrimSpace(p.text.String()), "\n")
		kept := logQueue + 1
		if len(got) != kept+2 || got[0] != "line 0" || got[len(got)-1] != "last" {
			t.Fatalf("got %d lines, from %q to %q", len(got), got[0], got[len(got)-1])
		}
		if want := fmt.Sprintf("lines=%d", lines-kept); !strings.HasSuffix(got[1], want) {
			t.Errorf("got %q, want %s", got[1], want)
		}
	})
}

// The end of the program does not wait for a log that nobody reads.
func TestLogWriter_CloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipe{room: make(chan struct{}, 1)}
		l := newLogWriter(p)
		_, _ = fmt.Fprintln(l, "line")
		begin := time.Now()
		l.close()
		if took := time.Since(begin); took != maxLogFlush {
			t.Errorf("took %v", took)
		}
		p.room <- struct{}{}
	})
}

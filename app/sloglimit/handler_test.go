package sloglimit

import (
	"bytes"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A page is what was written, by whichever goroutine.
type page struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

func (p *page) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.b.Reset()
}

// paper is a log without times.
func paper() (*slog.Logger, *Handler, *page) {
	var b page
	h := NewHandler(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	return slog.New(h), h, &b
}

// What happens a few times is written as it happens, whatever else is written too often.
func TestFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _, out := paper()
		var want strings.Builder
		for i := range burst {
			log.Info("eth1 changed", "n", i)
			fmt.Fprintf(&want, "level=INFO msg=\"eth1 changed\" n=%d\n", i)
		}
		for range 100 {
			log.Debug("not enabled")
		}
		log.With("interface", "eth2").Warn("another")
		want.WriteString("level=WARN msg=another interface=eth2\n")
		if diff := cmp.Diff(want.String(), out.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What happens all the time is written a few times, then once a minute: the newest, and how many were left out before it.
func TestMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _, out := paper()
		log = log.With("interface", "eth1")
		for i := range 10_000 {
			log.Warn("changed", "n", i)
		}
		if n := strings.Count(out.String(), "\n"); n != burst {
			t.Errorf("%d lines at once, want %d", n, burst)
		}
		out.Reset()
		time.Sleep(every)
		synctest.Wait()
		want := "level=WARN msg=changed interface=eth1 n=9999 skipped=9987\n" // 10,000 less the twelve and this one
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("after a minute (-want +got):\n%s", diff)
		}

		out.Reset()
		for range 3600 { // an hour
			log.Warn("changed")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := strings.Count(out.String(), "\n"); n != 60 {
			t.Errorf("%d lines in an hour, want 60", n)
		}

		out.Reset()
		time.Sleep(time.Hour) // quiet again: as at the beginning
		synctest.Wait()
		out.Reset()
		for range 2 * burst {
			log.Warn("changed")
		}
		if n := strings.Count(out.String(), "\n"); n != burst {
			t.Errorf("%d lines at once after an hour, want %d", n, burst)
		}
	})
}

// The end of the log has what was late, once.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, h, out := paper()
		for i := range burst + 2 {
			log.Info("changed", "n", i)
		}
		out.Reset()
		h.Flush()
		h.Flush()
		time.Sleep(2 * every)
		synctest.Wait()
		if diff := cmp.Diff("level=INFO msg=changed n=13 skipped=1\n", out.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Messages that are no fixed text share the room that is left.
func TestMessagesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h, out := paper()
		for i := range 10_000 {
			_ = h.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, fmt.Sprint("message ", i), 0))
		}
		if n := strings.Count(out.String(), "\n"); n != mostMessages+burst {
			t.Errorf("%d lines, want %d", n, mostMessages+burst)
		}
		if n := len(h.book.messages); n != mostMessages+1 {
			t.Errorf("%d messages are remembered", n)
		}
	})
}

func TestGroup(t *testing.T) {
	log, _, out := paper()
	log.WithGroup("dns").Info("asked", "n", 1)
	if diff := cmp.Diff("level=INFO msg=asked dns.n=1\n", out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A program that writes text has it in lines of the log, each whole.
func TestWriter(t *testing.T) {
	to, _, out := paper()
	l := log.New(Writer(func(text string) { to.Warn("http server", "error", text) }), "", 0)
	l.Printf("http: panic serving\n\x1b[31m<script>\n")
	l.Print(strings.Repeat("x", 2*mostText))
	want := `level=WARN msg="http server" error="http: panic serving\n\x1b[31m<script>"` + "\n" +
		`level=WARN msg="http server" error=` + strings.Repeat("x", mostText) + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

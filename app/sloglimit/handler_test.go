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

	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// A buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *buffer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *buffer) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

func (p *buffer) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.b.Reset()
}

// newLog returns a log without times.
func newLog() (*slog.Logger, *Handler, *buffer) {
	var b buffer
	h := NewHandler(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	return slog.New(h), h, &b
}

// A burst is written at once. Each message has its own bucket.
func TestHandler_WritesBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _, out := newLog()
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

// After a burst, the latest record is written once a minute, with the number of skipped ones.
func TestHandler_LimitsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _, out := newLog()
		log = log.With("interface", "eth1")
		for i := range 10_000 {
			log.Warn("changed", "n", i)
		}
		if n := strings.Count(out.String(), "\n"); n != burst {
			t.Errorf("%d lines at once, want %d", n, burst)
		}
		out.Reset()
		time.Sleep(interval)
		synctest.Wait()
		want := "level=WARN msg=changed interface=eth1 n=9999 skipped=9987\n" // 10,000 without the twelve and this one
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
		time.Sleep(time.Hour) // quiet: the bucket is full again
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

// Flush writes pending records once.
func TestHandler_Flush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, h, out := newLog()
		for i := range burst + 2 {
			log.Info("changed", "n", i)
		}
		out.Reset()
		h.Flush()
		h.Flush()
		time.Sleep(2 * interval)
		synctest.Wait()
		if diff := cmp.Diff("level=INFO msg=changed n=13 skipped=1\n", out.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// The number of buckets is bounded. Further messages share one.
func TestHandler_BoundsBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h, out := newLog()
		for i := range 10_000 {
			_ = h.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, fmt.Sprint("message ", i), 0))
		}
		if n := strings.Count(out.String(), "\n"); n != maxMessages+burst {
			t.Errorf("%d lines, want %d", n, maxMessages+burst)
		}
		if n := len(h.state.buckets); n != maxMessages+1 {
			t.Errorf("%d buckets", n)
		}
	})
}

func TestHandler_WithGroup(t *testing.T) {
	log, _, out := newLog()
	log.WithGroup("dns").Info("asked", "n", 1)
	if diff := cmp.Diff("level=INFO msg=asked dns.n=1\n", out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each write is one log record.
func TestWriter_LogsText(t *testing.T) {
	to, _, out := newLog()
	l := log.New(Writer(func(text string) { to.Warn("http server", "error", text) }), "", 0)
	l.Printf("http: panic serving\n\x1b[31m<script>\n")
	l.Print(strings.Repeat("x", 2*maxText))
	want := `level=WARN msg="http server" error="http: panic serving\n\x1b[31m<script>"` + "\n" +
		`level=WARN msg="http server" error=` + strings.Repeat("x", maxText) + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

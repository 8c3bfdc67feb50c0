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

// take returns what was written since the last call.
func (p *buffer) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.b.Reset()
	return p.b.String()
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
		if diff := cmp.Diff(want.String(), out.take()); diff != "" {
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
		if n := strings.Count(out.take(), "\n"); n != burst {
			t.Errorf("%d lines at once, want %d", n, burst)
		}
		time.Sleep(interval)
		synctest.Wait()
		want := "level=WARN msg=changed interface=eth1 n=9999 skipped=9987\n" // 10,000 without the twelve and this one
		if diff := cmp.Diff(want, out.take()); diff != "" {
			t.Errorf("after a minute (-want +got):\n%s", diff)
		}

		for range 3600 { // an hour
			log.Warn("changed")
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := strings.Count(out.take(), "\n"); n != 60 {
			t.Errorf("%d lines in an hour, want 60", n)
		}

		time.Sleep(time.Hour) // quiet: the bucket is full again
		synctest.Wait()
		out.take()
		for range 2 * burst {
			log.Warn("changed")
		}
		if n := strings.Count(out.take(), "\n"); n != burst {
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
		out.take()
		h.Flush()
		h.Flush()
		time.Sleep(2 * interval)
		synctest.Wait()
		if diff := cmp.Diff("level=INFO msg=changed n=13 skipped=1\n", out.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestHandler_WithGroup(t *testing.T) {
	log, _, out := newLog()
	log.WithGroup("dns").Info("asked", "n", 1)
	if diff := cmp.Diff("level=INFO msg=asked dns.n=1\n", out.take()); diff != "" {
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
	if diff := cmp.Diff(want, out.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

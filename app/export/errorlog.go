package export

import (
	"bytes"
	"log/slog"
	"sync"
	"time"
)

const (
	errorEvery = 10 * time.Second
	errorSize  = 4 << 10 // bytes of a message that are kept: a panic comes with its stack
)

// An errorLog passes on what the HTTP server complains of, but not more than a line every ten seconds.
type errorLog struct {
	log *slog.Logger

	mu      sync.Mutex // guards all below
	next    time.Time
	skipped int
}

func (l *errorLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Before(l.next) {
		l.skipped++
		return len(b), nil
	}
	l.log.Warn("http server", "error", string(bytes.TrimSpace(b[:min(len(b), errorSize)])), "skipped", l.skipped)
	l.next, l.skipped = now.Add(errorEvery), 0
	return len(b), nil
}

// Package sloglimit limits the rate of log messages. Anyone who can send a frame or open a connection can provoke some messages
// again and again; the log must not fill the disk. The package knows nothing of what the messages are about.
package sloglimit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	burst    = 12          // capacity of a token bucket
	interval = time.Minute // between two tokens
)

// A Handler is a slog.Handler that passes records on to another one with a token bucket for each message: 12 records at once, and
// then one a minute. Of the records in between, the last one is written when the next token is due, with its own time and with
// the number of the others in the attribute skipped. So the log always ends with the latest state.
type Handler struct {
	next  slog.Handler
	state *state
}

// A state is shared by a handler and those derived from it.
type state struct {
	mu      sync.Mutex         // guards all below
	buckets map[string]*bucket // by message; messages are fixed texts, so there are few
}

// A bucket limits the records of one message.
type bucket struct {
	tokens  int
	filled  time.Time    // when tokens was last updated
	handler slog.Handler // of the pending record; nil if there is none
	pending slog.Record
	skipped int // records before the pending one
}

// NewHandler returns a handler that writes with next.
func NewHandler(next slog.Handler) *Handler {
	return &Handler{next: next, state: &state{buckets: make(map[string]*bucket)}}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{next: h.next.WithAttrs(attrs), state: h.state}
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{next: h.next.WithGroup(name), state: h.state}
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	h.state.mu.Lock()
	defer h.state.mu.Unlock()
	b := h.state.bucket(r.Message)
	now := time.Now()
	b.refill(now)
	switch {
	case b.handler != nil:
		b.skipped++
	case b.tokens > 0:
		b.tokens--
		return h.next.Handle(ctx, r)
	default:
		time.AfterFunc(b.filled.Add(interval).Sub(now), func() {
			h.state.mu.Lock()
			defer h.state.mu.Unlock()
			b.refill(time.Now())
			b.flush()
		})
	}
	b.pending, b.handler = r.Clone(), h.next
	return nil
}

// Flush writes the pending records. It is meant for the end of the program.
func (h *Handler) Flush() {
	h.state.mu.Lock()
	defer h.state.mu.Unlock()
	for _, b := range h.state.buckets {
		b.flush()
	}
}

// bucket returns the bucket of a message.
func (s *state) bucket(message string) *bucket {
	b := s.buckets[message]
	if b == nil {
		b = &bucket{tokens: burst, filled: time.Now()}
		s.buckets[message] = b
	}
	return b
}

// refill adds the tokens that are due.
func (b *bucket) refill(now time.Time) {
	n := int(now.Sub(b.filled) / interval)
	b.filled = b.filled.Add(time.Duration(n) * interval)
	if b.tokens = min(b.tokens+n, burst); b.tokens == burst {
		b.filled = now
	}
}

// flush writes the pending record, if there is one.
func (b *bucket) flush() {
	if b.handler == nil {
		return
	}
	if b.skipped > 0 {
		b.pending.AddAttrs(slog.Int("skipped", b.skipped))
	}
	_ = b.handler.Handle(context.Background(), b.pending)
	b.tokens--
	b.handler, b.pending, b.skipped = nil, slog.Record{}, 0
}

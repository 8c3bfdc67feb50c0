// Package sloglimit keeps a log short enough to be read. Much of what is worth a line can be provoked, again and again, by whoever
// can send a frame or open a connection: a log must not fill the disk for that. It knows nothing of what the lines are about.
package sloglimit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	burst        = 12          // lines of one message that are written at once
	every        = time.Minute // when more of them come, one is written so often
	mostMessages = 256         // that are told apart; a message is fixed text, so there are far fewer
)

// A Handler passes on to another one at most twelve lines of the same message at once, and after them one a minute. What is left
// out is counted in the attribute skipped of the next line of that message. The newest of the lines is never left out, only late,
// at the time that it bears: what the log says last of a thing is how it is.
type Handler struct {
	next slog.Handler
	book *book
}

// A book is what a handler and all that were derived from it remember.
type book struct {
	mu       sync.Mutex // guards all below
	messages map[string]*message
}

// A message is what is known of the lines of one message.
type message struct {
	room    int       // lines that may be written at once
	filled  time.Time // when room was last reckoned
	late    slog.Record
	handler slog.Handler // of late, nil if no line is late
	skipped int          // lines before it
}

// NewHandler returns a handler that writes with next.
func NewHandler(next slog.Handler) *Handler {
	return &Handler{next: next, book: &book{messages: make(map[string]*message)}}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{next: h.next.WithAttrs(attrs), book: h.book}
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{next: h.next.WithGroup(name), book: h.book}
}

// Handle implements slog.Handler.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	h.book.mu.Lock()
	defer h.book.mu.Unlock()
	m := h.book.message(r.Message)
	now := time.Now()
	m.fill(now)
	switch {
	case m.handler != nil:
		m.skipped++
	case m.room > 0:
		m.room--
		return h.next.Handle(ctx, r)
	default:
		time.AfterFunc(m.filled.Add(every).Sub(now), func() {
			h.book.mu.Lock()
			defer h.book.mu.Unlock()
			m.fill(time.Now())
			m.write()
		})
	}
	m.late, m.handler = r.Clone(), h.next
	return nil
}

// Flush writes the lines that are late, for the end of the log.
func (h *Handler) Flush() {
	h.book.mu.Lock()
	defer h.book.mu.Unlock()
	for _, m := range h.book.messages {
		m.write()
	}
}

func (b *book) message(text string) *message {
	m := b.messages[text]
	if m == nil && len(b.messages) >= mostMessages {
		text = ""
		m = b.messages[text]
	}
	if m == nil {
		m = &message{room: burst, filled: time.Now()}
		b.messages[text] = m
	}
	return m
}

// fill makes room for the lines that may be written since it was last called.
func (m *message) fill(now time.Time) {
	n := int(now.Sub(m.filled) / every)
	m.filled = m.filled.Add(time.Duration(n) * every)
	if m.room = min(m.room+n, burst); m.room == burst {
		m.filled = now
	}
}

// write writes the late line, if there is one.
func (m *message) write() {
	if m.handler == nil {
		return
	}
	if m.skipped > 0 {
		m.late.AddAttrs(slog.Int("skipped", m.skipped))
	}
	_ = m.handler.Handle(context.Background(), m.late)
	m.room--
	m.handler, m.late, m.skipped = nil, slog.Record{}, 0
}

package httpd

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	slowResponse = 5 * time.Second // a response that takes longer is slow

	// idleGrace is the minimum time that an idle connection stays open: its request may just have been read.
	idleGrace = 20 * time.Millisecond
)

// A connLimiter is a listener that bounds the number of open connections. At the limit it closes the longest-idle
// connection for a new one, or, if none is idle, the longest-running response if that is slow. A connection with input
// that the server has not read yet is not closed. If there is nothing to close, the new connection waits. So neither
// idle nor slow clients can lock others out.
type connLimiter struct {
	net.Listener
	limit   int
	log     *slog.Logger
	close   sync.Once
	closed  chan struct{}
	changed chan struct{} // one slot: a connection was closed or has become idle

	mu    sync.Mutex // guards conns
	conns map[net.Conn]connState
}

// connState says since when a connection is idle, or since when a request on it is being answered. A connection is idle
// until a whole request header has been read from it.
type connState struct {
	idle  bool
	since time.Time
}

func newConnLimiter(l net.Listener, limit int, log *slog.Logger) *connLimiter {
	return &connLimiter{
		Listener: l, limit: limit, log: log,
		closed: make(chan struct{}), changed: make(chan struct{}, 1), conns: make(map[net.Conn]connState),
	}
}

// Accept waits for the next connection, and for room for it.
func (l *connLimiter) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	for {
		admitted, evicted, wait := l.admit(conn)
		if evicted != nil {
			l.log.Warn("connection limit reached, closed an idle or slow connection", "client", evicted.RemoteAddr(), "limit", l.limit)
		}
		if admitted {
			return conn, nil
		}
		select {
		case <-l.changed:
		case <-time.After(wait):
		case <-l.closed:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
	}
}

// Close ends Accept.
func (l *connLimiter) Close() error {
	l.close.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// admit adds a connection if there is room, or another one to close. Otherwise it returns how long to wait before trying again.
func (l *connLimiter) admit(conn net.Conn) (admitted bool, evicted net.Conn, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if len(l.conns) >= l.limit {
		if evicted, wait = l.evictable(now); evicted == nil {
			return false, nil, wait
		}
		delete(l.conns, evicted)
		_ = evicted.Close()
	}
	l.conns[conn] = connState{idle: true, since: now}
	return true, evicted, 0
}

// evictable returns the connection to close, or how long it takes until there may be one.
func (l *connLimiter) evictable(now time.Time) (net.Conn, time.Duration) {
	var idle, busy []net.Conn
	for conn, s := range l.conns {
		if s.idle {
			idle = append(idle, conn)
		} else {
			busy = append(busy, conn)
		}
	}
	longestFirst := func(a, b net.Conn) int { return l.conns[a].since.Compare(l.conns[b].since) }
	slices.SortFunc(idle, longestFirst)
	for _, conn := range idle {
		if wait := idleGrace - now.Sub(l.conns[conn].since); wait > 0 {
			return nil, wait
		}
		if !hasUnreadInput(conn) {
			return conn, 0
		}
	}
	if len(busy) == 0 {
		return nil, idleGrace
	}
	slowest := slices.MinFunc(busy, longestFirst)
	if wait := slowResponse - now.Sub(l.conns[slowest].since); wait > 0 {
		return nil, wait
	}
	return slowest, 0
}

// open returns the number of open connections.
func (l *connLimiter) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// setState is the ConnState hook of the HTTP server, which calls a connection active once it has read a whole request header.
func (l *connLimiter) setState(conn net.Conn, state http.ConnState) {
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn() // the one that Accept has returned
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.conns[conn]; !ok {
		return // evicted
	}
	switch state {
	case http.StateActive:
		l.conns[conn] = connState{since: time.Now()}
		return
	case http.StateIdle:
		l.conns[conn] = connState{idle: true, since: time.Now()}
	case http.StateClosed:
		delete(l.conns, conn)
	}
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

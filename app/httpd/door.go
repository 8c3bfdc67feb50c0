package httpd

import (
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	mostGuests = 256
	slow       = 5 * time.Second      // for which a client may keep its answers waiting in all before it can be sent away
	settling   = 5 * time.Millisecond // for which a client that has just come, or been answered, cannot
)

// A door lets so many connections in. When the house is full, one that does nothing makes room for the next that comes: of those
// that have not sent a whole request, or have got their answer, the one that has been so for longest; and if there is none, of those
// that take their answer so slowly that they have kept it waiting for five seconds, the slowest. Who is being answered otherwise is
// never sent away, nor who has sent something that nobody has looked at yet; then the next has to wait. So nobody can lock others
// out by holding connections.
type door struct {
	net.Listener
	most   int
	slow   time.Duration
	log    *slog.Logger
	closed chan struct{}
	close  sync.Once

	mu     sync.Mutex // guards all below, and what guests say of themselves
	guests map[*guest]struct{}
	moved  chan struct{} // one slot: somebody has left or become idle
}

// A guest is a connection that was let in.
type guest struct {
	net.Conn
	door *door

	idle    time.Time     // since when it has been idle; zero while it is being answered
	heard   bool          // it has said something since
	over    bool          // its last answer is on its way
	writing time.Time     // since when a piece of an answer has been on its way; zero if none is
	waited  time.Duration // for pieces that are through, since it was last idle for long enough to be sent away
}

func newDoor(l net.Listener, most int, slow time.Duration, log *slog.Logger) *door {
	return &door{
		Listener: l, most: most, slow: slow, log: log,
		closed: make(chan struct{}), guests: make(map[*guest]struct{}), moved: make(chan struct{}, 1),
	}
}

// Accept waits for the next connection, and for room for it.
func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g := &guest{Conn: conn, door: d}
	for {
		room, leaver, wait := d.admit(g)
		if leaver != nil {
			d.log.Warn("too many connections, closed one that did nothing or was slow", "client", leaver.RemoteAddr(), "limit", d.most)
		}
		if room {
			return g, nil
		}
		select {
		case <-d.moved:
		case <-time.After(wait):
		case <-d.closed:
			_ = conn.Close()
			return nil, net.ErrClosed
		}
	}
}

// Close ends Accept.
func (d *door) Close() error {
	d.close.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

// admit lets g in if there is room, or somebody to make room. Otherwise it says when to try again, unless somebody moves.
func (d *door) admit(g *guest) (room bool, leaver *guest, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.guests) >= d.most {
		if leaver, wait = d.leaver(time.Now()); leaver == nil {
			return false, nil, wait
		}
		delete(d.guests, leaver)
		_ = leaver.Conn.Close() // while the lock keeps it from beginning to be answered
	}
	g.idle = time.Now()
	d.guests[g] = struct{}{}
	return true, leaver, 0
}

// leaver is who has to leave, or nil, and then when there may be somebody.
func (d *door) leaver(now time.Time) (*guest, time.Duration) {
	var idle []*guest
	var slowest *guest
	var longest time.Duration
	for g := range d.guests {
		if !g.idle.IsZero() {
			idle = append(idle, g)
			continue
		}
		waited := g.waited
		if !g.writing.IsZero() {
			waited += now.Sub(g.writing)
		}
		if slowest == nil || waited > longest {
			slowest, longest = g, waited
		}
	}
	slices.SortFunc(idle, func(a, b *guest) int { return a.idle.Compare(b.idle) })
	for _, g := range idle {
		if settled := g.idle.Add(settling); now.Before(settled) {
			return nil, settled.Sub(now)
		}
		if g.over || !g.unread() {
			return g, 0
		}
	}
	switch {
	case longest >= d.slow:
		return slowest, 0
	case len(idle) > 0:
		return nil, settling
	}
	return nil, d.slow - longest
}

// unread says whether a guest has sent something that the server has not read yet, for want of a processor (tcp(7)).
func (g *guest) unread() bool {
	conn, ok := g.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	err = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ) })
	return err == nil && n > 0
}

// state is the hook of the HTTP server. It is active once a whole header has been read.
func (d *door) state(conn net.Conn, s http.ConnState) {
	g, ok := conn.(*guest)
	if !ok {
		return
	}
	switch s {
	case http.StateActive:
		g.busy()
	case http.StateIdle:
		g.rest(false)
	}
}

func (g *guest) busy() {
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	if time.Since(g.idle) >= settling { // not one of requests that were sent together
		g.waited = 0
	}
	g.idle = time.Time{}
}

func (g *guest) rest(over bool) {
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	g.idle, g.heard, g.over = time.Now(), false, over
	g.door.stir()
}

// stir wakes who waits at the door.
func (d *door) stir() {
	select {
	case d.moved <- struct{}{}:
	default:
	}
}

// Read gives the server time to take in what has come, once: a client that says one letter after the other is idle.
func (g *guest) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	if n > 0 && !g.heard {
		g.heard = true
		if !g.idle.IsZero() {
			g.idle = time.Now()
		}
	}
	return n, err
}

// Write notes how long the client makes an answer wait.
func (g *guest) Write(b []byte) (int, error) {
	g.door.mu.Lock()
	g.writing = time.Now()
	g.door.mu.Unlock()
	n, err := g.Conn.Write(b)
	g.door.mu.Lock()
	g.waited += time.Since(g.writing)
	g.writing = time.Time{}
	g.door.mu.Unlock()
	return n, err
}

// CloseWrite says that the answer was the last. The server lingers for half a second then, so that the client gets all of it.
func (g *guest) CloseWrite() error {
	g.rest(true)
	if half, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close may be called again.
func (g *guest) Close() error {
	g.door.mu.Lock()
	delete(g.door.guests, g)
	g.door.stir()
	g.door.mu.Unlock()
	return g.Conn.Close()
}

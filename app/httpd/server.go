// Package httpd is the HTTP server: it bounds what a client can cost, refuses requests for foreign host names, and answers the
// health checks. It knows nothing of what the pages show.
package httpd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"

	"gonetmon/app/sloglimit"
)

// Config is what a Server needs.
type Config struct {
	Addr           string       // "127.0.0.1:8080"
	Listener       net.Listener // to serve on in place of Addr; nil: none. The server closes it
	Metrics        http.Handler // of /metrics
	Web            http.Handler // of /
	Healthy, Ready func() error // what is wrong, in words for people; nil: nothing ever is
	HostNames      []string     // by which it may be asked for, besides addresses and names that only the LAN can have
	Connections    int          // most at once; 0: 256
	Log            *slog.Logger // nil: none
}

const (
	sendBuffer   = 128 << 10 // bytes of a connection that the kernel keeps for a reader who is late; it would take megabytes
	maxHeader    = 16 << 10
	readHeaderAt = 5 * time.Second // at most
	readAt       = 10 * time.Second
	writeAt      = time.Minute
	idleAt       = 2 * time.Minute
	shutdownAt   = 2 * time.Second
)

// A Server answers /, /metrics, /healthz and /readyz, and bounds what a client can cost.
type Server struct {
	http     http.Server
	addr     string
	most     int           // connections
	slow     time.Duration // as of the door
	log      *slog.Logger
	given    net.Listener // nil: none
	listener net.Listener // that is served on, once Listen has returned
}

// NewServer returns a server that does not listen yet.
func NewServer(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", cfg.Web)
	mux.Handle("GET /metrics", cfg.Metrics)
	mux.Handle("GET /healthz", verdict(cfg.Healthy))
	mux.Handle("GET /readyz", verdict(cfg.Ready))
	return &Server{
		addr:  cfg.Addr,
		most:  cmp.Or(cfg.Connections, mostGuests),
		slow:  slow,
		log:   cfg.Log,
		given: cfg.Listener,
		http: http.Server{
			Handler:           guard(newHostCheck(mux, cfg.HostNames, cfg.Log)),
			ReadHeaderTimeout: readHeaderAt,
			ReadTimeout:       readAt,
			WriteTimeout:      writeAt,
			IdleTimeout:       idleAt,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          log.New(sloglimit.Writer(func(text string) { cfg.Log.Warn("http server", "error", text) }), "", 0),

			DisableGeneralOptionsHandler: true, // OPTIONS is refused as any other method
		},
	}
}

// guard forbids browsers to guess what an answer is, to do anything that it asks for, and other sites to use it. The page says
// itself what little it needs. No request has a body that anybody reads: not even its first byte is waited for.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.ContentLength != 0 {
			h.Set("Connection", "close")
			_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) // else the server would read on, to find its end
		}
		next.ServeHTTP(w, r)
	})
}

// verdict answers 200 and "ok" while check finds nothing wrong, else 503 and what it finds.
func verdict(check func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		if check != nil {
			if err := check(); err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = fmt.Fprintln(w, err)
				return
			}
		}
		_, _ = io.WriteString(w, "ok\n")
	})
}

// Listen opens the listener if none was given, for which ports below 1024 need a capability. Its error wraps that of the system:
// EADDRINUSE, EACCES, EADDRNOTAVAIL.
func (s *Server) Listen() error {
	l := s.given
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", s.addr); err != nil {
			return err // "listen tcp 127.0.0.1:8080: bind: address already in use"
		}
	}
	door := newDoor(&frugal{l}, s.most, s.slow, s.log)
	s.http.ConnState = door.state
	s.listener = door
	return nil
}

// frugal is a listener whose connections have small buffers to send.
type frugal struct{ net.Listener }

func (f *frugal) Accept() (net.Conn, error) {
	conn, err := f.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // then it is as it was
	}
	return conn, err
}

// URL is where the page can be seen from this machine, once Listen has returned; for a socket of AF_UNIX "unix:" and its path.
func (s *Server) URL() string {
	addr := s.addr
	if s.given != nil {
		addr = s.given.Addr().String()
		if s.given.Addr().Network() == "unix" {
			return "unix:" + addr
		}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	if s.listener != nil {
		_, port, _ = net.SplitHostPort(s.listener.Addr().String()) // the port may have been 0
	}
	switch ip, _ := netip.ParseAddr(host); {
	case host == "", ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case ip == netip.IPv6Unspecified():
		host = "::1"
	}
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/"}
	return u.String()
}

// Run serves until ctx ends, closes the listener, and gives those who have come two seconds to be answered. It returns nil when
// ctx ends.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		panic("httpd: Run without Listen")
	}
	open := s.countConnections()
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// http.Server's own Shutdown cuts off who was let in and has not been heard yet. Here nobody is let in any more, so that who comes
	// now waits for the next one to serve on a listener that was given; the idle go at once, and the others when they have their answer.
	_ = s.listener.Close()
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	s.http.SetKeepAlivesEnabled(false)
	for begin := time.Now(); open.Load() > 0 && time.Since(begin) < shutdownAt; {
		time.Sleep(time.Millisecond)
	}
	_ = s.http.Close()
	return nil
}

// countConnections returns the number of connections, which is kept up to date.
func (s *Server) countConnections() *atomic.Int64 {
	var open atomic.Int64
	next := s.http.ConnState
	s.http.ConnState = func(conn net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
		if next != nil {
			next(conn, state)
		}
	}
	return &open
}

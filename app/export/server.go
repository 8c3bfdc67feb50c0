package export

import (
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
	"time"

	"golang.org/x/net/netutil"

	"gonetmon/app/logbook"
)

// ServerConfig is what a Server needs.
type ServerConfig struct {
	Addr           string       // "127.0.0.1:8080"
	Metrics        http.Handler // of /metrics
	Web            http.Handler // of /
	Healthy, Ready func() error // what is wrong, in words for people; nil: nothing ever is
	Log            *slog.Logger // nil: none
}

const (
	maxConnections = 256
	maxHeader      = 16 << 10
	readHeaderAt   = 5 * time.Second // at most
	readAt         = 10 * time.Second
	writeAt        = time.Minute
	idleAt         = 2 * time.Minute
	shutdownAt     = 2 * time.Second
)

// A Server answers /, /metrics, /healthz and /readyz, and bounds what a client can cost.
type Server struct {
	http     http.Server
	addr     string
	listener net.Listener
}

// NewServer returns a server that does not listen yet.
func NewServer(cfg ServerConfig) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", cfg.Web)
	mux.Handle("GET /metrics", cfg.Metrics)
	mux.Handle("GET /healthz", verdict(cfg.Healthy))
	mux.Handle("GET /readyz", verdict(cfg.Ready))
	return &Server{
		addr: cfg.Addr,
		http: http.Server{
			Handler:           guard(mux),
			ReadHeaderTimeout: readHeaderAt,
			ReadTimeout:       readAt,
			WriteTimeout:      writeAt,
			IdleTimeout:       idleAt,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          log.New(logbook.Writer(func(text string) { cfg.Log.Warn("http server", "error", text) }), "", 0),
		},
	}
}

// guard forbids browsers to guess what an answer is, and other sites to use it.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
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

// Listen opens the listener, for which ports below 1024 need a capability. Its error wraps that of the system: EADDRINUSE,
// EACCES, EADDRNOTAVAIL.
func (s *Server) Listen() error {
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err // "listen tcp 127.0.0.1:8080: bind: address already in use"
	}
	s.listener = netutil.LimitListener(l, maxConnections)
	return nil
}

// URL is where the page can be seen from this machine, once Listen has returned.
func (s *Server) URL() string {
	host, port, err := net.SplitHostPort(s.addr)
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

// Run serves until ctx ends, gives the requests that are being answered two seconds, and closes the listener. It returns nil
// when ctx ends.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		panic("export: Run without Listen")
	}
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownAt)
	defer cancel()
	if s.http.Shutdown(patience) != nil {
		_ = s.http.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

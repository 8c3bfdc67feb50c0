// Package httpd is the HTTP server: it bounds what a client can cost, refuses requests for foreign host names, and answers the
// health checks. It knows nothing of what the pages show.
package httpd

import (
	"context"
	"crypto/tls"
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

	"gonetmon/app/sloglimit"
)

// Config is what a Server needs.
type Config struct {
	Addr           string       // "127.0.0.1:8080"
	Listener       net.Listener // to serve on instead of Addr; nil: none. The server closes it
	Metrics        http.Handler // of /metrics
	Web            http.Handler // of /
	Assets         http.Handler // of /assets/
	Devices        http.Handler // of /debug/devices
	API            http.Handler // of /api/; the contexts of its requests end when the server is to stop
	Healthy, Ready func() error // what is wrong, in words for people
	Missing        func() error // which interfaces have never existed, in words for people
	HostNames      []string     // accepted in requests besides addresses and local names
	Password       string       // of everything but /healthz and /readyz; "": none
	Certificate    *Certificate // nil: no TLS
	Connections    int          // maximum number
	Log            *slog.Logger
}

const (
	maxHeader         = 16 << 10
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	shutdownTimeout   = 2 * time.Second
)

// A Server answers /, /assets/, /metrics, /debug/devices, /api/, /healthz and /readyz, and bounds what a client can cost.
type Server struct {
	http      http.Server
	addr      string
	inherited net.Listener // nil: none
	tls       bool
	limit     int          // connections
	limiter   *connLimiter // set by Listen
	log       *slog.Logger
}

// NewServer returns a server that does not listen yet.
func NewServer(cfg Config) *Server {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", cfg.Web)
	mux.Handle("GET /assets/", cfg.Assets)
	mux.Handle("GET /metrics", cfg.Metrics)
	mux.Handle("GET /debug/devices", cfg.Devices)
	mux.Handle("/api/", cfg.API)
	health := healthHandler(cfg.Healthy)
	interfaces := healthHandler(func() error { return errors.Join(cfg.Healthy(), cfg.Missing()) })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "interfaces" {
			interfaces.ServeHTTP(w, r)
			return
		}
		health.ServeHTTP(w, r)
	})
	mux.Handle("GET /readyz", healthHandler(cfg.Ready))
	var handler http.Handler = mux
	if cfg.Password != "" {
		handler = newPasswordCheck(mux, cfg.Password, cfg.Log)
	}
	s := &Server{
		addr:      cfg.Addr,
		inherited: cfg.Listener,
		tls:       cfg.Certificate != nil,
		limit:     cfg.Connections,
		log:       cfg.Log,
		http: http.Server{
			Handler:           securityHeaders(newHostCheck(handler, cfg.HostNames, cfg.Log)),
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          log.New(sloglimit.Writer(func(text string) { cfg.Log.Warn("http server", "error", text) }), "", 0),

			DisableGeneralOptionsHandler: true, // OPTIONS is refused like any other method
			// HTTP/1 only: the limits of connections and times are made for one request at a time on each.
			Protocols: new(http.Protocols),
		},
	}
	s.http.Protocols.SetHTTP1(true)
	if s.tls {
		s.http.TLSConfig = &tls.Config{GetCertificate: cfg.Certificate.get}
	}
	return s
}

// securityHeaders keeps browsers from guessing the type of an answer, from running or loading anything, and from
// showing it inside other sites. The web page itself allows the little that it needs. No request needs a body, so none
// is read.
func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.ContentLength != 0 { // otherwise the server would wait for the rest of the body after the answer
			h.Set("Connection", "close")
			_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
		}
		next.ServeHTTP(w, r)
	})
}

// healthHandler answers 200 and "ok" while check returns nil, otherwise 503 and the error.
func healthHandler(check func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		if err := check(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintln(w, err)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
}

// Listen opens the listener, unless one was inherited. Ports below 1024 need a capability. The error wraps that of the system:
// EADDRINUSE, EACCES, EADDRNOTAVAIL.
func (s *Server) Listen() error {
	l := s.inherited
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", s.addr); err != nil {
			return err // "listen tcp 127.0.0.1:8080: bind: address already in use"
		}
	}
	s.limiter = newConnLimiter(l, s.limit, s.log)
	s.http.ConnState = s.limiter.setState
	return nil
}

// URL returns where this machine can reach the page, once Listen has returned; for an AF_UNIX socket "unix:" and its path.
func (s *Server) URL() string {
	addr := s.addr
	if s.inherited != nil {
		addr = s.inherited.Addr().String()
		if s.inherited.Addr().Network() == "unix" {
			return "unix:" + addr
		}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	if s.limiter != nil {
		_, port, _ = net.SplitHostPort(s.limiter.Addr().String()) // the port may have been 0
	}
	switch ip, _ := netip.ParseAddr(host); {
	case host == "", ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case ip == netip.IPv6Unspecified():
		host = "::1"
	}
	scheme := "http"
	if s.tls {
		scheme = "https"
	}
	u := url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port), Path: "/"}
	return u.String()
}

// Run serves until ctx ends, closes the listener, and gives requests that have arrived two seconds to be answered. It
// returns nil when ctx ends.
func (s *Server) Run(ctx context.Context) error {
	if s.limiter == nil {
		panic("httpd: Run without Listen")
	}
	s.http.BaseContext = func(net.Listener) context.Context { return ctx } // so that streams end with it
	served := make(chan error, 1)
	go func() {
		if s.tls {
			served <- s.http.ServeTLS(s.limiter, "", "")
			return
		}
		served <- s.http.Serve(s.limiter)
	}()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// Shutdown would drop connections whose request has not been read yet. Here they are answered, while new
	// connections wait for the next process if the listener is inherited.
	_ = s.limiter.Close()
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	s.http.SetKeepAlivesEnabled(false) // closes idle connections
	for begin := time.Now(); s.limiter.open() > 0 && time.Since(begin) < shutdownTimeout; {
		time.Sleep(time.Millisecond)
	}
	_ = s.http.Close()
	return nil
}

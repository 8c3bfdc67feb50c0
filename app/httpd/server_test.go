package httpd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

const pageSize = 1000

// page answers with so many bytes.
func page(size int) http.Handler {
	body := []byte(strings.Repeat("0123456789", size/10+1)[:size])
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
}

// serve runs a server on a port of its own until the test ends, and checks that it leaves nothing behind.
func serve(t testing.TB, cfg Config, change func(*Server)) *Server {
	t.Helper()
	before := runtime.NumGoroutine()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Metrics == nil {
		cfg.Metrics = page(pageSize)
	}
	if cfg.Web == nil {
		cfg.Web = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<p>hello") })
	}
	s := NewServer(cfg)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		for range 200 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
	})
	return s
}

func TestServer_Routes(t *testing.T) {
	sick := errors.New("eth1: no such interface")
	s := serve(t, Config{Ready: func() error { return sick }}, nil)
	for _, c := range []struct {
		name, method, path string
		status             int
		body               string // or its beginning
	}{
		{"page", "GET", "", 200, "<p>hello"},
		{"page head", "HEAD", "", 200, ""},
		{"page with query", "GET", "?sort=now", 200, "<p>hello"},
		{"metrics", "GET", "metrics", 200, "0123456789"},
		{"healthy", "GET", "healthz", 200, "ok\n"},
		{"not ready", "GET", "readyz", 503, "eth1: no such interface\n"},
		{"not ready head", "HEAD", "readyz", 503, ""},
		{"unknown", "GET", "favicon.ico", 404, "404"},
		{"below metrics", "GET", "metrics/x", 404, "404"},
		{"profiles", "GET", "debug/pprof/", 404, "404"},
		{"post page", "POST", "", 405, "Method"},
		{"post metrics", "POST", "metrics", 405, "Method"},
		{"delete health", "DELETE", "healthz", 405, "Method"},
		{"post unknown", "POST", "unknown", 404, "404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequest(c.method, s.URL()+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = got.Body.Close() }()
			body, _ := io.ReadAll(got.Body)
			if got.StatusCode != c.status || !strings.HasPrefix(string(body), c.body) || c.body == "" && len(body) > 0 {
				t.Errorf("%s %.80q, want %d %q", got.Status, body, c.status, c.body)
			}
			if h := got.Header; h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
				h.Get("X-Frame-Options") != "DENY" ||
				!strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; ") {
				t.Errorf("headers: %v", got.Header)
			}
		})
	}
}

// Two servers can't have one port, and main can tell.
func TestServer_ListenReportsUsedPort(t *testing.T) {
	first := serve(t, Config{}, nil)
	second := NewServer(Config{Addr: first.limiter.Addr().String(), Web: http.NotFoundHandler(), Metrics: http.NotFoundHandler()})
	if err := second.Listen(); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error %v", err)
	}
}

func TestServer_URL(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080/", "0.0.0.0:8080": "http://127.0.0.1:8080/", "[::]:8080": "http://[::1]:8080/",
		":8080": "http://127.0.0.1:8080/", "192.168.1.5:80": "http://192.168.1.5:80/", "[fe80::1%eth0]:80": "http://[fe80::1%25eth0]:80/",
		"localhost:8080": "http://localhost:8080/",
	} {
		s := NewServer(Config{Addr: addr, Web: http.NotFoundHandler(), Metrics: http.NotFoundHandler()})
		if got := s.URL(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "127.0.0.1:0"} {
		s := serve(t, Config{Addr: addr}, nil)
		if !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
			t.Errorf("listening on %s: %s", addr, s.URL())
		}
		r, err := http.Get(s.URL() + "healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
	}
}

// A listener that is given is served on, whatever the address says.
func TestServer_UsesInheritedListener(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		addr, want := "127.0.0.1:0", ""
		if network == "unix" {
			addr = filepath.Join(t.TempDir(), "page")
			want = "unix:" + addr
		}
		l, err := net.Listen(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		if network == "tcp" {
			want = "http://" + l.Addr().String() + "/"
		}
		s := serve(t, Config{Addr: "192.0.2.1:1", Listener: l}, nil)
		if got := s.URL(); got != want {
			t.Errorf("%s: page at %s, want %s", network, got, want)
		}
		conn, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n")
		if answer, err := io.ReadAll(conn); err != nil || !bytes.HasSuffix(answer, []byte("\r\n\r\nok\n")) {
			t.Errorf("%s: answer %q, error %v", network, answer, err)
		}
		_ = conn.Close()
	}
}

// A client that sends nothing, or not all, or does not read, is cut off.
func TestServer_TimesOutSlowClients(t *testing.T) {
	large := page(12 << 20) // larger than the socket buffers
	for name, c := range map[string]struct {
		say  string
		read bool
	}{
		"silent":  {"", true},
		"headers": {"GET /metrics HTTP/1.1\r\nHost: x\r\n", true},
		"body":    {"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", true},
		"idle":    {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", true},
		"deaf":    {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			metrics := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				large.ServeHTTP(w, r)
			})
			s := serve(t, Config{Metrics: metrics}, func(s *Server) {
				h := &s.http
				for _, limit := range []*time.Duration{&h.ReadHeaderTimeout, &h.ReadTimeout, &h.WriteTimeout, &h.IdleTimeout} {
					if *limit == 0 {
						t.Error("a time without limit")
					}
					*limit = 300 * time.Millisecond
				}
			})
			conn, err := net.Dial("tcp", s.limiter.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, c.say)
			if !c.read {
				select {
				case <-gone:
				case <-time.After(patience):
					t.Error("still served after the time allowed")
				}
				return
			}
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
				t.Error("still connected after the time allowed")
			}
		})
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// A request that is being answered at shutdown gets its answer; one that takes too long does not delay the end.
func TestServer_ShutdownAnswersRequests(t *testing.T) {
	for name, takes := range map[string]time.Duration{"answer": 200 * time.Millisecond, "hung": 2500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{})
			s := NewServer(Config{Addr: "127.0.0.1:0", Metrics: http.NotFoundHandler(),
				Web: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					close(asked)
					time.Sleep(takes)
					_, _ = io.WriteString(w, "late")
				})})
			if err := s.Listen(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- s.Run(ctx) }()
			answer := make(chan string)
			go func() {
				r, err := http.Get(s.URL())
				if err != nil {
					answer <- "none"
					return
				}
				defer func() { _ = r.Body.Close() }()
				body, _ := io.ReadAll(r.Body)
				answer <- string(body)
			}()
			<-asked
			cancel()
			began := time.Now()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("Run took %v to end", took)
			}
			want := "late"
			if takes > shutdownTimeout {
				want = "none"
			}
			if got := <-answer; got != want {
				t.Errorf("answer %q, want %q", got, want)
			}
		})
	}
}

// Servers take turns on one socket, and each request is answered.
func TestServer_HandsOverListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, done := context.WithCancel(t.Context())
	var over atomic.Bool
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
			for !over.Load() {
				r, err := client.Get("http://" + l.Addr().String() + "/healthz")
				if err != nil {
					t.Error(err)
					break
				}
				_ = r.Body.Close()
			}
		})
	}
	for i := range 30 {
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		inherited, err := net.FileListener(f)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		s := NewServer(Config{Listener: inherited, Web: http.NotFoundHandler(), Metrics: http.NotFoundHandler()})
		if err := s.Listen(); err != nil {
			t.Fatal(err)
		}
		turn, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
		if i == 29 { // the last one answers the requests that still wait
			turn, cancel = context.WithCancel(ctx)
			over.Store(true)
			go func() {
				clients.Wait()
				done()
			}()
		}
		if err := s.Run(turn); err != nil {
			t.Error(err)
		}
		cancel()
	}
	done()
}

func TestServer_RunReportsListenerError(t *testing.T) {
	s := NewServer(Config{Addr: "127.0.0.1:0", Web: http.NotFoundHandler(), Metrics: http.NotFoundHandler()})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	_ = s.limiter.Close()
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// What net/http has to say, such as a panic of a handler, goes to the log as one record.
func TestServer_LogsPanic(t *testing.T) {
	records := make(chan string, 10)
	s := serve(t, Config{
		Web: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") }),
		Log: slog.New(slog.NewTextHandler(writerFunc(func(b []byte) { records <- string(b) }), nil)),
	}, nil)
	_, _ = io.ReadAll(dial(t, s, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	record := <-records
	if !strings.Contains(record, `msg="http server"`) || !strings.Contains(record, "a bug") || len(records) > 0 {
		t.Errorf("record %q, and %d more", record, len(records))
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}

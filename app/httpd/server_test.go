package httpd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestServer_Routes(t *testing.T) {
	sick := errors.New("eth1: no such interface")
	missing := func() error { return errors.New("GONETMON_INTERFACE: eth1: no such interface") }
	bubble(t, Config{Ready: func() error { return sick }, Missing: missing}, func(t *testing.T, l *listener) {
		for _, c := range []struct {
			request string
			status  int
			body    string // or its beginning
		}{
			{"GET /", 200, "0000000000"},
			{"HEAD /", 200, ""},
			{"GET /?sort=now", 200, "0000000000"},
			{"GET /metrics", 200, "00000000000"},
			{"GET /healthz", 200, "ok\n"},
			{"GET /healthz?interfaces", 503, "GONETMON_INTERFACE: eth1: no such interface\n"},
			{"GET /readyz", 503, "eth1: no such interface\n"},
			{"HEAD /readyz", 503, ""},
			{"GET /favicon.ico", 404, "404"},
			{"GET /metrics/x", 404, "404"},
			{"GET /debug/devices", 200, "00000000000000000000"},
			{"GET /debug/pprof/", 404, "404"},
			{"POST /", 405, "Method"},
			{"POST /metrics", 405, "Method"},
			{"POST /debug/devices", 405, "Method"},
			{"DELETE /healthz", 405, "Method"},
			{"POST /unknown", 404, "404"},
		} {
			method, _, _ := strings.Cut(c.request, " ")
			conn := l.connect(t, c.request+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
			got, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
			if err != nil {
				t.Fatalf("%s: %v", c.request, err)
			}
			body, _ := io.ReadAll(got.Body)
			if got.StatusCode != c.status || !strings.HasPrefix(string(body), c.body) || c.body == "" && len(body) > 0 {
				t.Errorf("%s: %s %.80q, want %d %q", c.request, got.Status, body, c.status, c.body)
			}
			if h := got.Header; h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
				h.Get("X-Frame-Options") != "DENY" ||
				!strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; ") {
				t.Errorf("%s: headers %v", c.request, got.Header)
			}
		}
	})
}

// A request that we do not want gets the right status, and the server goes on.
func TestServer_AnswersHostileRequests(t *testing.T) {
	const host = "\r\nHost: localhost\r\n"
	for _, c := range []struct {
		name, send string
		want       []int
	}{
		{"CONNECT", "CONNECT localhost:443 HTTP/1.1" + host + "\r\n", []int{405}},
		{"CONNECT to a stranger", "CONNECT evil.example:443 HTTP/1.1" + host + "\r\n", []int{421}},
		{"OPTIONS", "OPTIONS / HTTP/1.1" + host + "\r\n", []int{405}},
		{"OPTIONS *", "OPTIONS * HTTP/1.1" + host + "\r\n", []int{400}},
		{"path traversal, redirected first",
			"GET /../../etc/passwd HTTP/1.1" + host + "\r\nGET /etc/passwd HTTP/1.1" + host + "\r\n", []int{307, 404}},
		{"path traversal, escaped", "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1" + host + "\r\n", []int{404}},
		{"another site's URL", "GET http://evil.example/metrics HTTP/1.1" + host + "\r\n", []int{421}},
		{"huge header", "GET / HTTP/1.1" + host + "X: " + strings.Repeat("a", 100_000) + "\r\n\r\n", []int{431}},
		{"HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n", []int{200}},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", []int{400}},
		{"HTTP/2 upgrade", "GET /healthz HTTP/1.1" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" +
			"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", []int{200}},
		{"pipelining", strings.Repeat(wholeRequest, 1000), slices.Repeat([]int{200}, 1000)},
		{"request inside a body",
			"GET /healthz HTTP/1.1" + host + "Content-Length: 44\r\n\r\nGET /metrics HTTP/1.1" + host + "\r\n", []int{200}},
		{"length and chunks", "GET /healthz HTTP/1.1" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
			wholeRequest, []int{200}},
		{"expectation", "GET /healthz HTTP/1.1" + host + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", []int{200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *listener) {
				for _, x := range []struct {
					send string
					want []int
				}{{c.send, c.want}, {wholeRequest, []int{200}}} {
					if got := statuses(l.connect(t, x.send)); !slices.Equal(got, x.want) {
						t.Errorf("%.80q: statuses %v, want %v", x.send, got, x.want)
					}
				}
			})
		})
	}
}

// A client that sends nothing, or not all, or does not read, is cut off.
func TestServer_TimesOutSlowClients(t *testing.T) {
	for _, c := range []struct {
		name, send string
		after      time.Duration
	}{
		{"silent", "", readHeaderTimeout},
		{"half a header", "GET /metrics HTTP/1.1\r\nHost: x\r\n", readHeaderTimeout},
		{"no body", "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", 0},
		{"idle", wholeRequest, idleTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, Config{}, func(t *testing.T, l *listener) {
				begin := time.Now()
				_, _ = io.Copy(io.Discard, l.connect(t, c.send))
				if took := time.Since(begin); took < c.after || took > c.after+time.Second {
					t.Errorf("closed after %v, want %v", took, c.after)
				}
			})
		})
	}
	var gone time.Time
	bubble(t, Config{Metrics: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page(1<<20).ServeHTTP(w, r)
		gone = time.Now()
	})}, func(t *testing.T, l *listener) {
		begin := time.Now()
		l.connect(t, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") // and nothing is read
		time.Sleep(2 * writeTimeout)
		synctest.Wait()
		longest := writeTimeout
		if l.tls {
			longest += 5 * time.Second // in which crypto/tls tries to say that it closes the connection
		}
		if took := gone.Sub(begin); took < writeTimeout || took > longest {
			t.Errorf("served for %v, want %v", took, writeTimeout)
		}
	})
}

// A request whose body does not come is answered at once, and does not keep its place.
func TestServer_DoesNotWaitForBody(t *testing.T) {
	for name, send := range map[string]string{
		"none":       "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
		"half chunk": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"half of it": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n" + strings.Repeat("x", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{Connections: 2}, func(t *testing.T, l *listener) {
				begin := time.Now()
				for _, send := range []string{send, send, wholeRequest} {
					if _, err := bufio.NewReader(l.connect(t, send)).ReadString('\n'); err != nil {
						t.Error(err)
					}
				}
				if took := time.Since(begin); took > time.Second { // net/http waits a little before it closes
					t.Errorf("answered after %v", took)
				}
			})
		})
	}
}

// A request that is being answered at shutdown gets its answer. One that takes too long does not delay the end, nor does an idle
// connection.
func TestServer_ShutdownAnswersRequests(t *testing.T) {
	for takes, want := range map[time.Duration][]int{shutdownTimeout - time.Second: {200}, shutdownTimeout + time.Second: nil} {
		synctest.Test(t, func(t *testing.T) {
			l := newListener(make(chan net.Conn, 2))
			s := newServer(Config{Listener: l,
				Web: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(takes) })})
			if err := s.Listen(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			answers := make(chan []int)
			go func() { answers <- statuses(l.connect(t, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")) }()
			go func() { statuses(l.connect(t, wholeRequest)) }()
			begin := time.Now()
			if err := s.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
			if took, longest := time.Since(begin), min(takes, shutdownTimeout)+10*time.Millisecond; took > longest {
				t.Errorf("Run took %v to end, want %v", took, longest)
			}
			if got := <-answers; !slices.Equal(got, want) {
				t.Errorf("a request that takes %v: answers %v, want %v", takes, got, want)
			}
			time.Sleep(takes) // until the handler has ended
		})
	}
}

// Servers take turns on one socket, and each request is answered.
func TestServer_HandsOverListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan net.Conn, 100)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for l := newListener(conns); ctx.Err() == nil; time.Sleep(time.Millisecond) {
					send := "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
					if got := statuses(l.connect(t, send)); !slices.Equal(got, []int{200}) {
						t.Errorf("answers %v", got)
						return
					}
				}
			})
		}
		go func() {
			clients.Wait()
			cancel()
		}()
		for turn := 0; ctx.Err() == nil || len(conns) > 0; turn++ {
			s := newServer(Config{Listener: newListener(conns)})
			if err := s.Listen(); err != nil {
				t.Fatal(err)
			}
			now, end := context.WithTimeout(t.Context(), time.Duration(turn%40)*time.Millisecond)
			if err := s.Run(now); err != nil {
				t.Error(err)
			}
			end()
		}
	})
}

func TestServer_ReportsListenerErrors(t *testing.T) {
	used, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(Config{Addr: used.Addr().String()})
	if err := s.Listen(); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Listen on a port in use: %v", err)
	}
	_ = used.Close()
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	_ = s.limiter.Close()
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run with a closed listener: %v", err)
	}
}

func TestServer_URL(t *testing.T) {
	if got := newServer(Config{Addr: "127.0.0.1:8080", Certificate: new(Certificate)}).URL(); got != "https://127.0.0.1:8080/" {
		t.Errorf("with TLS: %s", got)
	}
	for addr, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080/", "0.0.0.0:8080": "http://127.0.0.1:8080/", "[::]:8080": "http://[::1]:8080/",
		":8080": "http://127.0.0.1:8080/", "192.168.1.5:80": "http://192.168.1.5:80/", "localhost:8080": "http://localhost:8080/",
		"[fe80::1%eth0]:80": "http://[fe80::1%25eth0]:80/",
	} {
		if got := newServer(Config{Addr: addr}).URL(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	anyPort := newServer(Config{Addr: ":0"})
	if err := anyPort.Listen(); err != nil {
		t.Fatal(err)
	}
	if url := anyPort.URL(); !strings.HasPrefix(url, "http://127.0.0.1:") || url == "http://127.0.0.1:0/" {
		t.Errorf("listening on any port: %s", url)
	}
	_ = anyPort.limiter.Close()
	socket := filepath.Join(t.TempDir(), "page")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	for l, want := range map[net.Listener]string{l: "unix:" + socket, newListener(nil): "http://127.0.0.1:8080/"} {
		if got := newServer(Config{Addr: "192.0.2.1:1", Listener: l}).URL(); got != want {
			t.Errorf("inherited: %s, want %s", got, want)
		}
		_ = l.Close()
	}
}

// What net/http has to say, such as a panic of a handler, goes to the log as one record.
func TestServer_LogsPanic(t *testing.T) {
	var log bytes.Buffer
	inBubble(t, Config{
		Web: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") }),
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	}, func(t *testing.T, l *listener) {
		_, _ = io.ReadAll(l.connect(t, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	})
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), `msg="http server"`) ||
		!strings.Contains(log.String(), "a bug") {
		t.Errorf("%d records: %s", n, log.String())
	}
}

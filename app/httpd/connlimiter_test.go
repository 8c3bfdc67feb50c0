package httpd

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	wholeRequest = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	halfRequest  = "GET /metrics HTTP/1.1\r\nHost: loc"
)

// patience is how long tests wait for what must happen, however busy the machine is.
const patience = 30 * time.Second

// dial opens a connection to s, which the test closes, and sends something.
func dial(t *testing.T, s *Server, send string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.limiter.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, send); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answered reads the status line of an answer, which must be 200.
func answered(conn net.Conn) error {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "HTTP/1.1 200 ") {
		return fmt.Errorf("%q", line)
	}
	return err
}

// closed reports whether the server closes a connection within a time.
func closed(conn net.Conn, wait time.Duration) bool {
	_ = conn.SetReadDeadline(time.Now().Add(wait))
	_, err := io.Copy(io.Discard, conn)
	return !isTimeout(err)
}

// until waits until a condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatalf("not %s after %v", what, patience)
		}
	}
}

type namedConn struct {
	net.Conn
	name string
}

func TestConnLimiter_Evictable(t *testing.T) {
	now := time.Now()
	idle := func(d time.Duration) connState { return connState{idle: true, since: now.Add(-d)} }
	busy := func(d time.Duration) connState { return connState{since: now.Add(-d)} }
	for _, c := range []struct {
		name  string
		conns map[string]connState
		want  string // "": none
		wait  time.Duration
	}{
		{"longest idle", map[string]connState{"a": idle(time.Second), "b": idle(time.Minute), "c": busy(time.Hour)}, "b", 0},
		{"all have just come", map[string]connState{"a": idle(0), "b": idle(2 * time.Millisecond)}, "", idleGrace - 2*time.Millisecond},
		{"none idle, longest slow response", map[string]connState{"a": busy(slowResponse), "b": busy(2 * slowResponse)}, "b", 0},
		{"none idle, none slow", map[string]connState{"a": busy(time.Second), "b": busy(0)}, "", slowResponse - time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newConnLimiter(nil, len(c.conns), slog.New(slog.DiscardHandler))
			for name, state := range c.conns {
				l.conns[&namedConn{name: name}] = state
			}
			evicted, wait := l.evictable(now)
			got := ""
			if evicted != nil {
				got = evicted.(*namedConn).name
			}
			if got != c.want || wait != c.wait {
				t.Errorf("%q, wait %v; want %q, %v", got, wait, c.want, c.wait)
			}
		})
	}
}

// At the limit the longest-idle connection is closed: one that was served, one that is silent, one with half a request.
func TestServer_EvictsIdleConnection(t *testing.T) {
	s := serve(t, Config{Connections: 3}, nil)
	conns := map[string]net.Conn{}
	order := []string{"served", "silent", "half"}
	for _, name := range order {
		conns[name] = dial(t, s, map[string]string{"served": wholeRequest, "silent": "", "half": halfRequest}[name])
		if name == "served" {
			if err := answered(conns[name]); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Millisecond) // longer than idleGrace, so that they are idle in this order
	}
	for i, name := range order {
		if err := answered(dial(t, s, wholeRequest)); err != nil {
			t.Errorf("when %s is to be closed: %v", name, err)
		}
		if !closed(conns[name], patience) {
			t.Errorf("%s was not closed", name)
		}
		for _, other := range order[i+1:] {
			if closed(conns[other], time.Millisecond) {
				t.Errorf("%s was closed with %s", other, name)
			}
		}
	}
}

// A request that is being answered is not interrupted. Others wait meanwhile, and none is lost.
func TestServer_KeepsBusyConnections(t *testing.T) {
	const limit, more = 4, 20
	release := make(chan struct{})
	var inside, highest atomic.Int32
	s := serve(t, Config{Connections: limit, Web: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n := inside.Add(1); n > highest.Load() {
			highest.Store(n)
		}
		defer inside.Add(-1)
		<-release
		_, _ = io.WriteString(w, "done")
	})}, nil)
	var conns []net.Conn
	for i := range limit + more {
		if i == limit {
			until(t, "all busy", func() bool { return inside.Load() == limit })
		}
		conns = append(conns, dial(t, s, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	}
	close(release)
	for i, conn := range conns[:limit] { // the others may be closed before their request is read
		if err := answered(conn); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	if n := highest.Load(); n > limit {
		t.Errorf("%d requests at once, want at most %d", n, limit)
	}
}

// At the limit a response that is read too slowly makes room for others.
func TestServer_EvictsSlowResponse(t *testing.T) {
	const readers = 8
	var inside atomic.Int32
	large := page(20 << 20)
	s := serve(t, Config{Connections: readers, Metrics: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside.Add(1)
		large.ServeHTTP(w, r)
	})}, func(s *Server) { s.limiter.slow = 100 * time.Millisecond })
	for range readers {
		dial(t, s, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") // and nothing is read
	}
	until(t, "all busy", func() bool { return inside.Load() == readers })
	if err := answered(dial(t, s, wholeRequest)); err != nil {
		t.Error(err)
	}
}

// A thousand connections, silent or with half a request, keep nobody from the page, though they come back when they are closed.
func TestServer_ServesBesideIdleCrowd(t *testing.T) {
	s := serve(t, Config{Connections: 100}, nil)
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	var dialed atomic.Int64
	for i := range 1000 {
		crowd.Go(func() { linger(s, i%2 == 0, &dialed, stop) })
	}
	until(t, "all connected", func() bool { return dialed.Load() >= 1000 })
	kept := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	lost := 0 // on a busy machine a client may take longer to send its request than others take to become less idle
	for range 50 {
		for _, client := range []*http.Client{kept, fresh} {
			if err := fetch(client, s.URL()+"metrics"); err != nil {
				t.Log(err)
				lost++
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	kept.CloseIdleConnections()
	close(stop)
	crowd.Wait()
	if lost > 10 {
		t.Errorf("%d of 100 pages lost beside %d connections", lost, dialed.Load())
	}
}

func fetch(client *http.Client, url string) error {
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || len(body) != pageSize) {
		err = fmt.Errorf("%s, %d bytes", answer.Status, len(body))
	}
	return err
}

// linger holds a connection until stop. When it is closed before, it opens another one a second later.
func linger(s *Server, half bool, dialed *atomic.Int64, stop <-chan struct{}) {
	for {
		conn, err := net.Dial("tcp", s.limiter.Addr().String())
		dialed.Add(1)
		if err == nil {
			if half {
				_, _ = io.WriteString(conn, halfRequest)
			}
			gone := make(chan struct{})
			go func() {
				_, _ = io.Copy(io.Discard, conn)
				close(gone)
			}()
			select {
			case <-stop:
			case <-gone:
			}
			_ = conn.Close()
			<-gone
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Second):
		}
	}
}

// A request whose body does not come is answered at once, and does not keep its place.
func TestServer_DoesNotWaitForBody(t *testing.T) {
	for name, send := range map[string]string{
		"none":        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
		"half chunk":  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"half of it":  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n" + strings.Repeat("x", 100_000),
		"huge header": "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 2*maxHeader) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, Config{Connections: 2}, func(s *Server) { s.http.ReadTimeout, s.limiter.slow = time.Hour, time.Hour })
			for range 2 {
				conn := dial(t, s, send)
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
					t.Error(err)
				}
			}
			if err := answered(dial(t, s, wholeRequest)); err != nil {
				t.Error(err)
			}
		})
	}
}

package httpd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gonetmon/app/sloglimit"
)

const (
	wholeRequest = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	halfRequest  = "GET /metrics HTTP/1.1\r\nHost: loc"
)

// dial opens a connection to s, which the test closes, and says something.
func dial(t *testing.T, s *Server, say string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, say); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answered reads the status line of an answer.
func answered(conn net.Conn, wait time.Duration) error {
	_ = conn.SetReadDeadline(time.Now().Add(wait))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "HTTP/1.1 200 ") {
		return fmt.Errorf("%q", line)
	}
	return err
}

// closed waits until the other end has closed a connection on which nothing more comes.
func closed(conn net.Conn, wait time.Duration) bool {
	_ = conn.SetReadDeadline(time.Now().Add(wait))
	_, err := io.Copy(io.Discard, conn)
	return !isTimeout(err)
}

// When the house is full, the connection that has done nothing for longest makes room, whatever it does not do.
func TestTheIdlestLeaves(t *testing.T) {
	s := serve(t, Config{Connections: 3}, nil)
	served := dial(t, s, wholeRequest)
	if err := answered(served, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	silent := dial(t, s, "")
	time.Sleep(50 * time.Millisecond)
	half := dial(t, s, halfRequest)
	time.Sleep(50 * time.Millisecond)
	inHouse := map[string]net.Conn{"served": served, "silent": silent, "half": half}
	for _, next := range []string{"served", "silent", "half"} {
		if err := answered(dial(t, s, wholeRequest), time.Second); err != nil {
			t.Errorf("when %s is to leave: %v", next, err)
		}
		if !closed(inHouse[next], time.Second) {
			t.Errorf("%s was not closed", next)
		}
		delete(inHouse, next)
		for name, conn := range inHouse {
			if closed(conn, 20*time.Millisecond) {
				t.Errorf("%s was closed with %s", name, next)
			}
		}
	}
}

// Who is being answered is never sent away, and who comes meanwhile waits and is not lost.
func TestWhoIsAnsweredStays(t *testing.T) {
	const most, more = 4, 20
	release := make(chan struct{})
	var inside atomic.Int32
	s := serve(t, Config{Connections: most, Web: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		inside.Add(1)
		defer inside.Add(-1)
		<-release
		_, _ = io.WriteString(w, "done")
	})}, nil)
	var conns []net.Conn
	for range most + more {
		conns = append(conns, dial(t, s, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	}
	for begin := time.Now(); inside.Load() < most && time.Since(begin) < 5*time.Second; {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	if n := inside.Load(); n != most {
		t.Errorf("%d are answered at once, want %d", n, most)
	}
	close(release)
	for i, conn := range conns {
		if err := answered(conn, 5*time.Second); err != nil {
			t.Errorf("number %d: %v", i, err)
		}
	}
}

// A connection that has its last answer, or a request whose body does not come, holds no place.
func TestLingerersLeave(t *testing.T) {
	for name, say := range map[string]string{
		"body that does not come":  "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
		"chunk that does not come": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"half of a large body":     "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n" + strings.Repeat("x", 100_000),
		"header that is too large": "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 2*maxHeader) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, Config{Connections: 2}, nil)
			for range 2 {
				conn := dial(t, s, say)
				_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
				if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil { // an answer, at once
					t.Error(err)
				}
			}
			begin := time.Now()
			for range 20 {
				if err := answered(dial(t, s, wholeRequest), time.Second); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("20 others took %v", took)
			}
		})
	}
}

// reading counts what is read of the connections of a listener.
type reading struct {
	net.Listener
	bytes atomic.Int64
}

func (r *reading) Accept() (net.Conn, error) {
	conn, err := r.Listener.Accept()
	return &readConn{conn, r}, err
}

type readConn struct {
	net.Conn
	r *reading
}

func (c *readConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.r.bytes.Add(int64(n))
	return n, err
}

// A body is never read beyond what comes with the header.
func TestBodiesAreNotRead(t *testing.T) {
	s := NewServer(Config{Addr: "127.0.0.1:0", Metrics: http.NotFoundHandler(), Web: http.NotFoundHandler()})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	read := &reading{Listener: s.listener.(*door).Listener}
	s.listener.(*door).Listener = read
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	for _, header := range []string{"Content-Length: 100000000\r\n", "Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n"} {
		conn := dial(t, s, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"+header+"\r\n")
		go func() {
			for range 100 {
				if _, err := io.WriteString(conn, "8000\r\n"+strings.Repeat("x", 0x8000)+"\r\n"); err != nil {
					return
				}
			}
		}()
		if err := answered(conn, 5*time.Second); err != nil {
			t.Errorf("%s: %v", header, err)
		}
		if !closed(conn, 5*time.Second) {
			t.Errorf("%s: still connected", header)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := read.bytes.Load(); n > 3*8<<10 {
		t.Errorf("%d bytes were read of three requests", n)
	}
}

// scrape gets the page again and again for some seconds, each time on another connection and on one that is kept, and fails the
// test if one takes a second. On a machine that has no time to read what came for longer than a client is given, one may be taken
// for idle; that must not happen twice in a row.
func scrape(t *testing.T, s *Server, during time.Duration) {
	t.Helper()
	kept := &http.Client{Transport: &http.Transport{}, Timeout: time.Second}
	defer kept.CloseIdleConnections()
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	n, longest := 0, time.Duration(0)
	failed := map[string]error{}
	for begin := time.Now(); time.Since(begin) < during; time.Sleep(20 * time.Millisecond) {
		for name, client := range map[string]*http.Client{"kept": kept, "fresh": fresh} {
			asked := time.Now()
			answer, err := client.Get(s.URL() + "metrics")
			if err != nil {
				if failed[name] != nil || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s, after %d: %v, and before %v", name, n, err, failed[name])
				}
				failed[name] = err
				continue
			}
			delete(failed, name)
			body, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil || answer.StatusCode != http.StatusOK || len(body) != 1000 {
				t.Errorf("%s, after %d: %s, %d bytes, %v", name, n, answer.Status, len(body), err)
			}
			longest = max(longest, time.Since(asked))
			n++
		}
	}
	t.Logf("%d pages, the longest took %v", n, longest)
}

// A thousand connections that say nothing and a thousand with half a request keep nobody from the page, whether they stay away
// when they are closed or come back; and the log has a few lines of it.
func TestCrowdAtTheDoor(t *testing.T) {
	for _, most := range []int{mostGuests, 28} { // 28: of a process with 64 descriptors
		for _, stubborn := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d places, stubborn %v", most, stubborn), func(t *testing.T) {
				var out bytes.Buffer
				book := sloglimit.NewHandler(slog.NewTextHandler(&out, nil))
				s := serve(t, Config{Connections: most, Log: slog.New(book)}, nil)
				stop := make(chan struct{})
				var crowd sync.WaitGroup
				var came atomic.Int64
				for i := range 2000 {
					crowd.Go(func() { lurk(s, i%2 == 0, stubborn, &came, stop) })
				}
				for begin := time.Now(); came.Load() < 2000 && time.Since(begin) < 10*time.Second; {
					time.Sleep(time.Millisecond)
				}
				scrape(t, s, 2*time.Second)
				close(stop)
				crowd.Wait()
				book.Flush()
				if n := strings.Count(out.String(), "\n"); n > 14 {
					t.Errorf("%d lines in the log of %d connections", n, came.Load())
				}
			})
		}
	}
}

// lurk holds a connection until stop, and perhaps another one a second after it was closed.
func lurk(s *Server, half, stubborn bool, came *atomic.Int64, stop <-chan struct{}) {
	for {
		conn, err := net.Dial("tcp", s.listener.Addr().String())
		came.Add(1)
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
		if !stubborn {
			<-stop
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Second):
		}
	}
}

// Clients that take a large page byte by byte cost little, end by the timeout of writing, and when there is no other room make some
// before.
func TestSlowReaders(t *testing.T) {
	const readers = 64
	large := page(20 << 20) // 20 MB
	for name, most := range map[string]int{"room": mostGuests, "no room": readers} {
		t.Run(name, func(t *testing.T) {
			var answering atomic.Int32
			metrics := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Slow") != "" {
					answering.Add(1)
					defer answering.Add(-1)
				}
				large.ServeHTTP(w, r)
			})
			s := serve(t, Config{Connections: most, Metrics: metrics}, func(s *Server) {
				s.http.WriteTimeout, s.slow = 4*time.Second, 500*time.Millisecond
			})
			before := heap()
			begin := time.Now()
			for range readers {
				conn := dial(t, s, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nSlow: yes\r\n\r\n")
				go func() {
					for b := []byte{0}; ; time.Sleep(time.Second) {
						if _, err := conn.Read(b); err != nil {
							return
						}
					}
				}()
			}
			for answering.Load() < readers && time.Since(begin) < 3*time.Second {
				time.Sleep(time.Millisecond)
			}
			if n := answering.Load(); n != readers {
				t.Fatalf("%d of %d are answered", n, readers)
			}
			if more := heap() - before; more > readers*512<<10 {
				t.Errorf("%d bytes for each slow reader of 20 MB", more/readers)
			}
			time.Sleep(500 * time.Millisecond)
			if err := answered(dial(t, s, wholeRequest), time.Second); err != nil {
				t.Errorf("another: %v", err)
			}
			for answering.Load() > 0 && time.Since(begin) < 10*time.Second {
				time.Sleep(10 * time.Millisecond)
			}
			if took := time.Since(begin); answering.Load() > 0 || took > 8*time.Second {
				t.Errorf("%d are answered still after %v", answering.Load(), took)
			}
		})
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

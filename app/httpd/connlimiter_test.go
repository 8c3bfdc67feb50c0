package httpd

import (
	"bufio"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

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

// A connection with input that was not read yet is not idle, however long it was silent before.
func TestConnLimiter_KeepsUnreadInput(t *testing.T) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	l := newConnLimiter(socket, 2, slog.New(slog.DiscardHandler))
	conns := make([]net.Conn, 2)
	for i := range conns {
		client, err := net.Dial("tcp", socket.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		if i == 0 {
			_, _ = io.WriteString(client, wholeRequest)
		}
		if conns[i], err = socket.Accept(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conns[i].Close() }()
		l.conns[conns[i]] = connState{idle: true, since: time.Now().Add(-time.Hour + time.Duration(i))}
	}
	if one, err := bufio.NewReaderSize(conns[0], 1).Peek(1); err != nil { // waits for the request
		t.Fatal(one, err)
	}
	if evicted, _ := l.evictable(time.Now()); evicted != conns[1] {
		t.Error("the connection with a request is to be closed")
	}
}

// At the limit the longest-idle connection is closed: one that was served, one that is silent, one with half a request.
func TestServer_EvictsIdleConnection(t *testing.T) {
	bubble(t, Config{Connections: 3}, func(t *testing.T, l *listener) {
		order := []string{wholeRequest, "", "GET /metrics HTTP/1.1\r\nHost: loc"}
		var readers []*bufio.Reader
		for _, send := range order {
			readers = append(readers, bufio.NewReader(l.connect(t, send)))
			if send == wholeRequest {
				answered(t, readers[0])
			}
			time.Sleep(2 * idleGrace) // so that they are idle in this order
		}
		open := make([]bool, len(order))
		for i := range readers {
			open[i] = true
			go func() {
				_, _ = io.Copy(io.Discard, readers[i])
				open[i] = false
			}()
		}
		for i, send := range order {
			answered(t, bufio.NewReader(l.connect(t, wholeRequest)))
			synctest.Wait()
			for j := range order {
				if open[j] != (j > i) {
					t.Errorf("when %q is to be closed, %q is open: %v", send, order[j], open[j])
				}
			}
			time.Sleep(2 * idleGrace)
		}
	})
}

// answered reads an answer, which must be 200.
func answered(t *testing.T, r *bufio.Reader) {
	t.Helper()
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%s, %v", answer.Status, err)
	}
}

// A request that is being answered is not interrupted. Others wait meanwhile, and none is lost.
func TestServer_KeepsBusyConnections(t *testing.T) {
	const limit, more = 4, 20
	inside, highest := 0, 0
	work := make(chan struct{}, 1) // a lock
	bubble(t, Config{Connections: limit, Web: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		work <- struct{}{}
		inside++
		highest = max(highest, inside)
		<-work
		time.Sleep(time.Second)
		work <- struct{}{}
		inside--
		<-work
	})}, func(t *testing.T, l *listener) {
		var conns []net.Conn
		for range limit + more {
			conns = append(conns, l.connect(t, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		}
		for _, conn := range conns {
			answered(t, bufio.NewReader(conn))
		}
	})
	if highest != limit {
		t.Errorf("%d requests at once, want %d", highest, limit)
	}
}

// At the limit a response that is read too slowly makes room for others.
func TestServer_EvictsSlowResponse(t *testing.T) {
	bubble(t, Config{Connections: 8, Metrics: page(20 << 20)}, func(t *testing.T, l *listener) {
		for range 8 {
			l.connect(t, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") // and nothing is read
		}
		begin := time.Now()
		answered(t, bufio.NewReader(l.connect(t, wholeRequest)))
		if took := time.Since(begin); took > slowResponse {
			t.Errorf("answered after %v", took)
		}
	})
}

func TestConnectionLimit(t *testing.T) {
	for descriptors, want := range map[uint64]int{16: minConnections, 64: 28, 1024: maxConnections, math.MaxUint64: maxConnections} {
		if got := connectionLimit(descriptors, 36); got != want {
			t.Errorf("%d descriptors: %d connections, want %d", descriptors, got, want)
		}
	}
}

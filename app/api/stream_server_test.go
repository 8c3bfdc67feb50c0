package api

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gonetmon/app/httpd"
)

// A pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed context.Context
	close  context.CancelFunc
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed.Done():
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.close(); return nil }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

// inServer runs a test with a client of the real server, which may hold so many connections.
func inServer(t *testing.T, connections int, test func(t *testing.T, client *http.Client, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		closed, closeListener := context.WithCancel(t.Context())
		l := &pipes{conns: make(chan net.Conn, connections), closed: closed, close: closeListener}
		none := http.NotFoundHandler()
		s := httpd.NewServer(httpd.Config{
			Listener: l, Metrics: none, Web: none, Assets: none, Devices: none, API: New(home()), Connections: connections,
			Healthy: func() error { return nil }, Ready: func() error { return nil }, Log: slog.New(slog.DiscardHandler),
		})
		if err := s.Listen(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			l.conns <- server
			return client, nil
		}}
		stop := func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
			transport.CloseIdleConnections()
		}
		test(t, &http.Client{Transport: transport}, stop)
	})
}

// A stream goes on for longer than the server waits for any request or answer, and ends at once when the server is to stop.
func TestStream_OutlivesTimeoutsOfServer(t *testing.T) {
	inServer(t, 8, func(t *testing.T, client *http.Client, stop func()) {
		answer, err := client.Get("http://localhost/api/v1/stream")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		ended := make(chan int)
		go func() {
			events := 0
			for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
				if strings.HasPrefix(lines.Text(), "event: rates") {
					events++
				}
			}
			ended <- events
		}()
		time.Sleep(time.Hour + time.Millisecond)
		begin := time.Now()
		stop()
		if waited := time.Since(begin); waited > 100*time.Millisecond {
			t.Errorf("the server has waited %v for the stream", waited)
		}
		if events, want := <-ended, 1+int(time.Hour/tickInterval); events != want {
			t.Errorf("%d events in an hour, want %d", events, want)
		}
	})
}

// A client that is gone, or does not read, holds its connection for a limited time.
func TestStream_FreesConnectionOfStuckClient(t *testing.T) {
	inServer(t, 8, func(t *testing.T, client *http.Client, stop func()) {
		answer, err := client.Get("http://localhost/api/v1/stream") // net.Pipe buffers nothing
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		rest, err := io.ReadAll(answer.Body)
		if err == nil {
			t.Errorf("the stream has ended well, with %d bytes", len(rest))
		}
		stop()
	})
}

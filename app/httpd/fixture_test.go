package httpd

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// A listener accepts connections in memory, so that tests can run in a synctest bubble.
type listener struct {
	conns  chan net.Conn // not accepted yet
	tls    bool          // clients speak it
	closed context.Context
	close  context.CancelFunc
}

func newListener(conns chan net.Conn) *listener {
	ctx, cancel := context.WithCancel(context.Background())
	return &listener{conns: conns, closed: ctx, close: cancel}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed.Done():
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.close()
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

// connect opens a connection and sends something. The test closes it.
func (l *listener) connect(t *testing.T, send string) net.Conn {
	client, server := net.Pipe()
	t.Cleanup(func() { _ = client.Close() })
	l.conns <- server
	if !l.tls {
		go func() { _, _ = io.WriteString(client, send) }()
		return client
	}
	secure := secureConn{tls.Client(client, &tls.Config{InsecureSkipVerify: true}), make(chan struct{})}
	go func() {
		if send == "" {
			close(secure.begun)
			return
		}
		_ = secure.Handshake()
		close(secure.begun)
		_, _ = io.WriteString(secure.Conn, send)
	}()
	return secure
}

// A secureConn reads only after its handshake, of which crypto/tls has a lock: time in a synctest bubble stops while somebody
// waits for a lock.
type secureConn struct {
	*tls.Conn
	begun chan struct{} // closed then
}

func (c secureConn) Read(b []byte) (int, error) {
	<-c.begun
	return c.Conn.Read(b)
}

// newServer returns a server with what a test does not set.
func newServer(cfg Config) *Server {
	cfg.Connections = cmp.Or(cfg.Connections, maxConnections)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if cfg.Metrics == nil {
		cfg.Metrics = page(1000)
	}
	if cfg.Web == nil {
		cfg.Web = page(10)
	}
	if cfg.Assets == nil {
		cfg.Assets = page(10)
	}
	if cfg.Devices == nil {
		cfg.Devices = page(20)
	}
	if cfg.API == nil {
		cfg.API = page(30)
	}
	if cfg.Ready == nil {
		cfg.Ready = func() error { return nil }
	}
	cfg.Healthy = func() error { return nil }
	if cfg.Missing == nil {
		cfg.Missing = func() error { return nil }
	}
	return NewServer(cfg)
}

// page answers with so many bytes.
func page(size int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("0"), size)) })
}

// bubble runs a test with a server in a synctest bubble, which also checks that no goroutine is left: without TLS and with it.
func bubble(t *testing.T, cfg Config, test func(t *testing.T, l *listener)) {
	t.Helper()
	t.Run("plain", func(t *testing.T) { inBubble(t, cfg, test) })
	cert, key := testnet.WriteCertificate(t, t.TempDir(), 1)
	var err error
	if cfg.Certificate, err = LoadCertificate(cert, key, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Run("TLS", func(t *testing.T) { inBubble(t, cfg, test) })
}

func inBubble(t *testing.T, cfg Config, test func(t *testing.T, l *listener)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newListener(make(chan net.Conn, 100))
		cfg := cfg
		cfg.Listener, l.tls = l, cfg.Certificate != nil
		s := newServer(cfg)
		if err := s.Listen(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		test(t, l)
	})
}

const wholeRequest = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

// statuses returns those of all answers until the server closes the connection, if need be because it is idle.
func statuses(conn net.Conn) (all []int) {
	for r := bufio.NewReader(conn); ; {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			return all
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		all = append(all, answer.StatusCode)
	}
}

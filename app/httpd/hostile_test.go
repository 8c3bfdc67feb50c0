package httpd

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// exchange sends something to s, and returns the statuses of all answers until s closes the connection.
func exchange(t *testing.T, s *Server, send string) (statuses []int) {
	t.Helper()
	conn, err := net.Dial("tcp", s.limiter.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	go func() {
		_, _ = io.WriteString(conn, send)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	r := bufio.NewReader(conn)
	for {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			if isTimeout(err) {
				t.Errorf("%.80q: no end", send)
			}
			return statuses
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		statuses = append(statuses, answer.StatusCode)
	}
}

// What is a request to net/http, but not one that we want, gets the right status, and the server goes on. FuzzHTTP sends what is none.
func TestServer_AnswersHostileRequests(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, nil)
	const host = "\r\nHost: localhost\r\n"
	for _, c := range []struct {
		name, send string
		want       []int
	}{
		{"unknown method", "BREW /metrics HTTP/1.1" + host + "\r\n", []int{405}},
		{"CONNECT", "CONNECT localhost:443 HTTP/1.1" + host + "\r\n", []int{405}},
		{"CONNECT to a stranger", "CONNECT evil.example:443 HTTP/1.1" + host + "\r\n", []int{421}},
		{"OPTIONS", "OPTIONS / HTTP/1.1" + host + "\r\n", []int{405}},
		{"OPTIONS *", "OPTIONS * HTTP/1.1" + host + "\r\n", []int{400}},
		{"path traversal, redirected first",
			"GET /../../etc/passwd HTTP/1.1" + host + "\r\nGET /etc/passwd HTTP/1.1" + host + "\r\n", []int{307, 404}},
		{"path traversal, escaped", "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1" + host + "\r\n", []int{404}},
		{"another site's URL", "GET http://evil.example/metrics HTTP/1.1" + host + "\r\n", []int{421}},
		{"path that is too long", "GET /" + strings.Repeat("a", 100_000) + " HTTP/1.1" + host + "\r\n", []int{431}},
		{"huge header", "GET / HTTP/1.1" + host + "X: " + strings.Repeat("a", 100_000) + "\r\n\r\n", []int{431}},
		{"HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n", []int{200}},
		{"HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", []int{400}},
		{"HTTP/2 upgrade",
			"GET /healthz HTTP/1.1" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", []int{200}},
		{"pipelining", strings.Repeat("GET /healthz HTTP/1.1"+host+"\r\n", 1000), slices.Repeat([]int{200}, 1000)},
		{"body", "GET /healthz HTTP/1.1" + host + "Content-Length: 5\r\n\r\nhello", []int{200}},
		{"chunked body", "GET /healthz HTTP/1.1" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", []int{200}},
		{"request inside a body",
			"GET /healthz HTTP/1.1" + host + "Content-Length: 44\r\n\r\nGET /metrics HTTP/1.1" + host + "\r\n", []int{200}},
		{"length and chunks",
			"GET /healthz HTTP/1.1" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
				"GET /healthz HTTP/1.1" + host + "\r\n", []int{200}},
		{"expectation", "GET /healthz HTTP/1.1" + host + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", []int{200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := exchange(t, s, c.send); !slices.Equal(got, c.want) {
				t.Errorf("statuses %v, want %v", got, c.want)
			}
			if got := exchange(t, s, "GET /healthz HTTP/1.1"+host+"\r\n"); !slices.Equal(got, []int{200}) {
				t.Errorf("afterwards %v", got)
			}
		})
	}
	if strings.Contains(log.String(), "panic") {
		t.Error(log.String())
	}
}

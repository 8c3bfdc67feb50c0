package httpd

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"math/rand/v2"
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

// Whatever a client sends, it gets the right status or none, and the server goes on.
func TestServer_AnswersHostileRequests(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, nil)
	const host = "\r\nHost: localhost\r\n"
	random := rand.New(rand.NewPCG(5, 6))
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for _, c := range []struct {
		name, send string
		want       []int
	}{
		{"nothing", "", nil},
		{"blank lines", "\r\n\r\n\r\n", []int{400}},
		{"unknown method", "BREW /metrics HTTP/1.1" + host + "\r\n", []int{405}},
		{"unknown method elsewhere", "BREW /pot HTTP/1.1" + host + "\r\n", []int{404}},
		{"TRACE", "TRACE / HTTP/1.1" + host + "\r\n", []int{405}},
		{"CONNECT", "CONNECT localhost:443 HTTP/1.1" + host + "\r\n", []int{405}},
		{"CONNECT to a stranger", "CONNECT evil.example:443 HTTP/1.1" + host + "\r\n", []int{421}},
		{"OPTIONS", "OPTIONS / HTTP/1.1" + host + "\r\n", []int{405}},
		{"OPTIONS *", "OPTIONS * HTTP/1.1" + host + "\r\n", []int{400}},
		{"bad method", "GE T / HTTP/1.1" + host + "\r\n", []int{400}},
		{"no path", "GET  HTTP/1.1" + host + "\r\n", []int{400}},
		{"invalid path", "GET metrics HTTP/1.1" + host + "\r\n", []int{400}},
		{"escaped wrongly", "GET /%zz HTTP/1.1" + host + "\r\n", []int{400}},
		{"path traversal, redirected first",
			"GET /../../etc/passwd HTTP/1.1" + host + "\r\nGET /etc/passwd HTTP/1.1" + host + "\r\n", []int{307, 404}},
		{"path traversal, escaped", "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1" + host + "\r\n", []int{404}},
		{"path traversal, escaped whole", "GET /..%2f..%2fetc%2fpasswd HTTP/1.1" + host + "\r\n", []int{404}},
		{"NUL", "GET /%00 HTTP/1.1" + host + "\r\n", []int{404}},
		{"another site's URL", "GET http://evil.example/metrics HTTP/1.1" + host + "\r\n", []int{421}},
		{"long path", "GET /" + strings.Repeat("a", 10_000) + " HTTP/1.1" + host + "\r\n", []int{404}},
		{"path that is too long", "GET /" + strings.Repeat("a", 100_000) + " HTTP/1.1" + host + "\r\n", []int{431}},
		{"huge header", "GET / HTTP/1.1" + host + "X: " + strings.Repeat("a", 100_000) + "\r\n\r\n", []int{431}},
		{"many headers", "GET / HTTP/1.1" + host + strings.Repeat("X: y\r\n", 20_000) + "\r\n", []int{431}},
		{"endless line", strings.Repeat("a", 100_000), []int{431}},
		{"header without a colon", "GET / HTTP/1.1" + host + "X\r\n\r\n", []int{400}},
		{"header with NUL", "GET / HTTP/1.1" + host + "X: \x00\r\n\r\n", []int{400}},
		{"two hosts", "GET / HTTP/1.1" + host + "Host: evil.example\r\n\r\n", []int{400}},
		{"bad host", "GET / HTTP/1.1\r\nHost: <b>\r\n\r\n", []int{400}},
		{"HTTP/0.9", "GET /\r\n", []int{400}},
		{"HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n", []int{200}},
		{"HTTP/3.0", "GET / HTTP/3.0" + host + "\r\n", []int{505}},
		{"HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", []int{400}},
		{"HTTP/2 upgrade",
			"GET /healthz HTTP/1.1" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", []int{200}},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + string(noise[:500]) + "\r\n\r\n", []int{400}},
		{"noise", string(noise), []int{400}},
		{"pipelining", strings.Repeat("GET /healthz HTTP/1.1"+host+"\r\n", 1000), slices.Repeat([]int{200}, 1000)},
		{"pipelining, then noise", "GET /healthz HTTP/1.1" + host + "\r\n" + "\x00\x01\x02\r\n\r\n", []int{200, 400}},
		{"body", "GET /healthz HTTP/1.1" + host + "Content-Length: 5\r\n\r\nhello", []int{200}},
		{"chunked body", "GET /healthz HTTP/1.1" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", []int{200}},
		{"bad chunk", "GET /healthz HTTP/1.1" + host + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", []int{200}},
		{"request inside a body",
			"GET /healthz HTTP/1.1" + host + "Content-Length: 44\r\n\r\nGET /metrics HTTP/1.1" + host + "\r\n", []int{200}},
		{"two lengths", "GET / HTTP/1.1" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", []int{400}},
		{"length and chunks",
			"GET /healthz HTTP/1.1" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
				"GET /healthz HTTP/1.1" + host + "\r\n", []int{200}},
		{"negative length", "GET / HTTP/1.1" + host + "Content-Length: -5\r\n\r\n", []int{400}},
		{"unknown coding", "GET / HTTP/1.1" + host + "Transfer-Encoding: zip\r\n\r\n", []int{501}},
		{"expectation", "GET /healthz HTTP/1.1" + host + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", []int{200}},
		{"unknown expectation", "GET / HTTP/1.1" + host + "Expect: miracles\r\n\r\n", []int{417}},
		{"strange codings", "GET /metrics HTTP/1.1" + host + "Accept-Encoding: gzip;q=\xff, ,;;,*;q=-1\r\n\r\n", []int{200}},
		{"cut", "GET /metrics HTTP/1.1\r\nHost: loc", []int{400}},
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

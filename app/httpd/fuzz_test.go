package httpd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gonetmon/app/web"
	"gonetmon/test/snapshots"
)

// The possible statuses: ours, and those of net/http for what is not a valid request.
var (
	ourStatuses   = []int{200, 307, 400, 404, 405, 421}
	theirStatuses = []int{400, 413, 417, 431, 501, 505}
)

// FuzzHTTP says anything to the server: it answers each request that there is, and then at most one thing that is none,
// in HTTP, and closes the connection.
func FuzzHTTP(f *testing.F) {
	for _, send := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /?sort=now&pause HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept-Encoding: gzip\r\n\r\n",
		"HEAD /metrics HTTP/1.1\r\nHost: [::1]:8080\r\n\r\nGET /healthz HTTP/1.1\r\nHost: nas.lan\r\nConnection: close\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nAccept-Encoding: gzip;q=0.5, *;q=0\r\n\r\n", "GET /metrics HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x00\x05",
		"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /../%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
		"0 * HTTP/0" + strings.Repeat("\x9a", 16000) + ".0\n:\n 0    ",
	} {
		f.Add([]byte(send))
	}
	pages := web.NewPage(web.Config{Snapshot: snapshots.Home, Meters: snapshots.Meters})
	s := NewServer(Config{Addr: "127.0.0.1:0", Metrics: page(pageSize), Web: pages})
	if err := s.Listen(); err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	f.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, send []byte) {
		send = send[:min(len(send), 1<<16)]
		conn, err := net.Dial("tcp", s.limiter.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.(*net.TCPConn).SetLinger(0) // thousands of them a second must not leave anything behind
		_ = conn.SetDeadline(time.Now().Add(patience))
		go func() {
			_, _ = conn.Write(send)
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		requests, answers := bufio.NewReader(bytes.NewReader(send)), bufio.NewReader(conn)
		for {
			request, err := http.ReadRequest(requests)
			if last := !answeredRight(t, answers, request, err == nil); last || t.Failed() {
				break
			}
		}
		if rest, err := io.ReadAll(answers); len(rest) > 0 || isTimeout(err) {
			t.Errorf("%q: at the end %q, %v", send, rest, err)
		}
	})
}

// answeredRight reads the answer to a request, or to what is none, and reports whether another can follow.
func answeredRight(t *testing.T, answers *bufio.Reader, request *http.Request, good bool) bool {
	t.Helper()
	answer, err := http.ReadResponse(answers, request)
	if err != nil {
		if good || isTimeout(err) {
			t.Errorf("no answer to %+v: %v", request, err)
		}
		return false // what is no request at all need not be answered
	}
	body, err := io.ReadAll(answer.Body)
	ours := answer.Header.Get("X-Content-Type-Options") == "nosniff" && answer.Header.Get("Content-Security-Policy") != "" &&
		answer.Header.Get("X-Frame-Options") == "DENY"
	// net/http closes the connection after an invalid request, which may cut its answer short while the client is still sending.
	if err != nil && (ours || !errors.Is(err, syscall.ECONNRESET)) {
		t.Errorf("answer %s is cut after %q: %v", answer.Status, body, err)
	}
	if ours && !slices.Contains(ourStatuses, answer.StatusCode) || !ours && !slices.Contains(theirStatuses, answer.StatusCode) {
		t.Errorf("answer %s, %v, to %+v", answer.Status, answer.Header, request)
	}
	if !ours {
		_, _ = io.Copy(io.Discard, answers) // they have a text even for HEAD
		return false
	}
	if !good {
		t.Errorf("answer %s to what is no request", answer.Status)
	}
	if answer.StatusCode == http.StatusOK && request.Method != http.MethodGet && request.Method != http.MethodHead {
		t.Errorf("answer %s to %+v", answer.Status, request)
	}
	return good && !answer.Close && request.ContentLength == 0
}

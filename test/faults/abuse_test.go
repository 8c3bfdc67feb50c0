package faults

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

// ask sends a request as it is, and returns the status and the body; 0 if the connection was closed without an answer.
func (d *daemon) ask(request string) (status int, body string) {
	d.b.Helper()
	conns := d.dial(1)
	if len(conns) == 0 {
		return 0, ""
	}
	c := conns[0]
	defer hangUp(conns)
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	go func() { _, _ = io.WriteString(c, request) }()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

// abuse sends requests that must not be answered with 200, among frames that must be counted.
func (b *bench) abuse(requests []string, also func(request string, status int, body string)) string {
	b.Helper()
	here, there := testnet.NewPair(b)
	d := b.start(here)
	s := testnet.NewSender(there, "in0")
	d.connections.Add(8)
	frames := testnet.Conversation(1000)
	answers := map[int]int{}
	for i, r := range requests {
		s.Send(frames[i%len(frames)])
		status, body := d.ask(r)
		answers[status]++
		also(r, status, body)
	}
	d.connections.Add(-8)
	before := strings.Count(d.Log.String(), "\n")
	f := d.end(s.Sent)
	if before > 10 { // the server's complaints are one line in ten seconds
		b.Errorf("%d lines of log", before)
	}
	return fmt.Sprintf("%d requests, answers by status: %s; %d lines of log; %s", len(requests), statuses(answers), before, f)
}

func statuses(answers map[int]int) string {
	var all []string
	for status := range 600 {
		if n := answers[status]; n > 0 {
			what := fmt.Sprint(status)
			if status == 0 {
				what = "closed"
			}
			all = append(all, fmt.Sprintf("%s %d×", what, n))
		}
	}
	return strings.Join(all, ", ")
}

// refuses fails the row if a request was served.
func (b *bench) refuses(request string, status int, _ string) {
	if status != 0 && status < 400 {
		b.Errorf("%.100q was answered with %d", request, status)
	}
}

func randomBytes(b *bench) string {
	random := b.random()
	var requests []string
	for i := range b.of(200, 5000) {
		bytes := make([]byte, 1+random.IntN(1<<random.IntN(15))) // the first is 0: none of them is a request
		for i := range bytes[1:] {
			bytes[1+i] = byte(random.Uint32())
		}
		begin := []string{"", "GET ", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: " + address + "\r\n", "PRI * HTTP/2.0\r\n\r\n", "\x16\x03\x01"}[i%6]
		requests = append(requests, begin+string(bytes)+"\r\n\r\n")
	}
	return b.abuse(requests, b.refuses)
}

func hugeHeaders(b *bench) string {
	head := "GET /metrics HTTP/1.1\r\nHost: " + address + "\r\n"
	many := strings.Repeat("X-A: b\r\n", 10000)
	requests := []string{
		head + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", head + many + "\r\n", head + strings.Repeat("a", 1<<20),
		"GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: " + address + "\r\n\r\n", strings.Repeat("A", 1<<20),
		head + "Cookie: " + strings.Repeat("a=b;", 1<<18) + "\r\n\r\n", head + "Accept-Encoding: " + strings.Repeat("gzip,", 1<<18) + "\r\n\r\n",
		head + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET", head + "Content-Length: -1\r\n\r\n", head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
	}
	return b.abuse(requests, func(request string, status int, body string) {
		if !strings.Contains(request, "Transfer-Encoding") { // what follows that is another request
			b.refuses(request, status, body)
		}
	})
}

func badMethods(b *bench) string {
	var requests []string
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "get", "GE T", "G\x00T", "\u0262ET", strings.Repeat("G", 10000), ""} {
		for _, path := range []string{"/", "/metrics", "/healthz", "/readyz"} {
			requests = append(requests, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\n\r\na=b", method, path, address))
		}
	}
	for _, version := range []string{"HTTP/1.2", "HTTP/9.9", "HTTP/1", "FTP/1.0", "http/1.1", "HTTP/0.9"} {
		requests = append(requests, fmt.Sprintf("GET / %s\r\nHost: %s\r\n\r\n", version, address))
	}
	return b.abuse(requests, func(request string, status int, body string) {
		if !strings.HasPrefix(request, "GET / HTTP/1.2") { // which may be answered (RFC 9110, 2.5)
			b.refuses(request, status, body)
		}
	})
}

func hostHeader(b *bench) string {
	request := func(hosts ...string) string {
		r := "GET /metrics HTTP/1.1\r\n"
		for _, h := range hosts {
			r += "Host: " + h + "\r\n"
		}
		return r + "Connection: close\r\n\r\n"
	}
	bad := []string{
		request(), request(address, "evil.example"), request("evil.example"), request("evil.example:" + port), request("127.0.0.1.evil.example"), request("localhost.evil.example"),
		request("evil.example@127.0.0.1"), request("a b"), request("\"><script>"), request(strings.Repeat("a", 300)),
	}
	good := []string{request(address), request("127.0.0.1"), request("localhost:" + port), request("localhost"), request("[::1]:" + port)}
	served := 0
	figure := b.abuse(append(bad, good...), func(r string, status int, body string) {
		own := false
		for _, g := range good {
			own = own || r == g
		}
		switch {
		case own && status == http.StatusOK:
			served++
		case own:
			b.Errorf("%q was answered with %d %.100q", r, status, body)
		case status != http.StatusBadRequest && status != http.StatusMisdirectedRequest:
			b.Errorf("%q was answered with %d", r, status)
		}
	})
	return fmt.Sprintf("%s; %d of %d of its own served", figure, served, len(good))
}

func pathTraversal(b *bench) string {
	var requests []string
	for _, path := range []string{
		"/../../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/metrics/../../../etc/passwd", "/.%00/etc/passwd", "/etc/passwd%00.html",
		"/....//....//etc/passwd", `/..\..\etc\passwd`, "/proc/self/environ", "/debug/pprof/", "/debug/vars", "/.git/config", "/.env", "file:///etc/passwd", "http://evil.example/", "*", "/%zz", "/?x=../../etc/passwd%", "/;/etc/passwd",
	} {
		requests = append(requests, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, address))
	}
	return b.abuse(requests, func(request string, status int, body string) {
		if strings.Contains(body, "root:") || strings.Contains(body, "PATH=") || strings.Contains(body, "goroutine") {
			b.Errorf("%q gave a file: %.100q", request, body)
		}
		if status == http.StatusOK && !strings.HasPrefix(request, "GET /?") {
			b.Errorf("%q was answered with 200", request)
		}
	})
}

package httpd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A request is answered under an address, and under a name that is ours or that no stranger can have; under another it is not.
func TestHostCheck_KnowsHosts(t *testing.T) {
	s := serve(t, Config{HostNames: []string{"Nas.Example.org.", "monitor.example"}}, nil)
	for _, c := range []struct {
		host string
		ok   bool
	}{
		{"127.0.0.1", true}, {"127.0.0.1:8080", true}, {"192.168.2.7:80", true}, {"93.184.216.34", true},
		{"[::1]", true}, {"[::1]:8080", true}, {"[fe80::1%25eth0]:8080", true}, {"[2001:DB8::7]", true}, {"::1", true},
		{"localhost", true}, {"LOCALHOST:8080", true}, {"localhost.", true}, {"app.localhost", true},
		{"nas", true}, {"NAS:8080", true}, {"nas.local", true}, {"nas.lan:8080", true}, {"a.b.Home.Arpa", true}, {"nas.home", true},
		{"nas.internal.", true}, {"nas.intranet", true}, {"nas.private", true}, {"nas.corp", true}, {"nas.test", true},
		{"nas.example.org", true}, {"NAS.example.org.:8080", true}, {"monitor.example:80", true},

		{"evil.example", false}, {"evil.example:8080", false}, {"nas.example.org.evil.example", false}, {"xnas.example.org", false},
		{"example.org", false}, {"localhost.evil.example", false}, {"127.0.0.1.evil.example", false}, {"evil.notlocal", false},
		{"home.arpa.evil.example", false}, {"evil.arpa", false}, {"192.168.2.7.nip.io", false}, {"fritz.box", false},
		{"[evil.example]", false}, {"[evil.example]:80", false}, {":8080", false}, {"1.2.3.4.5", false}, {".", false}, {"a..b.lan", false},
	} {
		for _, path := range []string{"", "metrics", "healthz", "readyz", "nowhere"} {
			r, err := http.NewRequest("GET", s.URL()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = c.host
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatalf("%s: %v", c.host, err)
			}
			body, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if refused := answer.StatusCode == http.StatusMisdirectedRequest; refused == c.ok {
				t.Errorf("%s /%s: %s %s", c.host, path, answer.Status, body)
			}
			want := fmt.Sprintf("GONETMON_HOST_NAMES does not contain %q; ", c.host)
			if !c.ok && (!strings.HasPrefix(string(body), want) || answer.Header.Get("Content-Type") != "text/plain; charset=utf-8") {
				t.Errorf("%s /%s: %v %s", c.host, path, answer.Header, body)
			}
		}
	}
}

// Whatever stands in a Host header, what is said of it is short and harmless; and so is the log, however often it is said.
func TestHostCheck_ShowsHarmlessName(t *testing.T) {
	var out bytes.Buffer
	s := serve(t, Config{Log: slog.New(slog.NewTextHandler(&out, nil))}, nil)
	ask := func(request string) string {
		conn, err := net.Dial("tcp", s.limiter.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, request)
		_ = conn.SetDeadline(time.Now().Add(patience))
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		body, _ := io.ReadAll(answer.Body)
		return answer.Status + "\n" + string(body)
	}
	for _, host := range []string{
		"<script>alert(1)</script>.evil.example", strings.Repeat("x.", 5000), "a'b&c;d.example", "%22.example", "xn--caf-dma.example",
	} {
		for _, request := range []string{
			"GET http://" + host + "/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n",
		} {
			got := ask(request)
			if strings.ContainsAny(got, "<>&'") || len(got) > 250 || !strings.HasPrefix(got, "421 ") && !strings.HasPrefix(got, "400 ") {
				t.Errorf("%.80q: %q", request, got)
			}
		}
	}
	if got := ask("GET / HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "200 ") {
		t.Errorf("no Host: %s", got)
	}
	if got := ask("GET / HTTP/1.1\r\n\r\n"); !strings.HasPrefix(got, "400 ") {
		t.Errorf("no Host in HTTP/1.1: %s", got)
	}
	if strings.ContainsAny(out.String(), "<>&'") {
		t.Error(out.String())
	}
}

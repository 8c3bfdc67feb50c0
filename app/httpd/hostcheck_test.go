package httpd

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// A request is answered under an address, and under a name that is ours or that no stranger can have; under another it is not.
func TestHostCheck_KnowsHosts(t *testing.T) {
	check := newHostCheck(page(1), []string{"Nas.Example.org.", "monitor.example"}, slog.New(slog.DiscardHandler))
	for ok, hosts := range map[bool]string{
		true: `127.0.0.1 127.0.0.1:8080 192.168.2.7:80 93.184.216.34 [::1] [::1]:8080 [fe80::1%25eth0]:8080 [2001:DB8::7] ::1
			localhost LOCALHOST:8080 localhost. app.localhost nas NAS:8080 nas.local nas.lan:8080 a.b.Home.Arpa nas.home
			nas.internal. nas.intranet nas.private nas.corp nas.test nas.example.org NAS.example.org.:8080 monitor.example:80`,
		false: `evil.example evil.example:8080 nas.example.org.evil.example xnas.example.org example.org localhost.evil.example
			127.0.0.1.evil.example evil.notlocal home.arpa.evil.example evil.arpa 192.168.2.7.nip.io fritz.box [evil.example]
			[evil.example]:80 :8080 1.2.3.4.5 . a..b.lan`,
	} {
		for host := range strings.FieldsSeq(hosts) {
			w := httptest.NewRecorder()
			check.ServeHTTP(w, &http.Request{Host: host})
			if refused := w.Code == http.StatusMisdirectedRequest; refused == ok {
				t.Errorf("%s: %d %s", host, w.Code, w.Body)
			}
			want := fmt.Sprintf("GONETMON_HOST_NAMES does not contain %q. ", host)
			if !ok && (!strings.HasPrefix(w.Body.String(), want) || w.Header().Get("Content-Type") != "text/plain; charset=utf-8") {
				t.Errorf("%s: %v %s", host, w.Header(), w.Body)
			}
		}
	}
}

// The answer has the line that allows a name, without the port, unless no line can, as for a name that is too long or is none.
func TestHostCheck_SaysHowToAllow(t *testing.T) {
	check := newHostCheck(page(1), nil, slog.New(slog.DiscardHandler))
	for host, want := range map[string]string{
		"NAS.Example.org.:8080": "GONETMON_HOST_NAMES=nas.example.org", "fritz.box": "GONETMON_HOST_NAMES=fritz.box",
		"a..b.lan": "", "ä.example": "", strings.Repeat("x.", 40) + "example": "",
	} {
		w := httptest.NewRecorder()
		check.ServeHTTP(w, &http.Request{Host: host})
		_, line, _ := strings.Cut(w.Body.String(), "\n")
		if w.Code != http.StatusMisdirectedRequest || strings.TrimSpace(line) != want {
			t.Errorf("%s: %d, line %q, want %q", host, w.Code, line, want)
		}
	}
}

// Whatever a Host header contains, what is said of it is short and harmless, and so is the log.
func FuzzHostCheck(f *testing.F) {
	for _, host := range []string{"<script>alert(1)</script>.evil.example", strings.Repeat("x.", 5000), "a'b&c;d.example",
		"%22.example", "xn--caf-dma.example", "\x1b[31m\n", "[", "\xff", "a:b:c", "nas.lan"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		var log bytes.Buffer
		w := httptest.NewRecorder()
		newHostCheck(page(1), nil, slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(w, &http.Request{Host: host})
		answer := strings.Replace(w.Body.String(), ":\nGONETMON_HOST_NAMES=", ": GONETMON_HOST_NAMES=", 1)
		for _, text := range []string{strings.TrimSpace(answer), strings.TrimSuffix(log.String(), "\n")} {
			if strings.ContainsAny(text, "<>&'\n\x1b") || !utf8.ValidString(text) || len(text) > 400 {
				t.Errorf("%.80q: %q", host, text)
			}
		}
	})
}

func TestFullNames(t *testing.T) {
	const file = `127.0.0.1 localhost
127.0.1.1	NAS.example.org nas # nas.example.com
192.168.2.7 nas.home.example nasty.example.org xnas.example.org "nas.<b>
`
	if diff := cmp.Diff([]string{"nas.example.org", "nas.home.example"}, fullNames(file, "Nas")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

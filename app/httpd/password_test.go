package httpd

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gonetmon/app/sloglimit"
)

// A logBuffer may be written and read at the same time.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Everything but the health checks needs the password, whatever the user name is. The log shows no password, and not much.
func TestServer_RequiresPassword(t *testing.T) {
	const password = `pa:ss "w$rd" #1 é`
	basic := func(user, password string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n"
	}
	var log logBuffer
	handler := sloglimit.NewHandler(slog.NewTextHandler(&log, nil))
	inBubble(t, Config{Password: password, Log: slog.New(handler)}, func(t *testing.T, l *listener) {
		for _, c := range []struct {
			name, path, header string
			status             int
			takes              time.Duration
		}{
			{"none", "/", "", 401, 0},
			{"none for the metrics", "/metrics", "", 401, 0},
			{"none for the devices", "/debug/devices", "", 401, 0},
			{"none for what does not exist", "/x", "", 401, 0},
			{"none for almost a health check", "/healthz/", "", 401, 0},
			{"health", "/healthz", "", 200, 0},
			{"health, with a wrong one", "/readyz", basic("", "x"), 200, 0},
			{"right", "/", basic("gonetmon", password), 200, 0},
			{"right, for the metrics", "/metrics", basic("", password), 200, 0},
			{"right, another user", "/debug/devices", basic("a", password), 200, 0},
			{"right, nothing there", "/x", basic("a", password), 404, 0},
			{"wrong", "/", basic("gonetmon", "hush"), 401, guessDelay},
			{"empty", "/", basic("gonetmon", ""), 401, guessDelay},
			{"longer", "/metrics", basic("gonetmon", password+" "), 401, guessDelay},
			{"another scheme", "/", "Authorization: Bearer x\r\n", 401, 0},
			{"not base64", "/", "Authorization: Basic %\r\n", 401, 0},
		} {
			begin := time.Now()
			conn := l.connect(t, "GET "+c.path+" HTTP/1.1\r\nHost: localhost\r\n"+c.header+"\r\n")
			got, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			body, _ := io.ReadAll(got.Body)
			if took := time.Since(begin); got.StatusCode != c.status || took != c.takes {
				t.Errorf("%s: %s %s after %v, want %d after %v", c.name, got.Status, body, took, c.status, c.takes)
			}
			asks := strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic ") && strings.Contains(string(body), "GONETMON_PASSWORD")
			if asks != (c.status == 401) {
				t.Errorf("%s: %v %s", c.name, got.Header, body)
			}
		}
		if n := strings.Count(log.String(), "\n"); n != 3 || strings.Contains(log.String(), "hush") ||
			!strings.Contains(log.String(), "client=") {
			t.Errorf("%d lines: %s", n, log.String())
		}
		// Others with the password are answered while many guess.
		for range 50 {
			l.connect(t, "GET / HTTP/1.1\r\nHost: localhost\r\n"+basic("", "guess")+"\r\n")
		}
		begin := time.Now()
		answered(t, bufio.NewReader(l.connect(t, "GET / HTTP/1.1\r\nHost: localhost\r\n"+basic("", password)+"\r\n")))
		if took := time.Since(begin); took > 0 {
			t.Errorf("answered after %v", took)
		}
		time.Sleep(2 * guessDelay)
		if n := strings.Count(log.String(), "\n"); n > 12 {
			t.Errorf("%d lines", n)
		}
	})
}

package testnet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Output collects what a process writes. Any goroutine may read it.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Environ returns the environment without variables of gonetmon's, and with these.
func Environ(variables ...string) (all []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GONETMON_") {
			all = append(all, v)
		}
	}
	return append(all, variables...)
}

// A Daemon is a running gonetmon.
type Daemon struct {
	Cmd      *exec.Cmd
	Out, Log Output
	URL      string // of its page, ending in a slash
	Client   *http.Client
	Ended    <-chan struct{} // closed when the process has ended

	tb testing.TB
}

// StartDaemon starts gonetmon, and waits until it logs where its page is. It is killed at the end of the test.
func StartDaemon(tb testing.TB, n *Namespace, cmd *exec.Cmd) *Daemon {
	tb.Helper()
	d := LaunchDaemon(tb, n, cmd)
	page := regexp.MustCompile(`page=(https?://\S+)`)
	d.Until("it has started", func() bool {
		select {
		case <-d.Ended:
			tb.Fatalf("ended: %s", d.Log.String())
		default:
		}
		if m := page.FindStringSubmatch(d.Log.String()); m != nil {
			d.URL = m[1]
		}
		return d.URL != ""
	})
	return d
}

// LaunchDaemon is StartDaemon without the wait. Output and log that cmd already redirects stay redirected.
func LaunchDaemon(tb testing.TB, n *Namespace, cmd *exec.Cmd) *Daemon {
	tb.Helper()
	ended := make(chan struct{})
	d := &Daemon{tb: tb, Cmd: cmd, Ended: ended, Client: n.HTTP()}
	if cmd.Stdout == nil {
		cmd.Stdout = &d.Out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &d.Log
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if tb.Failed() {
			tb.Logf("log:\n%s", d.Log.String())
		}
	})
	return d
}

// Port returns the port of the page.
func (d *Daemon) Port() string {
	u, err := url.Parse(d.URL)
	if err != nil {
		d.tb.Fatal(err)
	}
	return u.Port()
}

// Until waits for something that must happen soon.
func (d *Daemon) Until(what string, ok func() bool) {
	d.tb.Helper()
	Until(d.tb, what, ok)
}

// Until waits for something that must happen soon.
func Until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	if !Within(20*time.Second, ok) {
		tb.Fatalf("not within 20 s: %s", what)
	}
}

// Within polls, and reports whether ok became true in that time.
func Within(long time.Duration, ok func() bool) bool {
	for begin := time.Now(); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > long {
			return false
		}
	}
	return true
}

// Get requests a path of the daemon; status 0 means that there was no answer.
func (d *Daemon) Get(path string) (status int, body string) { return Get(d.Client, d.URL+path) }

// Get requests a URL; status 0 means that there was no answer.
func Get(client *http.Client, url string) (status int, body string) {
	answer, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(b)
}

// Metrics scrapes the daemon, and returns the values as ParseMetrics does.
func (d *Daemon) Metrics() map[string]float64 {
	d.tb.Helper()
	status, body := d.Get("metrics")
	if status != http.StatusOK {
		d.tb.Fatalf("metrics: %d %s", status, body)
	}
	return ParseMetrics(d.tb, body)
}

// Stop sends SIGTERM and returns the exit status and how long it took.
func (d *Daemon) Stop() (int, time.Duration) {
	d.tb.Helper()
	begin := time.Now()
	if err := d.Cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		d.tb.Fatal(err)
	}
	select {
	case <-d.Ended:
	case <-time.After(20 * time.Second):
		d.tb.Fatalf("did not end within 20 s\n%s", d.Log.String())
	}
	return d.Cmd.ProcessState.ExitCode(), time.Since(begin)
}

// LogValue returns the number that follows name= in the log line with this msg.
func (d *Daemon) LogValue(msg, name string) uint64 {
	d.tb.Helper()
	for line := range strings.Lines(d.Log.String()) {
		if strings.Contains(line, "msg="+msg+" ") {
			if m := regexp.MustCompile(` ` + name + `=(\d+)`).FindStringSubmatch(line); m != nil {
				var n uint64
				if _, err := fmt.Sscan(m[1], &n); err != nil {
					d.tb.Fatal(err)
				}
				return n
			}
		}
	}
	d.tb.Errorf("no %s in a line with msg=%s:\n%s", name, msg, d.Log.String())
	return 0
}

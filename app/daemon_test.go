package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"gonetmon/app/testnet"
)

// The test binary is gonetmon itself when this is set: so the tests run the whole program, race detector included.
const beGonetmon = "TEST_BE_GONETMON"

// And so many descriptors it has then, if this is set.
const descriptors = "TEST_DESCRIPTORS"

func TestMain(m *testing.M) {
	if os.Getenv(beGonetmon) == "1" {
		if n, err := strconv.ParseUint(os.Getenv(descriptors), 10, 64); err == nil {
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
				panic(err)
			}
		}
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// gonetmon is the command that runs gonetmon with these variables and no other of its own, in the namespace if there is one.
func gonetmon(n *testnet.Namespace, variables []string, args ...string) *exec.Cmd {
	args = append([]string{os.Args[0]}, args...)
	cmd := exec.Command(args[0], args[1:]...)
	if n != nil {
		cmd = n.Command(args...)
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, prefix+"_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, beGonetmon+"=1"), variables...)
	return cmd
}

// output is what a process has written so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// A process is a running daemon.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, log output
	url      string
	client   *http.Client
	ended    chan struct{}
}

// start starts the daemon in a namespace and waits until it has said where its page is. It is killed at the end of the test.
func start(t *testing.T, n *testnet.Namespace, variables ...string) *process {
	t.Helper()
	p := &process{t: t, ended: make(chan struct{}), client: n.HTTP()}
	// The first of several wins, so a test may choose others.
	p.cmd = gonetmon(n, append([]string{"GONETMON_PORT=0", "GONETMON_INTERFACE=mon0", "GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=none"}, variables...))
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("log:\n%s", p.log.String())
		}
	})
	page := regexp.MustCompile(`page=(http://\S+)`)
	p.until("it has started", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("ended: %s", p.log.String())
		default:
		}
		if m := page.FindStringSubmatch(p.log.String()); m != nil {
			p.url = m[1]
		}
		return p.url != ""
	})
	return p
}

// port is the port of the page.
func (p *process) port() string {
	_, port, _ := net.SplitHostPort(strings.Trim(strings.TrimPrefix(p.url, "http://"), "/"))
	return port
}

// promtool has a page checked by Prometheus's own tool.
func promtool(t *testing.T, page string) {
	t.Helper()
	testnet.NeedCommand(t, "promtool", "go install the promtool of Prometheus 3")
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// until waits for what must come about soon.
func (p *process) until(what string, ok func() bool) {
	p.t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			p.t.Fatalf("not within 20 s: %s\n%s", what, p.log.String())
		}
	}
}

// get asks for a page; status 0 means that there was no answer.
func (p *process) get(path string) (status int, body string) {
	p.t.Helper()
	answer, err := p.client.Get(p.url + path)
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

// metrics scrapes: the values by series, written as name{label="value",…} in the order of the page.
func (p *process) metrics() map[string]float64 {
	p.t.Helper()
	status, body := p.get("metrics")
	if status != http.StatusOK {
		p.t.Fatalf("metrics: %d %s", status, body)
	}
	return parse(p.t, body)
}

// parse reads a page as Prometheus does.
func parse(t *testing.T, body string) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatalf("page does not parse: %v\n%s", err, body)
	}
	values := map[string]float64{}
	for name, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			series := name
			if len(labels) > 0 {
				series += "{" + strings.Join(labels, ",") + "}"
			}
			if _, twice := values[series]; twice {
				t.Errorf("%s stands on the page twice", series)
			}
			values[series] = m.Counter.GetValue() + m.Gauge.GetValue() + m.Untyped.GetValue()
		}
	}
	return values
}

// heard waits until the daemon's page shows n frames that reached the socket, read or dropped, and returns the page.
func (p *process) heard(n uint64) map[string]float64 {
	p.t.Helper()
	var m map[string]float64
	p.until(fmt.Sprintf("%d frames on the page", n), func() bool {
		m = p.metrics()
		return uint64(m[`gonetmon_capture_packets_total{interface="mon0"}`]+m[`gonetmon_capture_drops_total{interface="mon0"}`]) >= n
	})
	// What the ring handed over has been counted, is folded within a second, and shown when the devices have waited for their names.
	// Who was only sent something over IPv6 is not shown at all.
	// A frame that comes meanwhile is among the frames at once, and folded later.
	frames := func() (n float64) {
		for series, v := range m {
			if strings.HasPrefix(series, "gonetmon_frames_total{") {
				n += v
			}
		}
		return n
	}
	for range 5 {
		was := frames()
		time.Sleep(1100 * time.Millisecond)
		if m = p.metrics(); frames() == was {
			break
		}
	}
	for begin := time.Now(); m["gonetmon_waiting_bytes"] > 0 && time.Since(begin) < 5*time.Second; m = p.metrics() {
		time.Sleep(100 * time.Millisecond)
	}
	return m
}

// stop sends SIGTERM and returns the exit status and how long it took.
func (p *process) stop() (int, time.Duration) {
	p.t.Helper()
	begin := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		p.t.Fatalf("did not end within 20 s\n%s", p.log.String())
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(begin)
}

// logged finds a number that follows name= in the line of the log that has msg.
func (p *process) logged(msg, name string) uint64 {
	p.t.Helper()
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, "msg="+msg+" ") {
			if m := regexp.MustCompile(` ` + name + `=(\d+)`).FindStringSubmatch(line); m != nil {
				var n uint64
				if _, err := fmt.Sscan(m[1], &n); err != nil {
					p.t.Fatal(err)
				}
				return n
			}
		}
	}
	p.t.Errorf("no %s in a line with msg=%s:\n%s", name, msg, p.log.String())
	return 0
}

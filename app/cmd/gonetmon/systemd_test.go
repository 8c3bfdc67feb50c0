package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

// A play is a notifier with loops that move, or don't, as the test wants.
type play struct {
	began time.Time
	heard []string // by systemd: seconds and message
	log   bytes.Buffer

	mu     sync.Mutex // guards what is below
	still  string     // the name of a loop that stands still
	beat   func() time.Time
	status string
}

// run plays for so long, and calls each act at its second.
func (p *play) run(watchdog, length time.Duration, acts map[time.Duration]func()) {
	ours, theirs := net.Pipe()
	n := &notifier{conn: ours, watchdog: watchdog, log: slog.New(slog.NewTextHandler(&p.log, nil))}
	p.began = time.Now()
	if p.beat == nil {
		p.beat = time.Now
	}
	stopped := map[string]time.Time{}
	loops := func() (all []loop) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, name := range []string{"capture on eth1", "counting"} {
			if name != p.still {
				stopped[name] = p.beat()
			}
			all = append(all, loop{name, stopped[name]})
		}
		return all
	}
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for message := make([]byte, 1<<10); ; {
			n, err := theirs.Read(message)
			if err != nil {
				return
			}
			p.heard = append(p.heard, fmt.Sprintf("%v %s", time.Since(p.began), message[:n]))
		}
	}()
	for at, act := range acts {
		time.AfterFunc(at, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			act()
		})
	}
	status := func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.status
	}
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	n.run(ctx, loops, status)
	_ = n.close()
	<-listened
}

func TestNotifier(t *testing.T) {
	for _, tt := range []struct {
		name     string
		watchdog time.Duration
		length   time.Duration
		play     func(p *play) map[time.Duration]func()
		want     string
		log      string // contains, once
	}{
		{"all moves", 8 * time.Second, 5 * time.Second, nil,
			"0s READY=1\nSTATUS=fine, 2s WATCHDOG=1, 4s WATCHDOG=1, 5s STOPPING=1", ""},
		{"no watchdog", 0, 25 * time.Second, nil,
			"0s READY=1\nSTATUS=fine, 25s STOPPING=1", ""},
		{"a loop stands still", 8 * time.Second, 30 * time.Second, func(p *play) map[time.Duration]func() {
			return map[time.Duration]func(){3 * time.Second: func() { p.still = "counting" }}
		}, "0s READY=1\nSTATUS=fine, 2s WATCHDOG=1, 30s STOPPING=1", `loop=counting`},
		{"another one stands still, and moves again", 8 * time.Second, 15 * time.Second, func(p *play) map[time.Duration]func() {
			return map[time.Duration]func(){
				1 * time.Second:  func() { p.still = "capture on eth1" },
				11 * time.Second: func() { p.still = "" },
			}
		}, "0s READY=1\nSTATUS=fine, 12s WATCHDOG=1, 14s WATCHDOG=1, 15s STOPPING=1", `loop="capture on eth1"`},
		{"a loop has never moved", 8 * time.Second, 9 * time.Second, func(p *play) map[time.Duration]func() {
			p.still = "counting"
			return nil
		}, "0s READY=1\nSTATUS=fine, 9s STOPPING=1", `loop=counting`},
		{"the clock is set back and forth", 8 * time.Second, 7 * time.Second, func(p *play) map[time.Duration]func() {
			years := 0
			p.beat = func() time.Time { return time.Now().AddDate(years, 0, 0) }
			return map[time.Duration]func(){
				3 * time.Second: func() { years = -50 },
				5 * time.Second: func() { years = 50 },
			}
		}, "0s READY=1\nSTATUS=fine, 2s WATCHDOG=1, 4s WATCHDOG=1, 6s WATCHDOG=1, 7s STOPPING=1", ""},
		{"the status changes all the time", 0, 35 * time.Second, func(p *play) map[time.Duration]func() {
			acts := map[time.Duration]func(){}
			for i := range 25 {
				acts[time.Duration(i)*time.Second+time.Millisecond] = func() { p.status = fmt.Sprint(i, " s") }
			}
			return acts
		}, "0s READY=1\nSTATUS=fine, 10s STATUS=9 s, 20s STATUS=19 s, 30s STATUS=24 s, 35s STOPPING=1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &play{status: "fine"}
				var acts map[time.Duration]func()
				if tt.play != nil {
					acts = tt.play(p)
				}
				p.run(tt.watchdog, tt.length, acts)
				if d := cmp.Diff(tt.want, strings.Join(p.heard, ", ")); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
				lines := strings.Count(p.log.String(), "\n")
				if tt.log == "" && lines > 0 || tt.log != "" && (lines != 1 || !strings.Contains(p.log.String(), tt.log)) {
					t.Errorf("logged:\n%s\nwant one line with %q", p.log.String(), tt.log)
				}
			})
		})
	}
}

// Each loop of a real daemon is missed when it does not run.
func TestLoops(t *testing.T) {
	n := pairOf(t)
	environment(t, "GONETMON_INTERFACE=mon0", "GONETMON_PORT=0", "GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=none")
	c, err := loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{cfg: c, log: slog.New(slog.DiscardHandler)}
	n.Do(func() { err = d.open(io.Discard) })
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		running.Wait()
		d.close()
	}()
	runs := []func(context.Context) error{d.taps[0].meter.Run, d.taps[0].listener.Run, d.registry.Run}
	for i, want := range []string{"capture on mon0", "capture of control frames on mon0", "counting", ""} {
		before := d.loops()
		time.Sleep(1800 * time.Millisecond) // a sign comes once a second
		if still := standing(before, d.loops()); still != want {
			t.Errorf("with %d of %d running %q stands still, want %q", i, len(runs), still, want)
		}
		if i < len(runs) {
			running.Go(func() {
				if err := runs[i](ctx); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(100 * time.Millisecond)
		}
	}
	if err := d.healthy(); err != nil {
		t.Error(err)
	}
}

// A systemd that doesn't listen, or is gone, keeps nobody from ending, and is complained of once.
func TestDeafSystemd(t *testing.T) {
	for _, gone := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "notify")
		reports, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("NOTIFY_SOCKET", path)
		var log bytes.Buffer
		n, err := openNotifier(slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if gone {
			_ = reports.Close()
		} else {
			for !n.failed { // until its queue is full
				n.tell("STATUS=")
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		began := time.Now()
		n.run(ctx, func() []loop { return nil }, func() string { return "" })
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("gone: %v, took %v to end", gone, took)
		}
		cancel()
		if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "can't tell systemd") {
			t.Errorf("gone: %v, log:\n%s", gone, log.String())
		}
		_, _ = n.close(), reports.Close()
	}
}

// Without systemd nothing is told, and nothing goes wrong.
func TestNoNotifier(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n, err := openNotifier(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	n.run(t.Context(), nil, nil)
	if err := n.close(); err != nil {
		t.Error(err)
	}
}

func TestWrongNotifier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	for name, tt := range map[string]struct {
		variables []string
		want      string
	}{
		"nobody there":   {nil, "NOTIFY_SOCKET=" + path + ": dial unixgram " + path + ": connect: no such file"},
		"wrong watchdog": {[]string{"WATCHDOG_USEC=soon"}, "systemd's watchdog: error converting WATCHDOG_USEC"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, log := testnet.Run(t, gonetmon(nil, append(tt.variables, "NOTIFY_SOCKET="+path)))
			if status != 1 || !strings.Contains(log, tt.want) {
				t.Errorf("status %d, said %q, want %q", status, log, tt.want)
			}
		})
	}
}

// A service is the daemon as systemd starts it: told by variables where to report to, and with sockets.
type service struct {
	t       *testing.T
	process *os.Process
	ended   chan struct{}
	state   func() *os.ProcessState
	reports *net.UnixConn // where it reports to
	logged  func() string
}

// asService is the command with the sockets, and the variables that go with them.
func asService(cmd *exec.Cmd, sockets ...*os.File) *exec.Cmd {
	service := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`}, cmd.Args...)...)
	service.Env, service.ExtraFiles = append(cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(sockets))), sockets
	return service
}

func startService(t *testing.T, n *testnet.Namespace, variables []string, sockets ...*os.File) *service {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	reports, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	cmd := asService(gonetmon(n, append(variables, "GONETMON_INTERFACE=mon0", "GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=none",
		"NOTIFY_SOCKET="+path, "WATCHDOG_USEC=2000000")), sockets...)
	log, err := os.Create(path + ".log")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = log.Close()
	s := &service{t: t, process: cmd.Process, ended: make(chan struct{}), state: func() *os.ProcessState { return cmd.ProcessState }, reports: reports}
	s.logged = func() string {
		b, _ := os.ReadFile(log.Name())
		return string(b)
	}
	go func() {
		_ = cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.process.Kill()
		<-s.ended
		_ = reports.Close()
		if t.Failed() {
			t.Logf("log:\n%s", s.logged())
		}
	})
	return s
}

// report is what systemd is told next, within so long; "" is nothing.
func (s *service) report(within time.Duration) string {
	s.t.Helper()
	_ = s.reports.SetReadDeadline(time.Now().Add(within))
	message := make([]byte, 1<<10)
	n, err := s.reports.Read(message)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatal(err)
	}
	return string(message[:n])
}

// stop ends the service and wants it to say so.
func (s *service) stop() {
	s.t.Helper()
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	for {
		switch r := s.report(5 * time.Second); r {
		case "STOPPING=1":
			<-s.ended
			if status := s.state().ExitCode(); status != 0 {
				s.t.Errorf("status %d\n%s", status, s.logged())
			}
			return
		case "":
			s.t.Fatalf("did not say that it stops\n%s", s.logged())
		}
	}
}

// pairOf is two joined namespaces, of which mon0 is heard in the first.
func pairOf(t *testing.T) *testnet.Namespace {
	t.Helper()
	a, b := testnet.NewNamespace(t), testnet.NewNamespace(t)
	testnet.Veth(a, "mon0", b, "peer0")
	return a
}

// The daemon says when it is ready, that it lives, what it hears and when it stops.
func TestDaemonReports(t *testing.T) {
	t.Parallel()
	n := pairOf(t)
	s := startService(t, n, []string{"GONETMON_PORT=8080"})
	if r := s.report(20 * time.Second); r != "READY=1\nSTATUS=listening on mon0, 0 devices" {
		t.Fatalf("said %q\n%s", r, s.logged())
	}
	answer, err := n.HTTP().Get("http://127.0.0.1:8080/readyz") // ready means that it answers
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Error(answer.Status)
	}
	n.IP("link delete mon0")
	begin, fed := time.Now(), 0
	for status := ""; status == ""; {
		switch r := s.report(4 * time.Second); r {
		case "WATCHDOG=1":
			fed++
		case "STATUS=hearing nothing on mon0 (no such interface), 0 devices":
			status = r
		default:
			t.Fatalf("said %q\n%s", r, s.logged())
		}
	}
	// The interface is gone, and the loop looks for it: that is life. It shows a sign once a second.
	if took := time.Since(begin); took > 15*time.Second || fed < 5 {
		t.Errorf("%v, fed the watchdog %d times", took, fed)
	}
	s.stop()
}

// A daemon that is stopped feeds nothing.
func TestStoppedDaemonReportsNothing(t *testing.T) {
	t.Parallel()
	s := startService(t, pairOf(t), []string{"GONETMON_PORT=0"})
	for r := ""; r != "WATCHDOG=1"; {
		if r = s.report(20 * time.Second); r == "" {
			t.Fatal("did not feed the watchdog")
		}
	}
	if err := s.process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for s.report(10*time.Millisecond) != "" { // what it had said before
	}
	if r := s.report(3 * time.Second); r != "" {
		t.Errorf("said %q", r)
	}
	if err := s.process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if r := s.report(5 * time.Second); r != "WATCHDOG=1" {
		t.Errorf("said %q afterwards", r)
	}
	s.stop()
}

// The daemon serves on the socket that it is given. Who comes while it is away is served by the next one.
func TestSocketActivation(t *testing.T) {
	n := pairOf(t)
	var listener net.Listener
	var err error
	n.Do(func() { listener, err = net.Listen("tcp", "127.0.0.1:8081") })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	ask := func() (answer string) {
		var conn net.Conn
		n.Do(func() { conn, err = net.Dial("tcp", "127.0.0.1:8081") })
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n")
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		b, err := io.ReadAll(conn)
		if err != nil {
			t.Error(err)
		}
		_, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
		return string(body)
	}
	for i := range 3 {
		answer := make(chan string)
		go func() { answer <- ask() }()
		time.Sleep(50 * time.Millisecond)
		// The port that it would take is no other's, and is not used.
		s := startService(t, n, []string{"GONETMON_PORT=9999", "GONETMON_ADDR=192.0.2.1"}, socket)
		if got := <-answer; got != "ok\n" {
			t.Errorf("start %d: answer %q", i, got)
		}
		s.stop()
		for _, want := range []string{"GONETMON_ADDR and GONETMON_PORT are not used", "page=http://127.0.0.1:8081/"} {
			if !strings.Contains(s.logged(), want) {
				t.Errorf("the log does not say %q:\n%s", want, s.logged())
			}
		}
	}
}

func TestWrongSockets(t *testing.T) {
	pair := func(network string) *os.File {
		var c interface{ File() (*os.File, error) }
		var err error
		if network == "udp" {
			c, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		} else {
			c, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = f.Close(), c.(io.Closer).Close() })
		return f
	}
	for name, tt := range map[string]struct {
		sockets []string
		want    string
	}{
		"two":        {[]string{"tcp", "tcp"}, "systemd passed 2 sockets, gonetmon serves on one; leave one ListenStream= in gonetmon.socket"},
		"a datagram": {[]string{"udp"}, "gonetmon.socket needs ListenStream=, for example ListenStream=127.0.0.1:8080"},
	} {
		t.Run(name, func(t *testing.T) {
			var files []*os.File
			for _, network := range tt.sockets {
				files = append(files, pair(network))
			}
			testnet.RequireUsageError(t, asService(gonetmon(nil, []string{"GONETMON_INTERFACE=lo", "GONETMON_DNS_SERVERS=none"}), files...), tt.want)
		})
	}
}

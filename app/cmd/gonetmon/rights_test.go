package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

// everything is all capabilities.
const everything = ^uint64(0)

func capabilities(all ...int) (set uint64) {
	for _, c := range all {
		set |= 1 << c
	}
	return set
}

// A way is one in which the daemon is started.
type way struct {
	name     string
	bounding uint64               // the capabilities of root
	attr     *syscall.SysProcAttr // another user, perhaps
	file     uint64               // the capabilities of the program, as setcap gives them
	uid      string               // whose it is afterwards
	log      string               // what it says of that
}

var ways = []way{
	{name: "root", bounding: everything, uid: "65534", log: `msg="rights given up" uid=65534 gid=65534 capabilities=none seccomp=true`},
	{name: "container", bounding: capabilities(unix.CAP_NET_RAW, unix.CAP_NET_ADMIN, unix.CAP_SETUID, unix.CAP_SETGID), uid: "65534",
		log: `msg="rights given up" uid=65534 gid=65534 capabilities=none seccomp=true`},
	{name: "root with NET_RAW only", bounding: capabilities(unix.CAP_NET_RAW), uid: "0", log: `level=WARN msg="still uid 0, to which root's files belong, though without any capability`},
	{name: "ambient capability", bounding: everything, attr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1235}, AmbientCaps: []uintptr{unix.CAP_NET_RAW}},
		uid: "1234", log: `msg="rights given up" uid=1234 gid=1235 capabilities=none seccomp=true`},
	{name: "file capability", bounding: everything, attr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1235}}, file: capabilities(unix.CAP_NET_RAW),
		uid: "1234", log: `msg="rights given up" uid=1234 gid=1235 capabilities=none seccomp=true`},
}

// start starts the daemon in this way.
func (w *way) start(t *testing.T, n *testnet.Namespace, variables ...string) *testnet.Daemon {
	t.Helper()
	cmd := gonetmon(nil, append(usual(), variables...))
	cmd.Path, cmd.SysProcAttr = testnet.CopyBinary(t), w.attr
	if w.file != 0 {
		testnet.SetCapabilities(t, cmd.Path, w.file)
	}
	return testnet.StartDaemonBy(t, n, cmd, func() (err error) {
		n.Do(func() {
			if err = testnet.DropBounding(w.bounding); err == nil {
				err = cmd.Start()
			}
		})
		return err
	})
}

// threads are what the kernel says of each thread of the daemon.
func threads(t *testing.T, p *testnet.Daemon) (all []map[string]string) {
	t.Helper()
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.Cmd.Process.Pid))
	if err != nil || len(names) == 0 {
		t.Fatalf("no threads: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			t.Fatal(err)
		}
		status := map[string]string{}
		for line := range strings.Lines(string(b)) {
			key, value, _ := strings.Cut(line, ":")
			status[key] = strings.Join(strings.Fields(value), " ")
		}
		all = append(all, status)
	}
	return all
}

// harmless checks that no thread of the daemon has any right.
func harmless(t *testing.T, p *testnet.Daemon, uid string) {
	t.Helper()
	const none = "0000000000000000"
	want := map[string]string{"Uid": strings.Join([]string{uid, uid, uid, uid}, " "), "Groups": "", "NoNewPrivs": "1", "Seccomp": "2",
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapAmb": none}
	for _, thread := range threads(t, p) {
		for key, value := range want {
			if thread[key] != value {
				t.Errorf("thread %s: %s is %q, want %q", thread["Pid"], key, thread[key], value)
			}
		}
	}
	if n, shown := p.Metrics()["gonetmon_process_capabilities"]; !shown || n != 0 {
		t.Errorf("gonetmon_process_capabilities %v, on the page %v", n, shown)
	}
}

// promiscuity is how many want the interface to be promiscuous (ip-link(8), -details).
func promiscuity(t *testing.T, n *testnet.Namespace, name string) int {
	t.Helper()
	out, err := exec.Command("ip", "-n", n.Name, "-details", "-json", "link", "show", name).Output()
	if err != nil {
		t.Fatalf("ip link show %s: %v", name, err)
	}
	var links []struct{ Promiscuity int }
	if err := json.Unmarshal(out, &links); err != nil || len(links) != 1 {
		t.Fatalf("ip link show %s: %v: %s", name, err, out)
	}
	return links[0].Promiscuity
}

// However it is started, it gives up all rights and goes on counting, also on an interface that is made anew, until it is stopped.
func TestRights(t *testing.T) {
	for i := range ways {
		w := &ways[i]
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			here, there := testnet.NewPair(t)
			p := w.start(t, here)
			if log := p.Log.String(); !strings.Contains(log, w.log) || strings.Contains(log, "still uid 0") != (w.uid == "0") {
				t.Errorf("the log lacks %s, or more is left:\n%s", w.log, log)
			}
			for run := range 2 {
				s := testnet.NewSender(there, "in0")
				s.SendAll(testnet.Conversation(1000), 50000)
				if n := p.WaitFrames(uint64(1000 * (run + 1)))[`gonetmon_frames_total{class="ipv4"}`]; n != float64(1000*(run+1)) {
					t.Errorf("%v frames after %d rounds of 1000", n, run+1)
				}
				if n := promiscuity(t, here, "mon0"); n != 2 { // both rings
					t.Errorf("promiscuity %d, want 2", n)
				}
				if run == 0 {
					here.IP("link delete mon0")
					testnet.Veth(there, "in0", here, "mon0")
					p.Until("attached again", func() bool {
						m := p.Metrics()
						return m[`gonetmon_capture_up{interface="mon0"}`] == 1 && m[`gonetmon_capture_attached_total{interface="mon0"}`] == 2
					})
				}
			}
			harmless(t, p, w.uid)
			if status, _ := p.Stop(); status != 0 || p.LogValue("stopped", "frames") != 2000 {
				t.Errorf("stopped with status %d", status)
			}
		})
	}
}

// Where the kernel has no filter, it says so and goes on; where capabilities can't be given up, it does not start.
func TestRightsForbidden(t *testing.T) {
	here, _ := testnet.NewPair(t)
	var p *testnet.Daemon
	testnet.WithSyscallError(t, unix.SYS_SECCOMP, unix.ENOSYS, func() { p = start(t, here) })
	if log := p.Log.String(); strings.Count(log, `level=WARN msg="system calls are not filtered" error="seccomp: function not implemented"`) != 1 ||
		!strings.Contains(log, "uid=65534 gid=65534 capabilities=none seccomp=false") {
		t.Errorf("the log does not say once that there is no filter:\n%s", log)
	}
	if n := p.Metrics()["gonetmon_process_capabilities"]; n != 0 {
		t.Errorf("gonetmon_process_capabilities %v", n)
	}
	cmd := gonetmon(nil, append(usual(), "GONETMON_INTERFACE=lo"))
	cmd.Path = testnet.CopyBinary(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1235}}
	testnet.SetCapabilities(t, cmd.Path, capabilities(unix.CAP_NET_RAW))
	testnet.WithSyscallError(t, unix.SYS_CAPSET, unix.EPERM, func() {
		status, _, log := testnet.Run(t, cmd)
		if status != 2 || !strings.Contains(log, "gonetmon: give up rights: capset: operation not permitted; ") || !strings.Contains(log, "GONETMON_KEEP_PRIVILEGES=true") {
			t.Errorf("status %d, said %s", status, log)
		}
	})
}

// The switch keeps all rights, and each start says so.
func TestRightsKept(t *testing.T) {
	t.Parallel()
	here, _ := testnet.NewPair(t)
	p := start(t, here, "GONETMON_KEEP_PRIVILEGES=true")
	if log := p.Log.String(); !strings.Contains(log, `level=WARN msg="all rights are kept`) || strings.Contains(log, "given up") {
		t.Errorf("the log does not say that all rights are kept:\n%s", log)
	}
	own, err := os.ReadFile("/proc/thread-self/status") // the main thread may be one that was spoilt
	if err != nil {
		t.Fatal(err)
	}
	permitted := regexp.MustCompile(`(?m)^CapPrm:\s*(\S+)$`).FindStringSubmatch(string(own))[1]
	for _, thread := range threads(t, p) {
		if thread["Uid"] != "0 0 0 0" || thread["Seccomp"] != "0" || thread["CapPrm"] != permitted {
			t.Errorf("uid %s, seccomp %s, permitted %s; want those of the test, %s", thread["Uid"], thread["Seccomp"], thread["CapPrm"], permitted)
		}
	}
	if n := p.Metrics()["gonetmon_process_capabilities"]; n < 30 {
		t.Errorf("gonetmon_process_capabilities %v", n)
	}
}

// An interface that is deleted and made anew under traffic is heard again within a second by a daemon without any right.
func TestRecreatedWithoutRights(t *testing.T) {
	here, there := testnet.NewPair(t)
	p := start(t, here)
	harmless(t, p, "65534")
	frames := testnet.Conversation(1000)
	var took []time.Duration
	for run := range 20 {
		stop := make(chan struct{})
		var load sync.WaitGroup
		s := testnet.NewSender(there, "in0")
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					for _, f := range frames[:20] {
						s.Send(f) // in vain while there is no interface
					}
				}
			}
		})
		before := p.Metrics()[`gonetmon_capture_packets_total{interface="mon0"}`]
		p.Until("heard", func() bool { return p.Metrics()[`gonetmon_capture_packets_total{interface="mon0"}`] > before })
		here.IP("link delete mon0")
		close(stop)
		load.Wait()
		before = p.Metrics()[`gonetmon_capture_packets_total{interface="mon0"}`]
		testnet.Veth(there, "in0", here, "mon0")
		begin := time.Now()
		s = testnet.NewSender(there, "in0")
		p.Until("heard again", func() bool {
			s.Send(frames[run])
			m := p.Metrics()
			return m[`gonetmon_capture_packets_total{interface="mon0"}`] > before && m[`gonetmon_capture_attached_total{interface="mon0"}`] == float64(run+2)
		})
		took = append(took, time.Since(begin))
		if n := promiscuity(t, here, "mon0"); n != 2 {
			t.Errorf("promiscuity %d, want 2", n)
		}
	}
	slices.Sort(took)
	t.Logf("heard again after %v (median), %v (longest) in %d of %d", took[len(took)/2], took[len(took)-1], len(took), 20)
	if took[len(took)/2] > time.Second {
		t.Errorf("median %v", took[len(took)/2])
	}
	harmless(t, p, "65534")
}

// An interface that is made anew and left down is beyond a daemon without rights, which says who must bring it up.
func TestDownWithoutRights(t *testing.T) {
	here, there := testnet.NewPair(t)
	p := start(t, here)
	here.IP("link delete mon0")
	there.IP("link add in0 type veth peer name mon0 netns " + here.Name)
	there.IP("link set in0 up")
	p.Until("the reason on /readyz", func() bool {
		_, body := p.Get("readyz")
		return strings.Contains(body, "mon0: interface is down")
	})
	if log := p.Log.String(); !strings.Contains(log, "else whoever made it must: ip link set mon0 up\" error=\"operation not permitted\"") {
		t.Errorf("the log does not say who must bring it up:\n%s", log)
	}
	here.IP("link set mon0 up")
	p.Until("ready", func() bool { status, _ := p.Get("readyz"); return status == http.StatusOK })
}

// kill -9 leaves no interface promiscuous.
func TestKilled(t *testing.T) {
	t.Parallel()
	here, _ := testnet.NewPair(t)
	for range 5 {
		p := start(t, here)
		if n := promiscuity(t, here, "mon0"); n != 2 {
			t.Errorf("promiscuity %d, want 2", n)
		}
		if err := p.Cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-p.Ended
		if n := promiscuity(t, here, "mon0"); n != 0 {
			t.Errorf("promiscuity %d after the process was killed", n)
		}
	}
}

// The file of names is read again as the user that the daemon has become: what only root can read ends the start, and a file that
// becomes so is told of.
func TestNamesFileRights(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	name := filepath.Join(testnet.PublicDir(t), "hosts")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(name, []byte(text), 0o600), os.Chmod(name, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write("192.168.2.7 kitchen\n", 0o600)
	status, _, log := testnet.Run(t, gonetmon(here, append(usual(), "GONETMON_NAMES_FILE="+name)))
	if want := fmt.Sprintf("GONETMON_NAMES_FILE=%s: open %[1]s: permission denied; user 65534 must be able to read it and to enter its folders: chmod o+r %[1]s", name); status != 2 || !strings.Contains(log, want) {
		t.Errorf("status %d, said %s; want %s", status, log, want)
	}

	write("192.168.2.7 kitchen\n", 0o644)
	p := start(t, here, "GONETMON_NAMES_FILE="+name)
	s := testnet.NewSender(there, "in0")
	bytes := func(device string) func() bool {
		return func() bool {
			s.SendAll(testnet.Conversation(100), 0)
			return p.Metrics()[fmt.Sprintf("node_bytes_total{device=%q}", device)] > 0
		}
	}
	p.Until("the file's name", bytes("kitchen"))
	write("192.168.2.7 bathroom\n", 0o644)
	p.Until("the file's other name", bytes("bathroom"))
	write("192.168.2.7 cellar\n", 0o600)
	p.Until("a warning", func() bool { return strings.Contains(p.Log.String(), "hosts file cannot be read, its last names hold") })
}

// Stopped and continued, asked by many at once, plain and gzipped, and made to collect its garbage all the time, it goes on; and the
// runtime can still tell what every goroutine does when it is ended.
func TestBusyWithoutRights(t *testing.T) {
	here, there := testnet.NewPair(t)
	cmd := gonetmon(here, usual())
	cmd.Env = append(cmd.Env, "GOGC=5", "GOMAXPROCS=4")
	p := testnet.StartDaemon(t, here, cmd)
	s := testnet.NewSender(there, "in0")
	var load, asking sync.WaitGroup
	load.Go(func() { s.SendAll(slices.Repeat(testnet.Conversation(1000), 100), 50000) })
	for i := range 40 {
		asking.Go(func() {
			for range 10 {
				for _, path := range []string{"metrics", "", "healthz"} {
					request, err := http.NewRequest(http.MethodGet, p.URL+path, nil)
					if err != nil {
						t.Error(err)
						return
					}
					if i%2 == 0 {
						request.Header.Set("Accept-Encoding", "gzip")
					}
					answer, err := p.Client.Do(request)
					if err != nil {
						t.Error(err)
						return
					}
					_ = answer.Body.Close()
					if answer.StatusCode != http.StatusOK {
						t.Errorf("%s: %s", path, answer.Status)
					}
				}
			}
		})
	}
	for range 5 {
		for _, signal := range []os.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			time.Sleep(50 * time.Millisecond)
			if err := p.Cmd.Process.Signal(signal); err != nil {
				t.Error(err)
			}
		}
	}
	asking.Wait()
	load.Wait()
	m := p.WaitFrames(s.Sent)
	if got := m[`gonetmon_capture_packets_total{interface="mon0"}`] + m[`gonetmon_capture_drops_total{interface="mon0"}`]; got != float64(s.Sent) {
		t.Errorf("%v frames of %d", got, s.Sent)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if n := p.Metrics()["process_open_fds"]; n < float64(len(files))-5 || n > float64(len(files))+5 {
		t.Errorf("process_open_fds %v, the kernel lists %d", n, len(files))
	}
	harmless(t, p, "65534")
	if err := p.Cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-p.Ended
	if log := p.Log.String(); p.Cmd.ProcessState.ExitCode() != 2 || !strings.Contains(log, "SIGQUIT: quit") || !strings.Contains(log, "goroutine 1 ") {
		t.Errorf("%s", p.Cmd.ProcessState)
	}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

// everything is the set of all capabilities.
const everything = ^uint64(0)

func capabilities(all ...int) (set uint64) {
	for _, c := range all {
		set |= 1 << c
	}
	return set
}

// A way is a way to start the daemon.
type way struct {
	name     string
	bounding uint64               // the capabilities of root
	attr     *syscall.SysProcAttr // another user, perhaps
	file     uint64               // the capabilities of the program, as setcap gives them
	uid      string               // of the process afterwards
	log      string               // a part of the log
}

var ways = []way{
	{name: "root", bounding: everything, uid: "65534", log: `msg="privileges dropped" uid=65534 gid=65534 capabilities=none seccomp=true`},
	{name: "container", bounding: capabilities(unix.CAP_NET_RAW, unix.CAP_NET_ADMIN, unix.CAP_SETUID, unix.CAP_SETGID), uid: "65534",
		log: `msg="privileges dropped" uid=65534 gid=65534 capabilities=none seccomp=true`},
	{name: "root with NET_RAW only", bounding: capabilities(unix.CAP_NET_RAW), uid: "0", log: `level=WARN msg="still uid 0`},
	{name: "ambient capability", bounding: everything, attr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1235}, AmbientCaps: []uintptr{unix.CAP_NET_RAW}},
		uid: "1234", log: `msg="privileges dropped" uid=1234 gid=1235 capabilities=none seccomp=true`},
	{name: "file capability", bounding: everything, attr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1235}}, file: capabilities(unix.CAP_NET_RAW),
		uid: "1234", log: `msg="privileges dropped" uid=1234 gid=1235 capabilities=none seccomp=true`},
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

// threads returns what the kernel says of each thread of the daemon.
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

// requireNoPrivileges checks that no thread of the daemon has any privilege.
func requireNoPrivileges(t *testing.T, p *testnet.Daemon, uid string) {
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

// However it is started, it drops all privileges and goes on counting.
func TestDaemon_DropsPrivileges(t *testing.T) {
	for i := range ways {
		w := &ways[i]
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			here, there := testnet.NewPair(t)
			p := w.start(t, here)
			if log := p.Log.String(); !strings.Contains(log, w.log) || strings.Contains(log, "still uid 0") != (w.uid == "0") {
				t.Errorf("the log lacks %s, or more is left:\n%s", w.log, log)
			}
			s := testnet.NewSender(there, "in0")
			s.SendAll(testnet.Conversation(1000), 50000)
			p.WaitFrames(s.Sent)
			requireNoPrivileges(t, p, w.uid)
			if status, _ := p.Stop(); status != 0 || p.LogValue("stopped", "frames") != s.Sent {
				t.Errorf("stopped with status %d", status)
			}
		})
	}
}

// Where the kernel has no system call filter, it says so and goes on; where capabilities can't be dropped, it does
// not start.
func TestDaemon_PrivilegesForbidden(t *testing.T) {
	here, _ := testnet.NewPair(t)
	var p *testnet.Daemon
	testnet.WithSyscallError(t, unix.SYS_SECCOMP, unix.ENOSYS, func() { p = start(t, here) })
	if log := p.Log.String(); strings.Count(log, `msg="system calls are not filtered"`) != 1 || !strings.Contains(log, "uid=65534 gid=65534 capabilities=none seccomp=false") {
		t.Errorf("the log does not say once that there is no filter:\n%s", log)
	}
	cmd := gonetmon(nil, append(usual(), "GONETMON_INTERFACE=lo"))
	cmd.Path = testnet.CopyBinary(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1235}}
	testnet.SetCapabilities(t, cmd.Path, capabilities(unix.CAP_NET_RAW))
	testnet.WithSyscallError(t, unix.SYS_CAPSET, unix.EPERM, func() {
		status, _, log := testnet.Run(t, cmd)
		if status != exitUsage || !strings.Contains(log, "capset: operation not permitted") || !strings.Contains(log, "GONETMON_KEEP_PRIVILEGES=true") {
			t.Errorf("status %d, said %s", status, log)
		}
	})
}

package privilege

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

// With this variable the test binary is a process that calls Drop and then performs the actions in its value.
const actionsVariable = "TEST_PRIVILEGE_DO"

func TestMain(m *testing.M) {
	if list := os.Getenv(actionsVariable); list != "" {
		dropAndDo(list)
		os.Exit(0)
	}
	testnet.Main(m)
}

// dropAndDo calls Drop, prints the result, and performs a list of actions.
func dropAndDo(list string) {
	stop := threads()
	defer stop()
	residual, err := Drop()
	fmt.Printf("root: %v\nfilter: %v\nerror: %v\n", residual.Root, residual.Filter, err)
	for _, name := range strings.Split(list, ",") {
		fmt.Printf("%s: %v\n", name, actions[name]())
	}
}

// threads starts threads in different states. stop ends them.
func threads() (stop func()) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	done := make(chan struct{})
	var running sync.WaitGroup
	thread := func(do func()) {
		started := make(chan struct{})
		running.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			close(started)
			do()
		})
		<-started
	}
	fd := int(r.Fd()) // in blocking mode
	for range 4 {
		thread(func() { _, _ = unix.Read(fd, make([]byte, 1)) })
		thread(func() { <-done })
	}
	thread(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
		}
	})
	return func() {
		close(done)
		_ = w.Close()
		running.Wait()
		_ = r.Close()
	}
}

// actions are what a process may try after Drop. Which calls the filter allows, TestFilter_Verdicts says; that what the daemon
// does is allowed, the tests of the daemon.
var actions = map[string]func() error{
	"status": status,
	"packet socket": func() error {
		_, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		return err
	},
	"create": func() error { _, err := os.Create(filepath.Join(os.Getenv("PLACE"), "new")); return err },
	"fork":   func() error { _, err := syscall.ForkExec("/bin/true", []string{"true"}, nil); return err },
	"signal": func() error { return unix.Kill(os.Getppid(), 0) },
	"execve": func() error { return unix.Exec("/bin/true", []string{"true"}, nil) },
	"panic":  func() error { panic("on purpose") },
}

// status prints the status of each thread.
func status() error {
	files, err := filepath.Glob("/proc/self/task/*/status")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Print("thread:")
		for line := range strings.Lines(string(b)) {
			switch key, value, _ := strings.Cut(line, ":"); key {
			case "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
				fmt.Print(" ", key, "=", strings.Join(strings.Fields(value), ","))
			}
		}
		fmt.Println()
	}
	return err
}

// readable returns a copy of the test binary that every user may execute, and a folder where every user may write.
func readable(t *testing.T) (binary, place string) {
	t.Helper()
	binary = testnet.CopyProgram(t, os.Args[0])
	place = filepath.Join(filepath.Dir(binary), "place")
	if err := errors.Join(os.Mkdir(place, 0o700), os.Chmod(place, 0o777)); err != nil {
		t.Fatal(err)
	}
	return binary, place
}

// A result is that of a process.
type result struct {
	state    *os.ProcessState
	out, log string
}

// value returns what the process printed after "key: ".
func (r result) value(key string) string {
	for line := range strings.Lines(r.out) {
		if rest, ok := strings.CutPrefix(line, key+": "); ok {
			return strings.TrimSuffix(rest, "\n")
		}
	}
	return "nothing"
}

// run runs a process that calls Drop and then performs a list of actions.
func run(t *testing.T, binary, place, list string, attr *syscall.SysProcAttr) result {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), actionsVariable+"="+list, "PLACE="+place)
	cmd.SysProcAttr = attr
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState, out.String(), log.String()}
}

const (
	netRaw = 1 << unix.CAP_NET_RAW
	change = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID
)

// No thread keeps any privilege, however the process was started.
func TestDrop_LeavesNothing(t *testing.T) {
	testnet.NeedRoot(t)
	binary, place := readable(t)
	const (
		nobody   = "Uid=65534,65534,65534,65534 Gid=65534,65534,65534,65534 Groups="
		root     = "Uid=0,0,0,0 Gid=0,0,0,0 Groups="
		ordinary = "Uid=1234,1234,1234,1234 Gid=1235,1235,1235,1235 Groups=1236"
		missing  = "CAP_SETUID or CAP_SETGID is missing"
	)
	user := &syscall.Credential{Uid: 1234, Gid: 1235, Groups: []uint32{1236}}
	for _, tt := range []struct {
		name     string
		bounding uint64
		attr     *syscall.SysProcAttr
		residual string // why it is still root
		ids      string
		left     string // the bounding set; "" for any
	}{
		{"root with groups", ^uint64(0), &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{4, 27}}}, "<nil>",
			nobody, "0000000000000000"},
		{"root in a container", netRaw | change, nil, "<nil>", nobody, "00000000000020c0"},
		{"root with one capability", netRaw, nil, missing, root, "0000000000002000"},
		{"root in a user namespace", ^uint64(0), &syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWUSER, Credential: &syscall.Credential{NoSetGroups: true},
			UidMappings: []syscall.SysProcIDMap{{HostID: 1234, Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: 1235, Size: 1}},
		}, "setresgid to 65534: invalid argument", root, "0000000000000000"},
		{"user with an ambient capability", ^uint64(0), &syscall.SysProcAttr{Credential: user,
			AmbientCaps: []uintptr{unix.CAP_NET_RAW}},
			"<nil>", ordinary, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r result
			testnet.WithBounding(t, tt.bounding, func() { r = run(t, binary, place, "status", tt.attr) })
			if r.value("root") != tt.residual || r.value("filter") != "<nil>" || r.value("error") != "<nil>" ||
				r.value("status") != "<nil>" {
				t.Fatalf("got %s%s", r.out, r.log)
			}
			threads := 0
			for line := range strings.Lines(r.out) {
				line, ok := strings.CutPrefix(strings.TrimSpace(line), "thread: ")
				if !ok {
					continue
				}
				threads++
				for _, want := range []string{
					tt.ids, "CapInh=0000000000000000 CapPrm=0000000000000000 CapEff=0000000000000000", "CapBnd=" + tt.left,
					"CapAmb=0000000000000000", "NoNewPrivs=1", "Seccomp=2",
				} {
					if !strings.Contains(line, want) {
						t.Errorf("%s; want %s", line, want)
					}
				}
			}
			if threads < 10 {
				t.Errorf("only %d threads", threads)
			}
		})
	}
}

// After Drop, calls are refused or end the process.
func TestDrop_LimitsProcess(t *testing.T) {
	testnet.NeedRoot(t)
	binary, place := readable(t)
	refused := []string{"packet socket", "create", "fork", "signal"}
	r := run(t, binary, place, strings.Join(refused, ","), nil)
	for _, action := range refused {
		if got := r.value(action); !strings.HasSuffix(got, "operation not permitted") {
			t.Errorf("%s: %s", action, got)
		}
	}
	r = run(t, binary, place, "execve", nil)
	if s := r.state.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != unix.SIGSYS || r.value("error") != "<nil>" {
		t.Errorf("execve: %s, %s%s", r.state, r.out, r.log)
	}
	r = run(t, binary, place, "panic", nil)
	if r.state.ExitCode() != 2 || !strings.Contains(r.log, "panic: on purpose") || !strings.Contains(r.log, "goroutine ") {
		t.Errorf("panic: %s, %s%s", r.state, r.out, r.log)
	}
}

// A kernel without seccomp is reported. It is an error if capabilities cannot be dropped.
func TestDrop_ReportsFailures(t *testing.T) {
	testnet.NeedRoot(t)
	binary, place := readable(t)
	var r result
	testnet.WithSyscallError(t, unix.SYS_SECCOMP, unix.ENOSYS, func() { r = run(t, binary, place, "packet socket", nil) })
	if r.value("filter") != "seccomp: function not implemented" || r.value("error") != "<nil>" ||
		r.value("packet socket") != "operation not permitted" {
		t.Errorf("without seccomp: %s, %s%s", r.state, r.out, r.log)
	}
	testnet.SetCapabilities(t, binary, netRaw)
	user := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1235}}
	for _, tt := range []struct {
		name string
		attr *syscall.SysProcAttr
		want string
	}{
		{"user with a capability", user, "capset: operation not permitted"},
		{"root, whose capabilities end with the user ID", nil, "<nil>"},
	} {
		testnet.WithSyscallError(t, unix.SYS_CAPSET, unix.EPERM, func() { r = run(t, binary, place, "status", tt.attr) })
		if r.value("error") != tt.want {
			t.Errorf("%s, without capset: %s, %s%s", tt.name, r.state, r.out, r.log)
		}
	}
}

// An ordinary user gets the filter too.
func TestDrop_WithoutRoot(t *testing.T) {
	binary, place := readable(t)
	r := run(t, binary, place, "packet socket", nil)
	if filtered := r.value("filter") == "<nil>"; filtered != slices.Contains([]string{"amd64", "arm64", "arm"}, runtime.GOARCH) {
		t.Errorf("filter: %s", r.value("filter"))
	}
	if r.value("error") != "<nil>" || r.value("packet socket") != "operation not permitted" {
		t.Errorf("%s, %s%s", r.state, r.out, r.log)
	}
}

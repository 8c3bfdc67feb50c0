package privilege

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

// The test binary is a process that gives up its rights and then does what is asked for when this is set.
const beDropper = "TEST_PRIVILEGE_DO"

func TestMain(m *testing.M) {
	if what := os.Getenv(beDropper); what != "" {
		dropper(what)
		os.Exit(0)
	}
	testnet.Main(m)
}

// dropper gives up its rights, says what is left, and does the
// deeds of a list.
func dropper(what string) {
	stop := threads()
	defer stop()
	begin := time.Now()
	left, err := Drop()
	fmt.Printf("root: %v\nfilter: %v\nerror: %v\ntook: %v\n", left.Root, left.Filter, err, time.Since(begin))
	for _, deed := range strings.Split(what, ",") {
		if do := deeds[deed]; do != nil {
			fmt.Printf("%s: %v\n", deed, do())
		}
	}
}

// threads has many of them, each in another state, until the returned func is called.
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

// deeds are what is tried without rights.
var deeds = map[string]func() error{
	"status":        status,
	"packet socket": func() error { return socketError(unix.AF_PACKET, unix.SOCK_RAW, 0) },
	"raw socket":    func() error { return socketError(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) },
	"unix socket":   func() error { return socketError(unix.AF_UNIX, unix.SOCK_STREAM, 0) },
	"write":         func() error { _, err := os.OpenFile("/dev/null", os.O_WRONLY, 0); return err },
	"make":          func() error { _, err := os.Create(filepath.Join(os.Getenv("PLACE"), "new")); return err },
	"remove":        func() error { return os.Remove(filepath.Join(os.Getenv("PLACE"), "old")) },
	"rename": func() error {
		return os.Rename(filepath.Join(os.Getenv("PLACE"), "old"), filepath.Join(os.Getenv("PLACE"), "new"))
	},
	"fork":        func() error { _, err := syscall.ForkExec("/bin/true", []string{"true"}, nil); return err },
	"become root": func() error { return unix.Setresuid(0, 0, 0) },
	"dumpable":    func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) },
	"kill parent": func() error { return unix.Kill(os.Getppid(), 0) },
	"executable memory": func() error {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		return err
	},
	"execve":     func() error { return unix.Exec("/bin/true", []string{"true"}, nil) },
	"ptrace":     func() error { return unix.PtraceAttach(os.Getppid()) },
	"panic":      func() error { panic("as it is to be") },
	"daily work": func() error { return errors.Join(read(), talk(), work()) },
}

func socketError(family, kind, protocol int) error {
	_, err := unix.Socket(family, kind, protocol)
	return err
}

// status prints what the kernel says of each thread.
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

// read reads files and asks for interfaces.
func read() error {
	_, err := os.ReadFile(filepath.Join(os.Getenv("PLACE"), "old"))
	_, statErr := os.Stat("/etc")
	_, dirErr := os.ReadDir("/etc")
	interfaces, netErr := net.Interfaces()
	if netErr == nil {
		_, netErr = interfaces[0].Addrs()
	}
	return errors.Join(err, statErr, dirErr, netErr)
}

// talk sends itself something by TCP and UDP.
func talk() error {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	for range 100 {
		c, err := net.DialTimeout("udp", udp.LocalAddr().String(), time.Second)
		if err != nil {
			return err
		}
		if _, err := c.Write([]byte("?")); err != nil {
			return err
		}
		if _, _, err := udp.ReadFrom(make([]byte, 10)); err != nil {
			return err
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	// Nobody is there; that the question can be asked is what matters.
	_, err = net.DialTimeout("tcp", "127.0.0.1:1", time.Second)
	if !errors.Is(err, unix.ECONNREFUSED) {
		return err
	}
	return nil
}

// work has the runtime do all that it does: threads that come and go, timers, garbage, memory given back.
func work() error {
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			runtime.LockOSThread() // and not unlocked, so that the thread ends
			b := make([][]byte, 0, 100)
			for range 100 {
				b = append(b, make([]byte, 100_000))
			}
			time.Sleep(time.Millisecond)
			runtime.KeepAlive(b)
		})
	}
	all.Wait()
	runtime.GC()
	return nil
}

// readable is a copy of the test binary that every user may execute, and a folder beside it where everybody may write.
func readable(t *testing.T) (binary, place string) {
	t.Helper()
	binary = testnet.CopyBinary(t)
	place = filepath.Join(filepath.Dir(binary), "place")
	if err := errors.Join(os.Mkdir(place, 0o700), os.Chmod(place, 0o777), os.WriteFile(filepath.Join(place, "old"), []byte("old"), 0o644)); err != nil {
		t.Fatal(err)
	}
	return binary, place
}

// ran is what came of a process.
type ran struct {
	state    *os.ProcessState
	out, log string
}

// says returns what stands behind the first "key: ".
func (r ran) says(key string) string {
	for line := range strings.Lines(r.out) {
		if rest, ok := strings.CutPrefix(line, key+": "); ok {
			return strings.TrimSuffix(rest, "\n")
		}
	}
	return "nothing"
}

// run has a process give up its rights and do what.
func run(t *testing.T, binary, place, what string, attr *syscall.SysProcAttr) ran {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), beDropper+"="+what, "PLACE="+place)
	cmd.SysProcAttr = attr
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState, out.String(), log.String()}
}

const (
	netRaw = 1 << unix.CAP_NET_RAW
	change = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID
)

// However it was started, no thread keeps anything.
func TestDrop(t *testing.T) {
	testnet.NeedRoot(t)
	binary, place := readable(t)
	user := &syscall.Credential{Uid: 1234, Gid: 1235, Groups: []uint32{1236}}
	for _, tt := range []struct {
		name      string
		bounding  uint64
		attr      *syscall.SysProcAttr
		root      string
		who, left string
	}{
		{"root", ^uint64(0), nil, "<nil>", "Uid=65534,65534,65534,65534 Gid=65534,65534,65534,65534 Groups=", "0000000000000000"},
		{"root with groups", ^uint64(0), &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{4, 27}}}, "<nil>",
			"Uid=65534,65534,65534,65534 Gid=65534,65534,65534,65534 Groups=", "0000000000000000"},
		{"root of a container", netRaw | change, nil, "<nil>", "Uid=65534,65534,65534,65534 Gid=65534,65534,65534,65534 Groups=", "00000000000020c0"},
		{"root with one capability", netRaw, nil, "CAP_SETUID or CAP_SETGID is missing", "Uid=0,0,0,0 Gid=0,0,0,0 Groups=", "0000000000002000"},
		{"root without any", 0, nil, "CAP_SETUID or CAP_SETGID is missing", "Uid=0,0,0,0 Gid=0,0,0,0 Groups=", "0000000000000000"},
		{"root in a namespace of users", ^uint64(0), &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, Credential: &syscall.Credential{NoSetGroups: true}, UidMappings: []syscall.SysProcIDMap{{HostID: 1234, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: 1235, Size: 1}}}, "setresgid to 65534: invalid argument", "Uid=0,0,0,0 Gid=0,0,0,0 Groups=", "0000000000000000"},
		{"a user with an ambient capability", ^uint64(0), &syscall.SysProcAttr{Credential: user, AmbientCaps: []uintptr{unix.CAP_NET_RAW}}, "<nil>",
			"Uid=1234,1234,1234,1234 Gid=1235,1235,1235,1235 Groups=1236", "any"},
		{"a user", ^uint64(0), &syscall.SysProcAttr{Credential: user}, "<nil>", "Uid=1234,1234,1234,1234 Gid=1235,1235,1235,1235 Groups=1236", "any"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r ran
			testnet.WithBounding(t, tt.bounding, func() { r = run(t, binary, place, "status", tt.attr) })
			if r.says("root") != tt.root || r.says("filter") != "<nil>" || r.says("error") != "<nil>" || r.says("status") != "<nil>" {
				t.Fatalf("said %s%s", r.out, r.log)
			}
			threads := 0
			for line := range strings.Lines(r.out) {
				line, ok := strings.CutPrefix(strings.TrimSpace(line), "thread: ")
				if !ok {
					continue
				}
				threads++
				for _, want := range []string{tt.who, "CapInh=0000000000000000 CapPrm=0000000000000000 CapEff=0000000000000000", "CapAmb=0000000000000000", "NoNewPrivs=1", "Seccomp=2"} {
					if !strings.Contains(line, want) {
						t.Errorf("%s; want %s", line, want)
					}
				}
				if bound := "CapBnd=" + tt.left; tt.left != "any" && !strings.Contains(line, bound) {
					t.Errorf("%s; want %s", line, bound)
				}
			}
			if threads < 10 {
				t.Errorf("%d threads, so this test shows little", threads)
			}
		})
	}
}

// What is tried afterwards is refused, or ends the process; what the daemon does goes on.
func TestDropped(t *testing.T) {
	testnet.NeedRoot(t)
	binary, place := readable(t)
	refused := map[string]string{
		"packet socket":     "operation not permitted",
		"raw socket":        "operation not permitted",
		"unix socket":       "operation not permitted",
		"write":             "open /dev/null: operation not permitted",
		"make":              "open " + place + "/new: operation not permitted",
		"remove":            "remove " + place + "/old: operation not permitted",
		"rename":            "rename " + place + "/old " + place + "/new: operation not permitted",
		"fork":              "operation not permitted",
		"become root":       "operation not permitted",
		"dumpable":          "operation not permitted",
		"kill parent":       "operation not permitted",
		"executable memory": "operation not permitted",
	}
	r := run(t, binary, place, strings.Join(slices.Sorted(maps.Keys(refused)), ",")+",daily work", nil)
	for what, want := range refused {
		if got := r.says(what); got != want {
			t.Errorf("%s: %s; want %s", what, got, want)
		}
	}
	if r.says("daily work") != "<nil>" || !r.state.Success() {
		t.Errorf("%s, %s%s", r.state, r.out, r.log)
	}
	for _, what := range []string{"execve", "ptrace"} {
		t.Run(what, func(t *testing.T) {
			r := run(t, binary, place, what, nil)
			if s := r.state.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != unix.SIGSYS || r.says("error") != "<nil>" {
				t.Errorf("%s, %s%s", r.state, r.out, r.log)
			}
		})
	}
	t.Run("panic", func(t *testing.T) {
		if r := run(t, binary, place, "panic", nil); r.state.ExitCode() != 2 || !strings.Contains(r.log, "panic: as it is to be") || !strings.Contains(r.log, "goroutine ") {
			t.Errorf("%s, %s%s", r.state, r.out, r.log)
		}
	})
}

// A kernel without seccomp leaves the filter out and says so; where capabilities can't be given up that is an error.
func TestDropForbidden(t *testing.T) {
	testnet.NeedRoot(t)
	binary, place := readable(t)
	var r ran
	testnet.WithSyscallError(t, unix.SYS_SECCOMP, unix.ENOSYS, func() { r = run(t, binary, place, "packet socket", nil) })
	if r.says("filter") != "seccomp: function not implemented" || r.says("error") != "<nil>" || r.says("packet socket") != "operation not permitted" {
		t.Errorf("without seccomp: %s, %s%s", r.state, r.out, r.log)
	}
	testnet.SetCapabilities(t, binary, netRaw)
	user := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1235}}
	for _, tt := range []struct {
		name string
		attr *syscall.SysProcAttr
		want string
	}{
		{"a user with a capability", user, "capset: operation not permitted"},
		{"root, whose capabilities go with him", nil, "<nil>"},
	} {
		testnet.WithSyscallError(t, unix.SYS_CAPSET, unix.EPERM, func() { r = run(t, binary, place, "status", tt.attr) })
		if r.says("error") != tt.want {
			t.Errorf("%s, without capset: %s, %s%s", tt.name, r.state, r.out, r.log)
		}
	}
}

// An ordinary user without any rights, as anybody who runs the tests, gets the filter too.
func TestDropByUser(t *testing.T) {
	binary, place := readable(t)
	r := run(t, binary, place, "packet socket", nil)
	if filtered := r.says("filter") == "<nil>"; filtered != slices.Contains([]string{"amd64", "arm64", "arm"}, runtime.GOARCH) {
		t.Errorf("filter: %s", r.says("filter"))
	}
	if r.says("error") != "<nil>" || r.says("packet socket") != "operation not permitted" {
		t.Errorf("%s, %s%s", r.state, r.out, r.log)
	}
}

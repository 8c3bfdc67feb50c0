// Package systemd tests gonetmon's units and its Debian package with a real systemd. It boots systemd as the first process of
// its own namespaces, with this machine's programs and what `make install` or the package installs, and changes nothing else.
package systemd

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// A machine is a booted systemd. Its interface mon0 receives what is sent on peer0.
type machine struct {
	t       *testing.T
	network *testnet.Namespace
	peer    *testnet.Namespace
	pid     int
	output  bytes.Buffer // of boot.sh
}

// boot boots a machine, which ends with the test. install puts files into a folder, whose etc and usr/local become those of
// the machine.
func boot(t *testing.T, install func(destdir string)) *machine {
	t.Helper()
	if os.Getenv("TEST_SYSTEMD") != "1" {
		t.Skip("boots systemd in namespaces; TEST_SYSTEMD=1 does so, as root, with the Debian package systemd installed")
	}
	testnet.NeedKernel(t)
	for program, from := range map[string]string{"systemctl": "systemd", "unshare": "util-linux", "make": "make", "go": "Go"} {
		testnet.NeedCommand(t, program, "install "+from)
	}
	m := &machine{t: t, network: testnet.NewNamespace(t), peer: testnet.NewNamespace(t)}
	testnet.Veth(m.network, "mon0", m.peer, "peer0")
	installed, root := t.TempDir(), t.TempDir()
	for _, folder := range []string{"etc", "usr/local"} {
		if err := os.MkdirAll(filepath.Join(installed, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	install(installed)
	cmd := exec.Command("./boot.sh", installed, root, newCgroup(t))
	cmd.Stdout, cmd.Stderr = &m.output, &m.output
	const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	var err error
	m.network.Do(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	m.pid = cmd.Process.Pid
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("journal:\n%s", m.ask("journalctl", "--no-pager", "--boot", "--unit=gonetmon.*", "--output=short-monotonic"))
		}
		_ = cmd.Process.Kill() // ends all processes of the namespace
		<-ended
	})
	m.until("systemd is running", func() bool {
		select {
		case <-ended:
			t.Fatalf("ended:\n%s", &m.output)
		default:
		}
		state := strings.TrimSpace(m.ask("systemctl", "is-system-running"))
		return state == "running" || state == "degraded" // by a unit of this machine that cannot work here
	})
	return m
}

// newCgroup creates a cgroup of version 2, which is removed at the end of the test.
func newCgroup(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(mounts)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 3 || f[2] != "cgroup2" {
			continue
		}
		group := filepath.Join(f[1], fmt.Sprintf("gonetmon-check-%d", os.Getpid()))
		if err := os.Mkdir(group, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			var all []string
			_ = filepath.WalkDir(group, func(path string, e fs.DirEntry, err error) error {
				if err == nil && e.IsDir() {
					all = append(all, path)
				}
				return nil
			})
			for i := len(all) - 1; i >= 0; i-- { // the innermost first
				for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
					err := os.Remove(all[i])
					if err == nil {
						break
					}
					if time.Since(begin) > 10*time.Second { // processes take a while to exit
						t.Errorf("remove cgroup: %v", err)
						return
					}
				}
			}
		})
		return group
	}
	t.Fatal("no cgroup2 is mounted")
	return ""
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// command returns a command that runs inside the machine.
func (m *machine) command(args ...string) *exec.Cmd {
	enter := []string{"--target", strconv.Itoa(m.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
		"env", "-i", "PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0", "LC_ALL=C.UTF-8"}
	return exec.Command("nsenter", append(enter, args...)...)
}

// ask returns the output of a command that may fail.
func (m *machine) ask(args ...string) string {
	out, _ := m.command(args...).CombinedOutput()
	return string(out)
}

// do returns the output of a command that must succeed.
func (m *machine) do(args ...string) string {
	m.t.Helper()
	out, err := m.command(args...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// write writes a file inside the machine.
func (m *machine) write(path, text string) {
	m.t.Helper()
	cmd := m.command("sh", "-c", `mkdir -p "${1%/*}" && cat >"$1"`, "sh", path)
	cmd.Stdin = strings.NewReader(text)
	run(m.t, cmd)
}

// show returns a property of the service.
func (m *machine) show(property string) string {
	m.t.Helper()
	return strings.TrimSpace(m.do("systemctl", "show", "--property="+property, "--value", "gonetmon.service"))
}

// field returns a field of /proc/PID/status.
func field(status, name string) string {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// until waits for a condition, and returns how long that took.
func (m *machine) until(what string, ok func() bool) time.Duration {
	m.t.Helper()
	begin := time.Now()
	if !testnet.Within(time.Minute, ok) {
		m.t.Fatalf("not within a minute: %s", what)
	}
	return time.Since(begin)
}

// journal returns the log of the service, including systemd's own lines about it.
func (m *machine) journal() string {
	return m.ask("journalctl", "--no-pager", "--boot", "--unit=gonetmon.service", "--output=cat")
}

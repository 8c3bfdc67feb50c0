// Package privilege drops the privileges that a daemon needs only at its start. It knows nothing of their use: open files and
// sockets stay open.
package privilege

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// nobody is the user ID and group ID that root becomes. It owns nothing (user_namespaces(7), overflow ID).
const nobody = 65534

// A Residual is what is left after Drop besides capabilities. Both fields are nil if all went well.
type Residual struct {
	Root   error // why the process is still root
	Filter error // why it has no system call filter
}

// Drop drops all privileges of the process, on all threads and permanently (capabilities(7), credentials(7)):
//   - root becomes user and group 65534 without supplementary groups; other users stay the same;
//   - no capability is left in any set, and no executed program can regain one (no_new_privs);
//   - no other unprivileged process may trace it or duplicate its file descriptors (not dumpable);
//   - the kernel refuses the system calls that the daemon does not need (seccomp(2), see filter_linux.go).
//
// Root without CAP_SETUID and CAP_SETGID stays user 0, and a kernel without seccomp has no filter: see Residual. An error means
// that capabilities are or may be left.
func Drop() (Residual, error) {
	var residual Residual
	held, err := capabilities()
	if err != nil {
		return residual, err
	}
	if has(held, unix.CAP_SETPCAP) {
		if err := emptyBoundingSet(); err != nil {
			return residual, err
		}
	}
	if uid, effective, saved := unix.Getresuid(); uid == 0 || effective == 0 || saved == 0 {
		if residual.Root = becomeNobody(held); residual.Root == nil {
			held, err = capabilities() // most of them are gone with root
		}
	}
	if err == nil && held != (sets{}) {
		err = emptySets()
	}
	if err != nil {
		return residual, err
	}
	// Changing the user has done so already, unless fs.suid_dumpable is set.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return residual, fmt.Errorf("make undumpable: %w", err)
	}
	if err := onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return residual, fmt.Errorf("no_new_privs: %w", err)
	}
	residual.Filter = install(program(uint32(os.Getpid())))
	return residual, verify(residual)
}

// sets are the effective, permitted and inheritable capabilities in the layout of capset(2).
type sets [2]unix.CapUserData

// capabilities returns the capabilities of the process.
func capabilities() (held sets, err error) {
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &held[0]); err != nil {
		return held, fmt.Errorf("capget: %w", err)
	}
	return held, nil
}

// has reports whether a capability is effective.
func has(held sets, capability int) bool {
	return held[capability/32].Effective&(1<<(capability%32)) != 0
}

// becomeNobody changes the user and the group. It changes neither if it cannot change both.
func becomeNobody(held sets) error {
	if !has(held, unix.CAP_SETUID) || !has(held, unix.CAP_SETGID) {
		return errors.New("CAP_SETUID or CAP_SETGID is missing")
	}
	if groups, err := syscall.Getgroups(); err != nil || len(groups) > 0 {
		if err := syscall.Setgroups(nil); err != nil {
			return fmt.Errorf("setgroups: %w", err)
		}
	}
	if err := syscall.Setresgid(nobody, nobody, nobody); err != nil {
		return fmt.Errorf("setresgid to %d: %w", nobody, err)
	}
	if err := syscall.Setresuid(nobody, nobody, nobody); err != nil {
		return fmt.Errorf("setresuid to %d: %w", nobody, err)
	}
	return nil
}

// emptyBoundingSet prevents executed programs from gaining capabilities. It needs CAP_SETPCAP.
func emptyBoundingSet() error {
	for c := range uintptr(64) {
		err := onAllThreads(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
		if errors.Is(err, unix.EINVAL) {
			return nil // there is no such capability
		}
		if err != nil {
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, err)
		}
	}
	return nil
}

// emptySets clears the other capability sets. The ambient set follows the permitted set.
func emptySets() error {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none sets
	if _, _, e := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(&none[0])), 0); e != 0 {
		return fmt.Errorf("capset: %w", e)
	}
	return nil
}

// onAllThreads makes a system call on every thread of the process. Without cgo, psx is syscall.AllThreadsSyscall, which does not
// work in cgo builds (those with the race detector).
func onAllThreads(call, a, b uintptr) error {
	if _, _, e := psx.Syscall6(call, a, b, 0, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// install installs a system call filter on all threads.
func install(filter []unix.SockFilter) error {
	if len(filter) == 0 {
		return fmt.Errorf("no filter for %s", runtime.GOARCH)
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// SPEC_ALLOW: before Linux 5.16, a filter turns on mitigations against speculative execution. They would slow down the counting
	// and protect nobody, as there is no foreign code in the process. Linux before 4.17 does not know the flag.
	const tsync = unix.SECCOMP_FILTER_FLAG_TSYNC
	for _, flags := range []uintptr{tsync | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, tsync} {
		thread, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(program)))
		switch {
		case e == unix.EINVAL && flags != tsync:
		case e != 0:
			return fmt.Errorf("seccomp: %w", e)
		case thread != 0: // the kernel does not report an error, but no thread has the filter
			return fmt.Errorf("seccomp: thread %d has a different filter", thread)
		default:
			return nil
		}
	}
	return nil
}

// verify checks the status of every thread (proc(5), /proc/PID/status). Without /proc it checks nothing.
func verify(residual Residual) error {
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		panic("privilege: " + err.Error())
	}
	for _, name := range threads {
		status, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		for line := range strings.Lines(string(status)) {
			if key, value, _ := strings.Cut(line, ":"); !expected(key, strings.Fields(value), residual) {
				return fmt.Errorf("verify: %s has %s", name, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return nil
}

// expected reports whether a line of a thread's status is as it must be after Drop.
func expected(key string, values []string, residual Residual) bool {
	var want string
	switch key {
	case "CapInh", "CapPrm", "CapEff", "CapAmb":
		want = "0000000000000000"
	case "NoNewPrivs":
		want = "1"
	case "Seccomp":
		if residual.Filter != nil {
			return true
		}
		want = "2"
	case "Uid":
		return residual.Root != nil || !slices.Contains(values, "0")
	default:
		return true
	}
	return len(values) == 1 && values[0] == want
}

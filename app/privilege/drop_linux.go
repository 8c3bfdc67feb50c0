// Package privilege gives up the rights that a daemon needs at its start only. It knows nothing of what they were used for: what is
// open stays open.
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

// nobody is the user and the group that root becomes: those that own nothing (user_namespaces(7), the overflow ID).
const nobody = 65534

// A Residual is what the process could not give up besides its capabilities; both are nil where all went well.
type Residual struct {
	Root   error // why it is still root, if it is
	Filter error // why it has no filter of system calls
}

// Drop gives up all rights of the process, on all threads and for good (capabilities(7), credentials(7)): root becomes nobody,
// 65534, without groups, and any other user stays who he is; no capability is left in any set; no program that is executed can give any back
// (no_new_privs); nobody without rights over all processes may trace it or take its descriptors (not dumpable); and the kernel
// refuses the system calls that nothing here needs (seccomp(2), see filter_linux.go).
//
// Root without the right to become another stays root in name, and a kernel without seccomp has no filter: Residual tells. An error
// means that capabilities are left, or may be.
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
			held, err = capabilities() // most go with root
		}
	}
	if err == nil && held != (sets{}) {
		err = emptySets()
	}
	if err != nil {
		return residual, err
	}
	// Becoming another has done so already, unless somebody set fs.suid_dumpable.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return residual, fmt.Errorf("make undumpable: %w", err)
	}
	if err := onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
		return residual, fmt.Errorf("no_new_privs: %w", err)
	}
	residual.Filter = install(program(uint32(os.Getpid())))
	return residual, verify(residual)
}

// sets are the effective, the permitted and the inheritable capabilities, as capset(2) parts them.
type sets [2]unix.CapUserData

// capabilities returns those of the process.
func capabilities() (held sets, err error) {
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &held[0]); err != nil {
		return held, fmt.Errorf("capget: %w", err)
	}
	return held, nil
}

// has says whether a capability can be used.
func has(held sets, capability int) bool {
	return held[capability/32].Effective&(1<<(capability%32)) != 0
}

// becomeNobody changes user and group. It tries nothing if one of both could not be changed.
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

// emptyBoundingSet makes that no program that is executed can have a capability, which takes CAP_SETPCAP.
func emptyBoundingSet() error {
	for c := range uintptr(64) {
		err := onAllThreads(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
		if errors.Is(err, unix.EINVAL) {
			return nil // there are no more
		}
		if err != nil {
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, err)
		}
	}
	return nil
}

// emptySets takes all capabilities out of the other sets; the ambient one follows the permitted one.
func emptySets() error {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none sets
	if _, _, e := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(&none[0])), 0); e != 0 {
		return fmt.Errorf("capset: %w", e)
	}
	return nil
}

// onAllThreads makes the system call on every thread of the process, as what it changes belongs to threads. Without cgo psx is
// syscall.AllThreadsSyscall, which refuses to work with it (the race detector's builds).
func onAllThreads(call, a, b uintptr) error {
	if _, _, e := psx.Syscall6(call, a, b, 0, 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// install has the kernel run a filter before each system call of all threads.
func install(filter []unix.SockFilter) error {
	if len(filter) == 0 {
		return fmt.Errorf("there is none for %s", runtime.GOARCH)
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// SPEC_ALLOW: where mitigations against speculation hang on filters (before Linux 5.16), they would slow down the counting
	// and protect nobody: there is no foreign code here. Before Linux 4.17 it is unknown.
	for _, flags := range []uintptr{unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, unix.SECCOMP_FILTER_FLAG_TSYNC} {
		thread, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(program)))
		switch {
		case e == unix.EINVAL && flags != unix.SECCOMP_FILTER_FLAG_TSYNC:
		case e != 0:
			return fmt.Errorf("seccomp: %w", e)
		case thread != 0: // which is no error for the kernel, though no thread has the filter now
			return fmt.Errorf("seccomp: thread %d has a filter of its own", thread)
		default:
			return nil
		}
	}
	return nil
}

// verify reads what the kernel says of every thread (proc(5), /proc/PID/status). Without /proc it takes the calls at their word.
func verify(residual Residual) error {
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		panic("privilege: " + err.Error())
	}
	for _, name := range threads {
		status, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		for line := range strings.Lines(string(status)) {
			if key, value, _ := strings.Cut(line, ":"); !harmless(key, strings.Fields(value), residual) {
				return fmt.Errorf("verify: %s says %s", name, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return nil
}

// harmless says whether a line of a thread's status is as it must be.
func harmless(key string, values []string, residual Residual) bool {
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

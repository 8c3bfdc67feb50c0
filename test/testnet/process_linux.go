package testnet

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time that a process has used so far, user and system.
func CPU(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	const all = 2 // CPUCLOCK_SCHED of a process (clock_getcpuclockid(3))
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|all), &t); err != nil {
		tb.Fatalf("processor time of %d: %v", pid, err)
	}
	return time.Duration(t.Nano())
}

// PinCPU keeps the calling goroutine on the last processor until it ends, so that the frames it sends keep their order.
func PinCPU(tb testing.TB) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	var set unix.CPUSet
	err := unix.SchedGetaffinity(0, &set)
	if err == nil {
		last := 0
		for i := range 8 * len(set) * 8 {
			if set.IsSet(i) {
				last = i
			}
		}
		set.Zero()
		set.Set(last)
		err = unix.SchedSetaffinity(0, &set)
	}
	if err != nil {
		tb.Errorf("pin a thread: %v", err)
	}
}

// CopyBinary copies the test binary to where every user may execute it.
func CopyBinary(tb testing.TB) (program string) {
	tb.Helper()
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		tb.Fatal(err)
	}
	program = filepath.Join(PublicDir(tb), "gonetmon")
	// No process may fork meanwhile: until it executes another program it would have this file open for writing too, and
	// executing it would fail with "text file busy" (execve(2), go.dev/issue/22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(program, b, 0o755); err != nil {
		tb.Fatal(err)
	}
	return program
}

// PublicDir makes a directory that every user may enter, until the test ends.
func PublicDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "gonetmon-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	return dir
}

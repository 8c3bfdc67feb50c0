package testnet

import (
	"errors"
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
	for cpu := 0; set.Count() > 1; cpu++ {
		set.Clear(cpu)
	}
	if err = errors.Join(err, unix.SchedSetaffinity(0, &set)); err != nil {
		tb.Errorf("pin a thread: %v", err)
	}
}

// CopyProgram copies a program to where every user may execute it.
func CopyProgram(tb testing.TB, program string) (path string) {
	tb.Helper()
	b, err := os.ReadFile(program)
	if err != nil {
		tb.Fatal(err)
	}
	path = filepath.Join(PublicDir(tb), "gonetmon")
	// No process may fork meanwhile: until it executes another program it would have this file open for writing too, and
	// executing it would fail with "text file busy" (execve(2), go.dev/issue/22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, b, 0o755); err != nil {
		tb.Fatal(err)
	}
	return path
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

package testnet

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the processor time that a process has used so far, user's and kernel's together.
func CPU(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	const all = 2 // CPUCLOCK_SCHED of a process (clock_getcpuclockid(3))
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|all), &t); err != nil {
		tb.Fatalf("processor time of %d: %v", pid, err)
	}
	return time.Duration(t.Nano())
}

// Pin keeps the calling goroutine on one processor, the last that there is, until it ends: so that what it sends keeps its order.
func Pin(tb testing.TB) {
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

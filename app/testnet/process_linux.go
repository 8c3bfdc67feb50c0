package testnet

import (
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

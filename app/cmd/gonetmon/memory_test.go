package main

import (
	"math"
	"runtime/debug"
	"testing"
)

// The bound grows with the limit of hosts, is what README promises up to the standard one, and lets GOMEMLIMIT go first.
func TestMemoryBound(t *testing.T) {
	const mib = 1 << 20
	for hosts, want := range map[int]int64{0: 40 * mib, 4096: 42 * mib, 65536: 72 * mib, 1 << 20: (72 + 2*(1024-64)) * mib} {
		if got := memoryLimit(hosts); got != want {
			t.Errorf("%d hosts: %d MiB, want %d", hosts, got/mib, want/mib)
		}
	}
	was := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(was)
	for set, want := range map[int64]int64{math.MaxInt64: 72 * mib, 300 * mib: 300 * mib} {
		debug.SetMemoryLimit(set)
		boundMemory(65536)
		if got := debug.SetMemoryLimit(-1); got != want {
			t.Errorf("with GOMEMLIMIT %d it is %d, want %d", set, got, want)
		}
	}
}

package daemon

import (
	"math"
	"runtime/debug"
	"testing"
)

// The limit grows with the number of hosts, stays below 64 MiB with the default one, and GOMEMLIMIT takes precedence.
func TestLimitMemory(t *testing.T) {
	const mib = 1 << 20
	was := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(was)
	for _, tt := range []struct {
		set   int64 // by GOMEMLIMIT
		hosts int
		want  int64
	}{{math.MaxInt64, 4096, 40 * mib}, {math.MaxInt64, 65536, 160 * mib}, {300 * mib, 4096, 300 * mib}} {
		debug.SetMemoryLimit(tt.set)
		limitMemory(tt.hosts)
		if got := debug.SetMemoryLimit(-1); got != tt.want {
			t.Errorf("%d hosts, GOMEMLIMIT %d: limit %d, want %d", tt.hosts, tt.set, got, tt.want)
		}
	}
}

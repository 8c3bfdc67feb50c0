package daemon

import (
	"math"
	"runtime/debug"
)

// The Go memory limit: memoryBase, and memoryPerHost for each host of the limit. The process may take 24 MiB more, as
// the limit covers neither the binary's own mappings (14 MiB) nor an overshoot of the runtime; and the rings, which
// belong to the kernel.
const (
	memoryBase    = 32 << 20
	memoryPerHost = 2 << 10
)

// limitMemory sets the Go memory limit, unless GOMEMLIMIT has done so. Without a limit there may be as much garbage
// as live memory.
func limitMemory(hosts int) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryBase + memoryPerHost*int64(hosts))
	}
}

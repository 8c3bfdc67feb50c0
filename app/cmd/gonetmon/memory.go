package main

import (
	"math"
	"runtime/debug"
)

// The memory that the process may take besides the rings, which are the kernel's. Up to ordinaryHosts it is memoryAnyhow, and
// memoryPerHost for each host of the limit; the many hosts of a higher limit take more than that, which memoryAnyhow does not make up
// for any longer. The runtime is told of less, as it knows nothing of the program itself, 14 MiB, and may miss what it is told by some.
const (
	memoryAnyhow  = 64 << 20
	memoryUntold  = 24 << 20
	memoryPerHost = 512
	memoryBeyond  = 2048
	ordinaryHosts = 65536
)

// boundMemory has garbage collected the sooner the less is left of what the process may take; without it there may be as much of it as
// of all that is in use. GOMEMLIMIT of the environment is taken instead if it is set.
func boundMemory(hosts int) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryLimit(hosts))
	}
}

func memoryLimit(hosts int) int64 {
	return int64(memoryAnyhow - memoryUntold + memoryPerHost*min(hosts, ordinaryHosts) + memoryBeyond*max(0, hosts-ordinaryHosts))
}

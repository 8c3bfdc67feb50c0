package httpd

import "syscall"

const (
	maxConnections = 256
	minConnections = 8
)

// ConnectionLimit returns how many connections a server may hold at once: fewer than usual where the process may open
// few files (RLIMIT_NOFILE), of which it needs reserved ones for other things.
func ConnectionLimit(reserved int) int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return maxConnections
	}
	return connectionLimit(limit.Cur, reserved)
}

func connectionLimit(descriptors uint64, reserved int) int {
	free := min(descriptors, 1<<20) // "unlimited" does not fit into an int
	return min(max(int(free)-reserved, minConnections), maxConnections)
}

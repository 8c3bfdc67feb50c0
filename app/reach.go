package main

import "syscall"

// How many descriptors are left to others than those who read the page.
const (
	// Standard input, output and error, the two of the runtime, the listener, who is at the door, 8 DNS queries, files that are read,
	// sockets to ask for interfaces and addresses; and some to spare.
	ownDescriptors = 32

	tapDescriptors = 4 // two rings, and what tells each of changed interfaces

	mostConnections  = 256
	leastConnections = 8
)

// connections is how many connections the page may have at once: fewer than usual where descriptors are few (RLIMIT_NOFILE).
func connections(taps int) int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > 1<<20 {
		return mostConnections
	}
	return min(max(int(limit.Cur)-ownDescriptors-tapDescriptors*taps, leastConnections), mostConnections)
}

package daemon

import (
	"os"
	"slices"
	"strings"
	"syscall"

	"gonetmon/app/names"
)

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

// ownNames are those of this machine that have a dot: its host name, with its search domains too, and how /etc/hosts calls it in full.
func ownNames(search []string) []string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return nil
	}
	all := []string{host}
	for _, domain := range search {
		all = append(all, host+"."+domain)
	}
	if text, err := os.ReadFile("/etc/hosts"); err == nil {
		all = append(all, fullNames(string(text), host)...)
	}
	all = slices.DeleteFunc(all, func(name string) bool { return !strings.Contains(name, ".") })
	slices.Sort(all)
	return slices.Compact(all)
}

// fullNames are the names that a hosts file (hosts(5)) gives to a host beside its own, which begin with it.
func fullNames(file, host string) (all []string) {
	host = strings.ToLower(host)
	for line := range strings.Lines(file) {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.Fields(line) {
			if name, ok := names.Canonical(word); ok && strings.HasPrefix(name, host+".") {
				all = append(all, name)
			}
		}
	}
	return all
}

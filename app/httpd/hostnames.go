package httpd

import (
	"os"
	"slices"
	"strings"

	"gonetmon/app/names"
)

// OwnNames returns the names of this machine that have a dot: its host name, also with each search domain, and its
// full names in /etc/hosts.
func OwnNames(search []string) []string {
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

// fullNames returns the names in a hosts file (hosts(5)) that begin with host and a dot.
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

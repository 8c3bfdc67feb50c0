package device

import (
	"maps"
	"slices"

	"gonetmon/app/names"
)

// SetHosts replaces the hosts file. Its names apply at once.
func (r *Registry) SetHosts(file *names.Hosts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file = file
	named := slices.Collect(maps.Values(r.byFileName))
	for _, g := range named {
		g.fileName = ""
		for i, s := range slices.Clone(g.stations) {
			if i > 0 {
				s.group = nil
				g.stations = remove(g.stations, s)
			}
		}
	}
	clear(r.byFileName)
	hosts := slices.Collect(maps.Values(r.hosts))
	for _, h := range hosts {
		r.regroup(h)
	}
	for _, g := range named { // those that nothing holds together any more
		if g.fileName == "" && len(g.hosts) == 0 && len(g.stations) == 0 {
			r.hostless(g, nil)
		}
	}
	for _, h := range hosts {
		if h.counted {
			r.maybeRename(h.group)
		}
	}
	r.snapshot = nil
}

// nameInFile returns the name of a host in the hosts file: by its address, its MAC, or another address of that MAC.
func (r *Registry) nameInFile(h *host) string {
	if r.file.Len() == 0 || !r.uses(names.SourceFile) {
		return ""
	}
	if name := r.file.Addrs[h.addr]; name != "" || h.station == nil {
		return name
	}
	if name := r.file.MACs[h.station.mac]; name != "" {
		return name
	}
	for _, o := range h.station.hosts[:min(len(h.station.hosts), maxNamesakes)] {
		if name := r.file.Addrs[o.addr]; name != "" {
			return name
		}
	}
	return ""
}

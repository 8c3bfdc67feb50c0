package device

import (
	"maps"
	"slices"

	"gonetmon/app/names"
)

// SetStrip replaces Config.Strip. Devices that are shown with one of the domains lose it at once.
func (r *Registry) SetStrip(domains []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.Strip = slices.Clone(domains)
	for _, name := range slices.Sorted(maps.Keys(r.series)) {
		s := r.series[name] // nil: it made room for another device
		if s == nil || s.group == nil {
			continue
		}
		if g := s.group; g.source != names.SourceAddress && name != r.stripDomain(g.name) {
			r.assignName(g)
		}
	}
	r.snapshot = nil
}

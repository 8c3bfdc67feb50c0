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
		g := r.series[name].group
		if g != nil && g.source != names.SourceAddress && name != r.stripDomain(g.name) {
			r.assignName(g)
		}
	}
	r.snapshot = nil
}

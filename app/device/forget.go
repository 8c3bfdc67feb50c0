package device

import "slices"

// forget takes the places of the hosts that have not been seen for too long, and the series of their devices.
func (r *Registry) forget() {
	after := max(span(r.cfg.Forget), 1)
	if r.cfg.Forget == 0 || r.now-r.swept < min(span(forgetEvery), after/2) {
		return
	}
	r.swept = r.now
	var gone []*host
	for i, t := range r.cfg.Tables {
		var slots []int
		for slot, h := range r.slots[i] {
			if h != nil && r.now-h.last >= after {
				slots = append(slots, slot)
			}
		}
		if len(slots) == 0 {
			continue
		}
		kept := t.Forget(slots)
		for _, slot := range slots {
			if !slices.Contains(kept, slot) {
				h := r.slots[i][slot]
				r.slots[i][slot] = nil
				if h.places--; h.places == 0 {
					gone = append(gone, h)
				}
			}
		}
	}
	for _, h := range gone {
		r.uncount(h)
	}
	for _, s := range r.series.all() {
		if s.first != never && r.now-s.seen >= after && (s.owner == nil || s.owner.hosts.len() == 0) {
			r.remove(s)
		}
	}
	// What is left of those that have gone since.
	r.orphans = slices.DeleteFunc(r.orphans, func(s *series) bool {
		s.queued = s.queued && r.series.get(s.name) == s
		return !s.queued
	})
	r.heard = slices.DeleteFunc(r.heard, func(h *host) bool { return h.counted || r.hosts.get(h.addr()) != h })
	r.strangers = slices.DeleteFunc(r.strangers, func(s *station) bool { return s.removed })
	for key, d := range r.called {
		if !r.has(d, key) {
			delete(r.called, key)
		}
	}
}

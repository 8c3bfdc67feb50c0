package device

import (
	"slices"
	"time"
)

const expireEvery = time.Minute // or half of Config.Forget, if that is shorter

// expire removes the hosts that have not been seen for too long, and the series of their devices.
func (r *Registry) expire() {
	after := r.cfg.Forget
	if after == 0 || r.now.Sub(r.lastExpiry) < min(expireEvery, after/2) {
		return
	}
	r.lastExpiry = r.now
	for i := range r.cfg.Tables {
		var slots []int
		for slot, h := range r.slots[i] {
			if h != nil && r.now.Sub(h.last) >= after {
				slots = append(slots, slot)
			}
		}
		if len(slots) == 0 {
			continue
		}
		r.forget(i, slots)
	}
	for _, s := range r.series {
		if !s.isEmpty() && r.now.Sub(s.seen) >= after && (s.group == nil || len(s.group.hosts) == 0) {
			r.removeSeries(s)
		}
	}
	// Entries that are gone are still in the lists.
	r.retired = slices.DeleteFunc(r.retired, func(s *series) bool {
		s.queued = s.queued && r.series[s.name] == s
		return !s.queued
	})
	r.neighbors = slices.DeleteFunc(r.neighbors, func(h *host) bool { return h.counted || r.hosts[h.addr] != h })
	r.evictable = slices.DeleteFunc(r.evictable, func(s *station) bool { return r.stations[s.mac] != s })
}

// forget frees slots of a table, and removes their hosts.
func (r *Registry) forget(table int, slots []int) {
	kept := r.cfg.Tables[table].Forget(slots)
	for _, slot := range slots {
		if slices.Contains(kept, slot) {
			continue
		}
		h := r.slots[table][slot]
		r.slots[table][slot] = nil
		if h.slots--; h.slots == 0 {
			r.uncount(h)
		}
	}
}

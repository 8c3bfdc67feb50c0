package device

import "slices"

// mostNamesakes is how many hosts without a known MAC are one device because they have one name.
const mostNamesakes = 256

// A device is one thing: the hosts of a station, those of a name, or those that the user says are one.
type device struct {
	hosts    few[host]    // counted ones, sorted by address
	stations few[station] // whose hosts are here; several only if the user says so
	file     string       // its name in the hosts file, "" if it is not there
	name     string       // by which it is shown, in full
	series   *series      // what it is shown as; nil: not yet
	held     *held        // what hosts had gained here before it was shown and they left; nil: nothing
	since    instant      // it has been waiting
	rename   instant      // when it will be shown by its other name, if that holds; 0: it has none
	source   source       // of the name
	waits    bool
}

// regroup finds the device of a host anew. If the user has named it, its station's other hosts come with it.
func (r *Registry) regroup(h *host) {
	if !h.counted {
		return
	}
	r.move(h, r.homeOf(h))
	if h.station == nil || h.device.file == "" {
		return
	}
	for _, g := range slices.Clone(h.station.hosts.all()) {
		if g.counted && g.device != h.device {
			r.move(g, r.homeOf(g))
		}
	}
}

// homeOf is the device that a host belongs to.
func (r *Registry) homeOf(h *host) *device {
	own := h.device
	if name := r.bookName(h); name != "" {
		d := r.files[name]
		if d == nil {
			if d = own; d == nil || d.file != "" || d.hosts.len() > 1 && (h.station == nil || h.station.device != d) {
				d = &device{}
			}
			d.file = name
			r.files[name] = d
		}
		if s := h.station; s != nil && !s.speaks && (s.device == nil || s.device.file == "" && s.device != d) {
			r.adopt(d, s)
		}
		return d
	}
	loose := own != nil && own.file == "" && own.stations.len() == 0
	if s := h.station; s != nil {
		switch {
		case s.device == nil:
			if !loose {
				own = &device{}
			}
			r.adopt(own, s)
		case loose && own.series != nil && s.device.series == nil && s.device.file == "":
			for s.device.hosts.len() > 0 { // the one that is shown already stays
				r.move(s.device.hosts.all()[0], own)
			}
			r.adopt(own, s)
		}
		return s.device
	}
	for _, name := range []string{h.ptr, h.mdns.name} {
		d := r.namesake(name)
		if d == nil || d != own && d.hosts.len() >= mostNamesakes || slices.ContainsFunc(d.stations.all(), func(s *station) bool { return s.speaks }) {
			continue
		}
		return d
	}
	if loose && own.hosts.len() == 1 {
		return own
	}
	return &device{}
}

// adopt makes a device the station's.
func (r *Registry) adopt(d *device, s *station) {
	if old := s.device; old != nil {
		old.stations.remove(s)
		r.inherit(d, old)
	}
	s.device = d
	d.stations.add(s)
	r.call(d, s.dhcp.name)
}

// move makes a host one of a device's.
func (r *Registry) move(h *host, d *device) {
	old := h.device
	if old == d {
		return
	}
	if old != nil {
		r.leave(h)
	}
	d.join(h)
	if old != nil && old.hosts.len() == 0 {
		r.emptied(old, d)
	}
	r.call(d, h.ptr)
	r.call(d, h.mdns.name)
	r.review(d)
	if old != nil && old.hosts.len() > 0 {
		r.review(old)
	}
	d.unfold()
	if h.held != nil || h.ptr != "" {
		r.wait(d)
	}
}

// leave takes a host out of its device.
func (r *Registry) leave(h *host) {
	d := h.device
	d.hosts.remove(h)
	h.device = nil
}

// emptied sees to a device whose last host went to another device, or is forgotten. If a station's or the user's, it
// keeps its name for the day when it has an address again.
func (r *Registry) emptied(d, to *device) {
	bare := d.file == "" && d.stations.len() == 0
	switch {
	case bare && d.series != nil:
		r.orphan(d.series)
	case bare && to != nil:
		r.inherit(to, d)
	case bare && d.held != nil:
		r.forgotten.Add(&d.held.totals)
		d.held = nil
	case d.series != nil && !d.series.queued:
		d.series.queued = true
		r.orphans = append(r.orphans, d.series)
	}
}

// inherit gives what a device has gained, but was not shown, to another.
func (r *Registry) inherit(d, from *device) {
	d.held, from.held = d.held.with(from.held), nil
	d.unfold()
	if d.held != nil {
		r.wait(d)
	}
}

// call notes that a device has a name, so that hosts of that name whose MAC is not known find it. Of two devices the first has it.
func (r *Registry) call(d *device, name string) {
	key := r.canonical(name)
	if key == "" {
		return
	}
	first := r.namesake(name)
	switch {
	case first == d:
	case first == nil:
		r.called[key] = d
	case d.stations.len() > 0 && first.stations.len() == 0 && first.file == "":
		r.called[key] = d
		for _, h := range slices.Clone(first.hosts.all()) {
			r.regroup(h)
		}
	}
}

// namesake is the device that has a name; nil if there is none.
func (r *Registry) namesake(name string) *device {
	key := r.canonical(name)
	if key == "" {
		return nil
	}
	d := r.called[key]
	if d != nil && !r.has(d, key) {
		delete(r.called, key)
		return nil
	}
	return d
}

// has says whether a device has a name.
func (r *Registry) has(d *device, key string) bool {
	return slices.ContainsFunc(d.hosts.all(), func(h *host) bool {
		return h.device == d && (r.canonical(h.ptr) == key || r.canonical(h.mdns.name) == key)
	}) || slices.ContainsFunc(d.stations.all(), func(s *station) bool {
		return s.device == d && d.hosts.len() > 0 && r.canonical(s.dhcp.name) == key
	})
}

package device

import (
	"cmp"
	"math"
	"slices"
	"time"

	"gonetmon/app/traffic"
)

const (
	rateOver = 5 * time.Second // the time constant of the rates
	noRate   = 1.0             // bytes per second below which a rate is over
)

// A series is what was counted under one name. Its counters never go back. The device that is called so may change.
// It takes 144 bytes, as there may be twice as many of them as hosts.
type series struct {
	name            string
	owner           *device // nil: nobody is called so any more
	totals          traffic.Totals
	first, last     moment
	seen            instant // when last was
	in, out         float32 // bytes gained in this fold
	inRate, outRate float32
	source          source // of the name when it last had an owner
	active          bool
	queued          bool // in orphans
	gone            bool // no series of the registry any more, though maybe in its order
}

// held is what was gained before the device had a name.
type held struct {
	totals      traffic.Totals
	first, last moment
	seen        instant // when last was
}

// add adds what was gained from first to last, which was the instant seen.
func (s *series) add(gain *traffic.Totals, first, last moment, seen instant) {
	s.totals.Add(gain)
	s.first, s.last, s.seen = earlier(s.first, first), later(s.last, s.seen, last, seen), max(s.seen, seen)
}

func (h *held) add(gain *traffic.Totals, first, last moment, seen instant) {
	h.totals.Add(gain)
	h.first, h.last, h.seen = earlier(h.first, first), later(h.last, h.seen, last, seen), max(h.seen, seen)
}

func earlier(a, b moment) moment {
	if a == never {
		return b
	}
	return min(a, b)
}

// later is the moment of the later instant. Those of one instant may be far apart in files, whose times may go back.
func later(a moment, at instant, b moment, bt instant) moment {
	switch {
	case at > bt:
		return a
	case at < bt:
		return b
	}
	return max(a, b)
}

// with returns what a and b are together, either of which may be nil.
func (h *held) with(o *held) *held {
	if h == nil || o == nil {
		return cmp.Or(h, o)
	}
	h.add(&o.totals, o.first, o.last, o.seen)
	return h
}

// hold keeps what a host gains until its device is shown.
func (r *Registry) hold(h *host, gain *traffic.Totals) {
	if h.held == nil {
		h.some().held = &held{first: never, last: never}
	}
	h.held.add(gain, r.wall, r.wall, r.now)
}

// leaveBehind keeps what a host has gained for the device that it has been of, if it is about to go to another one.
func (h *host) leaveBehind() {
	if h.held != nil {
		h.device.held = h.device.held.with(h.held)
		h.some().held = nil
		h.tidy()
	}
}

// unfold adds what was held of a device, if it is shown.
func (d *device) unfold() {
	if d.series == nil {
		return
	}
	for _, h := range d.hosts.all() {
		h.leaveBehind()
	}
	if held := d.held; held != nil {
		d.series.add(&held.totals, held.first, held.last, held.seen)
		d.held = nil
	}
}

// add adds what a device has gained in this fold.
func (r *Registry) add(s *series, gain *traffic.Totals) {
	s.add(gain, r.wall, r.wall, r.now)
	s.in += float32(gain.Received().Bytes)
	s.out += float32(gain.Sent().Bytes)
	if !s.active {
		s.active = true
		r.active = append(r.active, s)
	}
}

// rates lets each rate follow what was gained in the time since the last fold, as an exponentially weighted average.
func (r *Registry) rates(since time.Duration) {
	weight := float32(1 - math.Exp(-since.Seconds()/rateOver.Seconds()))
	seconds := float32(since.Seconds())
	r.active = slices.DeleteFunc(r.active, func(s *series) bool {
		s.inRate += (s.in/seconds - s.inRate) * weight
		s.outRate += (s.out/seconds - s.outRate) * weight
		s.in, s.out = 0, 0
		if s.inRate+s.outRate < noRate {
			s.inRate, s.outRate, s.active = 0, 0, false
		}
		return !s.active
	})
}

// take makes a series the device's, and says whether there was room for it.
func (r *Registry) take(d *device, label string) bool {
	s := r.series.get(label)
	if s == nil {
		if !r.roomForSeries() {
			return false
		}
		s = &series{name: label, first: never, last: never}
		r.series.put(s)
		r.order.put(s)
	}
	if o := s.owner; o != nil && o != d { // long silent
		o.series = nil
	}
	if d.series != nil && d.series != s {
		r.orphan(d.series)
	}
	d.series, s.owner = s, d
	d.unfold()
	return true
}

// orphan leaves a series without a device. One that has never counted is not missed.
func (r *Registry) orphan(s *series) {
	if s.owner != nil {
		s.owner.series, s.source = nil, s.owner.source
	}
	s.owner = nil
	if s.first == never {
		r.remove(s)
		return
	}
	if !s.queued {
		s.queued = true
		r.orphans = append(r.orphans, s)
	}
}

// roomForSeries makes room for one more series, if need be in the place of the one that has been an orphan longest.
func (r *Registry) roomForSeries() bool {
	for r.series.len() >= perLimit*r.cfg.Limit {
		if len(r.orphans) == 0 {
			return false
		}
		s := r.orphans[0]
		r.orphans[0] = nil
		r.orphans = r.orphans[1:]
		s.queued = false
		if s.owner == nil {
			r.remove(s)
		}
	}
	return true
}

// remove takes a series off the page. Its bytes are those of the forgotten from then on.
func (r *Registry) remove(s *series) {
	if s.owner != nil {
		s.owner.series = nil
		s.owner = nil
	}
	if r.series.get(s.name) != s {
		return
	}
	r.series.delete(s.name)
	r.order.delete(s)
	r.forgotten.Add(&s.totals)
	if s.active {
		s.inRate, s.outRate, s.active = 0, 0, false
		r.active = slices.DeleteFunc(r.active, func(a *series) bool { return a == s })
	}
}

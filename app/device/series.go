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
type series struct {
	Device
	owner   *device // nil: nobody is called so any more
	changed bool    // what Device says of the owner is out of date
	in, out float64 // bytes gained in this fold
	active  bool
	queued  bool // in orphans
}

// held is what was gained before the device had a name.
type held struct {
	totals      traffic.Totals
	first, last time.Time
}

// with returns what a and b are together, either of which may be nil.
func (a *held) with(b *held) *held {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	a.totals.Add(&b.totals)
	if b.first.Before(a.first) {
		a.first = b.first
	}
	if b.last.After(a.last) {
		a.last = b.last
	}
	return a
}

// hold keeps what a host gains until its device is shown.
func (h *host) hold(gain *traffic.Totals, now time.Time) {
	if h.held == nil {
		h.held = &held{first: now}
	}
	h.held.totals.Add(gain)
	h.held.last = now
}

// leaveBehind keeps what a host has gained for the device that it has been of, if it is about to go to another one.
func (h *host) leaveBehind() {
	if h.held != nil {
		h.device.held = h.device.held.with(h.held)
		h.held = nil
	}
}

// unfold adds what was held of a device, if it is shown.
func (d *device) unfold() {
	if d.series == nil {
		return
	}
	for _, h := range d.hosts {
		h.leaveBehind()
	}
	if d.held != nil {
		d.series.add(&d.held.totals, d.held.first, d.held.last)
		d.held = nil
	}
}

// add adds what a device has gained in this fold.
func (r *Registry) add(s *series, gain *traffic.Totals) {
	s.add(gain, r.wall, r.wall)
	s.in += float64(gain.Received().Bytes)
	s.out += float64(gain.Sent().Bytes)
	if !s.active {
		s.active = true
		r.active = append(r.active, s)
	}
}

func (s *series) add(gain *traffic.Totals, first, last time.Time) {
	s.Totals.Add(gain)
	if s.First.IsZero() || first.Before(s.First) {
		s.First = first
	}
	if last.After(s.Last) {
		s.Last = last
	}
}

// rates lets each rate follow what was gained in the time since the last fold, as an exponentially weighted average.
func (r *Registry) rates(since time.Duration) {
	weight := 1 - math.Exp(-since.Seconds()/rateOver.Seconds())
	r.active = slices.DeleteFunc(r.active, func(s *series) bool {
		s.InRate += (s.in/since.Seconds() - s.InRate) * weight
		s.OutRate += (s.out/since.Seconds() - s.OutRate) * weight
		s.in, s.out = 0, 0
		if s.InRate+s.OutRate < noRate {
			s.InRate, s.OutRate, s.active = 0, 0, false
		}
		return !s.active
	})
}

// take makes a series the device's, and says whether there was room for it.
func (r *Registry) take(d *device, label string) bool {
	s := r.series[label]
	if s == nil {
		if !r.roomForSeries() {
			return false
		}
		s = &series{Device: Device{Name: label}}
		r.series[label] = s
		r.order = nil
	}
	if o := s.owner; o != nil && o != d { // long silent
		o.series = nil
	}
	if d.series != nil && d.series != s {
		r.orphan(d.series)
	}
	d.series, s.owner, s.changed = s, d, true
	d.unfold()
	return true
}

// orphan leaves a series without a device. One that has never counted is not missed.
func (r *Registry) orphan(s *series) {
	if s.owner != nil {
		s.owner.series = nil
	}
	s.owner, s.changed = nil, true
	if s.First.IsZero() {
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
	for len(r.series) >= perLimit*r.cfg.Limit {
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
	if r.series[s.Name] != s {
		return
	}
	delete(r.series, s.Name)
	r.order = nil
	r.forgotten.Add(&s.Totals)
	if s.active {
		s.InRate, s.OutRate, s.active = 0, 0, false
		r.active = slices.DeleteFunc(r.active, func(a *series) bool { return a == s })
	}
}

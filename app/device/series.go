package device

import (
	"math"
	"slices"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

const (
	rateOver = 5 * time.Second // the time constant of the rates
	minRate  = 1.0             // bytes per second; below it a rate is 0
)

// A series is what was counted under one name. Its counters never go back. The group that has the name may change.
type series struct {
	counters
	name            string
	group           *group   // nil: none has the name any more
	mac             mac.Addr // of the first group that had one
	source          string   // of the name, when a group last had it
	id              uint64   // of the device
	in, out         rate
	inetIn, inetOut rate // the part of them that is exchanged with the internet
	queued          bool // in Registry.retired
}

// A rate is an exponentially weighted average.
type rate struct {
	gained float64 // bytes, in this Update
	value  float64 // bytes per second
}

// update moves the rate towards what was gained since the last Update.
func (r *rate) update(since time.Duration, weight float64) {
	r.value += (r.gained/since.Seconds() - r.value) * weight
	r.gained = 0
}

// counters are what was counted, and when.
type counters struct {
	totals      traffic.Totals
	first, last time.Time // of anything counted, on the wall clock; zero: nothing
	seen        time.Time // when last was, on the registry's clock
}

// add adds what o has counted. What was seen later is last, whatever the wall clock says: it may have been set in between.
func (c *counters) add(o *counters) {
	c.totals.Add(&o.totals)
	if c.first.IsZero() || o.first.Before(c.first) {
		c.first = o.first
	}
	if o.seen.After(c.seen) || o.seen.Equal(c.seen) && o.last.After(c.last) {
		c.last, c.seen = o.last, o.seen
	}
}

// merged returns the sum of two counters, either of which may be nil. It may change them.
func merged(a, b *counters) *counters {
	switch {
	case a == nil:
		return b
	case b != nil:
		a.add(b)
	}
	return a
}

// gained returns counters of what was gained now.
func (r *Registry) gained(totals *traffic.Totals) *counters {
	return &counters{totals: *totals, first: r.wall, last: r.wall, seen: r.now}
}

// addPending keeps what a host gains until its group is shown.
func (r *Registry) addPending(h *host, totals *traffic.Totals) {
	h.pending = merged(h.pending, r.gained(totals))
}

// movePending leaves what a host has pending to its group, before the host moves to another one.
func (r *Registry) movePending(h *host) {
	h.group.pending, h.pending = merged(h.group.pending, h.pending), nil
	r.flush(h.group)
}

// applyPending adds what is pending to the series of a group, if it is shown.
func (r *Registry) applyPending(g *group) {
	if g.series == nil {
		return
	}
	for _, h := range g.hosts {
		if !h.doubted {
			r.movePending(h)
		}
	}
	r.flush(g)
}

// flush adds what is pending for a group as a whole to its series, if it is shown.
func (r *Registry) flush(g *group) {
	if g.series != nil && g.pending != nil {
		r.credit(g.series, g.pending)
		g.pending = nil
	}
}

// add adds what a device has gained in this Update.
func (r *Registry) add(s *series, totals *traffic.Totals) {
	r.credit(s, r.gained(totals))
	s.in.gained += float64(totals.Received().Bytes)
	s.out.gained += float64(totals.Sent().Bytes)
	s.inetIn.gained += float64(totals.In[traffic.ScopeInternet].Bytes)
	s.inetOut.gained += float64(totals.Out[traffic.ScopeInternet].Bytes)
}

// credit adds counters to a series, and to what its device has gained.
func (r *Registry) credit(s *series, c *counters) {
	s.add(c)
	r.book(s.id, &c.totals)
}

// book adds to what a device has gained since the last call of Gains.
func (r *Registry) book(id uint64, totals *traffic.Totals) {
	g := r.gains[id]
	if g == nil {
		g = &traffic.Totals{}
		r.gains[id] = g
	}
	g.Add(totals)
}

// Gains calls f for each device that has gained something since the last call, with its ID and that gain. The ID 0 has what belongs
// to no device. All gains together are those of all hosts, except what waits until its device has a name. f must not call the registry.
func (r *Registry) Gains(f func(id uint64, gained *traffic.Totals)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, gained := range r.gains {
		f(id, gained)
	}
	clear(r.gains)
}

// updateRates moves each rate towards what was gained since the last Update, as an exponentially weighted average.
func (r *Registry) updateRates(since time.Duration) {
	weight := 1 - math.Exp(-since.Seconds()/rateOver.Seconds())
	for _, s := range r.series {
		for _, rate := range []*rate{&s.in, &s.out, &s.inetIn, &s.inetOut} {
			rate.update(since, weight)
		}
		if s.in.value+s.out.value < minRate {
			s.in.value, s.out.value, s.inetIn.value, s.inetOut.value = 0, 0, 0, 0
		}
	}
}

// assign gives the series of a name to a group. It reports whether there was room for it.
func (r *Registry) assign(g *group, name string) bool {
	s := r.series[name]
	if s == nil {
		if !r.roomForSeries() {
			return false
		}
		s = &series{name: name, id: r.idFor(g)}
		r.series[name] = s
	}
	if o := s.group; o != nil && o != g { // which has been silent for long, or had the name only meanwhile
		o.series = nil
		if o.mac() != s.mac || slices.ContainsFunc(o.hosts, func(h *host) bool { return h.pending != nil }) {
			r.wait(o)
		}
	}
	if g.series != nil && g.series != s {
		r.retire(g.series)
	}
	g.series, s.group = s, g
	if s.mac == (mac.Addr{}) {
		s.mac = g.mac()
	}
	r.applyPending(g)
	return true
}

// idFor returns the ID of the device that a group is: the one that it has already, or a new one.
func (r *Registry) idFor(g *group) uint64 {
	if g.series != nil {
		return g.series.id
	}
	r.lastID++
	return r.lastID
}

// retire takes a series from its group. A series that has never counted anything is removed.
func (r *Registry) retire(s *series) {
	if s.group != nil {
		s.group.series, s.source = nil, s.group.source
	}
	s.group = nil
	if s.first.IsZero() {
		r.removeSeries(s)
		return
	}
	if !s.queued {
		s.queued = true
		r.retired = append(r.retired, s)
	}
}

// roomForSeries makes room for one more series, if need be by removing the one that was retired first. It reports whether
// there is room.
func (r *Registry) roomForSeries() bool {
	for len(r.series) >= seriesPerHost*r.cfg.Limit {
		if len(r.retired) == 0 {
			return false
		}
		s := r.retired[0]
		r.retired[0] = nil
		r.retired = r.retired[1:]
		s.queued = false
		if s.group == nil {
			r.removeSeries(s)
		}
	}
	return true
}

// removeSeries removes a series. From then on its bytes count as forgotten.
func (r *Registry) removeSeries(s *series) {
	if s.group != nil {
		s.group.series = nil
		s.group = nil
	}
	if r.series[s.name] != s {
		return
	}
	delete(r.series, s.name)
	r.forgotten.Add(&s.totals)
}

package device

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

const (
	clockSet = 1980 // a clock that shows an earlier year was not set: it starts in 1970

	rateOver = 5 * time.Second // the time constant of the rates
	minRate  = 1.0             // bytes per second; below it a rate is 0
)

// A series is what was counted under one name. Its counters never go back. The group that has the name may change.
type series struct {
	counters
	name            string
	group           *group       // nil: none has the name any more
	mac             mac.Addr     // of the first group that had one
	source          string       // of the name, when a group last had it
	id              uint64       // of the device
	known           time.Time    // when the device was first seen, also under another name or before the restart; zero: never
	had             []netip.Addr // addresses of the device before the restart, sorted
	revived         bool         // it was shown before the restart
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
	if s.known.Year() < clockSet {
		s.known = c.first
	}
	r.book(s.id, &c.totals)
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
		s = &series{name: name}
		r.series[name] = s
	}
	o := s.group // has been silent for long, or had the name only meanwhile
	var rec Record
	if o != nil && o != g {
		rec = r.record(s)
	}
	r.identify(g, s)
	r.dropFormer(g.id)
	if o != nil && o != g {
		o.series = nil
		r.setAside(o, rec)
		if o.mac() != s.mac || slices.ContainsFunc(o.hosts, func(h *host) bool { return h.pending != nil }) {
			r.wait(o)
		}
	}
	if was := g.series; was != nil && was != s {
		r.retire(was)
	}
	g.series, s.group = s, g
	if s.mac == (mac.Addr{}) {
		s.mac = g.mac()
	}
	r.applyPending(g)
	return true
}

// isEmpty reports whether a series has never counted anything, nor was shown before the restart.
func (s *series) isEmpty() bool { return s.first.IsZero() && !s.revived }

// retire takes a series from its group. An empty one is removed.
func (r *Registry) retire(s *series) {
	if g := s.group; g != nil {
		g.series, s.source = nil, g.source
	}
	s.group = nil
	if s.isEmpty() {
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
	isShown := r.series[s.name] == s
	if isShown && r.isKept(s) {
		r.addFormer(r.record(s))
	}
	if s.group != nil {
		s.group.series = nil
		s.group = nil
	}
	if !isShown {
		return
	}
	delete(r.series, s.name)
	r.forgotten.Add(&s.totals)
}

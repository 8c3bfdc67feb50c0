package usage

import "time"

const (
	step     = 10 * time.Second
	numSteps = 60
)

// steps has the internet bytes of one device, or the network, in the last steps and in the current one.
type steps struct {
	newest  int64 // step that was written
	in, out [numSteps + 1]float64
}

// add adds to step n, which must not be before the newest one.
func (s *steps) add(n int64, in, out float64) {
	for i := max(s.newest+1, n-numSteps); i <= n; i++ {
		s.in[i%(numSteps+1)], s.out[i%(numSteps+1)] = 0, 0
	}
	s.newest = n
	s.in[n%(numSteps+1)] += in
	s.out[n%(numSteps+1)] += out
}

// spread adds bytes that came between from and to, spread evenly.
func (s *steps) spread(from, to time.Duration, b Bytes) {
	last := int64(to / step)
	for n := max(int64(from/step), last-numSteps); n <= last; n++ {
		share := 1.0
		if to > from {
			share = float64(min(to, time.Duration(n+1)*step)-max(from, time.Duration(n)*step)) / float64(to-from)
		}
		s.add(n, share*float64(b.InternetIn), share*float64(b.InternetOut))
	}
}

// rates returns the rates of the steps from first to end, which is excluded, in bytes per second.
func (s *steps) rates(first, end int64) (in, out []float64) {
	in, out = make([]float64, end-first), make([]float64, end-first)
	for n := max(first, s.newest-numSteps); n < end && n <= s.newest; n++ {
		in[n-first] = s.in[n%(numSteps+1)] / step.Seconds()
		out[n-first] = s.out[n%(numSteps+1)] / step.Seconds()
	}
	return in, out
}

// recent keeps the rates of the last ten minutes. It uses the monotonic clock, so that the rates stay right when the wall clock
// jumps. A step begins at a multiple of ten seconds of the wall clock, until that clock jumps.
type recent struct {
	offset  time.Duration // of the times here to the monotonic clock
	first   int64         // the first complete step
	now     time.Duration // of the last reading
	wall    time.Time     // of the last reading
	network steps
	devices map[uint64]*steps // with internet traffic in the last steps
}

// add adds what came since the last reading. The first bytes are left out, because it is not known how long they took.
func (r *recent) add(now reading, gains map[uint64]Bytes) {
	if r.wall.IsZero() {
		into := now.wall.Sub(now.wall.Truncate(step))
		r.offset, r.first = into-now.mono, int64((into+step-1)/step)
		r.now, r.wall, r.devices = into, now.wall, map[uint64]*steps{}
		return
	}
	from, to := r.now, now.mono+r.offset
	r.now, r.wall = to, now.wall
	if to/step > from/step {
		for id, s := range r.devices {
			if s.newest < int64(to/step)-numSteps {
				delete(r.devices, id)
			}
		}
	}
	var sum Bytes
	for id, b := range gains {
		if b.Internet() == 0 {
			continue
		}
		sum.Add(b)
		s := r.devices[id]
		if s == nil {
			s = new(steps)
			r.devices[id] = s
		}
		s.spread(from, to, b)
	}
	r.network.spread(from, to, sum)
}

// of returns the rates of s in the complete steps. s may be nil.
func (r *recent) of(s *steps, zone *time.Location) Recent {
	rec := Recent{Step: step}
	if r.wall.IsZero() {
		return rec
	}
	rec.End = r.wall.Add(-(r.now % step)).In(zone)
	end := int64(r.now / step)
	if first := max(r.first, end-numSteps); s != nil && first < end {
		rec.In, rec.Out = s.rates(first, end)
	}
	return rec
}

package rdns

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

const (
	downAfter  = 3 // failures in a row
	minBackOff = time.Second
	maxBackOff = time.Minute

	never = time.Duration(1<<63 - 1)
)

// A server is a DNS server and its health. A server that is down gets one probe at a time, and none before its back-off is
// over, so a dead server costs next to nothing.
type server struct {
	addr    netip.AddrPort
	fails   int // in a row
	down    bool
	probing bool
	backOff time.Duration
	probeAt time.Time // no probe before
}

// availableIn returns how long it takes until the server may be asked: 0 if it is up, never while a probe is in flight.
func (s *server) availableIn(now time.Time) time.Duration {
	switch {
	case !s.down:
		return 0
	case s.probing:
		return never
	}
	return max(s.probeAt.Sub(now), 0)
}

// acquire reserves the server for a query, and reports whether the query is a probe.
func (s *server) acquire() (probe bool) {
	s.probing = s.down
	return s.down
}

// done takes the result of a query, and reports whether it brought the server up or down.
func (s *server) done(ok, probe bool, now time.Time) (changed bool) {
	if probe {
		s.probing = false
	}
	switch {
	case ok:
		changed = s.down
		s.fails, s.down = 0, false
		return changed
	case !s.down:
		if s.fails++; s.fails < downAfter {
			return false
		}
		s.down, s.backOff, changed = true, minBackOff, true
	case probe:
		s.backOff = min(2*s.backOff, maxBackOff)
	default: // sent before the server went down
		return false
	}
	s.probeAt = now.Add(s.backOff/2 + rand.N(s.backOff/2))
	return changed
}

// firstAvailable returns the index of the first of servers, from index start on, that may be asked now. If there is none,
// it returns -1 and how long it takes until there is one.
func firstAvailable(servers []*server, start int, now time.Time) (index int, wait time.Duration) {
	wait = never
	for i := start; i < len(servers); i++ {
		w := servers[i].availableIn(now)
		if w == 0 {
			return i, 0
		}
		wait = min(wait, w)
	}
	return -1, wait
}

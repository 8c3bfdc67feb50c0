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
)

// A server is one DNS server and what is known of its health. A server that is down gets one probe at a time, and none
// before its back-off is over, so a dead one costs next to nothing.
type server struct {
	addr    netip.AddrPort
	fails   int // in a row
	down    bool
	probing bool
	backOff time.Duration
	until   time.Duration // no probe before
}

// open reports from when on the server may be asked: 0 if it is up, never while a probe is on its way.
func (s *server) open() time.Duration {
	switch {
	case !s.down:
		return 0
	case s.probing:
		return never
	}
	return s.until
}

// take reserves the server for a query, and reports whether that is its probe.
func (s *server) take() (probe bool) {
	s.probing = s.down
	return s.down
}

// report takes in how a query ended, and reports whether the server came up or went down by it.
func (s *server) report(ok, probe bool, now time.Duration) (turned bool) {
	if probe {
		s.probing = false
	}
	switch {
	case ok:
		turned = s.down
		s.fails, s.down = 0, false
		return turned
	case !s.down:
		if s.fails++; s.fails < downAfter {
			return false
		}
		s.down, s.backOff, turned = true, minBackOff, true
	case probe:
		s.backOff = min(2*s.backOff, maxBackOff)
	default: // sent before it went down: the back-off stands
		return false
	}
	s.until = now + s.backOff/2 + rand.N(s.backOff/2)
	return turned
}

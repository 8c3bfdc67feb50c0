package device

import (
	"math"
	"time"
)

// An instant is a time since the registry's start in half seconds, which lasts for 68 years: one is kept for much that there is a lot
// of. It is measured on the monotonic clock where that is known, so that nothing is forgotten because somebody sets the clock.
// It is never 0.
type instant uint32

const tick = time.Second / 2

// span is how many instants a time lasts.
func span(d time.Duration) instant {
	return instant(min(max(d, 0)/tick, math.MaxUint32/4))
}

// A moment is a time on the wall clock, in nanoseconds since 1970.
type moment int64

// never is the moment of what has not happened, and of a time.Time that is zero.
const never moment = math.MinInt64

func momentOf(t time.Time) moment {
	if t.IsZero() {
		return never
	}
	return moment(t.UnixNano())
}

func (m moment) time() time.Time {
	if m == never {
		return time.Time{}
	}
	return time.Unix(0, int64(m))
}

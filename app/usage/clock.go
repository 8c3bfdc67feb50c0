package usage

import "time"

const (
	jump   = time.Hour        // how far the wall clock may be from the expected time
	steady = 10 * time.Minute // how long a clock that has jumped is in doubt
	behind = 24 * time.Hour   // as long as this, if it is more than this behind the last booking: much would be moved
)

// built is before any moment at which this program can run.
var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A reading has what both clocks say at one moment.
type reading struct {
	wall time.Time     // without monotonic clock
	mono time.Duration // of the monotonic clock, since any fixed moment
}

// aheadOf returns how far the wall clock at r is ahead of where it would be if it had run evenly since o.
func (r reading) aheadOf(o reading) time.Duration { return r.wall.Sub(o.wall) - (r.mono - o.mono) }

// A clock judges whether the wall clock is right, by the rules in the package comment.
type clock struct {
	right  reading       // when the clock was last right
	last   reading       // the last one
	jumped time.Duration // the monotonic clock when the wall clock last jumped
}

// isRight reports whether the wall clock is right at now. booked is the start of the last hour with a booking; zero: there is
// none. Call it with every reading, in order.
func (c *clock) isRight(now reading, booked time.Time) bool {
	if c.last.wall.IsZero() || now.aheadOf(c.last).Abs() > jump {
		c.jumped = now.mono
	}
	c.last = now
	expected := !now.wall.Before(booked.Add(-jump))
	if !c.right.wall.IsZero() {
		expected = now.aheadOf(c.right).Abs() <= jump
	}
	doubt := steady
	if now.wall.Before(booked.Add(-behind)) {
		doubt = behind
	}
	if now.wall.Before(built) || !expected && now.mono-c.jumped < doubt {
		return false
	}
	c.right = now
	return true
}

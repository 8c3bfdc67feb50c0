package web

import (
	"strconv"
	"time"

	"gonetmon/app/units"
)

const hard = "\u00a0" // no-break space, before a unit

func inBytes(n uint64) string { return units.Bytes(n, hard) }

func inBits(bytesPerSecond float64) string { return units.Bits(bytesPerSecond, hard) }

// span returns a duration in its two largest units: "45 s", "3 h 12 min".
func span(d time.Duration) string {
	two := func(n time.Duration, unit string, rest time.Duration, small string) string {
		s := strconv.FormatInt(int64(n), 10) + hard + unit
		if rest > 0 {
			s += " " + strconv.FormatInt(int64(rest), 10) + hard + small
		}
		return s
	}
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d < time.Minute:
		return two(d/time.Second, "s", 0, "")
	case d < time.Hour:
		return two(d/time.Minute, "min", d%time.Minute/time.Second, "s")
	case d < day:
		return two(d/time.Hour, "h", d%time.Hour/time.Minute, "min")
	}
	return two(d/day, "d", d%day/time.Hour, "h")
}

// ago returns how long ago something was, in the largest unit.
func ago(d time.Duration) string {
	const recent = 10 * time.Second
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if d >= u.unit && d >= recent {
			return strconv.FormatInt(int64(d/u.unit), 10) + hard + u.name + " ago"
		}
	}
	return "now"
}

// clock returns the time of t, with the date if it is not today.
func clock(t, now time.Time) string {
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	return t.Format("2 Jan 15:04")
}

package usage

import "slices"

// A standby is what an account moved in the idle ones of its complete hours, computed once an hour.
type standby struct {
	hour  int64 // before which the hours were complete
	bytes uint64
}

// minIdleHours is from how many hours on it can be said which of them are idle.
const minIdleHours = 24

// standbyBefore returns the internet bytes in those of the account's hours before hour in which the device was idle: in which it
// moved at most twice the lower quartile of all of them that have internet traffic, of which there must be at least 24.
func (a *account) standbyBefore(hour int64) uint64 {
	if a.standby.hour == hour {
		return a.standby.bytes
	}
	var moved []uint64
	for _, s := range a.slots[Hour] {
		if n := s.Internet(); n > 0 && s.start < hour {
			moved = append(moved, n)
		}
	}
	a.standby = standby{hour: hour}
	if len(moved) < minIdleHours {
		return 0
	}
	slices.Sort(moved)
	limit := 2 * moved[len(moved)/4]
	for _, n := range moved {
		if n <= limit {
			a.standby.bytes += n
		}
	}
	return a.standby.bytes
}

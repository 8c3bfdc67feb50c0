package usage

import "slices"

// A standby has what an account moved in its idle hours, computed once an hour.
type standby struct {
	hour  int64 // the current one when it was computed
	bytes uint64
}

// minHours is how many hours with internet traffic it takes to tell which of them are idle.
const minHours = 24

// standbyBefore returns the internet bytes of the account in its idle hours before hour. An hour is idle if its internet bytes
// are at most twice the lower quartile of all hours with internet traffic. It returns 0 if there are fewer than minHours of
// these.
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
	if len(moved) < minHours {
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

package usage

import (
	"cmp"
	"slices"
)

// A slot has what was moved in one hour, day or period. start is that of Entry.
type slot struct {
	start int64
	Bytes
}

// slots are sorted by start.
type slots []slot

// find returns the index of the first slot that begins at start or later, and whether it begins at start.
func (s slots) find(start int64) (int, bool) {
	if n := len(s); n > 0 && s[n-1].start <= start { // nearly always
		if s[n-1].start == start {
			return n - 1, true
		}
		return n, false
	}
	return slices.BinarySearchFunc(s, start, func(s slot, start int64) int { return cmp.Compare(s.start, start) })
}

// at returns the bytes of the slot that begins at start.
func (s slots) at(start int64) Bytes {
	if i, ok := s.find(start); ok {
		return s[i].Bytes
	}
	return Bytes{}
}

// add adds bytes to the slot that begins at start.
func (s *slots) add(start int64, b Bytes) {
	i, ok := s.find(start)
	if !ok {
		*s = slices.Insert(*s, i, slot{start: start})
	}
	(*s)[i].Add(b)
}

// An account has what one device, or the network, has moved.
type account struct {
	slots   [numSlotKinds]slots
	standby standby
}

// add adds bytes to the slot of each kind.
func (a *account) add(starts [numSlotKinds]int64, b Bytes) {
	for k, start := range starts {
		a.slots[k].add(start, b)
	}
}

// fold moves the slots of a kind that begin later than start into the one that begins at start. It returns their starts.
func (a *account) fold(k Kind, start int64) (gone []int64) {
	s := a.slots[k]
	i, _ := s.find(start + 1)
	var sum Bytes
	for _, later := range s[i:] {
		sum.Add(later.Bytes)
		gone = append(gone, later.start)
	}
	a.slots[k] = s[:i]
	if len(gone) > 0 {
		a.slots[k].add(start, sum)
	}
	return gone
}

// prune drops the slots of the kind that begin before oldest, and returns their starts.
func (a *account) prune(k Kind, oldest int64) (gone []int64) {
	i, _ := a.slots[k].find(oldest)
	for _, s := range a.slots[k][:i] {
		gone = append(gone, s.start)
	}
	a.slots[k] = slices.Delete(a.slots[k], 0, i)
	return gone
}

// rebill replaces the billing periods that begin at from or later. It adds the days since from to the periods that periodOf
// returns for them. It returns the starts of the old and of the new periods.
func (a *account) rebill(from int64, periodOf func(day int64) int64) (changed []int64) {
	i, _ := a.slots[Period].find(from)
	for _, old := range a.slots[Period][i:] {
		changed = append(changed, old.start)
	}
	a.slots[Period] = a.slots[Period][:i]
	d, _ := a.slots[Day].find(from)
	for _, day := range a.slots[Day][d:] {
		start := periodOf(day.start)
		a.slots[Period].add(start, day.Bytes)
		changed = append(changed, start)
	}
	return changed
}

// compare orders accounts by their last day with traffic, and then by what they moved in the periods.
func (a *account) compare(o *account) int {
	lastDay := func(a *account) (last int64) {
		for _, k := range []Kind{Day, Period} { // the day may not be kept any more; its period begins before it
			if n := len(a.slots[k]); n > 0 {
				last = max(last, a.slots[k][n-1].start)
			}
		}
		return last
	}
	moved := func(a *account) (sum uint64) {
		for _, s := range a.slots[Period] {
			sum += s.Internet() + s.LAN()
		}
		return sum
	}
	return cmp.Or(cmp.Compare(lastDay(a), lastDay(o)), cmp.Compare(moved(a), moved(o)))
}

// isEmpty reports whether no slot is left.
func (a *account) isEmpty() bool {
	for k := range a.slots {
		if len(a.slots[k]) > 0 {
			return false
		}
	}
	return true
}

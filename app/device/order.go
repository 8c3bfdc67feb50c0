package device

import (
	"cmp"
	"slices"
)

// An order is the series of a registry, sorted by name. Few of very many come and go from one snapshot to the next, so it is kept, and
// only they are looked up.
type order struct {
	sorted []*series // nil when it must be made anew
	come   []*series // that are not in sorted yet, in no order
	gone   int       // how many of both are to be left out
}

const fewOf = 8 // one of so many may come and go before it is less work to sort all

// put notes a series that has come.
func (o *order) put(s *series) {
	if o.sorted != nil {
		o.come = append(o.come, s)
		o.bound()
	}
}

// delete notes one that has gone.
func (o *order) delete(s *series) {
	if o.sorted != nil {
		s.gone = true
		o.gone++
		o.bound()
	}
}

// bound forgets the order if it is not worth keeping: nobody may ask for it for long.
func (o *order) bound() {
	if len(o.come)+o.gone > len(o.sorted)/fewOf {
		*o = order{}
	}
}

// of returns a set in this order, which is kept, and changed, until the next call.
func (o *order) of(all *set[string, series]) []*series {
	if o.sorted == nil {
		o.sorted = all.all()
		slices.SortFunc(o.sorted, byName)
		return o.sorted
	}
	if o.gone > 0 {
		gone := func(s *series) bool { return s.gone }
		o.sorted, o.come, o.gone = slices.DeleteFunc(o.sorted, gone), slices.DeleteFunc(o.come, gone), 0
	}
	slices.SortFunc(o.come, byName)
	// From the last on, each makes those behind it move by as many places as there are yet to come.
	end := len(o.sorted)
	o.sorted = append(o.sorted, o.come...)
	for i, s := range slices.Backward(o.come) {
		at, _ := slices.BinarySearchFunc(o.sorted[:end], s, byName)
		copy(o.sorted[at+i+1:], o.sorted[at:end])
		o.sorted[at+i], end = s, at
	}
	clear(o.come)
	o.come = o.come[:0]
	return o.sorted
}

func byName(a, b *series) int { return cmp.Compare(a.name, b.name) }

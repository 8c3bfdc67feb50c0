package device

import "slices"

// few are things of which there mostly is one: then they take two words, and else a list besides.
type few[T any] struct {
	one  [1]*T
	more *[]*T // all of them, if there are several
}

// all is valid until they change.
func (f *few[T]) all() []*T {
	switch {
	case f.more != nil:
		return *f.more
	case f.one[0] != nil:
		return f.one[:]
	}
	return nil
}

func (f *few[T]) len() int { return len(f.all()) }

// insert puts a thing before the one that is at i, or at the end.
func (f *few[T]) insert(i int, thing *T) {
	switch {
	case f.more != nil:
		*f.more = slices.Insert(*f.more, i, thing)
	case f.one[0] != nil:
		all := slices.Insert([]*T{f.one[0]}, i, thing)
		f.one[0], f.more = nil, &all
	default:
		f.one[0] = thing
	}
}

func (f *few[T]) add(thing *T) { f.insert(f.len(), thing) }

// remove takes a thing out, if it is there.
func (f *few[T]) remove(thing *T) {
	if f.more == nil {
		if f.one[0] == thing {
			f.one[0] = nil
		}
		return
	}
	*f.more = slices.DeleteFunc(*f.more, func(t *T) bool { return t == thing })
	if rest := *f.more; len(rest) == 1 {
		f.one[0], f.more = rest[0], nil
	}
}

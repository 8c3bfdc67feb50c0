package device

import (
	"hash/maphash"
	"iter"
	"slices"
)

// A set finds things by a key that lies in them. It is a hash table of nothing but pointers, with open addressing, in a third of the
// memory of a map. Nobody outside can make keys that collide.
type set[K comparable, T any] struct {
	key   func(*T) K
	seed  maphash.Seed
	cells []*T // a power of two of them, at most three quarters in use
	used  int
}

func newSet[K comparable, T any](key func(*T) K) set[K, T] {
	return set[K, T]{key: key, seed: maphash.MakeSeed(), cells: make([]*T, 8)}
}

func (s *set[K, T]) len() int { return s.used }

// start is where the walk for a key begins.
func (s *set[K, T]) start(key K) int {
	return int(maphash.Comparable(s.seed, key)) & (len(s.cells) - 1)
}

// find is the cell of a key, or where it would be.
func (s *set[K, T]) find(key K) int {
	i := s.start(key)
	for s.cells[i] != nil && s.key(s.cells[i]) != key {
		i = (i + 1) & (len(s.cells) - 1)
	}
	return i
}

// get returns the thing that has a key, or nil.
func (s *set[K, T]) get(key K) *T { return s.cells[s.find(key)] }

// put adds a thing, in the place of the one that has its key.
func (s *set[K, T]) put(thing *T) {
	if 4*(s.used+1) > 3*len(s.cells) {
		s.resize(2 * len(s.cells))
	}
	i := s.find(s.key(thing))
	if s.cells[i] == nil {
		s.used++
	}
	s.cells[i] = thing
}

// delete takes the thing out that has a key, if there is one.
func (s *set[K, T]) delete(key K) {
	mask := len(s.cells) - 1
	hole := s.find(key)
	if s.cells[hole] == nil {
		return
	}
	s.used--
	// What comes behind it moves up, unless its walk begins behind the hole.
	for i := (hole + 1) & mask; s.cells[i] != nil; i = (i + 1) & mask {
		if start := s.start(s.key(s.cells[i])); (i-start)&mask >= (i-hole)&mask {
			s.cells[hole], hole = s.cells[i], i
		}
	}
	s.cells[hole] = nil
	if len(s.cells) > 8 && 8*s.used < len(s.cells) {
		s.resize(len(s.cells) / 2)
	}
}

func (s *set[K, T]) resize(n int) {
	old := s.cells
	s.cells = make([]*T, n)
	for _, thing := range old {
		if thing != nil {
			s.cells[s.find(s.key(thing))] = thing
		}
	}
}

// each yields all things, in no order, as long as none is added or taken out.
func (s *set[K, T]) each() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, thing := range s.cells {
			if thing != nil && !yield(thing) {
				return
			}
		}
	}
}

// all returns all things, in no order.
func (s *set[K, T]) all() []*T { return slices.AppendSeq(make([]*T, 0, s.used), s.each()) }

package device

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// Whatever is put in and taken out, a set has what a map has, and gives back the memory that it does not need.
func TestSet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	type thing struct{ key, serial int }
	for range 20 {
		s, model := newSet(func(t *thing) int { return t.key }), map[int]*thing{}
		for i := range 20_000 {
			keys := 500
			if i > 10_000 {
				keys = 20_000
			}
			switch key := random.IntN(keys); random.IntN(3) {
			case 0:
				model[key] = &thing{key, i}
				s.put(model[key])
			case 1:
				s.delete(key)
				delete(model, key)
			default:
				if got := s.get(key); got != model[key] {
					t.Fatalf("%d: got %v, want %v", key, got, model[key])
				}
			}
			if s.len() != len(model) {
				t.Fatalf("%d things, want %d", s.len(), len(model))
			}
		}
		order := func(a, b *thing) int { return a.key - b.key }
		if got, want := slices.SortedFunc(slices.Values(s.all()), order), slices.SortedFunc(maps.Values(model), order); !slices.Equal(got, want) {
			t.Fatalf("%d things, want others, %d", len(got), len(want))
		}
		for key := range model {
			s.delete(key)
		}
		if s.len() != 0 || len(s.all()) != 0 || len(s.cells) > 8 {
			t.Errorf("%d things in %d cells when all are gone", s.len(), len(s.cells))
		}
	}
}

func TestFew(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		var f few[int]
		var model []*int
		for range 100 {
			switch i := random.IntN(len(model) + 1); random.IntN(5) {
			case 0:
				thing := new(int)
				f.insert(i, thing)
				model = slices.Insert(model, i, thing)
			case 1:
				thing := new(int)
				f.add(thing)
				model = append(model, thing)
			case 2:
				f.remove(new(int))
			default:
				if i < len(model) {
					f.remove(model[i])
					model = slices.Delete(model, i, i+1)
				}
			}
			if !slices.Equal(f.all(), model) || f.len() != len(model) {
				t.Fatalf("%v, want %v", f.all(), model)
			}
			if several := f.more != nil; several != (len(model) > 1) {
				t.Fatalf("a list for %d", len(model))
			}
		}
	}
}

// What there may be very many of is as small as its comment says.
func TestSizes(t *testing.T) {
	for name, size := range map[string][2]uintptr{
		"host": {unsafe.Sizeof(host{}), 64}, "seldom": {unsafe.Sizeof(seldom{}), 64}, "device": {unsafe.Sizeof(device{}), 96},
		"series": {unsafe.Sizeof(series{}), 144}, "station": {unsafe.Sizeof(station{}), 48}, "claims": {unsafe.Sizeof(claims{}), 48},
	} {
		if size[0] > size[1] {
			t.Errorf("%s: %d bytes, want %d at most", name, size[0], size[1])
		}
	}
}

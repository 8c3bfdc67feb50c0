package device

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Whatever comes and goes between two looks, in whatever numbers, the order is that of all sorted anew.
func TestSeriesInOrder(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	all := newSet(func(s *series) string { return s.name })
	var kept order
	anew, most := 0, 0
	for look := range 500 {
		for range random.IntN(1 << random.IntN(8)) {
			s := all.get(fmt.Sprint(random.IntN(1500)))
			if s == nil {
				s = &series{name: fmt.Sprint(random.IntN(1500))}
				if all.get(s.name) == nil {
					all.put(s)
					kept.put(s)
				}
			} else if random.IntN(4) == 0 {
				all.delete(s.name)
				kept.delete(s)
			}
		}
		if waiting := len(kept.come) + kept.gone; waiting > len(kept.sorted)/fewOf {
			t.Fatalf("%d series are remembered beside %d", waiting, len(kept.sorted))
		}
		if kept.sorted == nil {
			anew++
		}
		want := all.all()
		slices.SortFunc(want, byName)
		if got := kept.of(&all); !slices.Equal(got, want) {
			t.Fatalf("look %d with seed %d: %d series, want %d, or in another order", look, seed, len(got), len(want))
		}
		most = max(most, all.len())
	}
	if anew == 0 || anew > 400 || most < 500 {
		t.Errorf("sorted anew %d times of 500, at most %d series: this shows little", anew, most)
	}
}

package capture

import (
	"math"
	"testing"
	"time"
)

func TestSpan_Add(t *testing.T) {
	at := time.Date(2026, 11, 23, 14, 0, 0, 500000000, time.UTC)
	for _, tt := range []struct {
		name             string
		ticks, perSecond uint64
		offset           int64
		want             time.Time // zero: none
	}{
		{"microseconds", uint64(at.UnixMicro()), 1e6, 0, at},
		{"nanoseconds", uint64(at.UnixNano()), 1e9, 0, at},
		{"seconds", uint64(at.Unix()), 1, 0, at.Truncate(time.Second)},
		{"half seconds", uint64(at.Unix())*2 + 1, 2, 0, at},
		{"2 to the 32", uint64(at.Unix())<<32 | 1<<31, 1 << 32, 0, at},
		{"with an offset", uint64(at.UnixMicro()) - 3600*1e6, 1e6, 3600, at},
		{"10 to the 19, as far as that goes", math.MaxUint64, 1e19, 0, time.Unix(1, 844674407).UTC()},
		{"too far", math.MaxUint64, 1e6, 0, time.Time{}},
		{"an offset too far", 1, 1e6, math.MinInt64, time.Time{}},
		{"a resolution that can't be", 1, 0, 0, time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s span
			s.add(tt.ticks, tt.perSecond, tt.offset)
			first, last := s.times()
			if !first.Equal(tt.want) || !last.Equal(tt.want) {
				t.Errorf("got %v and %v, want %v", first.UTC(), last.UTC(), tt.want)
			}
		})
	}
}

func TestResolution(t *testing.T) {
	for v, want := range map[byte]uint64{0: 1, 6: 1e6, 9: 1e9, 19: 1e19, 20: 0, 127: 0, 0x80: 1, 0x80 + 20: 1 << 20,
		0x80 + 63: 1 << 63, 0x80 + 64: 0, 255: 0} {
		if got := resolution(v); got != want {
			t.Errorf("resolution(%#x) = %d, want %d", v, got, want)
		}
	}
}

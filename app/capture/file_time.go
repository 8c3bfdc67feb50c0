package capture

import (
	"math"
	"math/bits"
	"time"
)

// A span is the time from the earliest to the latest record that has a time, in nanoseconds since 1970.
type span struct {
	first, last int64
	any         bool
}

// add notes a record's time: ticks since 1970, of which there are perSecond in a second, and seconds to be added to that.
// A time beyond the year 2262, which only a broken file has, is left out.
func (s *span) add(ticks, perSecond uint64, offset int64) {
	if perSecond == 0 {
		return
	}
	seconds := ticks / perSecond
	hi, lo := bits.Mul64(ticks%perSecond, 1e9)
	nanoseconds, _ := bits.Div64(hi, lo, perSecond) // the remainder is below perSecond, so this can't overflow
	const most = math.MaxInt64/1_000_000_000 - 1
	if seconds > most || offset > most || offset < -most || int64(seconds)+offset > most {
		return
	}
	at := (int64(seconds)+offset)*1e9 + int64(nanoseconds)
	if !s.any {
		s.first, s.last, s.any = at, at, true
	}
	s.first, s.last = min(s.first, at), max(s.last, at)
}

func (s *span) times() (first, last time.Time) {
	if !s.any {
		return first, last
	}
	return time.Unix(0, s.first), time.Unix(0, s.last)
}

// Options of an interface description block (draft-ietf-opsawg-pcapng, section 4.2).
const (
	optionEnd        = 0
	optionResolution = 9  // of times: 10 to the power of minus it, or of 2 if its highest bit is set
	optionOffset     = 14 // seconds to be added to times
)

// clock reads what the options of an interface say of its times: ticks in a second, 0 if there can't be so many, and an offset.
func (f *File) clock(options []byte) (perSecond uint64, offset int64) {
	perSecond = 1e6
	for len(options) >= 4 {
		code, size := f.u16(options), int(f.u16(options[2:]))
		options = options[4:]
		padded := (size + 3) &^ 3
		if code == optionEnd || padded > len(options) {
			break
		}
		switch {
		case code == optionResolution && size == 1:
			perSecond = resolution(options[0])
		case code == optionOffset && size == 8:
			hi, lo := uint64(f.u32(options)), uint64(f.u32(options[4:]))
			if !f.big {
				hi, lo = lo, hi
			}
			offset = int64(hi<<32 | lo)
		}
		options = options[padded:]
	}
	return perSecond, offset
}

func resolution(v byte) uint64 {
	if v&0x80 != 0 {
		return 1 << (v & 0x7f) // 0 from 64 on
	}
	if v > 19 {
		return 0
	}
	n := uint64(1)
	for range v {
		n *= 10
	}
	return n
}

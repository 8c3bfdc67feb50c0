package capture

import (
	"math"
	"math/bits"
	"time"
)

// A span is the time from the earliest to the latest record, in nanoseconds since 1970.
type span struct {
	first, last int64
	valid       bool // at least one record had a time
}

// add adds the time of a record: ticks since 1970, with perSecond ticks in a second, plus offset seconds. It ignores times after
// the year 2262, which only broken files have.
func (s *span) add(ticks, perSecond uint64, offset int64) {
	if perSecond == 0 {
		return
	}
	seconds := ticks / perSecond
	hi, lo := bits.Mul64(ticks%perSecond, 1e9)
	nanoseconds, _ := bits.Div64(hi, lo, perSecond) // the remainder is below perSecond, so this can't overflow
	const maxSeconds = math.MaxInt64/1_000_000_000 - 1
	if seconds > maxSeconds || offset > maxSeconds || offset < -maxSeconds || int64(seconds)+offset > maxSeconds {
		return
	}
	at := (int64(seconds)+offset)*1e9 + int64(nanoseconds)
	if !s.valid {
		s.first, s.last, s.valid = at, at, true
	}
	s.first, s.last = min(s.first, at), max(s.last, at)
}

func (s *span) times() (first, last time.Time) {
	if !s.valid {
		return first, last
	}
	return time.Unix(0, s.first), time.Unix(0, s.last)
}

// Options of an interface description block (draft-ietf-opsawg-pcapng, section 4.2).
const (
	optionEnd        = 0
	optionResolution = 9  // of times: 10 to the power of minus this, or 2 if the highest bit is set
	optionOffset     = 14 // seconds to add to times
)

// clock reads the clock of an interface from its options: ticks per second, 0 if that does not fit, and an offset in seconds.
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
		return 1 << (v & 0x7f) // 0 if 64 or more
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

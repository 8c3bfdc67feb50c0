package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
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

// Info has the earliest and the latest time, for records in any order and a clock with its own resolution and offset.
func TestFile_Times(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		block := func(kind uint32, body []byte) []byte {
			b := order.AppendUint32(nil, kind)
			b = order.AppendUint32(b, uint32(len(body)+12))
			return order.AppendUint32(append(b, body...), uint32(len(body)+12))
		}
		section := order.AppendUint32(nil, byteOrderMagic)
		section = order.AppendUint16(section, 1)
		section = append(order.AppendUint16(section, 0), bytes.Repeat([]byte{255}, 8)...)
		options := order.AppendUint16(order.AppendUint16(nil, 2), 3) // if_name, to be passed over
		options = append(options, 'e', 't', 'h', 0)
		options = append(order.AppendUint16(order.AppendUint16(options, optionResolution), 1), 9, 0, 0, 0)
		options = order.AppendUint64(order.AppendUint16(order.AppendUint16(options, optionOffset), 8), 1000)
		options = append(options, 0, 0, 0, 0)
		file := append(block(sectionHeader, section), block(interfaceBlock,
			append(append(order.AppendUint16(nil, 1), 0, 0, 0, 0, 0, 0), options...))...)
		for _, seconds := range []uint64{7, 3, 5} {
			ticks := seconds*1e9 + 250
			body := order.AppendUint32(order.AppendUint32(order.AppendUint32(nil, 0), uint32(ticks>>32)), uint32(ticks))
			file = append(file, block(enhancedBlock, append(order.AppendUint32(order.AppendUint32(body, 4), 4), 1, 2, 3, 4))...)
		}
		f, err := NewFile(bytes.NewReader(file), "test")
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Next(make([]Frame, 10))
		}
		if !errors.Is(err, io.EOF) || f.Info().Status != "ok" {
			t.Fatalf("%v, %+v", err, f.Info())
		}
		if i := f.Info(); !i.First.Equal(time.Unix(1003, 250)) || !i.Last.Equal(time.Unix(1007, 250)) {
			t.Errorf("%v: from %v to %v, want 1003 s to 1007 s and 250 ns", order, i.First, i.Last)
		}
	}
}

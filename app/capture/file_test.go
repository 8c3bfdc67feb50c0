package capture_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"gonetmon/app/capture"

	"github.com/google/go-cmp/cmp"
)

// Each small file is read frame by frame.
func TestFile_ReadsAllFormats(t *testing.T) {
	type frame struct {
		Data string
		Wire int
		Link uint16
	}
	records := func(link uint16) []frame {
		return []frame{{"first", 5, link}, {"", 60, link}, {"third record", 12, link}, {"cut at its snap length", 1514, link}}
	}
	blocks := []frame{{"one", 60, 1}, {"second", 6, 101}, {"123456789", 1500, 1}, {"obsolete", 8, 101}, {"four", 4, 276},
		{"", 0, 276}}
	want := map[string][]frame{
		"us little": records(1), "us big": records(1), "ns little": records(113), "ns big": records(113),
		"modified little": records(101), "modified big": records(101), "pcapng little": blocks, "pcapng big": blocks,
		"pcapng both": append([]frame{{"a", 1, 1}}, blocks...),
	}
	for name, file := range smallFiles() {
		t.Run(name, func(t *testing.T) {
			f, err := capture.NewFile(bytes.NewReader(file.b), name)
			if err != nil {
				t.Fatal(err)
			}
			var got []frame
			batch := make([]capture.Frame, 3)
			for {
				n, err := f.Next(batch)
				if err != nil {
					break
				}
				for _, b := range batch[:n] {
					got = append(got, frame{string(b.Data), b.Wire, b.Link})
				}
			}
			if d := cmp.Diff(want[name], got); d != "" {
				t.Errorf("frames (-want +got):\n%s", d)
			}
			interfaces := 1 + 2*strings.Count(name, "ng ") + strings.Count(name, "both")
			if i := f.Info(); i.Status != "ok" || i.Damage != "" || i.Interfaces != interfaces {
				t.Errorf("info %+v, want %d interfaces", i, interfaces)
			}
		})
	}
}

// Each small file is cut at each byte: the frames before the cut are read, and more bytes never make it fewer of them.
func TestFile_ReadsUpToCut(t *testing.T) {
	for name, file := range smallFiles() {
		header := 24
		if strings.HasPrefix(name, "pcapng") {
			header = 4
		}
		var before reading
		whole, frames := 0, 0
		for n := range len(file.b) + 1 {
			got := readBytes(t, file.b[:n])
			switch {
			case n < header && got.Status != "bad", n >= header && got.Status != "cut" && got.Status != "ok",
				got.Packets < before.Packets, got.Packets > before.Packets && got.Status != "ok":
				t.Errorf("%s, %d of %d bytes: %+v after %+v", name, n, len(file.b), got, before)
			}
			if got.Status == "ok" {
				whole++
			}
			frames = got.Packets
			before = got
			if slow, _ := readCapture(t, iotest.OneByteReader(bytes.NewReader(file.b[:n])), 2); slow != got {
				t.Errorf("%s, %d bytes one by one: %+v, at once %+v", name, n, slow, got)
			}
		}
		if whole < frames+1 || before.Status != "ok" {
			t.Errorf("%s: %d of its beginnings are whole, with %d frames; all of it is %s", name, whole, frames, before.Status)
		}
	}
}

// Info has the earliest and the latest time, for records in any order and a clock with its own resolution and offset.
func TestFile_Times(t *testing.T) {
	for _, f := range []*fileBuilder{littleFile(), bigFile()} {
		options := f.body(func(g *fileBuilder) { g.u16(1, 0).u32(0).u16(2, 3) }, "eth\x00") // if_name, to be passed over
		options = append(options, f.body(func(g *fileBuilder) { g.u16(9, 1) }, "\x09\x00\x00\x00")...)
		offset := f.order.AppendUint64(f.body(func(g *fileBuilder) { g.u16(14, 8) }, ""), 1000)
		f.section(1, 0).block(1, append(append(options, offset...), 0, 0, 0, 0))
		for _, seconds := range []uint64{7, 3, 5} {
			ticks := seconds*1e9 + 250
			f.block(6, f.body(func(g *fileBuilder) { g.u32(0, uint32(ticks>>32), uint32(ticks), 4, 4) }, "data"))
		}
		file, err := capture.NewFile(bytes.NewReader(f.b), "test")
		for err == nil {
			_, err = file.Next(make([]capture.Frame, 10))
		}
		if i := file.Info(); i.Status != "ok" || !i.First.Equal(time.Unix(1003, 250)) || !i.Last.Equal(time.Unix(1007, 250)) {
			t.Errorf("%v: %+v, want 1003 s to 1007 s and 250 ns", f.order, i)
		}
	}
}

// changes returns values that a damaged byte may have.
func changes(b byte) []byte {
	return []byte{0, 1, 4, 0xff, b ^ 0x80, b + 1, b - 1, b + 4, b - 4}
}

func TestFile_ReportsDamage(t *testing.T) {
	pcap := func() *fileBuilder { return bigFile().pcap(0xa1b2c3d4, 1).record("first", 60) }
	ng := func() *fileBuilder { return littleFile().section(1, 0).iface(1, 0).enhanced(0, "first", 60) }
	for _, c := range []struct {
		name, status, damage string
		packets              int
		b                    []byte
	}{
		{"record header", "cut", "record 2 at byte 45 is cut short", 1, pcap().u32(1).b},
		{"record data", "cut", "record 2 at byte 45 is cut short", 1, pcap().u32(1, 2, 5, 5, 6).b},
		{"record too long", "corrupt", "record 2 at byte 45: captured length 262145 is above 262144", 1,
			pcap().u32(1, 2, 262145, 5, 6).b},
		{"block header", "cut", "block at byte 88 is cut short", 1, ng().u32(6, 32).b},
		{"block", "cut", "block at byte 88 is cut short", 1, ng().u32(6, 32, 0, 1, 1, 60, 60).b},
		{"block of a wrong interface, cut", "cut", "block at byte 88 is cut short", 1, ng().u32(6, 36, 1, 1, 1, 0, 0).b},
		{"length not of four", "corrupt", "block at byte 88: length 13 is not a multiple of four", 1, ng().u32(6, 13, 0).b},
		{"length below 12", "corrupt", "block at byte 88: length 8 is below 12", 1, ng().u32(6, 8, 8).b},
		{"length below its type's", "corrupt", "block at byte 88: length 28 is below 32", 1, ng().other(6, "sixteen bytes...").b},
		{"section below its minimum", "corrupt", "block at byte 88: length 24 is below 28", 1,
			ng().u32(0x0a0d0d0a, 24, 0x1a2b3c4d, 1, 0, 24).b},
		{"simple packet below its minimum", "corrupt", "block at byte 88: length 12 is below 16", 1, ng().other(3, "").b},
		{"length unlike its copy", "corrupt", "block at byte 88: length 16 is 20 at its end", 1, ng().u32(5, 16, 0, 20).b},
		{"interface", "corrupt", "block at byte 88: interface 1 was not described", 1, ng().enhanced(1, "x", 1).b},
		{"interface of the section before", "corrupt", "block at byte 116: interface 0 was not described", 1,
			ng().section(1, 0).simple("x", 1).b},
		{"stored above the block", "corrupt", "block at byte 88: captured length 5 in a block of 36 bytes", 1,
			ng().u32(6, 36, 0, 1, 1, 5, 5, 0, 36).b},
		{"stored above all", "corrupt", "block at byte 88: captured length 4294967295 is above 262144", 1,
			ng().u32(6, 32, 0, 1, 1, 0xffffffff, 5, 32).b},
		{"section version", "corrupt", "block at byte 88: unknown section version 1.1", 1, ng().section(1, 1).b},
		{"section order", "corrupt", "block at byte 88: section without a byte-order magic", 1, ng().u32(0x0a0d0d0a, 28, 7).b},
		{"first block", "corrupt", "block at byte 0: unknown section version 2.0", 0, littleFile().section(2, 0).b},
		{"only a magic", "cut", "block at byte 0 is cut short", 0, littleFile().u32(0x0a0d0d0a).b},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, damage := readCapture(t, bytes.NewReader(c.b), 8)
			if got.Status != c.status || damage != c.damage || got.Packets != c.packets {
				t.Errorf("got %s, %q, %d packets; want %s, %q, %d", got.Status, damage, got.Packets, c.status, c.damage, c.packets)
			}
		})
	}
}

// The frames of a batch stay valid when the buffer would have to be refilled, with readers of all kinds.
func TestFile_BatchStaysValid(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 262144/16)
	record := func(f *fileBuilder, i int) {
		size := []int{i % 1500, 64, 9000, len(large)}[i%4]
		f.record(large[i%13:][:size-min(size, i%13)], uint32(size))
	}
	block := func(f *fileBuilder, i int) {
		switch i % 4 {
		case 0:
			f.enhanced(0, large[i:], 1<<20)
		case 1:
			f.enhanced(0, fmt.Sprint("long block ", i), 60, make([]byte, 600_000)...)
		case 2:
			f.simple(fmt.Sprint("simple ", i), 60).other(0x80000bad, large+large+large)
		default:
			f.obsolete(0, 0, fmt.Sprint("obsolete ", i), 60)
		}
	}
	pcap, ng := littleFile().pcap(0xa1b2c3d4, 1), bigFile().section(1, 0).iface(1, 0)
	for i := range 24 {
		record(pcap, i)
		block(ng, i)
	}
	for name, file := range map[string]*fileBuilder{"pcap": pcap, "pcapng": ng} {
		want, _ := readCapture(t, bytes.NewReader(file.b), 1)
		if want.Status != "ok" || want.Packets != 24 {
			t.Fatalf("%s: one by one %+v", name, want)
		}
		for _, n := range []int{1, 3, 100} {
			for way, r := range map[string]io.Reader{
				"whole": bytes.NewReader(file.b), "pieces": &pieceReader{bytes.NewReader(file.b)},
				"halves": iotest.HalfReader(bytes.NewReader(file.b)), "end": iotest.DataErrReader(bytes.NewReader(file.b)),
				"gzip":     bytes.NewReader(gzipped(file.b[:999], nil, file.b[999:])),
				"buffered": bufio.NewReaderSize(bytes.NewReader(file.b), 3<<20),
			} {
				got, damage := readCapture(t, r, n)
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s, %s, batch of %d, %s (-want +got):\n%s", name, way, n, damage, d)
				}
			}
		}
	}
}

// A pieceReader returns at most 1,000 bytes at a time.
type pieceReader struct{ r io.Reader }

func (p *pieceReader) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), 1000)]) }

// Large lengths in a file do not allocate memory.
func TestFile_MemoryIsBounded(t *testing.T) {
	zeros := func(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }
	ng := func() *fileBuilder { return littleFile().section(1, 0).iface(1, 0) }
	for _, c := range []struct {
		name, status string
		r            io.Reader
	}{
		{"record", "corrupt", bytes.NewReader(littleFile().pcap(0xa1b2c3d4, 1).u32(1, 1, 1<<31, 1<<31).b)},
		{"block without end", "cut", bytes.NewReader(ng().u32(5, 0xfffffffc, 0).b)},
		{"long block", "corrupt", io.MultiReader(bytes.NewReader(ng().u32(5, 1<<28).b), zeros(1<<28))},
		{"long packet block, cut", "cut", io.MultiReader(bytes.NewReader(ng().u32(6, 1<<28).b), zeros(1<<28-9))},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, _ := readCapture(t, c.r, 1)
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
				t.Errorf("%d bytes allocated", n)
			}
			if got.Status != c.status || got.Packets != 0 {
				t.Errorf("got %+v, want status %s", got, c.status)
			}
		})
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

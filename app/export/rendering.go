package export

import (
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"gonetmon/app/device"
)

// A rendering is a whole page, deflated: a twentieth of what it is in plain. That is what readers hold, however slow they are; what is
// to be in plain is inflated for each of them.
type rendering struct {
	snapshot weak.Pointer[device.Snapshot] // that it is of, which may have gone
	blocks   atomic.Pointer[[][]byte]      // of the deflate stream; nil when it was taken from its readers
	size     int                           // of the blocks
	sum      sum                           // of what is deflated
	readers  int
}

// errTaken is what those get who have read too slowly.
var errTaken = errors.New("the page was taken away")

// block returns a block of the stream, which is empty behind the last one.
func (r *rendering) block(i int) ([]byte, error) {
	blocks := r.blocks.Load()
	switch {
	case blocks == nil:
		return nil, errTaken
	case i >= len(*blocks):
		return nil, nil
	}
	return (*blocks)[i], nil
}

// A gzip stream (RFC 1952) has a header before the deflate stream, and a trailer behind it.
const (
	header  = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff" // deflate, no flags, no time, the fastest way, of an unknown system
	trailer = 8                                          // bytes
)

func (r *rendering) zippedSize() int { return len(header) + r.size + trailer }

// writeZipped writes the rendering as a gzip stream of one member: browsers read no other.
func (r *rendering) writeZipped(w io.Writer) error {
	if _, err := io.WriteString(w, header); err != nil {
		return err
	}
	for i := 0; ; i++ {
		b, err := r.block(i)
		if err != nil {
			return err
		}
		if len(b) == 0 {
			break
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	end := binary.LittleEndian.AppendUint32(nil, r.sum.crc)
	_, err := w.Write(binary.LittleEndian.AppendUint32(end, uint32(r.sum.size)))
	return err
}

// A reader reads the blocks of a rendering.
type reader struct {
	*rendering
	next int
	rest []byte // of the block before the next
}

func (r *reader) Read(to []byte) (int, error) {
	if len(r.rest) == 0 {
		b, err := r.block(r.next)
		if err != nil {
			return 0, err
		}
		if len(b) == 0 {
			return 0, io.EOF
		}
		r.rest = b
		r.next++
	}
	n := copy(to, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

const (
	perPart = 2048    // devices
	perSpan = 1 << 15 // series, at least, unless there are no more
)

// A part of a page is a family of series for some devices, or all that is not about devices.
type part struct {
	family   int // number of the family; below 0: the rest
	from, to int // devices
}

// spansOf divides a page of so many devices into what can be rendered at the same time. A small one is one span.
func spansOf(devices int) [][]part {
	spans, series := [][]part{nil}, 0
	add := func(p part, n int) {
		if series >= perSpan {
			spans, series = append(spans, nil), 0
		}
		last := len(spans) - 1
		spans[last] = append(spans[last], p)
		series += n
	}
	for f := range deviceFamilies {
		for from := 0; from == 0 || from < devices; from += perPart {
			to := min(from+perPart, devices)
			add(part{f, from, to}, (to-from)*deviceFamilies[f].series)
		}
	}
	add(part{family: -1}, 0)
	return spans
}

// render makes the page of a snapshot, on all processors if it is large.
func (p *Page) render(s *device.Snapshot) *rendering {
	spans := spansOf(len(s.Devices))
	done := make([]struct {
		blocks [][]byte
		sum    sum
	}, len(spans))
	var next atomic.Int64
	work := func() {
		z := p.zippers.Get().(*zipper)
		for i := int(next.Add(1)) - 1; i < len(spans); i = int(next.Add(1)) - 1 {
			for _, part := range spans[i] {
				p.write(&z.text, s, part)
			}
			done[i].blocks, done[i].sum = z.end(i == len(spans)-1)
			runtime.Gosched() // who counts goes first
		}
		p.zippers.Put(z)
	}
	var helpers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(spans)) - 1 {
		helpers.Go(work)
	}
	work()
	helpers.Wait()

	r := &rendering{snapshot: weak.Make(s)}
	var all [][]byte
	for i := range done {
		for _, b := range done[i].blocks {
			r.size += len(b)
		}
		all = append(all, done[i].blocks...)
		r.sum = r.sum.with(done[i].sum)
	}
	r.blocks.Store(&all)
	return r
}

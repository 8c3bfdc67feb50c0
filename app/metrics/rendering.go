package metrics

import (
	"context"
	"encoding/binary"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"gonetmon/app/device"
)

// A rendering is a whole page, deflated: a twentieth of what it is in plain. That is what readers hold, however slow they are; what is
// to be in plain is inflated for each of them.
type rendering struct {
	time    time.Time // of the snapshot
	up      []bool    // which interfaces were heard
	blocks  [][]byte  // of the deflate stream
	size    int       // of the blocks
	sum     sum       // of what is deflated
	readers int
	taken   context.Context // ends when it is taken from its readers
	take    func()
}

// A gzip stream (RFC 1952) has a header before the deflate stream, and a trailer behind it.
const (
	header  = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff" // deflate, no flags, no time, the fastest way, of an unknown system
	trailer = 8                                          // bytes
)

func (r *rendering) zippedSize() int { return len(header) + r.size + trailer }

// writeZipped writes the rendering as a gzip stream of one member: browsers read no other. Errors of w are for w to remember.
func (r *rendering) writeZipped(w io.Writer) {
	trailer := binary.LittleEndian.AppendUint32(nil, r.sum.crc)
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(r.sum.size))
	_, err := io.WriteString(w, header)
	for i := 0; i < len(r.blocks) && err == nil; i++ {
		_, err = w.Write(r.blocks[i])
	}
	if err == nil {
		_, _ = w.Write(trailer)
	}
}

// A reader reads the blocks of a rendering.
type reader struct {
	blocks [][]byte
	rest   []byte // of the block before them
}

func (r *reader) Read(to []byte) (int, error) {
	if len(r.rest) == 0 {
		if len(r.blocks) == 0 {
			return 0, io.EOF
		}
		r.rest, r.blocks = r.blocks[0], r.blocks[1:]
	}
	n := copy(to, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// perPart is how many devices are rendered at a time.
const perPart = 4096

// A piece of a rendering is deflated by itself.
type piece struct {
	deflated []byte
	sum      sum
}

// render makes the page of a snapshot, on all processors if it is large.
func (p *Exposition) render(s *device.Snapshot) *rendering {
	// Each part of the devices is a piece of each family. Behind them all is the rest. A small page is one piece.
	parts := max(1, (len(s.Devices)+perPart-1)/perPart)
	pieces := make([]piece, parts*len(deviceFamilies)+1)
	var next atomic.Int64
	work := func() {
		z := p.zippers.Get().(*zipper)
		for i := int(next.Add(1)) - 1; i < parts; i = int(next.Add(1)) - 1 {
			devices := s.Devices[i*perPart : min((i+1)*perPart, len(s.Devices))]
			for f := range deviceFamilies {
				family := &deviceFamilies[f]
				if i == 0 {
					z.text.family(family.head())
				}
				z.text.name = family.name
				for d := range devices {
					family.write(&z.text, &devices[d])
				}
				if parts > 1 {
					pieces[f*parts+i] = z.end(false)
				}
			}
			if i == parts-1 {
				p.rest(&z.text, s)
				pieces[len(pieces)-1] = z.end(true)
			}
			runtime.Gosched() // who counts goes first
		}
		p.zippers.Put(z)
	}
	var helpers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), parts) - 1 {
		helpers.Go(work)
	}
	work()
	helpers.Wait()
	return newRendering(s.Time, pieces)
}

func newRendering(time time.Time, pieces []piece) *rendering {
	r := &rendering{time: time}
	r.taken, r.take = context.WithCancel(context.Background())
	for _, p := range pieces {
		if len(p.deflated) > 0 {
			r.blocks = append(r.blocks, p.deflated)
			r.size += len(p.deflated)
			r.sum = r.sum.with(p.sum)
		}
	}
	return r
}

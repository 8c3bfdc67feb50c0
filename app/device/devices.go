package device

import (
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/traffic"
)

// Devices are those of a snapshot, in the order in which they were packed. They take some 60 bytes for each instead of 250: a snapshot
// is made for every reader who asks for a page, of up to 131,072 devices. They do not change.
type Devices struct {
	names  []string
	housed int       // those that have an address
	words  []string  // sources and vendors
	epoch  time.Time // from which times count, 146 years in both directions at least
	chunks [][]byte  // perChunk devices each
}

const perChunk = 256

// Pack packs devices.
func Pack(all ...Device) Devices {
	p := newPacker(len(all))
	for i := range all {
		p.add(&all[i])
	}
	return p.pack()
}

// Len is how many there are.
func (d *Devices) Len() int { return len(d.names) }

// Housed is how many have an address.
func (d *Devices) Housed() int { return d.housed }

// All yields all devices. Each is valid until the next.
func (d *Devices) All() iter.Seq[*Device] { return d.Range(0, d.Len()) }

// Range yields those from one up to another, both of which are numbers from 0 on. Each is valid until the next.
func (d *Devices) Range(from, to int) iter.Seq[*Device] {
	return func(yield func(*Device) bool) {
		var one Device
		for chunk := from / perChunk; chunk*perChunk < to; chunk++ {
			rest := d.chunks[chunk]
			for i := chunk * perChunk; i < min(to, (chunk+1)*perChunk); i++ {
				rest = d.unpack(&one, rest)
				one.Name = d.names[i]
				if i >= from && !yield(&one) {
					return
				}
			}
		}
	}
}

// Unpack returns all of them, each for itself.
func (d *Devices) Unpack() []Device {
	all := make([]Device, 0, d.Len())
	for one := range d.All() {
		one := *one
		one.Hosts = slices.Clone(one.Hosts)
		all = append(all, one)
	}
	return all
}

// A packer packs devices one by one.
type packer struct {
	Devices
	word  map[string]uint64 // numbers of words
	chunk []byte            // that is not full yet
}

func newPacker(devices int) *packer {
	return &packer{Devices: Devices{names: make([]string, 0, devices)}, word: map[string]uint64{}}
}

// pack ends the packing.
func (p *packer) pack() Devices {
	p.end()
	return p.Devices
}

func (p *packer) add(d *Device) {
	if len(d.Hosts) > 0 {
		p.housed++
	}
	p.names = append(p.names, d.Name)
	p.text(d.Source)
	p.text(d.Vendor)
	p.chunk = append(p.chunk, d.MAC[:]...)
	p.number(uint64(len(d.Hosts)))
	for _, h := range d.Hosts {
		p.number(uint64(h.BitLen() / 8))
		p.chunk = append(p.chunk, h.AsSlice()...)
	}
	for _, c := range d.Totals.Out {
		p.number(c.Bytes)
		p.number(c.Packets)
	}
	for _, c := range d.Totals.In {
		p.number(c.Bytes)
		p.number(c.Packets)
	}
	p.time(d.First)
	p.time(d.Last)
	p.number(uint64(d.Idle))
	p.rate(d.InRate)
	p.rate(d.OutRate)
	if len(p.names)%perChunk == 0 {
		p.end()
	}
}

// end ends a chunk.
func (p *packer) end() {
	if len(p.chunk) > 0 {
		p.chunks = append(p.chunks, slices.Clone(p.chunk))
		p.chunk = p.chunk[:0]
	}
}

func (p *packer) number(n uint64) { p.chunk = binary.AppendUvarint(p.chunk, n) }

func (p *packer) text(text string) {
	n, ok := p.word[text]
	if !ok {
		n = uint64(len(p.words))
		p.words = append(p.words, text)
		p.word[text] = n
	}
	p.number(n)
}

// time adds a time, as how long after the first that is known it was: 0 is none, and what follows are turns on either side.
func (p *packer) time(t time.Time) {
	if t.IsZero() {
		p.number(0)
		return
	}
	if p.epoch.IsZero() {
		p.epoch = t
	}
	after := int64(t.Sub(p.epoch))
	p.number(uint64(after<<1^after>>63) + 1)
}

// rate adds a number the last bits of which are mostly 0: turned round, it is small.
func (p *packer) rate(r float64) { p.number(bits.ReverseBytes64(math.Float64bits(r))) }

// unpack takes a device from the beginning of a chunk and returns the rest of this.
func (d *Devices) unpack(to *Device, chunk []byte) []byte {
	number := func() uint64 {
		n, size := binary.Uvarint(chunk)
		chunk = chunk[size:]
		return n
	}
	moment := func() time.Time {
		n := number()
		if n == 0 {
			return time.Time{}
		}
		n--
		return d.epoch.Add(time.Duration(n>>1) ^ -time.Duration(n&1))
	}
	to.Source, to.Vendor = d.words[number()], d.words[number()]
	chunk = chunk[copy(to.MAC[:], chunk):]
	to.Hosts = to.Hosts[:0]
	for range number() {
		size := number()
		addr, _ := netip.AddrFromSlice(chunk[:size])
		chunk = chunk[size:]
		to.Hosts = append(to.Hosts, addr)
	}
	for s := range to.Totals.Out {
		to.Totals.Out[s] = traffic.Count{Bytes: number(), Packets: number()}
	}
	for s := range to.Totals.In {
		to.Totals.In[s] = traffic.Count{Bytes: number(), Packets: number()}
	}
	to.First, to.Last = moment(), moment()
	to.Idle = time.Duration(number())
	to.InRate = math.Float64frombits(bits.ReverseBytes64(number()))
	to.OutRate = math.Float64frombits(bits.ReverseBytes64(number()))
	return chunk
}

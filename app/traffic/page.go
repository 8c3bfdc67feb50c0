package traffic

import (
	"maps"
	"slices"
)

// A page is what was counted since the last Drain.
type page struct {
	hosts   []entry        // by slot
	dirty   []uint32       // the slots whose entries have counted
	moved   uint64         // at least as much as any number in the entries
	wide    map[int]*Delta // by slot: what was counted before the entries were full; nil: they never were
	network Network
}

// An entry is what one host has moved: a cache line, with the address to compare beside the counters, of which two are in a number.
type entry struct {
	addr Addr      // zero until first looked up in this page
	out  [3]uint64 // pairs of bytes and packets
	in   [2]uint64 // likewise
	wire uint64    // pair of bytes sent and received; 0 if nothing was counted, as what is on the wire has a length
}

// mostMoved is how much the entries may hold, together, so that none of their numbers runs over into the other of its pair.
const mostMoved = 1<<31 - 1

// pair makes one number of two that add up independently.
func pair(high, low uint64) uint64 { return high<<32 | low }

func unpair(n uint64) (high, low uint64) { return n >> 32, n & (1<<32 - 1) }

func (p *page) grow(n int) {
	p.hosts = append(make([]entry, 0, n), p.hosts...)[:n]
}

// countWide counts what would be too much for the entries, and makes room in them.
func (p *page) countWide(f Family, s, d int, bytes, wire, packets uint64) {
	for _, slot := range p.dirty {
		p.hosts[slot].take(p.widen(int(slot)))
	}
	p.dirty, p.moved = p.dirty[:0], 0
	n, scope := Count{bytes, packets}, scopeOf(s, d)
	if s >= 0 {
		g := p.widen(s)
		g.Out[scope].add(n)
		g.OutWire += wire
	}
	if d >= 0 {
		g := p.widen(d)
		g.In[scope].add(n)
		g.InWire += wire
	}
	p.network[f][scope].add(n)
}

func (p *page) widen(slot int) *Delta {
	if p.wide == nil {
		p.wide = map[int]*Delta{}
	}
	g := p.wide[slot]
	if g == nil {
		g = &Delta{}
		p.wide[slot] = g
	}
	return g
}

// take adds what an entry has to a gain, and leaves nothing in it but the address.
func (e *entry) take(g *Delta) {
	for s, n := range e.out {
		bytes, packets := unpair(n)
		g.Out[s].add(Count{bytes, packets})
	}
	for s, n := range e.in {
		bytes, packets := unpair(n)
		g.In[s].add(Count{bytes, packets})
	}
	out, in := unpair(e.wire)
	g.OutWire += out
	g.InWire += in
	*e = entry{addr: e.addr}
}

// has says whether a host has counted anything.
func (p *page) has(slot int) bool {
	return slot < len(p.hosts) && p.hosts[slot].wire != 0 || p.wide[slot] != nil
}

// take calls gained for each host that has counted something, and leaves nothing of it.
func (p *page) take(gained func(slot int, gain *Delta)) {
	var gain Delta
	for _, slot := range p.dirty {
		gain = Delta{}
		p.hosts[slot].take(&gain)
		if w := p.wide[int(slot)]; w != nil {
			gain.Add(w)
			delete(p.wide, int(slot))
		}
		gained(int(slot), &gain)
	}
	p.dirty, p.moved = p.dirty[:0], 0
	if p.wide != nil {
		for _, slot := range slices.Sorted(maps.Keys(p.wide)) {
			gained(slot, p.wide[slot])
		}
		p.wide = nil
	}
}

package traffic

import (
	"maps"
	"slices"

	"gonetmon/app/mac"
)

// counters hold what was counted since the last Drain.
type counters struct {
	entries  []entry        // by slot
	rare     []rare         // by slot: what does not change with most packets
	dirty    []uint32       // slots whose entries are not zero
	bound    uint64         // at least as much as any number in the entries
	spilled  map[int]*Delta // by slot: counts moved here before the entries could overflow; nil if that never happened
	network  Network
	transits transits
}

// An entry counts one host. It is a cache line, with the address to compare beside the counters, of which two share a number.
type entry struct {
	addr   Addr      // zero until first looked up in these counters
	out    [2]uint64 // pairs of bytes and packets: ScopeInternet, ScopeLAN
	in     [2]uint64 // likewise
	wire   uint64    // pair of bytes sent and received on the wire; 0 if nothing was counted
	sender uint64    // source MAC of the latest frame sent, if it has one; 0 is none
}

// A rare is the rest of an entry, which does not fit into the cache line.
type rare struct {
	multicast uint64 // pair of bytes and packets sent
	previous  uint64 // the MAC before sender; 0 is none
}

// maxBound is the sum up to which no half of a pair in the entries can overflow into the other.
const maxBound = 1<<31 - 1

// pair combines two numbers into one, in which they can be added to independently.
func pair(high, low uint64) uint64 { return high<<32 | low }

func unpair(n uint64) (high, low uint64) { return n >> 32, n & (1<<32 - 1) }

func (c *counters) grow(n int) {
	c.entries = append(make([]entry, 0, n), c.entries...)[:n]
	c.rare = append(make([]rare, 0, n), c.rare...)[:n]
}

// spill moves all entries to spilled, and counts there what the entries could not hold.
func (c *counters) spill(f Family, s, d int, bytes, wire, packets uint64) {
	for _, slot := range c.dirty {
		c.moveTo(c.spilledDelta(int(slot)), int(slot))
	}
	c.dirty, c.bound = c.dirty[:0], 0
	n, scope := Count{bytes, packets}, scopeOf(s, d)
	if s >= 0 {
		delta := c.spilledDelta(s)
		delta.Out[scope].add(n)
		delta.OutWire += wire
	}
	if d >= 0 {
		delta := c.spilledDelta(d)
		delta.In[scope].add(n)
		delta.InWire += wire
	}
	c.network[f][scope].add(n)
}

// spilledDelta returns the spilled counts of a slot.
func (c *counters) spilledDelta(slot int) *Delta {
	if c.spilled == nil {
		c.spilled = map[int]*Delta{}
	}
	d := c.spilled[slot]
	if d == nil {
		d = &Delta{}
		c.spilled[slot] = d
	}
	return d
}

// moveTo adds the counts of a slot's entry to d and resets them.
func (c *counters) moveTo(d *Delta, slot int) {
	e, rare := &c.entries[slot], &c.rare[slot]
	for s, n := range [...]uint64{e.out[ScopeInternet], e.out[ScopeLAN], rare.multicast} {
		bytes, packets := unpair(n)
		d.Out[s].add(Count{bytes, packets})
	}
	for s, n := range e.in {
		bytes, packets := unpair(n)
		d.In[s].add(Count{bytes, packets})
	}
	out, in := unpair(e.wire)
	d.OutWire += out
	d.InWire += in
	*e, rare.multicast = entry{addr: e.addr, sender: e.sender}, 0
}

// noteSender notes that a slot has sent from another MAC than before.
func (c *counters) noteSender(slot int, mac uint64) {
	if isStation(mac) {
		c.rare[slot].previous = c.entries[slot].sender
		c.entries[slot].sender = mac
	}
}

// takeSenders returns the MACs from which a slot has sent, and resets them.
func (c *counters) takeSenders(slot int) [2]mac.Addr {
	latest, previous := &c.entries[slot].sender, &c.rare[slot].previous
	senders := [2]mac.Addr{macFrom(*latest), macFrom(*previous)}
	*latest, *previous = 0, 0
	return senders
}

// counted reports whether anything was counted for a slot.
func (c *counters) counted(slot int) bool {
	return slot < len(c.entries) && c.entries[slot].wire != 0 || c.spilled[slot] != nil
}

// drain calls fn for each slot that has counted something, and resets its counts.
func (c *counters) drain(fn func(slot int, delta *Delta)) {
	var delta Delta
	for _, slot := range c.dirty {
		delta = Delta{}
		c.moveTo(&delta, int(slot))
		if d := c.spilled[int(slot)]; d != nil {
			delta.Add(d)
			delete(c.spilled, int(slot))
		}
		delta.Senders = c.takeSenders(int(slot))
		fn(int(slot), &delta)
	}
	c.dirty, c.bound = c.dirty[:0], 0
	if c.spilled != nil {
		for _, slot := range slices.Sorted(maps.Keys(c.spilled)) {
			c.spilled[slot].Senders = c.takeSenders(slot)
			fn(slot, c.spilled[slot])
		}
		c.spilled = nil
	}
}

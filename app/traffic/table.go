package traffic

import (
	"net/netip"
	"sync"
)

// A Table counts the packets of one source per host of the LAN. One goroutine counts. One other at a time may call Drain, Admit
// and Forget.
//
// There is no lock per packet. The counting goroutine holds the table from Begin to End, which is a batch of packets, and adds
// to the active counters. Drain swaps them for empty ones, which is one pointer, and then reads them without holding up the
// counting. So what it reads is consistent.
//
// A host is admitted when it first sends or receives, up to the limit. It gets a slot and keeps it until it is forgotten. The
// traffic of hosts over the limit is counted together in slot 0.
//
// IPv6 addresses cost nothing to forge, and a /64 never runs out. So IPv6 hosts get three quarters of the table at most, half of
// it if they are not known neighbors (see Admit), and an eighth if they have not even sent.
type Table struct {
	limit int

	mu       sync.Mutex // guards all below; held by the counting goroutine for a batch, by others for a moment
	prefixes *Prefixes
	flat     []uint32           // by location: the slot of each address of the flat prefixes; 0: not admitted
	base     uint32             // of the first flat prefix, whose locations begin at 0
	hostMask uint32             // of the first flat prefix
	others   uint32             // IPv4 addresses below this are outside if they are not in the first flat prefix
	index    [NumFamilies]index // slots of the hosts that are not in flat
	hosts    []host             // by slot; slot 0 is not a host
	free     []uint32           // slots of forgotten hosts, to be used again
	counts   [numClasses]int    // slots by class
	active   *counters

	draining sync.Mutex // guards spare: one Drain at a time
	spare    *counters  // empty
}

type host struct {
	addr   Addr
	family Family
	class  class
}

// A class decides how much of the table is available to a host.
type class uint8

const (
	vacant   class = iota // the slot is free
	ipv4                  // an IPv4 host
	receiver              // an IPv6 host that has not sent yet
	sender                // an IPv6 host that has sent
	neighbor              // an IPv6 host that was passed to Admit
	numClasses
)

const minEntries = 256 // initial size of counters

// NewTable returns a table of at most limit hosts in the prefixes.
func NewTable(prefixes *Prefixes, limit int) *Table {
	t := &Table{limit: limit, hosts: make([]host, 1), active: &counters{}, spare: &counters{}}
	t.active.grow(minEntries)
	t.SetPrefixes(prefixes)
	return t
}

// SetPrefixes changes which addresses are ours. What was counted before is kept.
func (t *Table) SetPrefixes(prefixes *Prefixes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rebuild(prefixes)
}

// rebuild rebuilds everything that finds the slot of an address.
func (t *Table) rebuild(prefixes *Prefixes) {
	t.prefixes = prefixes
	t.flat = make([]uint32, max(prefixes.locations, 1))
	t.base, t.hostMask, t.others = groups, 0, 0 // no host has that address
	if len(prefixes.flat) > 0 {
		t.base, t.hostMask = prefixes.flat[0].base, prefixes.flat[0].hostMask
	}
	if len(prefixes.v4) == len(prefixes.flat) && len(prefixes.v4) <= 1 {
		t.others = groups
	}
	t.index = [NumFamilies]index{newIndex(t.limit), newIndex(t.limit)}
	for i, h := range t.hosts[1:] {
		if h.class == vacant {
			continue
		}
		location := local
		if h.family == IPv4 {
			location = prefixes.locate4(uint32(h.addr.Lo))
		}
		t.setSlot(h.family, h.addr, location, uint32(i+1))
	}
}

// setSlot stores the slot of a host whose address is at location.
func (t *Table) setSlot(f Family, a Addr, location int, slot uint32) {
	if location >= 0 {
		t.flat[location] = slot
		return
	}
	t.index[f].insert(a, slot, func(s uint32) Addr { return t.hosts[s].addr })
}

// Begin locks the table for a batch of Count. End must follow soon.
func (t *Table) Begin() { t.mu.Lock() }

// End unlocks the table.
func (t *Table) End() { t.mu.Unlock() }

// Count counts packets from src to dst with the total length bytes, IP headers included, in frames of wire bytes. from is the
// source MAC of the frames, in the low 48 bits, or 0. Count must be called between Begin and End, with wire above 0. It allocates
// only to admit a host, or if more than 2 GiB were counted since the last Drain.
func (t *Table) Count(f Family, src, dst Addr, bytes, wire, packets, from uint64) {
	var s, d int
	if f == IPv4 {
		if s = t.fastLookup(uint32(src.Lo)); s == 0 {
			s = t.find4(src)
		}
		if d = t.fastLookup(uint32(dst.Lo)); d == 0 {
			d = t.find4(dst)
		}
	} else {
		s, d = t.find6(src, sender), t.find6(dst, receiver)
	}
	c := t.active
	if s >= 0 {
		if c.entries[s].sender != from {
			c.noteSender(s, from)
		}
	} else if s == outside && d != outside && isForwarded(f, src) {
		if n := &c.transits[0]; n.mac == from {
			n.packets += packets
		} else {
			c.transits.count(from, packets)
		}
	}
	if c.bound += bytes | wire | packets; c.bound > maxBound {
		c.spill(f, s, d, bytes, wire, packets)
		return
	}
	scope := scopeOf(s, d)
	if s >= 0 {
		e := &c.entries[s]
		if e.wire == 0 {
			c.dirty = append(c.dirty, uint32(s))
		}
		e.wire += pair(wire, 0)
		if scope == ScopeMulticast {
			c.rare[s].multicast += pair(bytes, packets)
		} else {
			e.out[scope&1] += pair(bytes, packets)
		}
	}
	if d >= 0 {
		e := &c.entries[d]
		if e.wire == 0 {
			c.dirty = append(c.dirty, uint32(d))
		}
		e.wire += pair(0, wire)
		e.in[scope&1] += pair(bytes, packets)
	}
	n := &c.network[f&1][scope]
	n.Bytes += bytes
	n.Packets += packets
}

// scopeOf returns the scope of a packet from slot s to slot d. Either may be outside or group instead of a slot.
func scopeOf(s, d int) Scope {
	switch {
	case s >= 0 && d >= 0:
		return ScopeLAN
	case s >= 0 && d == group:
		return ScopeMulticast
	case s >= 0 || d >= 0:
		return ScopeInternet
	}
	return ScopeOther
}

// fastLookup returns the slot of an IPv4 host of the first flat prefix, outside for an address below the groups if there is no
// other IPv4 prefix, and 0 if find4 has to decide. It is small enough to be inlined. In a home it handles nearly all packets.
func (t *Table) fastLookup(v uint32) int {
	if bits := v ^ t.base; bits <= t.hostMask {
		return int(t.flat[bits])
	}
	if v < t.others {
		return outside
	}
	return 0
}

// find4 returns the slot of an IPv4 host, or outside or group.
func (t *Table) find4(a Addr) int {
	switch location := t.prefixes.locate4(uint32(a.Lo)); {
	case location == local:
		return t.find(IPv4, a, ipv4)
	case location < 0:
		return location
	case t.flat[location] != 0:
		return int(t.flat[location])
	default:
		return t.admit(IPv4, a, location, ipv4)
	}
}

// find6 returns the slot of an IPv6 host, or outside or group. A new host gets class c.
func (t *Table) find6(a Addr, c class) int {
	if location := t.prefixes.locate6(a); location != local {
		return location
	}
	return t.find(IPv6, a, c)
}

// find returns the slot of a host that is not in flat. A new host gets class c.
func (t *Table) find(f Family, a Addr, c class) int {
	x, entries := &t.index[f], t.active.entries
	mask := uint32(len(x.cells) - 1)
	slots := uint32(1)<<x.slotBits - 1
	i, tag := x.start(a)
	for {
		cell := x.cells[i&mask]
		if cell == 0 {
			return t.admit(f, a, local, c)
		}
		if cell&^slots == tag {
			slot := cell&slots - 1
			e := &entries[slot]
			if e.addr == a {
				return int(slot)
			}
			if e.addr == (Addr{}) && t.hosts[slot].addr == a {
				e.addr = a
				return int(slot)
			}
		}
		i++
	}
}

// admit gives a host a slot, or slot 0 if there is no room for it.
func (t *Table) admit(f Family, a Addr, location int, c class) int {
	if !t.hasRoom(c) {
		return 0
	}
	slot := uint32(len(t.hosts))
	if n := len(t.free); n > 0 {
		slot = t.free[n-1]
		t.free = t.free[:n-1]
	} else {
		if len(t.hosts) == cap(t.hosts) {
			t.hosts = append(make([]host, 0, min(max(2*len(t.hosts), minEntries), t.limit+1)), t.hosts...)
		}
		t.hosts = t.hosts[:slot+1]
	}
	t.hosts[slot] = host{a, f, c}
	t.counts[c]++
	t.setSlot(f, a, location, slot)
	if int(slot) >= len(t.active.entries) {
		t.active.grow(min(2*len(t.active.entries), t.limit+1))
	}
	t.active.entries[slot].addr = a
	return int(slot)
}

// hasRoom reports whether a new host of class c may have a slot.
func (t *Table) hasRoom(c class) bool {
	unknown := t.counts[receiver] + t.counts[sender]
	v6 := unknown + t.counts[neighbor]
	if t.counts[ipv4]+v6 >= t.limit {
		return false
	}
	switch c {
	case receiver:
		return t.counts[receiver] < max(t.limit/8, 1) && unknown < max(t.limit/2, 1)
	case sender:
		return unknown < max(t.limit/2, 1) && v6 < max(t.limit-t.limit/4, 1)
	case neighbor:
		return v6 < max(t.limit-t.limit/4, 1)
	}
	return true
}

// Admit marks an IPv6 address as a known neighbor, and gives it a slot if it has none and there is room. It returns the slot
// that Drain will report. ok is false if there is no room, or if addr is not an IPv6 host of the LAN.
func (t *Table) Admit(addr netip.Addr) (slot int, ok bool) {
	if !addr.Is6() || addr.Is4In6() {
		return 0, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	slot = t.find6(addrFrom(addr), neighbor)
	if slot <= 0 {
		return 0, false
	}
	t.setClass(slot, neighbor)
	return slot, true
}

func (t *Table) setClass(slot int, c class) {
	h := &t.hosts[slot]
	t.counts[h.class]--
	h.class = c
	t.counts[c]++
}

// Forget frees the slots of hosts for others. It returns the slots that it must keep because they have counted something since
// the last Drain. It must not be called from Drain's fn.
func (t *Table) Forget(slots []int) (kept []int) {
	t.draining.Lock()
	defer t.draining.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, slot := range slots {
		if t.active.counted(slot) {
			kept = append(kept, slot)
			continue
		}
		t.setClass(slot, vacant)
		t.counts[vacant] = 0
		t.free = append(t.free, uint32(slot))
		for _, c := range []*counters{t.active, t.spare} {
			if slot < len(c.entries) {
				c.entries[slot].addr = Addr{}
			}
		}
	}
	t.rebuild(t.prefixes)
	return kept
}

// Drain calls fn for each host that sent or received since the last Drain, with its slot, which is between 1 and the limit, and
// what it moved. Slot 0 and the zero netip.Addr stand for the hosts over the limit. delta is valid until fn returns. Drain
// returns what the network as a whole moved in the same batches of packets, and which MACs sent packets from outside, those with
// the most packets first, at most 16.
func (t *Table) Drain(fn func(slot int, host netip.Addr, delta *Delta)) (Network, []Transit) {
	t.draining.Lock()
	defer t.draining.Unlock()
	t.mu.Lock()
	for len(t.spare.entries) < len(t.active.entries) {
		n := len(t.active.entries)
		t.mu.Unlock() // so that the counting does not wait
		t.spare.grow(n)
		t.mu.Lock()
	}
	drained, hosts := t.active, t.hosts
	t.active = t.spare
	t.mu.Unlock()

	var senders []int // that were receivers
	drained.drain(func(slot int, delta *Delta) {
		var addr netip.Addr
		if slot != 0 {
			h := &hosts[slot]
			addr = h.addr.netip(h.family)
			if h.class == receiver && delta.Sent().Packets > 0 {
				senders = append(senders, slot)
			}
		}
		fn(slot, addr, delta)
	})
	if len(senders) > 0 {
		t.mu.Lock()
		for _, slot := range senders {
			if t.hosts[slot].class == receiver {
				t.setClass(slot, sender)
			}
		}
		t.mu.Unlock()
	}
	network, transits := drained.network, drained.transits.take()
	drained.network = Network{}
	t.spare = drained
	return network, transits
}

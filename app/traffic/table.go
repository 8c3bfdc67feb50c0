package traffic

import (
	"net/netip"
	"sync"
)

// A Table counts what one source of packets says of the hosts of a LAN. One goroutine counts; one other at a time may Drain, Admit and
// Forget.
//
// There is no lock per packet: the counting goroutine holds the table from Begin to End, which is a batch of packets, and
// counts into a page that is its own. Drain takes the page away and leaves an empty one, which is a pointer written;
// it then reads at leisure what each host has gained. So what is read is consistent, and reading costs the counting nothing.
//
// A host is admitted when it first sends or receives, up to the limit, and gets a slot, which it keeps until it is forgotten.
// What the hosts beyond the limit move is counted together in slot 0.
//
// IPv6 addresses cost nothing to forge, and a /64 never ends. So they never get all of the table: three quarters at most, half of it
// if nobody vouches for them (Admit), and an eighth if they have not even sent.
type Table struct {
	limit int

	mu     sync.Mutex // guards all below; held by the counting goroutine for a batch, by others for a moment
	lan    *Prefixes
	flat   []uint32           // by place: slot of each address of the flat prefixes; 0: not admitted
	base   uint32             // of the first flat prefix, whose places begin at 0
	host   uint32             // its host bits
	others uint32             // IPv4 addresses below this are in no other prefix, nor groups
	index  [NumFamilies]index // slots of the hosts that are not in flat
	hosts  []known            // by slot; slot 0 is of no host
	vacant []uint32           // slots of forgotten hosts, to be given anew
	held   [numStandings]int  // slots by standing
	page   *page

	draining sync.Mutex // guards empty: one Drain at a time
	empty    *page
}

type known struct {
	addr     Addr
	family   Family
	standing standing
}

// A standing is why a host has its slot.
type standing uint8

const (
	nobody   standing = iota // the slot is vacant
	four                     // an IPv4 host
	guest                    // an IPv6 host that has not sent yet
	sender                   // an IPv6 host that has sent
	admitted                 // an IPv6 host that Admit vouched for
	numStandings
)

const minPage = 256 // entries that a page begins with

// NewTable returns a table of at most limit hosts of the LAN.
func NewTable(lan *Prefixes, limit int) *Table {
	t := &Table{limit: limit, hosts: make([]known, 1), page: &page{}, empty: &page{}}
	t.page.grow(minPage)
	t.SetPrefixes(lan)
	return t
}

// SetPrefixes changes which addresses are ours. What was counted stays counted.
func (t *Table) SetPrefixes(lan *Prefixes) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.arrange(lan)
}

// arrange makes anew what finds the slot of an address.
func (t *Table) arrange(lan *Prefixes) {
	t.lan = lan
	t.flat = make([]uint32, max(lan.places, 1))
	t.base, t.host, t.others = groups, 0, 0 // no host has that address
	if len(lan.flats) > 0 {
		t.base, t.host = lan.flats[0].base, lan.flats[0].host
	}
	if len(lan.four) == len(lan.flats) && len(lan.four) <= 1 {
		t.others = groups
	}
	t.index = [NumFamilies]index{newIndex(t.limit), newIndex(t.limit)}
	for i, h := range t.hosts[1:] {
		if h.standing == nobody {
			continue
		}
		where := host
		if h.family == IPv4 {
			where = lan.locate4(uint32(h.addr.Lo))
		}
		t.place(h.family, h.addr, where, uint32(i+1))
	}
}

// place notes the slot of a host; where is what the LAN says of it.
func (t *Table) place(f Family, a Addr, where int, slot uint32) {
	if where >= 0 {
		t.flat[where] = slot
		return
	}
	t.index[f].insert(a, slot, func(s uint32) Addr { return t.hosts[s].addr })
}

// Begin takes the table for a batch of Count. End must follow soon.
func (t *Table) Begin() { t.mu.Lock() }

// End gives the table back.
func (t *Table) End() { t.mu.Unlock() }

// Count counts packets from src to dst that are bytes long together, IP headers included, in frames of wire bytes. It must be
// called between Begin and End, with a wire above 0, and allocates only to admit a host, or when 2 GiB have been moved since the last Drain.
func (t *Table) Count(f Family, src, dst Addr, bytes, wire, packets uint64) {
	var s, d int
	if f == IPv4 {
		if s = t.near(uint32(src.Lo)); s == 0 {
			s = t.find4(src)
		}
		if d = t.near(uint32(dst.Lo)); d == 0 {
			d = t.find4(dst)
		}
	} else {
		s, d = t.find6(src, sender), t.find6(dst, guest)
	}
	p := t.page
	if p.moved += bytes | wire | packets; p.moved > mostMoved {
		p.countWide(f, s, d, bytes, wire, packets)
		return
	}
	scope := scopeOf(s, d)
	if s >= 0 {
		e := &p.hosts[s]
		if e.wire == 0 {
			p.dirty = append(p.dirty, uint32(s))
		}
		e.wire += pair(wire, 0)
		e.out[scope] += pair(bytes, packets)
	}
	if d >= 0 {
		e := &p.hosts[d]
		if e.wire == 0 {
			p.dirty = append(p.dirty, uint32(d))
		}
		e.wire += pair(0, wire)
		e.in[scope&1] += pair(bytes, packets)
	}
	n := &p.network[f&1][scope]
	n.Bytes += bytes
	n.Packets += packets
}

// scopeOf is where a packet goes from one slot to another, either of which may be what the LAN says instead.
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

// near is the slot of an IPv4 host of the first flat prefix, far for an address below the groups if there is no other IPv4 prefix,
// and 0 if find4 has to be asked. It is small enough to be inlined: nearly all packets of a home need no more.
func (t *Table) near(v uint32) int {
	if bits := v ^ t.base; bits <= t.host {
		return int(t.flat[bits])
	}
	if v < t.others {
		return far
	}
	return 0
}

// find4 is the slot of an IPv4 host; below 0 it is no host, and the number is what the LAN says of it.
func (t *Table) find4(a Addr) int {
	switch where := t.lan.locate4(uint32(a.Lo)); {
	case where == host:
		return t.find(IPv4, a, four)
	case where < 0:
		return where
	case t.flat[where] != 0:
		return int(t.flat[where])
	default:
		return t.admit(IPv4, a, where, four)
	}
}

// find6 is the same for IPv6, for a host that will have this standing if it is new.
func (t *Table) find6(a Addr, as standing) int {
	if where := t.lan.locate6(a); where != host {
		return where
	}
	return t.find(IPv6, a, as)
}

// find is the slot of a host that is not in the flat part.
func (t *Table) find(f Family, a Addr, as standing) int {
	x, p := &t.index[f], t.page
	mask := uint32(len(x.cells) - 1)
	slots := uint32(1)<<x.slotBits - 1
	i, tag := x.start(a)
	for {
		c := x.cells[i&mask]
		if c == 0 {
			return t.admit(f, a, host, as)
		}
		if c&^slots == tag {
			slot := c&slots - 1
			e := &p.hosts[slot]
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

// admit gives a host a slot, or that of the overflow when there is no room for it.
func (t *Table) admit(f Family, a Addr, where int, as standing) int {
	if !t.room(as) {
		return 0
	}
	slot := uint32(len(t.hosts))
	if n := len(t.vacant); n > 0 {
		slot = t.vacant[n-1]
		t.vacant = t.vacant[:n-1]
	} else {
		if len(t.hosts) == cap(t.hosts) {
			t.hosts = append(make([]known, 0, min(max(2*len(t.hosts), minPage), t.limit+1)), t.hosts...)
		}
		t.hosts = t.hosts[:slot+1]
	}
	t.hosts[slot] = known{a, f, as}
	t.held[as]++
	t.place(f, a, where, slot)
	if int(slot) >= len(t.page.hosts) {
		t.page.grow(min(2*len(t.page.hosts), t.limit+1))
	}
	t.page.hosts[slot].addr = a
	return int(slot)
}

// room says whether a new host of this standing may have a slot.
func (t *Table) room(as standing) bool {
	unvouched := t.held[guest] + t.held[sender]
	six := unvouched + t.held[admitted]
	if t.held[four]+six >= t.limit {
		return false
	}
	switch as {
	case guest:
		return t.held[guest] < max(t.limit/8, 1) && unvouched < max(t.limit/2, 1)
	case sender:
		return unvouched < max(t.limit/2, 1) && six < max(t.limit-t.limit/4, 1)
	case admitted:
		return six < max(t.limit-t.limit/4, 1)
	}
	return true
}

// Admit vouches for a host: somebody knows it for a neighbour. If it has no slot yet it gets one, if there is room.
// ok is false if it has none then, or is no IPv6 host of the LAN; slot is what Drain will call it.
func (t *Table) Admit(addr netip.Addr) (slot int, ok bool) {
	if !addr.Is6() || addr.Is4In6() {
		return 0, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	slot = t.find6(addrFrom(addr), admitted)
	if slot <= 0 {
		return 0, false
	}
	t.stand(slot, admitted)
	return slot, true
}

// stand changes the standing of a host.
func (t *Table) stand(slot int, as standing) {
	h := &t.hosts[slot]
	t.held[h.standing]--
	h.standing = as
	t.held[as]++
}

// Forget takes their slots from hosts, to be given to others, and returns those that it can't take because they have counted
// something since the last Drain. It is not to be called from Drain's gained.
func (t *Table) Forget(slots []int) (kept []int) {
	t.draining.Lock()
	defer t.draining.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, slot := range slots {
		if t.page.has(slot) {
			kept = append(kept, slot)
			continue
		}
		t.stand(slot, nobody)
		t.held[nobody] = 0
		t.vacant = append(t.vacant, uint32(slot))
		for _, p := range []*page{t.page, t.empty} {
			if slot < len(p.hosts) {
				p.hosts[slot].addr = Addr{}
			}
		}
	}
	t.arrange(t.lan)
	return kept
}

// Drain calls gained for each host that sent or received since the last Drain, with its slot, which is from 1 to the limit and its
// own until it is forgotten, and what it gained. Slot 0 and the zero netip.Addr stand for the hosts beyond the limit. It returns what the network as a whole gained. Both are of the same batches of packets.
// The Delta is valid until gained returns.
func (t *Table) Drain(gained func(slot int, host netip.Addr, gain *Delta)) Network {
	t.draining.Lock()
	defer t.draining.Unlock()
	t.mu.Lock()
	for len(t.empty.hosts) < len(t.page.hosts) {
		n := len(t.page.hosts)
		t.mu.Unlock() // not to make the counting wait
		t.empty.grow(n)
		t.mu.Lock()
	}
	counted, hosts := t.page, t.hosts
	t.page = t.empty
	t.mu.Unlock()

	var sent []int // guests that are none any more
	counted.take(func(slot int, gain *Delta) {
		var addr netip.Addr
		if slot != 0 {
			h := &hosts[slot]
			addr = h.addr.netip(h.family)
			if h.standing == guest && gain.Sent().Packets > 0 {
				sent = append(sent, slot)
			}
		}
		gained(slot, addr, gain)
	})
	if len(sent) > 0 {
		t.mu.Lock()
		for _, slot := range sent {
			if t.hosts[slot].standing == guest {
				t.stand(slot, sender)
			}
		}
		t.mu.Unlock()
	}
	network := counted.network
	counted.network = Network{}
	t.empty = counted
	return network
}

// Hosts is the number of hosts that were admitted, and the limit.
func (t *Table) Hosts() (hosts, limit int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.hosts) - 1 - len(t.vacant), t.limit
}

// Package rdns looks up the names of addresses in reverse DNS, straight at the servers. It knows nothing of frames, devices
// or other sources of names, and no caller waits for the network.
package rdns

import (
	"container/heap"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	idleAfter   = 10 * time.Minute // not wanted for so long: not refreshed, and may be forgotten for another
	sweepBits   = 22               // the biggest prefix that is swept: 1,024 addresses
	sweepLimit  = 64               // most prefixes swept
	drainBatch  = 256              // hosts per hold of the lock
	moreChanges = 1024             // room for addresses that are not remembered, besides Limit
)

// Config says whom PTR asks and how much it remembers.
type Config struct {
	Servers []netip.AddrPort // DNS servers in order of preference; none: nothing is ever asked
	Limit   int              // most addresses remembered at once
	Log     *slog.Logger     // servers going down and coming up; nil: nowhere
}

// PTR finds the names of addresses in the reverse DNS (RFC 1035, 3.5), and keeps them fresh. Zones of addresses are
// dropped and IPv4-mapped addresses unmapped. Its methods may be called from anywhere at any time, and never wait for
// the network.
//
// Load: at most 8 queries are in flight, 50 a second for wanted addresses and 10 a second for swept ones. A server that
// failed three times in a row is left alone for 1 s, doubling to 60 s, but for one probe at its end.
//
// Memory: at most Limit addresses, some 145 bytes and the name each. A new address takes the place of the one longest not
// wanted, if nobody wanted that for 10 minutes; otherwise it is not remembered, and drained without a name each time it
// is wanted.
type Resolver struct {
	ask   func(ctx context.Context, server netip.AddrPort, addr netip.Addr) answer
	log   *slog.Logger
	limit int
	epoch time.Time
	wake  chan struct{} // one slot: something may be due sooner than Run knows

	// mu guards all below.
	mu       sync.Mutex
	servers  []*server // replaced as a whole: a lookup goes on with those that it began with
	hosts    map[[16]byte]*host
	recent   recent
	agenda   [nowhere]agenda
	pace     [nowhere]time.Duration // when the next host of an agenda may be asked
	prefixes map[netip.Prefix]bool  // swept
	changed  []*host                // for Drain
	stats    Stats
}

// Stats are PTR's figures since it was made.
type Stats struct {
	Queries      uint64             // messages sent, over UDP and TCP
	Failures     [NumReasons]uint64 // lookups that failed, by the reason of their last try
	NamesRefused uint64             // names that are not canonical
	InFlight     int                // lookups being asked now, a query each
	Queued       int                // lookups due now
	Cached       int                // addresses
}

// NewResolver returns a PTR that asks once it runs.
func NewResolver(cfg Config) *Resolver {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Resolver{
		ask:      newWire(tryTimeout).ask,
		log:      cfg.Log,
		limit:    cfg.Limit,
		epoch:    time.Now(),
		wake:     make(chan struct{}, 1),
		hosts:    make(map[[16]byte]*host),
		prefixes: make(map[netip.Prefix]bool),
	}
	p.recent.init()
	p.SetServers(cfg.Servers)
	return p
}

// SetServers makes other servers those that are asked, in order of preference; none: nothing is asked. What is known of the health of one
// that was asked before still holds.
func (p *Resolver) SetServers(addrs []netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.servers
	p.servers = nil
	for _, addr := range addrs {
		s := &server{addr: addr}
		if i := slices.IndexFunc(was, func(o *server) bool { return o.addr == addr }); i >= 0 {
			s = was[i]
		}
		p.servers = append(p.servers, s)
	}
	p.signal()
}

func (p *Resolver) now() time.Duration { return time.Since(p.epoch) }

// Want says that a host was seen. Its name is looked up soon, and kept fresh while Want is called now and then. Want
// never blocks, and is cheap.
func (p *Resolver) Want(addr netip.Addr) {
	if !addr.IsValid() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now, key := p.now(), keyOf(addr)
	h := p.hosts[key]
	if h == nil && (len(p.hosts) < p.limit || p.forget(now)) {
		h = p.admit(key)
	}
	if h == nil {
		if len(p.changed) < 2*p.limit+moreChanges {
			p.changed = append(p.changed, &host{key: key})
		}
		return
	}
	alive := !h.seen
	h.seen, h.wanted = true, now
	p.recent.touch(h)
	switch {
	case h.place != nowhere && h.place != sweep:
		return
	case len(p.servers) == 0:
		p.answer(h)
	case !h.answered:
		p.put(h, first, now)
	case alive && h.name == "": // swept in vain; but now that it lives, somebody may have named it
		p.put(h, again, now)
	default:
		p.put(h, again, h.due)
	}
	p.signal()
}

// Sweep looks, gently and after all wanted addresses, at every host address of an IPv4 prefix of up to 1,024 addresses,
// and again at most once an hour. Other prefixes are ignored, and so is one that was swept before.
func (p *Resolver) Sweep(prefix netip.Prefix) {
	prefix = prefix.Masked()
	if !prefix.IsValid() || !prefix.Addr().Is4() || prefix.Bits() < sweepBits {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.prefixes[prefix] || len(p.prefixes) == sweepLimit || len(p.servers) == 0 {
		return
	}
	p.prefixes[prefix] = true
	now, addr, n := p.now(), prefix.Addr(), 1<<(32-prefix.Bits())
	for i := range n {
		if edge := i == 0 || i == n-1; !edge || prefix.Bits() > 30 {
			p.sweepOne(keyOf(addr), now+time.Duration(i))
		}
		addr = addr.Next()
	}
	p.signal()
}

func (p *Resolver) sweepOne(key [16]byte, due time.Duration) {
	h := p.hosts[key]
	if h == nil && len(p.hosts) < p.limit {
		h = p.admit(key)
	}
	if h == nil {
		return
	}
	h.swept = true
	if h.place == nowhere {
		p.put(h, sweep, due)
	}
}

// Drain calls fn for each address whose first lookup has ended, with "" if it has no name or no server answered, and for
// each whose name has changed since the last Drain. As long as an address is remembered, a name once good is not drained
// as "" again, and every address drained before Drain was called comes once. fn may call p's methods.
func (p *Resolver) Drain(fn func(addr netip.Addr, name string)) {
	type change struct {
		addr netip.Addr
		name string
	}
	p.mu.Lock()
	todo := p.changed
	p.changed = nil
	p.mu.Unlock()
	batch := make([]change, 0, drainBatch)
	for len(todo) > 0 {
		n := min(len(todo), drainBatch)
		batch = batch[:0]
		p.mu.Lock()
		for _, h := range todo[:n] {
			h.changed = false
			batch = append(batch, change{h.addr(), h.name})
		}
		p.mu.Unlock()
		for _, c := range batch {
			fn(c.addr, c.name)
		}
		todo = todo[n:]
	}
}

// Stats returns the figures of now.
func (p *Resolver) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, s := p.now(), p.stats
	s.Cached = len(p.hosts)
	for i := range p.agenda {
		s.Queued += p.agenda[i].overdue(0, now)
	}
	return s
}

// admit remembers a new host, as the one longest not wanted.
func (p *Resolver) admit(key [16]byte) *host {
	h := &host{key: key, place: nowhere}
	p.hosts[key] = h
	p.recent.append(h)
	return h
}

// forget makes room for one host if the one longest not wanted can go.
func (p *Resolver) forget(now time.Duration) bool {
	h := p.recent.oldest()
	if h == nil || h.place == flying || h.changed || h.seen && now-h.wanted < idleAfter {
		return false
	}
	p.put(h, nowhere, 0)
	p.recent.remove(h)
	delete(p.hosts, h.key)
	return true
}

// put moves a host to another place.
func (p *Resolver) put(h *host, to place, due time.Duration) {
	if h.place < nowhere {
		heap.Remove(&p.agenda[h.place], int(h.at))
		if a := &p.agenda[h.place]; len(*a) == 0 && cap(*a) > drainBatch {
			*a = nil // what a burst took, it gives back
		}
	}
	h.place, h.due = to, due
	if to < nowhere {
		heap.Push(&p.agenda[to], h)
	}
}

// answer ends the first lookup of a host.
func (p *Resolver) answer(h *host) {
	if !h.answered {
		h.answered = true
		p.change(h)
	}
}

func (p *Resolver) change(h *host) {
	if !h.changed {
		h.changed = true
		p.changed = append(p.changed, h)
	}
}

func (p *Resolver) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

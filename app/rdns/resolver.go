// Package rdns looks up the names of addresses in reverse DNS, straight at the servers. It knows nothing of frames, devices
// or other sources of names, and no caller waits for the network.
package rdns

import (
	"container/heap"
	"container/list"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	idleAfter    = 10 * time.Minute // not wanted for this long: a host is no longer refreshed, and may be evicted
	minSweepBits = 22               // the largest prefix that is swept has 1,024 addresses
	maxSweeps    = 64               // prefixes
	maxUncached  = 1024             // results for hosts that are not cached, on top of two for each cached one
)

// Config configures a Resolver.
type Config struct {
	Servers []netip.AddrPort // DNS servers in order of preference; none: nothing is asked
	Limit   int              // maximum number of cached addresses
	Log     *slog.Logger     // server health
}

// A Resolver looks up the names of addresses in reverse DNS (RFC 1035, 3.5) and keeps them fresh. It drops zones and unmaps
// IPv4-mapped addresses. Its methods are safe for concurrent use and never wait for the network.
//
// At most 8 queries are in flight; wanted addresses get at most 50 queries a second, swept ones 10. A server that fails
// three times in a row is down: it gets one probe after 1 s, and then after twice the time, up to a minute.
//
// At most Limit addresses are cached. When the cache is full, a new address replaces the one not wanted for the longest
// time, if that is at least 10 minutes. Otherwise the new one is not cached, and Drain reports it without a name each time
// it is wanted.
type Resolver struct {
	ask   func(ctx context.Context, server netip.AddrPort, addr netip.Addr) answer
	log   *slog.Logger
	limit int
	wake  chan struct{} // tells Run that a host may be due earlier than it knows; holds one signal

	mu         sync.Mutex // guards all below
	servers    []*server  // never modified, only replaced: lookups in flight go on with theirs
	hosts      map[netip.Addr]*host
	lru        *list.List // of *host, the last wanted first
	queues     [numQueues]dueHeap
	wantedRate rate
	sweptRate  rate
	swept      map[netip.Prefix]bool
	changed    []*host // for Drain
	stats      Stats
}

// Stats counts what a Resolver has done.
type Stats struct {
	Queries      uint64             // messages sent, over UDP and TCP
	Failures     [NumReasons]uint64 // failed lookups, by the reason of the last try
	NamesRefused uint64             // names that are not canonical, or placeholders
	InFlight     int                // lookups in flight, one query each
	Queued       int                // lookups that are due
	Cached       int                // addresses
}

// NewResolver returns a Resolver that starts to ask in Run.
func NewResolver(cfg Config) *Resolver {
	r := &Resolver{
		ask:        client{timeout: tryTimeout}.ask,
		log:        cfg.Log,
		limit:      cfg.Limit,
		wake:       make(chan struct{}, 1),
		hosts:      make(map[netip.Addr]*host),
		lru:        list.New(),
		wantedRate: rate{interval: time.Second / 50},
		sweptRate:  rate{interval: time.Second / 10},
		swept:      make(map[netip.Prefix]bool),
	}
	r.SetServers(cfg.Servers)
	return r
}

// SetServers replaces the servers, in order of preference; with none, nothing is asked. A server that stays keeps its
// health.
func (r *Resolver) SetServers(addrs []netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.servers
	r.servers = nil
	for _, addr := range addrs {
		s := &server{addr: addr}
		if i := slices.IndexFunc(old, func(o *server) bool { return o.addr == addr }); i >= 0 {
			s = old[i]
		}
		r.servers = append(r.servers, s)
	}
	r.signal()
}

// Want asks for the name of an address that was seen. The name is looked up soon, and kept fresh as long as Want is called
// for it from time to time.
func (r *Resolver) Want(addr netip.Addr) { r.want(addr, false) }

// Refresh is Want for an address that is new to the caller, or that has passed to another device: it forgets the name, and
// looks it up soon. Drain reports the outcome, even if it is the same as before.
func (r *Resolver) Refresh(addr netip.Addr) { r.want(addr, true) }

func (r *Resolver) want(addr netip.Addr, anew bool) {
	if !addr.IsValid() {
		return
	}
	addr = addr.WithZone("").Unmap()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	h := r.hosts[addr]
	if h == nil && (len(r.hosts) < r.limit || r.evict(now)) {
		h = r.add(addr)
	}
	if h == nil {
		if len(r.changed) < 2*r.limit+maxUncached {
			r.changed = append(r.changed, &host{addr: addr})
		}
		return
	}
	h.lastWanted = now
	r.lru.MoveToFront(h.lruElem)
	if anew {
		r.forget(h)
	}
	switch {
	case h.state == pending, h.state == inFlight, h.state == refresh && !anew:
		return
	case len(r.servers) == 0:
		r.report(h)
	case !h.reported:
		r.move(h, pending, now)
	default:
		r.move(h, refresh, h.due)
	}
	r.signal()
}

// forget drops the result of a host.
func (r *Resolver) forget(h *host) {
	h.name, h.reported, h.fails, h.retryWhenUp = "", false, 0, false
	h.outdated = h.state == inFlight
	if h.changed {
		h.changed = false
		r.changed = slices.DeleteFunc(r.changed, func(o *host) bool { return o == h })
	}
}

// Sweep looks up all host addresses of the IPv4 prefixes of up to 1,024 addresses, after the wanted ones, and again at most
// once an hour. It ignores other prefixes, and no longer sweeps those that are not among these.
func (r *Resolver) Sweep(prefixes ...netip.Prefix) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.servers) == 0 {
		return
	}
	old := r.swept
	r.swept = make(map[netip.Prefix]bool)
	for _, p := range prefixes {
		if p = p.Masked(); p.Addr().Is4() && p.Bits() >= minSweepBits && len(r.swept) < maxSweeps {
			r.swept[p] = true
		}
	}
	for _, h := range r.hosts {
		if h.swept = h.swept && r.isSwept(h.addr); !h.swept && h.state == sweep {
			r.move(h, idle, h.due)
		}
	}
	for p := range r.swept {
		if !old[p] {
			r.sweepPrefix(p)
		}
	}
	r.signal()
}

// isSwept reports whether an address belongs to a swept prefix.
func (r *Resolver) isSwept(addr netip.Addr) bool {
	for p := range r.swept {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func (r *Resolver) sweepPrefix(prefix netip.Prefix) {
	now, addr, n := time.Now(), prefix.Addr(), 1<<(32-prefix.Bits())
	for i := range n {
		if isNetworkOrBroadcast := prefix.Bits() < 31 && (i == 0 || i == n-1); !isNetworkOrBroadcast {
			r.sweepAddr(addr, now.Add(time.Duration(i)))
		}
		addr = addr.Next()
	}
}

func (r *Resolver) sweepAddr(addr netip.Addr, due time.Time) {
	h := r.hosts[addr]
	if h == nil && len(r.hosts) < r.limit {
		h = r.add(addr)
	}
	if h == nil {
		return
	}
	h.swept = true
	if h.state == idle {
		r.move(h, sweep, due)
	}
}

// Drain calls fn for each address whose first lookup has ended, with "" if it has no name or no server answered, and for
// each address whose name has changed since the last Drain. A cached address keeps its last good name: it is not drained as
// "" afterwards. fn may call r's methods.
func (r *Resolver) Drain(fn func(addr netip.Addr, name string)) {
	type result struct {
		addr netip.Addr
		name string
	}
	r.mu.Lock()
	results := make([]result, len(r.changed))
	for i, h := range r.changed {
		h.changed = false
		results[i] = result{h.addr, h.name}
	}
	r.changed = nil
	r.mu.Unlock()
	for _, res := range results {
		fn(res.addr, res.name)
	}
}

// Stats returns the current figures.
func (r *Resolver) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, s := time.Now(), r.stats
	s.Cached = len(r.hosts)
	for _, q := range r.queues {
		for _, h := range q {
			if !h.due.After(now) {
				s.Queued++
			}
		}
	}
	return s
}

// add caches a new host, as the one not wanted for the longest time.
func (r *Resolver) add(addr netip.Addr) *host {
	h := &host{addr: addr, state: idle}
	h.lruElem = r.lru.PushBack(h)
	r.hosts[addr] = h
	return h
}

// evict removes the host not wanted for the longest time, and reports whether it could.
func (r *Resolver) evict(now time.Time) bool {
	last := r.lru.Back()
	if last == nil {
		return false
	}
	h := last.Value.(*host)
	if h.state == inFlight || h.changed || h.wanted() && now.Sub(h.lastWanted) < idleAfter {
		return false
	}
	r.move(h, idle, now)
	r.lru.Remove(last)
	delete(r.hosts, h.addr)
	return true
}

// move changes the state of a host, and with it its queue.
func (r *Resolver) move(h *host, to state, due time.Time) {
	if h.state < numQueues {
		heap.Remove(&r.queues[h.state], h.index)
	}
	h.state, h.due = to, due
	if to < numQueues {
		heap.Push(&r.queues[to], h)
	}
}

// report lets Drain report the first result of a host.
func (r *Resolver) report(h *host) {
	if !h.reported {
		h.reported = true
		r.markChanged(h)
	}
}

func (r *Resolver) markChanged(h *host) {
	if !h.changed {
		h.changed = true
		r.changed = append(r.changed, h)
	}
}

func (r *Resolver) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

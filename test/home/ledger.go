package home

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gonetmon/app/device"
)

const (
	inUse      = 2 * time.Minute  // an address is in use for so long after a frame
	splitAfter = time.Minute      // how long a device may be in two rows
	mergeAfter = 15 * time.Second // how long a row may have two devices
	behind     = "behind-"        // the rows of what an extender sends for nobody in particular
)

// A ledger is the truth beside gonetmon's counts: whose bytes each row has.
type ledger struct {
	home *Home

	rows    map[string]*row // all that ever were, by label
	pending []*chunk        // bytes that are in no row yet
	open    map[netip.Addr]*chunk
	counts  map[string]uint64     // of the rows, as of the last update
	places  map[netip.Addr]string // in rows, as of the last update
	used    map[netip.Addr]time.Time
	seen    map[*Device]bool // that have moved bytes since gonetmon has started
	all     uint64           // bytes of all hosts since then
	network uint64           // bytes of all packets since then

	ever        map[*Device]bool // that have moved bytes, over all restarts
	mostRows    float64          // for each device, between two restarts
	total       uint64           // bytes of all hosts, over all restarts
	lost        uint64           // that waited for a name at a restart
	unexplained uint64           // that are in a row for an unknown reason
	episodes    map[string]*episode
	violations  []*episode
	sums        []string // that do not add up
	watched     string   // the rows of Config.Watch
}

// A row is what was counted under one label.
type row struct {
	name  string
	bytes map[claim]uint64
	of    map[*Device]*portion
}

// A portion is what a row has of a device.
type portion struct {
	first, last time.Time // when gonetmon counted it
	addrs       []netip.Addr
}

// A claim says who a byte belongs to. Where gonetmon can't know that, it may also belong to somebody else.
type claim struct {
	dev    *Device
	behind *Device // the extender that sends it: it may belong to the row of what nobody can tell apart behind it
	proxy  *Device // the sleep proxy, which has announced the address, that nobody has leased, as its own
	shared bool    // any of the devices that share a MAC
}

// A chunk is what an address has moved for somebody between two updates.
type chunk struct {
	addr netip.Addr
	claim
	bytes uint64
}

// An episode is a time in which a device is split, or a row merged.
type episode struct {
	kind        string // "split" or "merged"
	what        string // the device, or the row
	with        string
	from, until time.Time
}

func newLedger(h *Home) *ledger {
	return &ledger{home: h, rows: map[string]*row{}, ever: map[*Device]bool{}}
}

// start begins with a gonetmon that has counted nothing.
func (l *ledger) start() {
	l.pending, l.all, l.network, l.seen = nil, 0, 0, map[*Device]bool{}
	l.open, l.counts, l.used = map[netip.Addr]*chunk{}, map[string]uint64{}, map[netip.Addr]time.Time{}
	l.episodes, l.places = map[string]*episode{}, map[netip.Addr]string{}
}

// frame counts a frame.
func (l *ledger) frame(frame []byte, wire int, local []netip.Prefix) {
	src, dst, n := ends(frame, wire)
	if n == 0 {
		return
	}
	l.network += uint64(n)
	for _, a := range []netip.Addr{src, dst} {
		if isHost(a, local) {
			l.add(a, uint64(n))
		}
	}
}

// isHost reports whether an address is that of a host in the prefixes.
func isHost(a netip.Addr, local []netip.Prefix) bool {
	if a.IsMulticast() || a.IsUnspecified() || a.IsLoopback() || a == broadcast {
		return false
	}
	return slices.ContainsFunc(local, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (l *ledger) add(a netip.Addr, n uint64) {
	h := l.home
	l.all += n
	l.total += n
	l.used[a] = h.now
	who := h.whose(a)
	if who.dev != nil {
		l.seen[who.dev], l.ever[who.dev] = true, true
	}
	c := l.open[a]
	if c == nil || c.claim != who {
		c = &chunk{addr: a, claim: who}
		l.open[a] = c
		l.pending = append(l.pending, c)
	}
	c.bytes += n
}

// whose returns who an address belongs to.
func (h *Home) whose(a netip.Addr) (c claim) {
	n := h.owner[a]
	if n == nil {
		return c
	}
	c.dev = n.dev
	if n.via != nil && !n.routed && !h.isTied(n, a) {
		if _, human := h.router.dns.lookup(h, a); !human {
			c.behind = n.via.dev
		}
	}
	if n.asleep && a.Is6() {
		c.proxy = h.sleepProxy.dev
	}
	c.shared = a.Is6() && !h.tied[a] && h.sharing(n.dev)
	return c
}

// endChunks begins new chunks, as gonetmon has just put all bytes somewhere.
func (l *ledger) endChunks() { clear(l.open) }

// isTied reports whether gonetmon can know that an address is of the same device as its IPv4 address, although an extender sends.
func (h *Home) isTied(n *nic, a netip.Addr) bool { return h.tied[a] && (a.Is4() || h.tied[n.v4]) }

// update finds out into which rows gonetmon has put the bytes.
func (l *ledger) update(s *device.Snapshot) {
	type gain struct {
		d     *device.Device
		bytes uint64
	}
	if l.home.cfg.Watch != "" {
		l.watch(s)
	}
	var gains []gain
	for i := range s.Devices {
		d := &s.Devices[i]
		n := d.Totals.Bytes()
		was, known := l.counts[d.Name]
		if known && n == was {
			continue
		}
		if !known && l.rows[d.Name] == nil {
			l.rows[d.Name] = &row{name: d.Name, bytes: map[claim]uint64{}, of: map[*Device]*portion{}}
		}
		l.counts[d.Name] = n
		if n < was {
			was = 0 // it was forgotten, and has begun again
		}
		if n > was {
			gains = append(gains, gain{d, n - was})
		}
	}
	if len(l.pending) == 0 {
		return
	}
	var open []gain
	used := map[*chunk]bool{}
	for _, g := range gains {
		chosen := choose(l.pending, g.bytes, used, func(c *chunk) bool {
			_, has := slices.BinarySearchFunc(g.d.Hosts, c.addr, netip.Addr.Compare)
			return has
		})
		if chosen == nil {
			open = append(open, g)
			continue
		}
		l.book(g.d.Name, chosen, used)
	}
	for _, g := range open { // a row that had other addresses at the time
		chosen := choose(l.pending, g.bytes, used, func(c *chunk) bool { return l.places[c.addr] == g.d.Name })
		if chosen == nil {
			chosen = choose(l.pending, g.bytes, used, func(c *chunk) bool {
				_, has := slices.BinarySearchFunc(g.d.Hosts, c.addr, netip.Addr.Compare)
				return has || l.places[c.addr] == g.d.Name
			})
		}
		if chosen == nil {
			chosen = choose(l.pending, g.bytes, used, func(*chunk) bool { return true })
		}
		if chosen == nil {
			l.unexplained += g.bytes
			continue
		}
		l.book(g.d.Name, chosen, used)
	}
	if len(open) > 0 || len(used) > 0 {
		for _, g := range gains {
			for _, a := range g.d.Hosts {
				l.places[a] = g.d.Name
			}
		}
	}
	l.pending = slices.DeleteFunc(l.pending, func(c *chunk) bool { return used[c] })
}

// choose returns chunks that may be in a row and sum up to what it has gained: all of them if they do, or else some.
func choose(from []*chunk, bytes uint64, used map[*chunk]bool, may func(*chunk) bool) []*chunk {
	var all []*chunk
	var sum uint64
	for _, c := range from {
		if !used[c] && may(c) {
			all, sum = append(all, c), sum+c.bytes
		}
	}
	if sum == bytes {
		return all
	}
	if sum < bytes {
		return nil
	}
	slices.SortStableFunc(all, func(a, b *chunk) int { return cmp.Compare(b.bytes, a.bytes) })
	budget := 200000
	var find func(i int, left, rest uint64) []*chunk
	find = func(i int, left, rest uint64) []*chunk {
		if left == 0 {
			return []*chunk{}
		}
		if budget--; i == len(all) || rest < left || budget < 0 {
			return nil
		}
		c := all[i]
		if c.bytes <= left {
			if found := find(i+1, left-c.bytes, rest-c.bytes); found != nil {
				return append(found, c)
			}
		}
		return find(i+1, left, rest-c.bytes)
	}
	return find(0, bytes, sum)
}

// book notes that chunks are in a row.
func (l *ledger) book(name string, chunks []*chunk, used map[*chunk]bool) {
	r := l.rows[name]
	for _, c := range chunks {
		used[c] = true
		r.bytes[c.claim] += c.bytes
		p := r.of[c.dev]
		if p == nil {
			p = &portion{first: l.home.now}
			r.of[c.dev] = p
		}
		if p.last = l.home.now; len(p.addrs) < 8 && !slices.Contains(p.addrs, c.addr) {
			p.addrs = append(p.addrs, c.addr)
		}
	}
}

// stop ends with what gonetmon has counted.
func (l *ledger) stop() {
	l.mostRows = max(l.mostRows, float64(len(l.counts))/float64(max(len(l.seen), 1)))
	for _, c := range l.pending {
		l.lost += c.bytes
	}
	for _, e := range l.episodes {
		l.end(e)
	}
}

// check looks for devices that are split and for rows that are merged, and adds everything up.
func (l *ledger) check(s *device.Snapshot, local []netip.Prefix) {
	h := l.home
	sum, now := s.Overflow.Bytes()+s.Waiting.Bytes()+s.Forgotten.Bytes(), map[string]bool{}
	rowOf := map[*Device]map[string][]netip.Addr{}
	for i := range s.Devices {
		d := &s.Devices[i]
		sum += d.Totals.Bytes()
		owners := map[*Device][]netip.Addr{}
		for _, a := range d.Hosts {
			n := h.owner[a]
			if n == nil || h.now.Sub(l.used[a]) > inUse || !n.up || !n.isOwn(a) || !isHost(a, local) {
				continue
			}
			c := h.whose(a)
			if c.behind != nil && strings.HasPrefix(d.Name, behind) || c.shared || c.proxy != nil {
				continue
			}
			owners[n.dev] = append(owners[n.dev], a)
			if len(n.dev.nics) > 1 && !h.named[a] || c.behind != nil {
				continue // nothing says yet that the addresses are of one device
			}
			if rowOf[n.dev] == nil {
				rowOf[n.dev] = map[string][]netip.Addr{}
			}
			rowOf[n.dev][d.Name] = append(rowOf[n.dev][d.Name], a)
		}
		if len(owners) > 1 {
			now[l.note("merged", d.Name, describeOwners(owners))] = true
		}
	}
	for _, d := range h.devices {
		if rows := rowOf[d]; len(rows) > 1 {
			now[l.note("split", d.Name, describeRows(rows))] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l.episodes)) {
		if !now[key] {
			l.end(l.episodes[key])
			delete(l.episodes, key)
		}
	}
	if sum != l.all && len(l.sums) < 10 {
		l.sums = append(l.sums, fmt.Sprintf("%s: devices, overflow, waiting and forgotten are %d bytes, the hosts have moved %d",
			at(h.now), sum, l.all))
	}
	if n := s.Network.Total().Bytes; n != l.network && len(l.sums) < 10 {
		l.sums = append(l.sums, fmt.Sprintf("%s: the network has moved %d bytes, want %d", at(h.now), n, l.network))
	}
}

func describeOwners(owners map[*Device][]netip.Addr) string {
	var all []string
	for d, addrs := range owners {
		all = append(all, fmt.Sprintf("%s %v", d.Name, addrs))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func describeRows(rows map[string][]netip.Addr) string {
	var all []string
	for name, addrs := range rows {
		all = append(all, fmt.Sprintf("%s %v", name, addrs))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// note begins or continues an episode.
func (l *ledger) note(kind, what, with string) string {
	key := kind + " " + what
	e := l.episodes[key]
	if e == nil {
		e = &episode{kind: kind, what: what, from: l.home.now}
		l.episodes[key] = e
	}
	e.until, e.with = l.home.now, with
	return key
}

// end ends an episode, which counts if it has lasted for too long.
func (l *ledger) end(e *episode) {
	tolerated := splitAfter
	if e.kind == "merged" {
		tolerated = mergeAfter
	}
	if e.until.Sub(e.from) > tolerated {
		l.violations = append(l.violations, e)
	}
}

// watch prints the rows of a device's addresses, if they are others than before.
func (l *ledger) watch(s *device.Snapshot) {
	h := l.home
	var rows []string
	for i := range s.Devices {
		d := &s.Devices[i]
		var has []string
		for _, a := range d.Hosts {
			if n := h.owner[a]; n != nil && n.dev.Name == h.cfg.Watch {
				has = append(has, a.String())
			}
		}
		if len(has) > 0 {
			rows = append(rows, fmt.Sprintf("%s (%s, %s) %v of %d", d.Name, d.Source, d.MAC, has, len(d.Hosts)))
		}
	}
	if now := strings.Join(rows, "\n    "); now != l.watched {
		l.watched = now
		_, _ = fmt.Fprintf(h.cfg.Log, "%s\n    %s\n", at(h.now), now)
	}
}

// at writes a time as day and time of day.
func at(t time.Time) string {
	return fmt.Sprintf("day %d %s", int(t.Sub(begin)/(24*time.Hour)), t.Format(time.TimeOnly))
}

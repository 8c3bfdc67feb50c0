package rdns

import (
	"net/netip"
	"time"
)

// A host is what PTR remembers of one address: 80 bytes, the name, a slot in the map and one in an agenda.
// Times count from PTR.epoch, on the monotonic clock.
type host struct {
	key          [16]byte
	name         string        // the last good one
	due          time.Duration // when to ask (again)
	wanted       time.Duration // last Want, if seen
	newer, older *host         // neighbours in recent
	at           int32         // index in the agenda of its place
	fails        uint8         // failed lookups in a row
	place        place
	seen         bool // Want named it at least once
	swept        bool // it belongs to a swept prefix
	answered     bool // its first lookup has ended
	changed      bool // it waits for Drain
	owed         bool // it was answered without being asked, as no server was up
}

// A place says in which agenda a host waits, if in any.
type place uint8

const (
	first   place = iota // seen, and nothing known of it yet
	again                // to be asked when due
	sweep                // to be asked when due and nobody else is
	nowhere              // nobody wants it: the next Want brings it back
	flying               // being asked
)

func keyOf(addr netip.Addr) [16]byte { return addr.As16() }

func (h *host) addr() netip.Addr { return netip.AddrFrom16(h.key).Unmap() }

// An agenda is a heap (container/heap) of hosts, the longest due on top.
type agenda []*host

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due < a[j].due }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].at, a[j].at = int32(i), int32(j)
}

func (a *agenda) Push(x any) {
	h := x.(*host)
	h.at = int32(len(*a))
	*a = append(*a, h)
}

func (a *agenda) Pop() any {
	last := len(*a) - 1
	h := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	return h
}

// overdue counts the hosts below i, itself included, that are due by now. A heap lets it look at few others.
func (a agenda) overdue(i int, now time.Duration) int {
	if i >= len(a) || a[i].due > now {
		return 0
	}
	return 1 + a.overdue(2*i+1, now) + a.overdue(2*i+2, now)
}

// recent is a ring of all hosts by last Want; newest is next to the root on its older side.
type recent struct{ root host }

func (r *recent) init() { r.root.newer, r.root.older = &r.root, &r.root }

// touch makes h, which may be new to r, the newest.
func (r *recent) touch(h *host) {
	r.remove(h)
	h.newer, h.older = &r.root, r.root.older
	h.newer.older, h.older.newer = h, h
}

// append makes h, which is new to r, the oldest.
func (r *recent) append(h *host) {
	h.older, h.newer = &r.root, r.root.newer
	h.newer.older, h.older.newer = h, h
}

func (r *recent) remove(h *host) {
	if h.newer != nil {
		h.newer.older, h.older.newer = h.older, h.newer
		h.newer, h.older = nil, nil
	}
}

// oldest returns the host not wanted for longest, nil if r is empty.
func (r *recent) oldest() *host {
	if r.root.newer == &r.root {
		return nil
	}
	return r.root.newer
}

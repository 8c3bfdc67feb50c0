package rdns

import (
	"container/list"
	"net/netip"
	"time"
)

// A host is one cached address.
type host struct {
	addr       netip.Addr
	name       string    // the last good one
	due        time.Time // when to ask next
	lastWanted time.Time // zero if it was only swept
	lruElem    *list.Element
	index      int // in the queue of its state
	fails      int // failed lookups in a row
	state      state

	swept       bool // it belongs to a swept prefix
	reported    bool // its first result was handed to Drain
	changed     bool // it waits for Drain
	retryWhenUp bool // no server was up to answer for it
	outdated    bool // Refresh was called during the lookup in flight
}

// wanted reports whether Want was ever called for h.
func (h *host) wanted() bool { return !h.lastWanted.IsZero() }

// A state says what a host waits for. In the states below numQueues it is in the queue of that number.
type state uint8

const (
	pending state = iota // wanted, and not looked up yet
	refresh              // wanted, to be looked up when due
	sweep                // not wanted, to be looked up when due and no wanted one is
	numQueues
	inFlight // being looked up
	idle     // not wanted any more; the next Want brings it back
)

// A dueHeap is a heap (container/heap) of hosts, the one due first on top.
type dueHeap []*host

func (d dueHeap) Len() int           { return len(d) }
func (d dueHeap) Less(i, j int) bool { return d[i].due.Before(d[j].due) }
func (d dueHeap) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

func (d *dueHeap) Push(x any) {
	h := x.(*host)
	h.index = len(*d)
	*d = append(*d, h)
}

func (d *dueHeap) Pop() any {
	last := len(*d) - 1
	h := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return h
}

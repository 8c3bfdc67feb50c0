// Package traffic counts bytes and packets per address, notes which MAC sends from it, and knows which addresses are ours. It
// knows nothing of frames, names or devices.
package traffic

import (
	"encoding/binary"
	"net/netip"

	"gonetmon/app/mac"
)

// Scope tells where a packet went, as seen from the LAN.
type Scope uint8

// The scopes.
const (
	ScopeInternet  Scope = iota // one end is a host of the LAN, the other is not
	ScopeLAN                    // both ends are hosts of the LAN
	ScopeMulticast              // from a host of the LAN to a group: multicast, or a broadcast address
	ScopeOther                  // no end is a host of the LAN
	NumScopes
)

// String returns the name of the scope as metrics show it.
func (s Scope) String() string {
	return [...]string{"internet", "lan", "multicast", "other", "invalid"}[min(s, NumScopes)]
}

// A Count is a number of IP packets and their total length, with IP headers and without link headers.
type Count struct{ Bytes, Packets uint64 }

func (c *Count) add(o Count) {
	c.Bytes += o.Bytes
	c.Packets += o.Packets
}

// Totals count what one or more hosts sent and received.
type Totals struct {
	Out [3]Count // sent, by scope: ScopeInternet, ScopeLAN, ScopeMulticast
	In  [2]Count // received, by scope: ScopeInternet, ScopeLAN; packets to a group have no receiver
}

// Add adds o to t.
func (t *Totals) Add(o *Totals) {
	for s := range t.Out {
		t.Out[s].add(o.Out[s])
	}
	for s := range t.In {
		t.In[s].add(o.In[s])
	}
}

// Sent returns the sum over the scopes of what was sent.
func (t *Totals) Sent() Count { return sum(t.Out[:]) }

// Received returns the sum over the scopes of what was received.
func (t *Totals) Received() Count { return sum(t.In[:]) }

// Bytes returns the bytes sent and received.
func (t *Totals) Bytes() uint64 { return t.Sent().Bytes + t.Received().Bytes }

func sum(counts []Count) (total Count) {
	for _, c := range counts {
		total.add(c)
	}
	return total
}

// A Delta is what one host sent and received since the last Drain.
type Delta struct {
	Totals
	OutWire uint64 // bytes of the frames sent, with link headers
	InWire  uint64 // of the frames received

	// Senders are the source MACs of the frames sent, the latest first. Zero is none: nothing was sent, the link has no MACs, or it
	// was only one. Of more than two they are the last two. They mean nothing for the hosts over the limit.
	Senders [2]mac.Addr
}

// Add adds the counts of o to d.
func (d *Delta) Add(o *Delta) {
	d.Totals.Add(&o.Totals)
	d.OutWire += o.OutWire
	d.InWire += o.InWire
}

// An Addr is an IP address as two numbers: the first and the last eight bytes of IPv6; the four bytes of IPv4 in Lo.
type Addr struct{ Hi, Lo uint64 }

func addrFrom(a netip.Addr) Addr {
	if a.Is4() {
		b := a.As4()
		return Addr{Lo: uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return Addr{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a Addr) netip(f Family) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	if f == IPv4 {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return netip.AddrFrom16(b)
}

// Family is the version of IP.
type Family uint8

// The families.
const (
	IPv4 Family = iota
	IPv6
	NumFamilies
)

// String returns the name of the family as metrics show it.
func (f Family) String() string { return [...]string{"ipv4", "ipv6", "invalid"}[min(f, NumFamilies)] }

// Network counts every IP packet once, whether or not one of its addresses is ours.
type Network [NumFamilies][NumScopes]Count

// Add adds o to n.
func (n *Network) Add(o *Network) {
	for f := range n {
		for s := range n[f] {
			n[f][s].add(o[f][s])
		}
	}
}

// Total returns the sum over families and scopes.
func (n *Network) Total() Count {
	var c Count
	for f := range n {
		for s := range n[f] {
			c.add(n[f][s])
		}
	}
	return c
}

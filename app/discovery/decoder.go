// Package discovery turns control frames (ARP, NDP, DHCP, mDNS and the like) into facts about a LAN: which addresses, hardware
// addresses, names, routers and prefixes there are, and what the devices are. It keeps no facts and does not judge them.
package discovery

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/names"
	"gonetmon/app/packet"
)

const (
	maxFacts    = 64                         // per frame, so a forged one can't say more
	maxLifetime = 100 * 365 * 24 * time.Hour // stands for infinity, too
)

// A Decoder finds the facts in control frames (see Protocol). It keeps nothing between frames but its counters. Decode must not
// be called concurrently; Stats may be called at any time.
//
// packet.Packet finds the IP header, and decides what a control frame is, as it does for counting.
type Decoder struct {
	packet packet.Packet

	fn   func(Fact) // of the current Decode
	left int        // facts that it may still emit

	facts, malformed, refused [NumProtocols]atomic.Uint64
}

// Stats counts what a Decoder has done.
type Stats struct {
	Facts        [NumProtocols]uint64
	Malformed    [NumProtocols]uint64 // messages that can't be decoded
	NamesRefused [NumProtocols]uint64 // names of which nothing is left, or that say nothing (localhost)
}

// Add adds o to s.
func (s *Stats) Add(o Stats) {
	for i := range NumProtocols {
		s.Facts[i] += o.Facts[i]
		s.Malformed[i] += o.Malformed[i]
		s.NamesRefused[i] += o.NamesRefused[i]
	}
}

// NewDecoder returns a Decoder.
func NewDecoder() *Decoder { return &Decoder{} }

// Decode calls fn for each fact in a frame, at most 64 times. data is the captured part of the frame from the link header
// on; nothing of it is kept. link is its LINKTYPE number (https://www.tcpdump.org/linktypes.html). Frames that are no control
// frames (see packet.Packet.IsControl) have no facts, nor do fragments and tunnels.
func (d *Decoder) Decode(link uint16, data []byte, fn func(Fact)) {
	d.packet.Decode(link, data, len(data), 0)
	if !d.packet.IsControl(data) {
		return
	}
	d.fn, d.left = fn, maxFacts
	m := message{payload: data[d.packet.Offset():]}
	m.setMACs(link, data, d.packet.Offset())
	switch d.packet.Class {
	case packet.ARP:
		d.arp(&m)
	case packet.IPv4:
		d.ipv4(&m)
	default:
		d.ipv6(&m)
	}
	d.fn = nil
}

// Stats returns the counters.
func (d *Decoder) Stats() (s Stats) {
	for i := range NumProtocols {
		s.Facts[i], s.Malformed[i], s.NamesRefused[i] = d.facts[i].Load(), d.malformed[i].Load(), d.refused[i].Load()
	}
	return s
}

// emit counts a fact and passes it to the caller of Decode, if it keeps the promises of Fact and is not one too many.
func (d *Decoder) emit(f Fact) {
	validMAC, validAddr := f.MAC.IsStation(), isUnicast(f.Addr)
	if !validMAC {
		f.MAC = mac.Addr{}
	}
	if !f.Via.IsStation() {
		f.Via = mac.Addr{}
	}
	if !isUnicast(f.By) {
		f.By = netip.Addr{}
	}
	if !isUnicast(f.Server) {
		f.Server = netip.Addr{}
	}
	switch f.Kind {
	case OnLinkPrefix:
		validMAC, validAddr = true, true
	case AddrName, NameGone, ServiceName:
		validMAC = true
	case DeviceKind:
		validMAC, validAddr = validMAC || validAddr, true
	case MACName:
		validAddr = true
	}
	if !validMAC || !validAddr || d.left == 0 {
		return
	}
	d.left--
	d.facts[f.Protocol].Add(1)
	d.fn(f)
}

// emitName emits raw as the name that f is about, and reports whether it is a name.
func (d *Decoder) emitName(f Fact, raw string) (ok bool) {
	if f.Name, ok = d.clean(f.Protocol, raw); ok {
		d.emit(f)
	}
	return ok
}

// clean returns a name as names.Clean does, and counts those of which nothing is left.
func (d *Decoder) clean(from Protocol, raw string) (string, bool) {
	name, ok := names.Clean(raw)
	if !ok {
		d.refused[from].Add(1)
	}
	return name, ok
}

// isUnicast reports whether a can be the address of one host on a link.
func isUnicast(a netip.Addr) bool {
	broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && !a.Is4In6() && a != broadcast
}

// lifetime decodes seconds, of which all bits set mean infinity (RFC 4861, 4.6.2; RFC 2131, 3.3; RFC 8415, 7.7).
func lifetime(b []byte) time.Duration {
	return min(time.Duration(binary.BigEndian.Uint32(b))*time.Second, maxLifetime)
}

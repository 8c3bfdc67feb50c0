package discovery

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

const (
	maxMDNS    = 9000 // bytes of a message (RFC 6762, 17)
	maxRecords = 256  // of a message that are looked at
)

var (
	mdnsGroup4 = netip.AddrFrom4([4]byte{224, 0, 0, 251})
	mdnsGroup6 = netip.MustParseAddr("ff02::fb")
)

// A local is a name under .local that a message gives an address.
type local struct {
	addr netip.Addr
	name string
}

// mdns reads a message of mDNS (RFC 6762): that its sender is there, and the addresses that a response gives names,
// which must come from the port of mDNS (6). What was sent to the group, or with the highest hop limit, has passed no router.
func (d *Decoder) mdns(m *message, fromPort bool) {
	b := m.payload
	if len(b) < 12 || len(b) > maxMDNS {
		d.malformed[MDNS].Add(1)
		return
	}
	d.locals = d.locals[:0]
	if b[2]&0xf8 == 0x80 && fromPort { // a response, opcode 0
		all := unpackMessage(b)
		if all == nil {
			d.malformed[MDNS].Add(1)
			return
		}
		d.records(all.Answer, all.Extra)
	}
	if m.hops == 255 || m.to == mdnsGroup4 || m.to == mdnsGroup6 {
		d.draw(Fact{Kind: Announced, Protocol: MDNS, MAC: m.src, Addr: m.from})
	}
	for _, l := range d.locals {
		own := l.addr == m.from || d.gives(l.name, m.from)
		d.draw(Fact{Kind: AddrName, Protocol: MDNS, Addr: l.addr, Name: l.name, Own: own})
	}
	clear(d.locals) // lets go of the names
}

// gives says whether the message gives name the address addr.
func (d *Decoder) gives(name string, addr netip.Addr) bool {
	for _, l := range d.locals {
		if l.addr == addr && l.name == name {
			return true
		}
	}
	return false
}

// records keeps the address records under .local that are not taken back (TTL 0). The highest bit of the class says
// that a cache should forget what it knew (RFC 6762, 10.2).
func (d *Decoder) records(sections ...[]dns.RR) {
	left := maxRecords
	for _, section := range sections {
		section = section[:min(left, len(section))]
		left -= len(section)
		for _, rr := range section {
			h, addr := rr.Header(), netip.Addr{}
			switch rr := rr.(type) {
			case *dns.A:
				addr, _ = netip.AddrFromSlice(rr.A.To4())
			case *dns.AAAA:
				addr, _ = netip.AddrFromSlice(rr.AAAA)
			}
			if h.Class&0x7fff != dns.ClassINET || h.Ttl == 0 || !isHost(addr) || !isLocal(h.Name) {
				continue
			}
			if name, ok := d.clean(MDNS, h.Name); ok {
				d.locals = append(d.locals, local{addr, name})
			}
		}
	}
}

// isLocal says whether the name is one under .local.
func isLocal(name string) bool {
	i := len(name) - len(".local.")
	return i > 0 && strings.EqualFold(name[i:], ".local.")
}

// unpackMessage decodes a message, of a truncated one at least the questions. It returns nil if that fails, also by a
// panic of the library.
func unpackMessage(raw []byte) (m *dns.Msg) {
	defer func() {
		if recover() != nil {
			m = nil
		}
	}()
	m = new(dns.Msg)
	if err := m.Unpack(raw); err != nil && !m.Truncated {
		return nil
	}
	return m
}

package names

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
func (r *Reader) mdns(m *message, fromPort bool) {
	b := m.payload
	if len(b) < 12 || len(b) > maxMDNS {
		r.malformed[MDNS].Add(1)
		return
	}
	r.locals = r.locals[:0]
	if b[2]&0xf8 == 0x80 && fromPort { // a response, opcode 0
		all := unpack(b)
		if all == nil {
			r.malformed[MDNS].Add(1)
			return
		}
		r.records(all.Answer, all.Extra)
	}
	if m.hops == 255 || m.to == mdnsGroup4 || m.to == mdnsGroup6 {
		r.draw(Fact{Kind: Speaks, From: MDNS, MAC: m.src, Addr: m.from})
	}
	for _, l := range r.locals {
		own := l.addr == m.from || r.gives(l.name, m.from)
		r.draw(Fact{Kind: Named, From: MDNS, Addr: l.addr, Name: l.name, Own: own})
	}
	clear(r.locals) // lets go of the names
}

// gives says whether the message gives name the address addr.
func (r *Reader) gives(name string, addr netip.Addr) bool {
	for _, l := range r.locals {
		if l.addr == addr && l.name == name {
			return true
		}
	}
	return false
}

// records keeps the address records under .local that are not taken back (TTL 0). The highest bit of the class says
// that a cache should forget what it knew (RFC 6762, 10.2).
func (r *Reader) records(sections ...[]dns.RR) {
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
			if name, ok := r.clean(MDNS, h.Name); ok {
				r.locals = append(r.locals, local{addr, name})
			}
		}
	}
}

// isLocal says whether the name is one under .local.
func isLocal(name string) bool {
	i := len(name) - len(".local.")
	return i > 0 && strings.EqualFold(name[i:], ".local.")
}

package discovery

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

const (
	maxMDNSMessage = 9000 // bytes (RFC 6762, 17)
	maxMDNSRecords = 256  // of a message that are decoded
)

var (
	mdnsGroup4 = netip.AddrFrom4([4]byte{224, 0, 0, 251})
	mdnsGroup6 = netip.MustParseAddr("ff02::fb")
)

// An addrRecord is an A or AAAA record under .local.
type addrRecord struct {
	addr netip.Addr
	name string
	gone bool // withdrawn by a goodbye (RFC 6762, 10.1)
}

// mdns decodes a message of mDNS (RFC 6762): the presence of its sender and, in a response, the addresses of names. A
// response must come from the port of mDNS (RFC 6762, 6). A message to the group, or with a hop limit of 255, has not
// passed a router.
func (d *Decoder) mdns(m *message, fromPort bool) {
	b := m.payload
	if len(b) < 12 || len(b) > maxMDNSMessage {
		d.malformed[MDNS].Add(1)
		return
	}
	var records []addrRecord
	if isResponse := b[2]&0xf8 == 0x80; isResponse && fromPort { // QR set, opcode 0
		all := unpackMessage(b)
		if all == nil {
			d.malformed[MDNS].Add(1)
			return
		}
		records = d.addrRecords(append(all.Answer, all.Extra...))
	}
	if m.hops == 255 || m.to == mdnsGroup4 || m.to == mdnsGroup6 {
		d.emit(Fact{Kind: Announced, Protocol: MDNS, MAC: m.src, Addr: m.from})
	}
	for _, r := range records {
		own := r.addr == m.from || slices.Contains(records, addrRecord{m.from, r.name, r.gone})
		f := Fact{Kind: AddrName, Protocol: MDNS, MAC: m.src, Addr: r.addr, By: m.from, Name: r.name, Own: own}
		if r.gone {
			f.Kind = NameGone
		}
		d.emit(f)
	}
}

// addrRecords returns the address records under .local.
func (d *Decoder) addrRecords(rrs []dns.RR) (records []addrRecord) {
	const cacheFlush = 0x8000 // in the class (RFC 6762, 10.2)
	for _, rr := range rrs[:min(len(rrs), maxMDNSRecords)] {
		h, addr := rr.Header(), netip.Addr{}
		switch rr := rr.(type) {
		case *dns.A:
			addr, _ = netip.AddrFromSlice(rr.A.To4())
		case *dns.AAAA:
			addr, _ = netip.AddrFromSlice(rr.AAAA)
		}
		if h.Class&^cacheFlush != dns.ClassINET || !isUnicast(addr) || !isLocal(h.Name) {
			continue
		}
		if name, ok := d.canonical(MDNS, h.Name); ok {
			records = append(records, addrRecord{addr, name, h.Ttl == 0})
		}
	}
	return records
}

// isLocal reports whether a name is under .local.
func isLocal(name string) bool {
	i := len(name) - len(".local.")
	return i > 0 && strings.EqualFold(name[i:], ".local.")
}

// unpackMessage decodes a message; of a truncated one at least the questions. It returns nil if that fails or the library
// panics.
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

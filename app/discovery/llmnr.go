package discovery

import (
	"net/netip"
	"strings"
)

var (
	llmnrGroup4 = netip.AddrFrom4([4]byte{224, 0, 0, 252})
	llmnrGroup6 = netip.MustParseAddr("ff02::1:3")
)

// llmnr decodes a message of LLMNR (RFC 4795): the names of addresses in a response, and the name that a host asks for with the
// type ANY before it uses it (4.1).
func (d *Decoder) llmnr(m *message, fromPort bool) {
	msg, whole := readDNS(m.payload)
	if !whole && !m.truncated {
		d.malformed[LLMNR].Add(1)
	}
	switch {
	case msg.opcode() != 0:
	case msg.isResponse() && fromPort:
		d.addrNames(m, LLMNR, d.llmnrNames(&msg))
	case !msg.isResponse() && (m.to == llmnrGroup4 || m.to == llmnrGroup6) && len(msg.questions) == 1:
		q := &msg.questions[0]
		if q.typ != dnsAny || len(q.name) == 0 || strings.EqualFold(q.name[len(q.name)-1], "arpa") { // of its address
			return
		}
		if name, ok := d.clean(LLMNR, hostName(q.name)); ok {
			d.addrNames(m, LLMNR, []addrName{{m.from, name, false}})
		}
	}
}

// llmnrNames returns the names in the answers of a response.
func (d *Decoder) llmnrNames(msg *dnsMessage) (all []addrName) {
	for i := range msg.records {
		r := &msg.records[i]
		if addr := msg.addr(r); r.section == dnsAnswer && r.class == dnsClassIN && isUnicast(addr) {
			if name, ok := d.clean(LLMNR, hostName(r.name)); ok {
				all = append(all, addrName{addr, name, false})
			}
		}
	}
	return all
}

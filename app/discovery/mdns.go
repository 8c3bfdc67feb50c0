package discovery

import (
	"net/netip"
	"slices"
	"strings"
)

const maxMDNSMessage = 9000 // bytes (RFC 6762, 17)

var (
	mdnsGroup4 = netip.AddrFrom4([4]byte{224, 0, 0, 251})
	mdnsGroup6 = netip.MustParseAddr("ff02::fb")
)

// An addrName is what a record says of the name of an address.
type addrName struct {
	addr netip.Addr
	name string
	gone bool // withdrawn by a goodbye (RFC 6762, 10.1)
}

// mdns decodes a message of mDNS (RFC 6762): the presence of its sender; in a response, the names of addresses and of
// services; and in a probe (RFC 6762, 8.1), the names that the sender is about to use. Both must come from the port of mDNS
// (RFC 6762, 6). A message to the group, or with a hop limit of 255, has not passed a router.
func (d *Decoder) mdns(m *message, fromPort bool) {
	b := m.payload
	if len(b) < 12 || len(b) > maxMDNSMessage {
		d.malformed[MDNS].Add(1)
		return
	}
	if m.hops == 255 || m.to == mdnsGroup4 || m.to == mdnsGroup6 {
		d.emit(Fact{Kind: Announced, Protocol: MDNS, MAC: m.src, Addr: m.from})
	}
	isProbe := b[2]&0xf8 == 0 && b[8]|b[9] != 0 // a query with authority records
	if isResponse := b[2]&0xf8 == 0x80; !fromPort || !isResponse && !isProbe {
		return
	}
	msg, whole := readDNS(b)
	if !whole && !m.truncated {
		d.malformed[MDNS].Add(1)
	}
	const cacheFlush = 0x8000 // in the class (RFC 6762, 10.2)
	msg.records = slices.DeleteFunc(msg.records, func(r dnsRecord) bool {
		return r.class&^cacheFlush != dnsClassIN || isProbe != (r.section == dnsAuthority)
	})
	d.addrNames(m, MDNS, d.mdnsNames(&msg))
	if !isProbe {
		d.services(m, &msg)
	}
}

// mdnsNames returns what the records say of names under .local.
func (d *Decoder) mdnsNames(msg *dnsMessage) (all []addrName) {
	for i := range msg.records {
		r := &msg.records[i]
		addr, host := msg.addr(r), r.name
		if r.typ == dnsPTR {
			if addr = reverseAddr(r.name); addr.IsValid() {
				host = msg.target(r)
			}
		}
		if !isUnicast(addr) || !isLocal(host) {
			continue
		}
		if name, ok := d.localName(host); ok {
			all = append(all, addrName{addr, name, r.ttl == 0})
		}
	}
	return all
}

// addrNames emits the names of addresses that a message has. The sender's own are those of its address; it has them at its
// other addresses, too.
func (d *Decoder) addrNames(m *message, from Protocol, all []addrName) {
	var own []addrName
	for _, n := range all {
		if n.addr == m.from {
			own = append(own, n)
		}
	}
	for _, n := range all {
		f := Fact{Kind: AddrName, Protocol: from, MAC: m.src, Addr: n.addr, By: m.from, Name: n.name}
		f.Own = slices.Contains(own, addrName{m.from, n.name, n.gone})
		if n.gone {
			f.Kind = NameGone
		}
		d.emit(f)
	}
}

// localName takes .local off a name, and cleans it. A device named tv.local answers to tv.local.local.
func (d *Decoder) localName(labels []string) (name string, ok bool) {
	for isLocal(labels) {
		labels = labels[:len(labels)-1]
	}
	name, ok = d.clean(MDNS, hostName(labels))
	for short, found := strings.CutSuffix(name, ".local"); ok && found; short, found = strings.CutSuffix(name, ".local") {
		name, ok = d.clean(MDNS, short) // the last label was cleaned, too
	}
	return name, ok
}

// isLocal reports whether a name is under .local.
func isLocal(labels []string) bool {
	n := len(labels) - 1
	return n > 0 && strings.EqualFold(labels[n], "local")
}

package discovery

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Options of DHCPv6 (RFC 8415, 21; RFC 4704).
const (
	opt6IANA       = 3
	opt6IATA       = 4
	opt6Addr       = 5
	opt6Status     = 13
	opt6ClientFQDN = 39
)

// Messages of DHCPv6 that have facts (RFC 8415, 7.3). Offers and relayed messages have none.
const (
	dhcp6Solicit = 1
	dhcp6Request = 3
	dhcp6Confirm = 4
	dhcp6Renew   = 5
	dhcp6Rebind  = 6
	dhcp6Reply   = 7
	dhcp6Release = 8
	dhcp6Decline = 9
	dhcp6Inform  = 11
)

// A lease is an address in an identity association.
type lease struct {
	addr     netip.Addr
	lifetime time.Duration
}

// dhcp6 decodes a message of DHCPv6 (RFC 8415). The client is known by the addresses of the frame: the MAC in a DUID may
// belong to another interface, or to none any more. So its IP address must be link-local, which no router forwards.
func (d *Decoder) dhcp6(m *message) {
	b := m.payload
	if len(b) < 4 {
		d.malformed[DHCPv6].Add(1)
		return
	}
	client, clientAddr, kind := m.src, m.from, Announced
	switch b[0] {
	case dhcp6Solicit, dhcp6Inform:
	case dhcp6Request, dhcp6Confirm, dhcp6Renew, dhcp6Rebind:
		kind = Requested
	case dhcp6Release, dhcp6Decline:
		kind = Released
	case dhcp6Reply:
		client, clientAddr, kind = m.dst, m.to, Leased
	default:
		return
	}
	o, ok := decodeOptions6(b[4:], 0)
	if !ok {
		d.malformed[DHCPv6].Add(1)
		return
	}
	if !clientAddr.IsLinkLocalUnicast() || !client.IsStation() {
		return
	}
	if kind != Leased {
		d.emit(Fact{Kind: Announced, Protocol: DHCPv6, MAC: client, Addr: clientAddr})
	}
	if len(o.fqdn) > 1 { // flags and the name
		d.wireName(Fact{Kind: MACName, Protocol: DHCPv6, MAC: client, Own: kind != Leased}, o.fqdn[1:])
	}
	transaction := binary.BigEndian.Uint32(b) & 0xffffff
	for _, l := range o.leases {
		switch {
		case kind == Requested:
			d.emit(Fact{Kind: Requested, Protocol: DHCPv6, MAC: client, Addr: l.addr, Transaction: transaction})
		case kind == Released:
			d.emit(Fact{Kind: Released, Protocol: DHCPv6, MAC: client, Addr: l.addr})
		case kind == Leased && l.lifetime > 0:
			d.emit(Fact{Kind: Leased, Protocol: DHCPv6, MAC: client, Addr: l.addr, Lifetime: l.lifetime, Transaction: transaction})
		}
	}
}

// options6 holds what a list of options says.
type options6 struct {
	fqdn   []byte  // the option with the client's name
	failed bool    // a status says so
	leases []lease // none if the status is a failure
}

// decodeOptions6 decodes the options of parent: of a message (0), an identity association (opt6IANA) or an address
// (opt6Addr). It is not ok if they are malformed.
func decodeOptions6(b []byte, parent int) (o options6, ok bool) {
	for len(b) > 0 {
		if len(b) < 4 || len(b) < 4+int(binary.BigEndian.Uint16(b[2:])) {
			return o, false
		}
		code, data := int(binary.BigEndian.Uint16(b)), b[4:4+int(binary.BigEndian.Uint16(b[2:]))]
		b = b[4+len(data):]
		ok := true
		switch {
		case code == opt6Status:
			ok = len(data) >= 2
			o.failed = o.failed || ok && binary.BigEndian.Uint16(data) != 0
		case parent == 0 && code == opt6ClientFQDN:
			o.fqdn = data
		case parent == 0 && code == opt6IANA:
			ok = o.addNested(data, 12, opt6IANA)
		case parent == 0 && code == opt6IATA:
			ok = o.addNested(data, 4, opt6IANA)
		case parent == opt6IANA && code == opt6Addr:
			ok = o.addNested(data, 24, opt6Addr)
		}
		if !ok {
			return o, false
		}
	}
	if o.failed {
		o.leases = nil
	}
	return o, true
}

// addNested decodes an option that has options behind its first n bytes. Those bytes of an address are the address, and its
// preferred and valid lifetimes.
func (o *options6) addNested(data []byte, n, code int) bool {
	if len(data) < n {
		return false
	}
	nested, ok := decodeOptions6(data[n:], code)
	if ok && !nested.failed && code == opt6Addr {
		nested.leases = []lease{{netip.AddrFrom16([16]byte(data[:16])), lifetime(data[20:])}}
	}
	o.leases = append(o.leases, nested.leases...)
	return ok
}

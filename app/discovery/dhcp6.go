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
		kind = Probed
	case dhcp6Release, dhcp6Decline:
		kind = Released
	case dhcp6Reply:
		client, clientAddr, kind = m.dst, m.to, Leased
	default:
		return
	}
	d.leases = d.leases[:0]
	fqdn, failed, ok := d.options6(b[4:], 0)
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
	if len(fqdn) > 1 {
		d.wireName(DHCPv6, client, fqdn[1:])
	}
	for _, l := range d.leases {
		switch {
		case kind == Probed, kind == Released:
			d.emit(Fact{Kind: kind, Protocol: DHCPv6, MAC: client, Addr: l.addr})
		case kind == Leased && !failed && l.lifetime > 0:
			d.emit(Fact{Kind: Leased, Protocol: DHCPv6, MAC: client, Addr: l.addr, Lifetime: l.lifetime})
		}
	}
}

// options6 adds the addresses among options to d.leases, except those that have failed. The options belong to parent: a
// message (0), an identity association (opt6IANA) or an address (opt6Addr). It returns the option with the client's name,
// whether a status says that all of parent has failed, and whether the options are well-formed.
func (d *Decoder) options6(b []byte, parent int) (fqdn []byte, failed, ok bool) {
	first := len(d.leases)
	for len(b) > 0 {
		if len(b) < 4 || len(b) < 4+int(binary.BigEndian.Uint16(b[2:])) {
			return nil, false, false
		}
		code, data := int(binary.BigEndian.Uint16(b)), b[4:4+int(binary.BigEndian.Uint16(b[2:]))]
		b = b[4+len(data):]
		ok = true
		switch {
		case code == opt6Status:
			ok = len(data) >= 2
			failed = failed || ok && binary.BigEndian.Uint16(data) != 0
		case parent == 0 && code == opt6ClientFQDN:
			fqdn = data
		case parent == 0 && code == opt6IANA:
			ok = d.nested6(data, 12, opt6IANA)
		case parent == 0 && code == opt6IATA:
			ok = d.nested6(data, 4, opt6IANA)
		case parent == opt6IANA && code == opt6Addr:
			ok = d.nested6(data, 24, opt6Addr)
		}
		if !ok {
			return nil, false, false
		}
	}
	if failed {
		d.leases = d.leases[:first]
	}
	return fqdn, failed, true
}

// nested6 decodes an option that has options behind its first n bytes. Those bytes of an address are the address, and its
// preferred and valid lifetimes.
func (d *Decoder) nested6(data []byte, n, code int) bool {
	if len(data) < n {
		return false
	}
	_, failed, ok := d.options6(data[n:], code)
	if ok && !failed && code == opt6Addr && len(d.leases) < maxFacts {
		d.leases = append(d.leases, lease{netip.AddrFrom16([16]byte(data[:16])), lifetime(data[20:])})
	}
	return ok
}

package discovery

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// The options of DHCPv6 that are read (RFC 8415, 21; RFC 4704).
const (
	opt6IANA   = 3
	opt6IATA   = 4
	opt6Addr   = 5
	opt6Status = 13
	opt6FQDN   = 39
)

// The messages of DHCPv6 that are read (RFC 8415, 7.3). Offers and what relays wrap are not.
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
	addr netip.Addr
	life time.Duration
}

// dhcp6 reads a message of DHCPv6 (RFC 8415). The client is known by the frame: its MAC in a DUID may be of another of
// its interfaces, or of none any more. So its address on this link must be link-local, which no router forwards.
func (d *Decoder) dhcp6(m *message) {
	b := m.payload
	if len(b) < 4 {
		d.malformed[DHCPv6].Add(1)
		return
	}
	station, addr, kind := m.src, m.from, Announced
	switch b[0] {
	case dhcp6Solicit, dhcp6Inform:
	case dhcp6Request, dhcp6Confirm, dhcp6Renew, dhcp6Rebind:
		kind = Probed
	case dhcp6Release, dhcp6Decline:
		kind = Released
	case dhcp6Reply:
		station, addr, kind = m.dst, m.to, Leased
	default:
		return
	}
	d.leases = d.leases[:0]
	fqdn, failed, ok := d.options6(b[4:], 0)
	if !ok {
		d.malformed[DHCPv6].Add(1)
		return
	}
	if !addr.IsLinkLocalUnicast() || !station.IsStation() {
		return
	}
	if kind != Leased {
		d.draw(Fact{Kind: Announced, Protocol: DHCPv6, MAC: station, Addr: addr})
	}
	if len(fqdn) > 1 {
		d.wireName(DHCPv6, station, fqdn[1:])
	}
	for _, l := range d.leases {
		switch {
		case kind == Probed, kind == Released:
			d.draw(Fact{Kind: kind, Protocol: DHCPv6, MAC: station, Addr: l.addr})
		case kind == Leased && !failed && l.life > 0:
			d.draw(Fact{Kind: Leased, Protocol: DHCPv6, MAC: station, Addr: l.addr, Lifetime: l.life})
		}
	}
}

// options6 adds to d.leases the addresses among the options of a message (within 0), of an identity association
// (opt6IANA) or of an address (opt6Addr), save those that have failed. It returns the option with the client's name,
// whether a status among the options says that all of it has failed, and whether they can be read.
func (d *Decoder) options6(b []byte, within int) (fqdn []byte, failed, ok bool) {
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
		case within == 0 && code == opt6FQDN:
			fqdn = data
		case within == 0 && code == opt6IANA:
			ok = d.within6(data, 12, opt6IANA)
		case within == 0 && code == opt6IATA:
			ok = d.within6(data, 4, opt6IANA)
		case within == opt6IANA && code == opt6Addr:
			ok = d.within6(data, 24, opt6Addr)
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

// within6 reads an option that holds options behind its first n bytes; of an address, these are the address itself, the
// preferred and the valid lifetime.
func (d *Decoder) within6(data []byte, n, within int) bool {
	if len(data) < n {
		return false
	}
	_, failed, ok := d.options6(data[n:], within)
	if ok && !failed && within == opt6Addr && len(d.leases) < maxFacts {
		d.leases = append(d.leases, lease{netip.AddrFrom16([16]byte(data[:16])), lifetime(data[20:])})
	}
	return ok
}

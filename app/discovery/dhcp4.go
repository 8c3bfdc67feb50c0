package discovery

import (
	"bytes"
	"net/netip"
	"time"

	"gonetmon/app/mac"
)

// The options of DHCPv4 that are read (RFC 2132, RFC 4702).
const (
	optPad      = 0
	optName     = 12
	optAsked    = 50
	optLife     = 51
	optOverload = 52
	optType     = 53
	optFQDN     = 81
	optEnd      = 255
)

// The messages of DHCPv4 that are read (RFC 2132, 9.6). An offer and a refusal change nothing.
const (
	dhcpDiscover = 1
	dhcpRequest  = 3
	dhcpDecline  = 4
	dhcpAck      = 5
	dhcpRelease  = 7
	dhcpInform   = 8
)

// unsaidLife is how long a lease is believed in whose server does not say how long it is.
const unsaidLife = time.Hour

// options4 are the options of a message. An option in several parts is one (RFC 3396).
type options4 struct {
	typ, overload byte
	asked         netip.Addr
	life          time.Duration
	name, fqdn    text4
}

// A text4 holds the parts of an option that may be long.
type text4 struct {
	n    int
	text [512]byte
}

func (t *text4) add(b []byte) { t.n += copy(t.text[t.n:], b) }

func (t *text4) bytes() []byte { return t.text[:t.n] }

// dhcp4 reads a message of DHCPv4 (RFC 2131). The client is chaddr, wherever the frame comes from: relays are no clients.
func (d *Decoder) dhcp4(m *message) {
	b := m.payload
	if len(b) < 240 || string(b[236:240]) != "\x63\x82\x53\x63" {
		d.malformed[DHCP].Add(1)
		return
	}
	if b[1] != 1 || b[2] != 6 { // Ethernet
		return
	}
	o := options4{life: unsaidLife}
	if !o.read(b) {
		d.malformed[DHCP].Add(1)
		return
	}
	client, current, your := mac.Addr(b[28:34]), netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	switch {
	case b[0] == 1:
		d.client4(&o, client, current)
	case b[0] == 2 && o.typ == dhcpAck:
		d.text(client, o.name.bytes())
		if your.IsUnspecified() { // to an inform
			d.draw(Fact{Kind: Announced, Protocol: DHCP, MAC: client, Addr: current})
			return
		}
		d.draw(Fact{Kind: Leased, Protocol: DHCP, MAC: client, Addr: your, Lifetime: o.life})
	}
}

// client4 draws what a client says, who has the address current if any.
func (d *Decoder) client4(o *options4, client mac.Addr, current netip.Addr) {
	fact := Fact{Kind: Announced, Protocol: DHCP, MAC: client, Addr: current}
	switch o.typ {
	case dhcpDiscover:
		fact.Addr = netip.Addr{} // and what it asks for is only a wish
	case dhcpRequest:
		d.draw(Fact{Kind: Probed, Protocol: DHCP, MAC: client, Addr: o.asked})
	case dhcpInform:
	case dhcpRelease:
		fact.Kind = Released
	case dhcpDecline:
		fact.Kind, fact.Addr = Released, o.asked
	default:
		return
	}
	d.draw(fact)
	if !d.text(client, o.name.bytes()) {
		d.fqdn(client, o.fqdn.bytes())
	}
}

// read walks the options of a whole message, then those that stand in its fields file and sname if it says so (RFC 2131,
// 4.1). It returns false if they can't be read.
func (o *options4) read(b []byte) bool {
	return o.walk(b[240:]) &&
		(o.overload&1 == 0 || o.walk(b[108:236])) &&
		(o.overload&2 == 0 || o.walk(b[44:108]))
}

func (o *options4) walk(b []byte) bool {
	for len(b) > 0 && b[0] != optEnd {
		if b[0] == optPad {
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) || !o.take(b[0], b[2:2+int(b[1])]) {
			return false
		}
		b = b[2+int(b[1]):]
	}
	return true
}

// take keeps an option; it returns false if that is not as long as it should be.
func (o *options4) take(code byte, data []byte) bool {
	switch {
	case code == optName:
		o.name.add(data)
	case code == optFQDN:
		o.fqdn.add(data)
	case code == optAsked && len(data) == 4:
		o.asked = netip.AddrFrom4([4]byte(data))
	case code == optLife && len(data) == 4:
		o.life = lifetime(data)
	case code == optOverload && len(data) == 1:
		o.overload = data[0]
	case code == optType && len(data) == 1:
		o.typ = data[0]
	case code == optAsked, code == optLife, code == optOverload, code == optType:
		return false
	}
	return true
}

// text draws the name in option 12, and says whether there is one. Some clients end it with a NUL.
func (d *Decoder) text(client mac.Addr, b []byte) bool {
	b = bytes.TrimRight(b, "\x00")
	return len(b) > 0 && d.drawName(DHCP, client, string(b))
}

// fqdn draws the name in option 81 (RFC 4702, 2): flags, two bytes of nothing, and the name in ASCII or, with the flag E,
// in the format of DNS.
func (d *Decoder) fqdn(client mac.Addr, b []byte) {
	if len(b) < 4 {
		return
	}
	if b[0]&4 == 0 {
		d.text(client, b[3:])
		return
	}
	d.wireName(DHCP, client, b[3:])
}

// wireName draws a name in the format of DNS; an empty one is none.
func (d *Decoder) wireName(from Protocol, client mac.Addr, b []byte) {
	name, ok := unpackName(d.name[:0], b)
	d.name = name
	switch {
	case !ok:
		d.refused[from].Add(1)
	case len(name) > 0:
		d.drawName(from, client, string(name))
	}
}

// unpackName reads a name in the uncompressed format of DNS (RFC 1035, 3.1) into buf. It may be partial: then the root is
// missing (RFC 4702, 3.3.1; RFC 4704, 4.2). What follows the root is passed over.
func unpackName(buf, b []byte) ([]byte, bool) {
	for len(b) > 0 && b[0] != 0 {
		n := int(b[0])
		if n > 63 || n >= len(b) || len(buf)+n > 253 || bytes.IndexByte(b[1:1+n], '.') >= 0 {
			return buf, false
		}
		if len(buf) > 0 {
			buf = append(buf, '.')
		}
		buf = append(buf, b[1:1+n]...)
		b = b[1+n:]
	}
	return buf, true
}

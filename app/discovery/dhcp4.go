package discovery

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"time"

	"gonetmon/app/mac"
)

// Options of DHCPv4 (RFC 2132, RFC 4702).
const (
	optPad           = 0
	optHostName      = 12
	optRequestedAddr = 50
	optLeaseTime     = 51
	optOverload      = 52
	optMessageType   = 53
	optServer        = 54
	optVendorClass   = 60
	optClientFQDN    = 81
	optEnd           = 255
)

// Messages of DHCPv4 that have facts (RFC 2132, 9.6). An offer and a refusal change nothing.
const (
	dhcpDiscover = 1
	dhcpRequest  = 3
	dhcpDecline  = 4
	dhcpAck      = 5
	dhcpRelease  = 7
	dhcpInform   = 8
)

// defaultLease is the lifetime of a lease if the server does not say it.
const defaultLease = time.Hour

// options4 holds the options of a message. The parts of an option that is split are joined (RFC 3396).
type options4 struct {
	messageType, overload byte
	requested, server     netip.Addr
	lease                 time.Duration
	hostName, fqdn, class []byte
}

// dhcp4 decodes a message of DHCPv4 (RFC 2131). The client is chaddr: the frame may come from a relay.
func (d *Decoder) dhcp4(m *message) {
	b := m.payload
	if len(b) < 240 || string(b[236:240]) != "\x63\x82\x53\x63" {
		d.malformed[DHCP].Add(1)
		return
	}
	if b[1] != 1 || b[2] != 6 { // Ethernet
		return
	}
	o := options4{lease: defaultLease}
	if !o.decode(b) {
		d.malformed[DHCP].Add(1)
		return
	}
	const request, reply = 1, 2
	client, transaction := mac.Addr(b[28:34]), binary.BigEndian.Uint32(b[4:])
	clientAddr, yourAddr := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	switch {
	case b[0] == request:
		via := m.src
		if relay := [4]byte(b[24:28]); relay != [4]byte{} {
			via = mac.Addr{}
		}
		d.request4(&o, client, via, clientAddr, transaction)
	case b[0] == reply && o.messageType == dhcpAck:
		d.hostName(Fact{Kind: MACName, Protocol: DHCP, MAC: client, Transaction: transaction}, o.hostName)
		if yourAddr.IsUnspecified() { // the answer to an inform
			d.emit(Fact{Kind: Announced, Protocol: DHCP, MAC: client, Addr: clientAddr})
			return
		}
		d.emit(Fact{Kind: Leased, Protocol: DHCP, MAC: client, Addr: yourAddr, Lifetime: o.lease, Transaction: transaction,
			Server: o.server})
	}
}

// request4 emits the facts of a client's message, which came in a frame of via. addr is the client's address, if it has one.
func (d *Decoder) request4(o *options4, client, via mac.Addr, addr netip.Addr, transaction uint32) {
	fact := Fact{Kind: Announced, Protocol: DHCP, MAC: client, Addr: addr}
	switch o.messageType {
	case dhcpDiscover:
		fact.Addr = netip.Addr{} // the address that it requests is only a wish
	case dhcpRequest:
		asked := addr // to renew a lease (RFC 2131, 4.3.2)
		if o.requested.IsValid() {
			asked = o.requested
		}
		d.emit(Fact{Kind: Requested, Protocol: DHCP, MAC: client, Via: via, Addr: asked, Transaction: transaction})
	case dhcpInform:
	case dhcpRelease:
		fact.Kind = Released
	case dhcpDecline:
		fact.Kind, fact.Addr = Released, o.requested
	default:
		return
	}
	d.emit(fact)
	name := Fact{Kind: MACName, Protocol: DHCP, MAC: client, Own: true}
	if via != client {
		name.Via = via
	}
	if !d.hostName(name, o.hostName) {
		d.fqdn4(name, o.fqdn)
	}
	if kind := kindOf(string(o.class), vendorKinds); kind != "" {
		d.emit(Fact{Kind: DeviceKind, Protocol: DHCP, MAC: client, Name: kind, Own: true})
	}
}

// decode decodes the options of a whole message, and those in its fields file and sname if an option says so (RFC 2131,
// 4.1). It returns false if they are malformed.
func (o *options4) decode(b []byte) bool {
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
		if len(b) < 2 || len(b) < 2+int(b[1]) || !o.set(b[0], b[2:2+int(b[1])]) {
			return false
		}
		b = b[2+int(b[1]):]
	}
	return true
}

// set stores an option. It returns false if its length is wrong.
func (o *options4) set(code byte, data []byte) bool {
	switch {
	case code == optHostName:
		if !bytes.Equal(o.hostName, data) { // some clients send it twice
			o.hostName = append(o.hostName, data...)
		}
	case code == optVendorClass:
		o.class = append(o.class, data...)
	case code == optClientFQDN:
		o.fqdn = append(o.fqdn, data...)
	case code == optRequestedAddr && len(data) == 4:
		o.requested = netip.AddrFrom4([4]byte(data))
	case code == optServer && len(data) == 4:
		o.server = netip.AddrFrom4([4]byte(data))
	case code == optLeaseTime && len(data) == 4:
		o.lease = lifetime(data)
	case code == optOverload && len(data) == 1:
		o.overload = data[0]
	case code == optMessageType && len(data) == 1:
		o.messageType = data[0]
	case code == optRequestedAddr, code == optLeaseTime, code == optOverload, code == optMessageType, code == optServer:
		return false
	}
	return true
}

// hostName emits f with the name in option 12, and reports whether there is one. Some clients add a NUL.
func (d *Decoder) hostName(f Fact, b []byte) bool {
	b = bytes.TrimRight(b, "\x00")
	return len(b) > 0 && d.emitName(f, string(b))
}

// fqdn4 emits f with the name in option 81 (RFC 4702, 2): flags, two unused bytes, and the name in ASCII or, with the flag E, in
// the wire format of DNS.
func (d *Decoder) fqdn4(f Fact, b []byte) {
	const flagE = 4
	if len(b) < 4 {
		return
	}
	if b[0]&flagE == 0 {
		d.hostName(f, b[3:])
		return
	}
	d.wireName(f, b[3:])
}

// wireName emits f with a name in the wire format of DNS, unless it is empty. Some clients send text in its place.
func (d *Decoder) wireName(f Fact, b []byte) {
	name, ok := unpackName(b)
	if !ok {
		name = string(b)
	}
	if name != "" {
		d.emitName(f, name)
	}
}

// unpackName decodes a name in the uncompressed wire format of DNS (RFC 1035, 3.1). The root is missing in a partial name
// (RFC 4702, 3.3.1; RFC 4704, 4.2). What follows the root is ignored.
func unpackName(b []byte) (name string, ok bool) {
	var labels []string
	for len(b) > 0 && b[0] != 0 {
		n := int(b[0])
		if n > 63 || n >= len(b) {
			return "", false
		}
		labels = append(labels, string(b[1:1+n]))
		b = b[1+n:]
	}
	return hostName(labels), true
}

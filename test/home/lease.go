package home

import (
	"net/netip"
	"time"

	"gonetmon/test/testnet"
)

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// dhcpOptions are what a client always sends.
func (n *nic) message(kind byte) testnet.DHCP {
	return testnet.DHCP{Type: kind, MAC: n.mac, Name: n.dhcp,
		Ends: testnet.Ends{SrcMAC: n.sender(), DstMAC: testnet.Broadcast, Src: netip.IPv4Unspecified(), Dst: broadcast}}
}

// requestLease asks for an address by broadcast: the one that it had, or a new one.
func (n *nic) requestLease() {
	h, r := n.home, n.home.router
	if n.routed { // in its own VLAN, where nobody listens
		n.setV4(netip.AddrFrom4([4]byte{192, 168, 20, 10}))
		return
	}
	xid := h.Uint32()
	if n.v4.IsValid() && n.leased.After(h.now) {
		m := n.message(testnet.Request)
		m.Asked = n.v4
		h.control(dhcpFrame(m, xid))
		switch {
		case !r.isUp():
			n.during(h.between(5*time.Second, time.Minute), n.requestLease)
			return
		case r.grants(n, n.v4):
			r.acknowledge(n, n.v4, xid)
			return
		}
		r.refuse(n, xid)
		n.v4, n.leased = netip.Addr{}, time.Time{}
		xid = h.Uint32()
	}
	h.control(dhcpFrame(n.message(testnet.Discover), xid))
	if !r.isUp() {
		n.during(h.between(5*time.Second, time.Minute), n.requestLease)
		return
	}
	a := r.choose(n)
	h.control(dhcpFrame(r.reply(testnet.Offer, n, a), xid))
	m := n.message(testnet.Request)
	m.Asked = a
	m.Options = map[byte][]byte{54: r.v4.AsSlice()}
	h.control(dhcpFrame(m, xid))
	r.acknowledge(n, a, xid)
}

// renewLease asks the server for more time: by unicast and then, when nearly all time is over, by broadcast (RFC 2131, 4.4.5).
func (n *nic) renewLease() {
	h, r := n.home, n.home.router
	xid := h.Uint32()
	m := n.message(testnet.Request)
	m.Client, m.Ends.Src = n.v4, n.v4
	left := n.leased.Sub(h.now)
	if left > r.life/8 {
		m.Ends.DstMAC, m.Ends.Dst = r.mac, n.server
	}
	if left <= 0 {
		n.v4 = netip.Addr{}
		n.requestLease()
		return
	}
	h.control(dhcpFrame(m, xid))
	switch {
	case !r.isUp() || m.Ends.Dst != broadcast && m.Ends.Dst != r.v4:
		n.during(max(left/2, time.Minute), n.renewLease)
	case r.grants(n, n.v4):
		r.acknowledge(n, n.v4, xid)
	default:
		r.refuse(n, xid)
		n.v4, n.leased = netip.Addr{}, time.Time{}
		n.requestLease()
	}
}

// takeLease takes an address for as long as the router says.
func (n *nic) takeLease(a netip.Addr) {
	h, r := n.home, n.home.router
	changed := n.v4 != a
	n.setV4(a)
	n.leased, n.server = h.now.Add(r.life), r.v4
	n.during(r.life/2, n.renewLease)
	if changed || h.chance(0.5) {
		n.announceV4()
	}
}

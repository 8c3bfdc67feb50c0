package home

import (
	"net/netip"
	"time"

	"gonetmon/app/mac"
	"gonetmon/test/testnet"
)

// A Device is the truth: what the people of the home call one thing.
type Device struct {
	Name string
	nics []*nic
}

// A nic is a network interface of a device, or a stack that shares one.
type nic struct {
	*spec
	home *Home
	dev  *Device
	mac  mac.Addr
	via  *nic // the extender or router that sends for it; nil: it is on the link itself

	up         bool // connected
	away       bool // out of the home
	asleep     bool // the sleep proxy answers for it
	epoch      int  // of its present connection: what was planned in another one is dropped
	configured int  // the epoch in which it made or tested its addresses last

	v4           netip.Addr
	server       netip.Addr               // of its lease
	leased       time.Time                // until when
	ll           netip.Addr               // link-local
	newLinkLocal bool                     // its MAC has changed, and the link-local address does with it
	stable       netip.Addr               // in the announced prefix
	temp         netip.Addr               // likewise, new each day (RFC 8981); invalid: it has none
	reached      map[netip.Addr]time.Time // addresses that it need not ask for, until when
}

// sender returns the source MAC of its frames as they are on the link.
func (n *nic) sender() mac.Addr {
	if n.via != nil {
		return n.via.mac
	}
	return n.mac
}

// receiver returns the MAC to which frames for it go.
func (n *nic) receiver() mac.Addr {
	if n.asleep {
		return n.home.sleepProxy.sender()
	}
	return n.sender()
}

// option returns the MAC in its NDP options. Not every extender rewrites these.
func (n *nic) option() mac.Addr {
	if n.via != nil && n.via.keepsOptions {
		return n.mac
	}
	return n.sender()
}

// during has do happen after some time, unless the connection has ended by then.
func (n *nic) during(d time.Duration, do func()) {
	epoch := n.epoch
	n.home.after(d, func() {
		if n.up && n.epoch == epoch {
			do()
		}
	})
}

// connect joins the link.
func (n *nic) connect() {
	if n.up {
		n.disconnect()
	}
	h := n.home
	n.up, n.asleep, n.reached = true, false, map[netip.Addr]time.Time{}
	n.epoch++
	if n.v6 != noIPv6 {
		n.setLinkLocal()
	}
	switch {
	case n.static != 0:
		if !n.v4.IsValid() {
			n.setV4(h.router.addr4(n.static))
		}
		n.announceV4()
	default:
		n.during(h.between(300*time.Millisecond, 3*time.Second), n.requestLease)
	}
	if n.v6 != noIPv6 {
		n.during(h.between(time.Second, 2*time.Second), n.solicitRouter)
	}
	if n.mdns != "" {
		n.during(4*time.Second, n.announceNames)
		n.during(5*time.Second, n.announceNames)
		n.during(h.between(10*time.Minute, time.Hour), n.repeatNames)
	}
	n.during(h.between(3*time.Second, 6*time.Second), n.start)
}

// disconnect leaves the link without a word.
func (n *nic) disconnect() {
	n.up = false
	n.epoch++
}

// sleep hands over to the sleep proxy, which then announces the addresses as its own.
func (n *nic) sleep() {
	h := n.home
	p := h.sleepProxy
	if !n.up || !p.up || n.asleep || !p.v4.IsValid() || !n.v4.IsValid() {
		return
	}
	n.asleep = true
	n.epoch++
	if n.leased.After(h.now) { // it wakes for a moment to renew its lease
		n.during(n.leased.Sub(h.now)/2, n.renewLease)
	}
	for range 2 {
		h.control(testnet.ARPRequest(p.sender(), n.v4, n.v4))
		for _, a := range []netip.Addr{n.ll, n.stable} {
			if a.IsValid() {
				h.control(testnet.NeighborAdvert(p.sender(), a, a, testnet.TargetMAC(p.sender())))
			}
		}
	}
	n.during(30*time.Minute, n.sleepOn)
}

// sleepOn has the sleep proxy speak for it from time to time.
func (n *nic) sleepOn() {
	h := n.home
	p := h.sleepProxy
	if !n.asleep || !p.up || !p.v4.IsValid() || !n.v4.IsValid() {
		return
	}
	h.control(testnet.MDNSResponse(p.sender(), p.v4, 120, true, testnet.Record{Name: n.mdns + ".local", Addr: n.v4}))
	if h.chance(0.3) { // somebody sends to it, and the proxy refuses or keeps alive
		r := h.router
		h.control(testnet.ARPRequest(r.mac, r.v4, n.v4))
		h.control(testnet.ARPReply(p.sender(), n.v4, r.mac, r.v4))
		h.data(r.mac, n.receiver(), h.remote(n.v4), n.v4, 100+h.IntN(4000))
		h.data(p.sender(), r.mac, n.v4, h.remote(n.v4), 60)
	}
	n.during(h.between(20*time.Minute, 40*time.Minute), n.sleepOn)
}

// setV4 takes an IPv4 address.
func (n *nic) setV4(a netip.Addr) {
	n.v4 = a
	n.home.owner[a] = n
}

// announceV4 probes and announces the IPv4 address (RFC 5227).
func (n *nic) announceV4() {
	if n.quiet {
		return
	}
	h := n.home
	h.control(testnet.ARPProbe(n.sender(), n.v4))
	n.during(time.Second, func() { h.control(testnet.ARPRequest(n.sender(), n.v4, n.v4)) })
}

// setLinkLocal makes the link-local address, if the MAC has changed.
func (n *nic) setLinkLocal() {
	a := n.iid(netip.MustParsePrefix("fe80::/64"))
	if a == n.ll && n.v6 == eui64 || n.ll.IsValid() && n.v6 == stableIID && !n.newLinkLocal {
		a = n.ll
	}
	n.newLinkLocal = false
	n.ll = n.detectDuplicate(a)
}

// iid returns an address with its interface identifier in a prefix: that of its MAC, or a random one.
func (n *nic) iid(p netip.Prefix) netip.Addr {
	b := p.Addr().As16()
	for i := 8; i < 16; i++ {
		b[i] = byte(n.home.IntN(256))
	}
	if n.v6 == eui64 {
		m := n.mac
		copy(b[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
	}
	return netip.AddrFrom16(b)
}

// detectDuplicate asks whether an address is in use (RFC 4862, 5.4), and takes it.
func (n *nic) detectDuplicate(a netip.Addr) netip.Addr {
	n.home.owner[a] = n
	n.home.control(testnet.NeighborSolicit(n.sender(), netip.IPv6Unspecified(), a))
	return a
}

// solicitRouter asks for the prefix.
func (n *nic) solicitRouter() {
	h := n.home
	h.control(testnet.RouterSolicit(n.sender(), n.ll, testnet.SourceMAC(n.option())))
	h.hear(n.ll, n)
	h.router.advertise()
}

// configure makes addresses in the announced prefix.
func (n *nic) configure(p netip.Prefix) {
	if !n.up || n.v6 == noIPv6 || n.asleep || !n.ll.IsValid() {
		return
	}
	has := n.stable.IsValid() && p.Contains(n.stable)
	if has && n.configured == n.epoch {
		return
	}
	n.configured = n.epoch
	if !has {
		n.stable = n.iid(p)
	}
	n.detectDuplicate(n.stable) // with each connection
	switch {
	case !n.privacy:
	case n.temp.IsValid() && p.Contains(n.temp):
		n.detectDuplicate(n.temp)
	default:
		n.renewTemp()
	}
}

// renewTemp takes a new temporary address.
func (n *nic) renewTemp() {
	p := n.home.router.prefix
	if !n.stable.IsValid() || !p.Contains(n.stable) {
		return
	}
	b := p.Addr().As16()
	for i := 8; i < 16; i++ {
		b[i] = byte(n.home.IntN(256))
	}
	b[8] &^= 2
	n.temp = n.detectDuplicate(netip.AddrFrom16(b))
}

// announceNames announces its name in mDNS, from IPv4 and from IPv6.
func (n *nic) announceNames() {
	h := n.home
	if n.asleep {
		return
	}
	var records []testnet.Record
	for _, o := range n.dev.nics {
		if o.mdns != n.mdns {
			continue
		}
		for _, a := range []netip.Addr{o.v4, o.ll, o.stable, o.temp} {
			if o.up && a.IsValid() && (a.Is4() || a.IsLinkLocalUnicast() || h.router.prefix.Contains(a)) {
				records = append(records, testnet.Record{Name: n.mdns + ".local", Addr: a})
			}
		}
	}
	for _, from := range []netip.Addr{n.v4, n.ll} {
		if from.IsValid() {
			h.control(testnet.MDNSResponse(n.sender(), from, 120, true, records...))
			for _, r := range records {
				h.tied[r.Addr], h.named[r.Addr] = true, true
			}
		}
	}
}

func (n *nic) repeatNames() {
	n.announceNames()
	n.during(n.home.between(10*time.Minute, time.Hour), n.repeatNames)
}

// resolve asks where an address on the link is, and has it answer, unless that was done a while ago.
func (n *nic) resolve(from, to netip.Addr) {
	h := n.home
	if h.now.Before(n.reached[to]) {
		return
	}
	o := h.owner[to]
	if o == nil || n.routed || o.routed || n.asleep {
		return
	}
	n.reached[to] = h.now.Add(h.between(time.Minute, 10*time.Minute))
	hw := o.receiver()
	if from.Is4() {
		h.control(testnet.ARPRequest(n.sender(), from, to))
		if o.up {
			h.control(testnet.ARPReply(hw, to, n.sender(), from))
		}
		return
	}
	h.control(testnet.NeighborSolicit(n.sender(), from, to, testnet.SourceMAC(n.option())))
	h.hear(from, n)
	if o.up {
		option := o.option()
		if o.asleep {
			option = hw
		}
		h.control(neighborAdvert(testnet.Ends{SrcMAC: hw, DstMAC: n.sender(), Src: to, Dst: from}, o == h.router.nic, option))
		h.hear(to, o)
	}
}

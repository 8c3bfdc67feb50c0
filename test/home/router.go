package home

import (
	"net/netip"
	"time"

	"gonetmon/app/mac"
	"gonetmon/test/testnet"
)

// A router gives addresses by DHCP and SLAAC, forwards to the internet, and answers PTR questions.
type router struct {
	*nic
	net      byte // of 192.168.net.0/24
	prefix   netip.Prefix
	old      netip.Prefix // withdrawn
	life     time.Duration
	back     time.Time // when it has restarted
	leases   []*lease  // in the order of their addresses
	reserved map[mac.Addr]netip.Addr
	dns      zone
}

// A lease is an address that a client has, or had.
type lease struct {
	addr  netip.Addr
	mac   mac.Addr
	until time.Time
	name  string // in DNS
}

const (
	firstLeased = 100 // of the last byte of the addresses
	numLeased   = 90
)

func (r *router) isUp() bool { return !r.home.now.Before(r.back) }
func (r *router) addr4(host int) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 168, r.net, byte(host)})
}
func (r *router) has(a netip.Addr) bool { return a.Is4() && a.As4()[2] == r.net }

// leaseAt returns the lease of an address, if it ever was leased.
func (r *router) leaseAt(a netip.Addr) *lease {
	for _, l := range r.leases {
		if l.addr == a {
			return l
		}
	}
	return nil
}

// choose returns an address for a client: a reserved one, the one it had last, or the first that nobody has.
func (r *router) choose(n *nic) netip.Addr {
	if a, ok := r.reserved[n.mac]; ok && r.has(a) {
		return a
	}
	for _, l := range r.leases {
		if l.mac == n.mac && r.has(l.addr) && !r.inUse(l.addr, n) {
			return l.addr
		}
	}
	for i := range numLeased {
		a := r.addr4(firstLeased + i)
		if l := r.leaseAt(a); (l == nil || !l.until.After(r.home.now)) && !r.inUse(a, n) && !r.isReserved(a) {
			return a
		}
	}
	panic("home: no address left")
}

func (r *router) isReserved(a netip.Addr) bool {
	for _, b := range r.reserved {
		if a == b {
			return true
		}
	}
	return false
}

// inUse reports whether somebody else answers at an address, which a server finds out by a ping (RFC 2131, 3.1).
func (r *router) inUse(a netip.Addr, n *nic) bool {
	o := r.home.owner[a]
	return o != nil && o != n && o.up && o.v4 == a
}

// grants reports whether a client may have an address.
func (r *router) grants(n *nic, a netip.Addr) bool {
	if b, ok := r.reserved[n.mac]; !r.has(a) || ok && a != b {
		return false
	}
	l := r.leaseAt(a)
	return l == nil && !r.inUse(a, n) || l != nil && l.mac == n.mac
}

// acknowledge leases an address to a client, which takes it.
func (r *router) acknowledge(n *nic, a netip.Addr, xid uint32) {
	l := r.leaseAt(a)
	if l == nil {
		l = &lease{addr: a}
		r.leases = append(r.leases, l)
	}
	if l.mac != n.mac {
		l.mac, l.name = n.mac, ""
	}
	l.until = r.home.now.Add(r.life)
	r.dns.name(r, l, n.dhcp)
	m := r.reply(testnet.Ack, n, a)
	if n.server == r.v4 && n.v4 == a && n.up {
		m.Ends.Dst = a // a renewal
	}
	r.home.control(dhcpFrame(m, xid))
	r.home.tied[a] = true
	n.takeLease(a)
}

// refuse tells a client that it may not have the address that it asked for.
func (r *router) refuse(n *nic, xid uint32) {
	m := r.reply(testnet.Nak, n, netip.Addr{})
	m.Your, m.Life, m.Ends.Dst, m.Ends.DstMAC = netip.Addr{}, 0, broadcast, testnet.Broadcast
	r.home.control(dhcpFrame(m, xid))
}

func (r *router) reply(kind byte, n *nic, a netip.Addr) testnet.DHCP {
	if a.IsValid() {
		r.home.owner[a] = n
	}
	return testnet.DHCP{Type: kind, MAC: n.mac, Your: a, Life: r.life, Options: map[byte][]byte{54: r.v4.AsSlice()},
		Ends: testnet.Ends{SrcMAC: r.mac, DstMAC: n.sender(), Src: r.v4, Dst: a}}
}

// advertise sends a router advertisement, and has everybody configure addresses.
func (r *router) advertise() {
	if !r.isUp() || !r.prefix.IsValid() {
		return
	}
	h := r.home
	options := [][]byte{testnet.SourceMAC(r.mac), testnet.PrefixInfo(r.prefix, 2*time.Hour)}
	if r.old.IsValid() {
		options = append(options, testnet.PrefixInfo(r.old, 0))
	}
	h.control(testnet.RouterAdvert(r.mac, r.ll, options...))
	r.configure(r.prefix)
	for _, n := range h.nics {
		if n != r.nic {
			p, n := r.prefix, n
			n.during(h.between(100*time.Millisecond, 1500*time.Millisecond), func() { n.configure(p) })
		}
	}
}

func (r *router) keepAdvertising() {
	r.advertise()
	r.home.after(r.home.between(7*time.Minute, 10*time.Minute), r.keepAdvertising)
}

// restart restarts the router, with a new IPv6 prefix. The devices on its own network or Wi-Fi lose their
// connections.
func (r *router) restart() {
	h := r.home
	down := h.between(60*time.Second, 150*time.Second)
	r.back = h.now.Add(down)
	r.old, r.prefix = r.prefix, h.newPrefix()
	if h.Uint32()&1 == 0 {
		r.old = netip.Prefix{} // it has forgotten that
	}
	h.after(down, func() {
		r.setLinkLocal()
		r.setV4(r.addr4(1))
		h.control(testnet.ARPRequest(r.mac, r.v4, r.v4))
		r.advertise()
	})
	for _, n := range h.nics {
		if n == r.nic || n.wired || !n.up {
			continue
		}
		asleep := n.asleep
		n.disconnect()
		n.asleep = false
		if asleep && h.chance(0.5) {
			continue // until it wakes
		}
		h.after(down+h.between(5*time.Second, 2*time.Minute)+n.later(), func() {
			if !n.up && !n.away {
				n.connect()
			}
		})
	}
}

// renumber restarts the router with another IPv4 network. People restart what has not noticed, and change static addresses.
func (r *router) renumber() {
	h := r.home
	h.after(0, r.restart)
	r.net = 7
	r.leases = nil
	for _, n := range h.nics {
		if n == r.nic || n.routed {
			continue
		}
		if n.static == 0 && n.wired {
			h.after(h.between(5*time.Minute, 40*time.Minute), func() {
				if n.up {
					n.connect()
				}
			})
		}
		if n.static != 0 {
			h.after(h.between(10*time.Minute, 3*time.Hour), func() {
				n.setV4(r.addr4(n.static))
				if n.up {
					n.connect()
				}
			})
		}
	}
}

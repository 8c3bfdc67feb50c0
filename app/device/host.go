package device

import (
	"net/netip"
	"slices"

	"gonetmon/app/mac"
)

// A host is an address, and what is known of it. It is counted, and then belongs to a device; or it has only been heard of.
// It takes 64 bytes, as there may be twice as many of them as the limit says.
type host struct {
	ip      [16]byte // the address
	device  *device  // of a counted host, never nil
	station *station // whose MAC is known to be its, nil if none is
	*seldom          // to read only
	claimed instant  // when the station last claimed it
	wanted  instant  // when the namer was last told of it, 0: never
	last    instant  // when it last sent or received
	ends    instant  // the lease
	places  uint16   // in the tables
	how     strength // of the claim of station or maybe
	four    bool     // the address is one of IPv4
	counted bool
	looked  bool // its first lookup has ended, or there is none
	sent    bool
	router  bool // of the station: it advertises itself from this address
}

// seldom is what few hosts have, or for a while only.
type seldom struct {
	maybe *station // that claims it, but may speak for another
	lease *station // to which a DHCP server gave it
	held  *held    // what it has gained since it is here, as long as its device is not shown; nil: nothing
	ptr   string   // its name in the reverse DNS, "" if there is none
	mdns  said     // its name in multicast DNS
}

// none is what hosts have of all that is seldom, as long as they have nothing. Nobody writes to it.
var none = &seldom{}

// some is where what a host has seldom may be written.
func (h *host) some() *seldom {
	if h.seldom == none {
		h.seldom = &seldom{}
	}
	return h.seldom
}

// tidy notes that something of what is seldom may not be needed any more.
func (h *host) tidy() {
	if *h.seldom == *none {
		h.seldom = none
	}
}

func (h *host) addr() netip.Addr {
	addr := netip.AddrFrom16(h.ip)
	if h.four {
		return addr.Unmap()
	}
	return addr
}

// said is a name that somebody is called by, and when that was last heard.
type said struct {
	name string
	at   instant
	own  bool // who is called so has said it
}

// hear takes a name, unless another one was heard not long ago: so that of many names that are claimed at once one stays.
// It says whether the name is another one now.
func (s *said) hear(name string, now instant) bool {
	changed := s.name != name
	better := s.name == "" || anonymous(s.name) && !anonymous(name)
	if changed && !better && now-s.at < span(stale) {
		return false
	}
	s.name, s.at = name, now
	return changed
}

func (r *Registry) newHost(addr netip.Addr) *host {
	h := &host{ip: addr.As16(), four: addr.Is4(), seldom: none, looked: r.cfg.Names == nil}
	r.hosts.put(h)
	return h
}

// hostOf returns what is known of an address, from now on if need be.
func (r *Registry) hostOf(addr netip.Addr) *host {
	h := r.hosts.get(addr)
	if h != nil {
		return h
	}
	for r.hosts.len()-r.counted >= r.cfg.Limit && len(r.heard) > 0 {
		oldest := r.heard[0]
		r.heard[0] = nil
		r.heard = r.heard[1:]
		if !oldest.counted && r.hosts.get(oldest.addr()) == oldest {
			r.unbind(oldest)
			r.hosts.delete(oldest.addr())
		}
	}
	h = r.newHost(addr)
	r.heard = append(r.heard, h)
	return h
}

// count returns a host that is counted, from now on if need be; nil if there is no room for it.
func (r *Registry) count(addr netip.Addr) *host {
	if !addr.IsValid() {
		return nil
	}
	h := r.hosts.get(addr)
	if h != nil && h.counted {
		return h
	}
	if r.counted >= r.cfg.Limit {
		return nil
	}
	if h == nil {
		h = r.newHost(addr)
	}
	h.counted, h.last = true, r.now
	r.counted++
	if h.station == nil {
		if mac, ok := embedded(addr); ok && r.stations.get(mac) != nil {
			r.bind(h, r.stations.get(mac), tried)
		}
	}
	r.regroup(h)
	return h
}

// uncount gives the place of a host to others.
func (r *Registry) uncount(h *host) {
	d := h.device
	h.leaveBehind()
	r.leave(h)
	r.unbind(h)
	r.hosts.delete(h.addr())
	h.counted = false
	r.counted--
	if d.hosts.len() == 0 {
		r.emptied(d, nil)
	}
}

// embedded is the MAC in an IPv6 interface identifier that was made of one (RFC 4291, appendix A).
func embedded(addr netip.Addr) (m mac.Addr, ok bool) {
	if !addr.Is6() || addr.Is4In6() {
		return m, false
	}
	b := addr.As16()
	if b[11] != 0xff || b[12] != 0xfe {
		return m, false
	}
	m = mac.Addr{b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]}
	return m, m.IsStation()
}

// renamed follows a change of a host's names.
func (r *Registry) renamed(h *host) {
	if !h.counted {
		if h.station != nil && h.station.device != nil {
			r.review(h.station.device)
		}
		return
	}
	r.regroup(h)
	r.call(h.device, h.ptr)
	r.call(h.device, h.mdns.name)
	r.review(h.device)
}

// join notes that a host belongs to a device.
func (d *device) join(h *host) {
	i, _ := slices.BinarySearchFunc(d.hosts.all(), h, compareHosts)
	d.hosts.insert(i, h)
	h.device = d
}

func compareHosts(a, b *host) int { return a.addr().Compare(b.addr()) }

package device

import (
	"net/netip"
	"slices"

	"gonetmon/app/names"
)

// A host is an address, and what is known of it. It is counted, and then belongs to a device; or it has only been heard of.
type host struct {
	addr    netip.Addr
	device  *device  // of a counted host, never nil
	station *station // whose MAC is known to be its, nil if none is
	maybe   *station // that claims it, but may speak for another
	lease   *station // to which a DHCP server gave it
	ends    instant  // the lease
	claimed instant  // when the station last claimed it
	wanted  instant  // when the namer was last told of it
	last    instant  // when it last sent or received
	ptr     string   // its name in the reverse DNS, "" if there is none
	mdns    said     // its name in multicast DNS
	how     strength // of the claim of station or maybe
	places  int      // in the tables
	held    *held    // what it has gained since it is here, as long as its device is not shown; nil: nothing
	counted bool
	looked  bool // its first lookup has ended, or there is none
	sent    bool
	own     bool // mdns is what it said itself
	router  bool // of the station: it advertises itself from this address
}

// said is a name that somebody is called by, and when that was last heard.
type said struct {
	name string
	at   instant
}

// hear takes a name, unless another one was heard not long ago: so that of many names that are claimed at once one stays.
// It says whether the name is another one now.
func (s *said) hear(name string, now instant) bool {
	changed := s.name != name
	better := s.name == "" || anonymous(s.name) && !anonymous(name)
	if changed && !better && now-s.at < instant(stale) {
		return false
	}
	s.name, s.at = name, now
	return changed
}

func (r *Registry) newHost(addr netip.Addr) *host {
	h := &host{addr: addr, looked: r.cfg.Names == nil, wanted: -instant(wantEvery)}
	r.hosts[addr] = h
	return h
}

// hostOf returns what is known of an address, from now on if need be.
func (r *Registry) hostOf(addr netip.Addr) *host {
	h := r.hosts[addr]
	if h != nil {
		return h
	}
	for len(r.hosts)-r.counted >= r.cfg.Limit && len(r.heard) > 0 {
		oldest := r.heard[0]
		r.heard[0] = nil
		r.heard = r.heard[1:]
		if !oldest.counted && r.hosts[oldest.addr] == oldest {
			r.unbind(oldest)
			delete(r.hosts, oldest.addr)
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
	h := r.hosts[addr]
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
		if mac, ok := embedded(addr); ok && r.stations[mac] != nil {
			r.bind(h, r.stations[mac], tried)
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
	delete(r.hosts, h.addr)
	h.counted = false
	r.counted--
	if len(d.hosts) == 0 {
		r.emptied(d, nil)
	}
}

// embedded is the MAC in an IPv6 interface identifier that was made of one (RFC 4291, appendix A).
func embedded(addr netip.Addr) (mac names.MAC, ok bool) {
	if !addr.Is6() || addr.Is4In6() {
		return mac, false
	}
	b := addr.As16()
	if b[11] != 0xff || b[12] != 0xfe {
		return mac, false
	}
	mac = names.MAC{b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]}
	return mac, mac.IsStation()
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
	i, _ := slices.BinarySearchFunc(d.hosts, h, compareHosts)
	d.hosts = slices.Insert(d.hosts, i, h)
	h.device = d
}

func compareHosts(a, b *host) int { return a.addr.Compare(b.addr) }

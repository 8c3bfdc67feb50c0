package device

import (
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/mac"
)

const staleName = time.Hour // how long a name that is not repeated keeps another one out

// A host is one address. A counted host belongs to a group. The others are neighbors that have not sent or received anything
// yet.
type host struct {
	addr       netip.Addr
	group      *group       // of a counted host, never nil
	station    *station     // that has the address; nil: not known
	tentative  *station     // that claims the address, but may be a proxy
	leasedTo   *station     // that got the address from a DHCP server
	leaseEnd   time.Time    // of that
	confidence confidence   // in the claim of station or tentative
	claimed    time.Time    // when that claim was last made
	ptr        string       // name in the reverse DNS; "" if none
	mdns       observedName // in multicast DNS
	pending    *counters    // gained in its group while that is not shown; nil: nothing
	wanted     time.Time    // when the namer was last told of it
	last       time.Time    // when it last sent or received
	slots      int          // how many it has in the tables
	counted    bool
	lookedUp   bool // its first lookup has ended, or there is none
	sent       bool // it has sent, not only received
	router     bool // its station advertises itself as a router from this address
}

// An observedName is a name that a device is called by on the LAN.
type observedName struct {
	name string
	at   time.Time // when it was last observed
	own  bool      // the device says so itself
}

// observe takes a name, unless another one was observed not long ago: if many names are claimed at once, the first stays. It
// reports whether the name has changed.
func (o *observedName) observe(name string, now time.Time) bool {
	changed := o.name != name
	better := o.name == "" || isUUID(o.name) && !isUUID(name)
	if changed && !better && now.Sub(o.at) < staleName {
		return false
	}
	o.name, o.at = name, now
	return changed
}

func (r *Registry) newHost(addr netip.Addr) *host {
	h := &host{addr: addr, lookedUp: r.cfg.Names == nil}
	r.hosts[addr] = h
	return h
}

// hostAt returns the host at an address, and creates it as a neighbor if needed. The oldest neighbor makes room for it.
func (r *Registry) hostAt(addr netip.Addr) *host {
	h := r.hosts[addr]
	if h != nil {
		return h
	}
	for len(r.hosts)-r.counted >= r.cfg.Limit && len(r.neighbors) > 0 {
		oldest := r.neighbors[0]
		r.neighbors[0] = nil
		r.neighbors = r.neighbors[1:]
		if !oldest.counted && r.hosts[oldest.addr] == oldest {
			r.unbind(oldest)
			delete(r.hosts, oldest.addr)
		}
	}
	h = r.newHost(addr)
	r.neighbors = append(r.neighbors, h)
	return h
}

// count returns the host at an address, which is counted from now on; nil if there is no room for it.
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
		if hw, ok := embeddedMAC(addr); ok && r.stations[hw] != nil {
			r.bind(h, r.stations[hw], claimProbed)
		}
	}
	r.regroup(h)
	return h
}

// uncount removes a counted host.
func (r *Registry) uncount(h *host) {
	g := h.group
	h.movePending()
	g.remove(h)
	r.unbind(h)
	delete(r.hosts, h.addr)
	h.counted = false
	r.counted--
	if len(g.hosts) == 0 {
		r.hostless(g, nil)
	}
}

// embeddedMAC returns the MAC in an IPv6 interface identifier that was made of one (RFC 4291, appendix A).
func embeddedMAC(addr netip.Addr) (hw mac.Addr, ok bool) {
	if !addr.Is6() || addr.Is4In6() {
		return hw, false
	}
	b := addr.As16()
	if b[11] != 0xff || b[12] != 0xfe {
		return hw, false
	}
	hw = mac.Addr{b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]}
	return hw, hw.IsStation()
}

// namesChanged follows a change of a host's names.
func (r *Registry) namesChanged(h *host) {
	if !h.counted {
		if h.station != nil && h.station.group != nil {
			r.maybeRename(h.station.group)
		}
		return
	}
	r.regroup(h)
	r.indexName(h.group, h.ptr)
	r.indexName(h.group, h.mdns.name)
	r.maybeRename(h.group)
}

// remove removes x from a list and returns the list.
func remove[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(list, func(y T) bool { return y == x })
}

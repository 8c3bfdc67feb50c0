package device

import (
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/mac"
)

// A host is one address. A counted host belongs to a group. The others are neighbors that have not sent or received anything
// yet.
type host struct {
	addr  netip.Addr
	group *group // of a counted host, never nil

	evidence           // of who has the address
	station   *station // that has the address, by the evidence; nil: not known
	why       reason   // for that
	inStation int      // index in the hosts of station
	inSent    int      // index in the list of its sender
	apart     bool     // its sender sends from several addresses that nothing ties together

	ptr      string          // name in the reverse DNS; "" if none
	ptrWeak  bool            // it gives way to any other name
	stale    string          // the name of the device that had the address before, which the reverse DNS may still have
	said     [numSaid]spoken // names in messages of the LAN
	early    spoken          // what a station has said in mDNS that did not have the address then
	kind     string          // of the device; "" if not known
	keys     []string        // under which it is in Registry.byName
	ptrKey   string          // under which it is in Registry.byPTR; "" if it is not
	pending  *counters       // gained while its group is not shown or its owner is in doubt; nil: nothing
	wanted   time.Time       // when Config.Names was last asked for its name
	first    time.Time       // when it was first counted
	last     time.Time       // when it last sent or received
	slots    int             // how many it has in the tables
	counted  bool
	kept     bool // it was the device's before the restart
	lookedUp bool // its first lookup has ended, or there is none
	sent     bool // it has sent, not only received
	doubted  bool // two MACs send from it
	inDoubts bool // in Registry.doubts
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
			r.removeHost(oldest)
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
	h.counted, h.first, h.last = true, r.now, r.now
	r.counted++
	r.judge(h)
	if h.group == nil {
		r.regroup(h)
	}
	r.gather(h)
	return h
}

// uncount removes a counted host.
func (r *Registry) uncount(h *host) {
	g := h.group
	r.movePending(h)
	g.remove(h)
	r.removeHost(h)
	h.counted = false
	r.counted--
	if len(g.hosts) == 0 {
		r.hostless(g, nil)
	}
}

// removeHost removes a host from everything but its group.
func (r *Registry) removeHost(h *host) {
	r.dropNames(h)
	r.dropSender(h)
	if h.station != nil {
		h.station.remove(h)
		h.station = nil
	}
	r.dropLease(h)
	delete(r.hosts, h.addr)
}

// embeddedMAC returns the MAC that an IPv6 interface identifier was made from (RFC 4291, appendix A).
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

// subnetOf returns the subnet that an address is likely to be in.
func subnetOf(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	p, _ := addr.Prefix(bits) // both lengths are valid
	return p
}

// remove removes x from a list and returns the list.
func remove[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(list, func(y T) bool { return y == x })
}

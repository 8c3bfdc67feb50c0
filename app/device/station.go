package device

import (
	"net/netip"
	"slices"

	"gonetmon/app/mac"
)

// A station is one MAC: a network interface, and the hosts that it has.
type station struct {
	mac        mac.Addr
	group      *group // of its hosts; nil while none is counted
	hosts      []*host
	tentative  []*host      // that it claims, but may be a proxy for
	dhcp       observedName // in DHCP
	proxy      bool         // it answers for others: a router with proxy ARP, an extender or the like
	proxySends bool         // a proxy that also sends as others
}

// stationFor returns the station of a MAC, and creates it if needed; nil if there is no room.
func (r *Registry) stationFor(hw mac.Addr) *station {
	s := r.stations[hw]
	if s != nil {
		return s
	}
	for tries := 0; len(r.stations) >= r.cfg.Limit; tries++ {
		if tries == 8 || len(r.evictable) == 0 {
			return nil
		}
		oldest := r.evictable[0]
		r.evictable[0] = nil
		r.evictable = r.evictable[1:]
		switch {
		case r.stations[oldest.mac] != oldest: // removed already
		case oldest.group != nil:
			r.evictable = append(r.evictable, oldest)
		default:
			r.removeStation(oldest)
		}
	}
	s = &station{mac: hw}
	r.stations[hw] = s
	r.evictable = append(r.evictable, s)
	return s
}

func (r *Registry) removeStation(s *station) {
	for len(s.hosts) > 0 {
		h := s.hosts[len(s.hosts)-1]
		r.unbind(h)
		r.regroup(h)
	}
	s.clearTentative()
	delete(r.stations, s.mac)
}

// bind gives a host to a station.
func (r *Registry) bind(h *host, s *station, how confidence) {
	if h.station != nil && h.counted {
		h.movePending()
	}
	r.unbind(h)
	h.station, h.confidence, h.claimed = s, how, r.now
	s.hosts = append(s.hosts, h)
	r.regroup(h)
}

// unbind takes a host from its station. The caller has to regroup it.
func (r *Registry) unbind(h *host) {
	if s := h.station; s != nil {
		s.hosts = remove(s.hosts, h)
	}
	if s := h.tentative; s != nil {
		s.tentative = remove(s.tentative, h)
	}
	h.station, h.tentative, h.router = nil, nil, false
}

// resolveTentative decides which station a host has that is about to be shown.
func (r *Registry) resolveTentative(h *host) {
	if h.station != nil {
		return
	}
	if s := h.tentative; s != nil {
		if s.namesDiffer(h) {
			r.markProxy(s)
			return
		}
		r.bind(h, s, h.confidence)
		return
	}
	if hw, ok := embeddedMAC(h.addr); ok {
		if s := r.stationFor(hw); s != nil {
			r.bind(h, s, claimProbed)
		}
	}
}

// namesDiffer reports whether a host has another name than the hosts of the station, from the same source.
func (s *station) namesDiffer(h *host) bool {
	return slices.ContainsFunc(s.hosts, func(o *host) bool {
		return h.ptr != "" && o.ptr != "" && !sameName(h.ptr, o.ptr) ||
			h.mdns.own && o.mdns.own && h.mdns.name != "" && o.mdns.name != "" && !sameName(h.mdns.name, o.mdns.name)
	})
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

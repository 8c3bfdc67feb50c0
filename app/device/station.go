package device

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/mac"
)

// routerPackets is how many packets from addresses outside the LAN make a MAC a router. Every review reduces the count.
const routerPackets = 20

// A station is one MAC: a network interface, and the hosts that it has.
type station struct {
	mac          mac.Addr
	group        *group // of its hosts; nil while none is counted
	hosts        []*host
	sends        []*host    // IPv4 hosts whose sender it is
	sends6       []*host    // IPv6 hosts likewise
	answers      netip.Addr // the IPv4 address that it first answered for
	answersAll   bool       // it answers for several
	behind       *group     // of IPv6 hosts that it sends for, and that belong to no known device; nil: none yet
	leased       *host      // the IPv4 address that it was last given by DHCP
	request      request
	dhcp         spoken     // its name in DHCP
	kind         string     // of the device; "" if not known
	transit      uint64     // packets that it sent from addresses outside the LAN; it decays
	relayed      []mac.Addr // MACs whose own messages came in its frames, at most relayedMACs
	relayedSince time.Time  // when there was the first
	relayedAt    time.Time  // when there was one last
	advertises   bool       // itself as a router
	several      bool       // it sends from IPv4 addresses of other devices
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
		case oldest.group.isUsed() || oldest.behind.isUsed() || len(oldest.sends)+len(oldest.sends6) > 0:
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
		s.remove(h)
		h.station, h.why = nil, noReason
		if h.claim.mac == s.mac {
			h.claim = claim{}
		}
		if h.lease.mac == s.mac {
			h.lease = lease{}
		}
	}
	if g := s.group; g != nil {
		if g.stations = remove(g.stations, s); len(g.stations) == 0 && !g.isUsed() {
			r.setID(g, 0)
		}
	}
	if s.behind != nil {
		r.setID(s.behind, 0)
	}
	delete(r.stations, s.mac)
}

func (s *station) add(h *host) {
	h.inStation = len(s.hosts)
	s.hosts = append(s.hosts, h)
}

func (s *station) remove(h *host) {
	last := s.hosts[len(s.hosts)-1]
	s.hosts[h.inStation], last.inStation = last, h.inStation
	s.hosts = s.hosts[:len(s.hosts)-1]
}

// sent returns the hosts of the family of h whose sender the station is.
func (s *station) sent(h *host) *[]*host {
	if h.addr.Is4() {
		return &s.sends
	}
	return &s.sends6
}

// addSent makes the station the sender of a host.
func (s *station) addSent(h *host) {
	list := s.sent(h)
	h.inSent = len(*list)
	*list = append(*list, h)
}

func (s *station) removeSent(h *host) {
	list := s.sent(h)
	last := (*list)[len(*list)-1]
	(*list)[h.inSent], last.inSent = last, h.inSent
	*list = (*list)[:len(*list)-1]
}

// forward counts packets that a MAC has sent from addresses outside the LAN.
func (r *Registry) forward(hw mac.Addr, packets uint64) {
	if !hw.IsStation() {
		return
	}
	s := r.stationFor(hw)
	if s == nil {
		return
	}
	was := r.isRouter(hw)
	s.transit += packets
	if !was && r.isRouter(hw) {
		r.judgeAll(s)
	}
}

// relayedMACs is for how many other MACs a station must have passed on messages to be a bridge.
const relayedMACs = 2

// relay records that a message of a station came in a frame of another one, as through a Wi-Fi extender.
func (r *Registry) relay(by, of mac.Addr) {
	if !by.IsStation() || by == of {
		return
	}
	s := r.stationFor(by)
	if s == nil {
		return
	}
	was := r.relays(s)
	if !was && r.now.Sub(s.relayedAt) >= pastAfter {
		s.relayed, s.relayedSince = nil, r.now
	}
	if s.relayedAt = r.now; len(s.relayed) < relayedMACs && !slices.Contains(s.relayed, of) {
		s.relayed = append(s.relayed, of)
	}
	if !was && r.relays(s) {
		r.judgeSending(s)
	}
}

// relays reports whether messages of several other stations come in the frames of a station, and not only for a moment.
func (r *Registry) relays(s *station) bool {
	return len(s.relayed) == relayedMACs && s.relayedAt.Sub(s.relayedSince) >= silentAfter && r.now.Sub(s.relayedAt) < distrustFor
}

// isRouter reports whether a MAC keeps sending packets from addresses outside the LAN, or advertises itself as a router. That
// such a MAC sends from an address of the LAN does not prove that it has the address.
func (r *Registry) isRouter(hw mac.Addr) bool {
	s := r.stations[hw]
	return s != nil && (s.transit >= routerPackets || s.advertises)
}

// speaksForOthers reports whether a MAC sends from addresses that are not its own.
func (r *Registry) speaksForOthers(hw mac.Addr) bool {
	s := r.stations[hw]
	return s != nil && s.several || r.isRouter(hw)
}

// isPast reports whether the sender of an address has not sent from it for so long that this says nothing any more.
func (r *Registry) isPast(h *host) bool { return r.now.Sub(h.sender.last) >= pastAfter }

const reviewEvery = 5 * time.Minute

// review ends the judgements that nothing supports any more. Update calls it.
func (r *Registry) review() {
	maps.DeleteFunc(r.wildcards, func(_ string, at time.Time) bool { return r.now.Sub(at) >= distrustFor })
	for _, hw := range slices.SortedFunc(maps.Keys(r.stations), func(a, b mac.Addr) int { return bytes.Compare(a[:], b[:]) }) {
		s := r.stations[hw]
		was := r.isRouter(s.mac)
		s.transit -= s.transit / 16
		if was != r.isRouter(s.mac) {
			r.judgeAll(s)
		}
		if s.several {
			r.judgeSending(s)
		}
	}
}

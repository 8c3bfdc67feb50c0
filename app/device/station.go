package device

import (
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/mac"
)

const (
	fresh      = 2 * time.Minute // how long a claim speaks against another one
	stale      = time.Hour       // how long a name that is not heard any more keeps others out
	mostSpoken = 2               // IPv4 addresses of one subnet that a MAC may send as at once and be one device
	mostAnswer = 1               // IPv4 addresses that it may answer for besides those that it sends as
	mostLinks  = 2               // link-local IPv6 addresses
	mostSix    = 64              // IPv6 addresses
)

// A station is a MAC: one interface, of which the hosts are.
type station struct {
	mac     mac.Addr
	device  *device   // of its hosts; nil as long as none is counted
	hosts   few[host] // known to be its
	*claims           // to read only
	speaks  bool      // for others: it is a router with proxy ARP, an extender or the like
	sends   bool      // as others, too
	removed bool
}

// claims is what few stations say.
type claims struct {
	maybe few[host] // that they claim, and may speak for only
	dhcp  said      // what they call themselves when they ask for an address
}

// silent is the claims of those that have none. Nobody writes to it.
var silent = &claims{}

// says is where what a station claims may be written.
func (s *station) says() *claims {
	if s.claims == silent {
		s.claims = &claims{}
	}
	return s.claims
}

// strength is how much a claim of an address says.
type strength uint8

const (
	tried    strength = iota + 1 // would like to have it
	answered                     // says, when asked, that it is there
	spoke                        // sends as it
	leased                       // was given it
)

// stationOf returns what is known of a MAC, from now on if need be; nil if there is no room.
func (r *Registry) stationOf(mac mac.Addr) *station {
	s := r.stations.get(mac)
	if s != nil {
		return s
	}
	for tries := 0; r.stations.len() >= r.cfg.Limit; tries++ {
		if tries == 8 || len(r.strangers) == 0 {
			return nil
		}
		oldest := r.strangers[0]
		r.strangers[0] = nil
		r.strangers = r.strangers[1:]
		switch {
		case oldest.removed:
		case oldest.device != nil:
			r.strangers = append(r.strangers, oldest)
		default:
			r.drop(oldest)
		}
	}
	s = &station{mac: mac, claims: silent}
	r.stations.put(s)
	r.strangers = append(r.strangers, s)
	return s
}

// drop forgets a station.
func (r *Registry) drop(s *station) {
	for s.hosts.len() > 0 {
		h := s.hosts.all()[s.hosts.len()-1]
		r.unbind(h)
		r.regroup(h)
	}
	s.doubtNone()
	s.removed = true
	r.stations.delete(s.mac)
}

// claim takes what a station says of an address.
func (r *Registry) claim(h *host, s *station, how strength) {
	if s.speaks && h.station != s && !s.owns(h) && (how != spoke || !s.lacksOwn(h)) {
		return // there is somebody at this address, but it is not s
	}
	if mac, ok := embedded(h.addr()); ok && mac != s.mac && r.stations.get(mac) != nil && r.stations.get(mac).hosts.len() > 0 {
		r.unmask(s)
		how, s = tried, r.stations.get(mac)
	}
	o := h.station
	switch {
	case o == s:
		h.how, h.claimed = max(h.how, how), r.now
	case o == nil:
		if how < leased && s.doubtful(h, how, r.now) {
			s.doubt(h, how, r.now)
			break
		}
		r.bind(h, s, how)
	case how == tried:
		return
	case how == leased:
		r.bind(h, s, how)
	case h.lease == o && r.now < h.ends && s.others(h, r.now) > 0:
		r.unmask(s) // it claims what was given to o
		return
	case how == answered && h.how > answered && s.hosts.len() > 0:
		return // it answers for another: a proxy, or one that lets o sleep
	case r.now-h.claimed < span(fresh) && s.others(h, r.now) > o.others(h, r.now):
		return // who has fewer addresses is more likely to be the one
	default:
		r.bind(h, s, how)
	}
	if s.tooMany(r.now) {
		r.unmask(s)
	}
}

// give takes that a DHCP server has given an address to a station. The one that it had in the same subnet is given up.
func (r *Registry) give(h *host, s *station, life time.Duration) {
	for _, g := range s.hosts.all() {
		if g != h && g.lease == s && subnet(g.addr()) == subnet(h.addr()) && g.four {
			g.ends, g.claimed = r.now, r.now-span(fresh)
		}
	}
	h.some().lease, h.ends = s, r.now+span(life)
	r.claim(h, s, leased)
}

// giveUp takes that a station does not want an address any more. It is still called its until somebody else claims it.
func (r *Registry) giveUp(h *host, s *station) {
	if h.lease == s {
		h.some().lease = nil
		h.tidy()
	}
	if h.station == s {
		h.how, h.claimed = tried, r.now-span(fresh)
	}
}

// others counts the addresses of h's kind, h aside, that the station has claimed not long ago. That an IPv6 host has many says
// nothing.
func (s *station) others(h *host, now instant) (n int) {
	if !h.four {
		return 0
	}
	for _, g := range s.hosts.all() {
		if g != h && g.four && now-g.claimed < span(fresh) {
			n++
		}
	}
	return n
}

// doubtful says whether it takes more than a claim to believe that the host is the station's, because this has another IPv4
// address: it may speak for another.
func (s *station) doubtful(h *host, how strength, now instant) bool {
	if !h.four {
		return false
	}
	return slices.ContainsFunc(s.hosts.all(), func(g *host) bool {
		if !g.four || g.how < answered || now-g.claimed >= span(fresh) {
			return false
		}
		return how == answered && g.how > answered || subnet(g.addr()) == subnet(h.addr())
	})
}

func (s *station) doubt(h *host, how strength, now instant) {
	if h.maybe != s {
		if h.maybe != nil {
			h.maybe.maybe.remove(h)
		}
		h.some().maybe = s
		h.how = how
		s.says().maybe.add(h)
	}
	h.how, h.claimed = max(h.how, how), now
}

// doubtNone gives up all claims that have been in doubt.
func (s *station) doubtNone() {
	if s.maybe.len() == 0 {
		return
	}
	for _, h := range s.maybe.all() {
		h.some().maybe = nil
		h.tidy()
	}
	s.says().maybe = few[host]{}
}

// tooMany says whether the station has claimed more addresses not long ago than one device has.
func (s *station) tooMany(now instant) bool {
	var answers, links, six int
	var spoken [8]struct {
		net netip.Prefix
		n   int
	}
	for _, hosts := range [][]*host{s.hosts.all(), s.maybe.all()} {
		for _, h := range hosts {
			switch {
			case now-h.claimed >= span(fresh) || h.how == tried || h.lease == s:
			case !h.four && h.addr().IsLinkLocalUnicast():
				links++
			case !h.four:
				six++
			case h.how == answered:
				answers++
			default:
				net := subnet(h.addr())
				for i := range spoken {
					if spoken[i].net == net || spoken[i].n == 0 {
						spoken[i].net = net
						if spoken[i].n++; spoken[i].n > mostSpoken {
							return true
						}
						break
					}
				}
			}
		}
	}
	if spoken[0].n == 0 {
		answers-- // one of them may be its own
	}
	return answers > mostAnswer || links > mostLinks || six > mostSix
}

// owns says whether an address is a station's own even though it speaks for others.
func (s *station) owns(h *host) bool {
	mac, ok := embedded(h.addr())
	return h.lease == s || h.router && h.station == s || ok && mac == s.mac
}

// lacksOwn says whether a station that answers for others may have an address of its own, this one, that was not known yet.
func (s *station) lacksOwn(h *host) bool {
	return !s.sends && h.four && h.station == nil && !slices.ContainsFunc(s.hosts.all(), func(g *host) bool { return g.four })
}

// unmask takes that a station speaks for others: what is not surely its own is none of its.
func (r *Registry) unmask(s *station) {
	if s.speaks {
		return
	}
	s.speaks = true
	sendsAs := func(h *host) bool { return h.four && h.how == spoke && h.lease == nil }
	var sends int // the IPv4 addresses that it sends as: if it is one, it is the station's own
	for _, hosts := range [][]*host{s.hosts.all(), s.maybe.all()} {
		for _, h := range hosts {
			if sendsAs(h) {
				sends++
			}
		}
	}
	s.sends = sends > 1
	s.doubtNone()
	for _, h := range slices.Clone(s.hosts.all()) {
		if s.owns(h) || sendsAs(h) && !s.sends {
			continue
		}
		r.unbind(h)
		if h.lease != nil && r.now < h.ends {
			r.bind(h, h.lease, leased)
			continue
		}
		r.regroup(h)
	}
}

// bind makes a host the station's.
func (r *Registry) bind(h *host, s *station, how strength) {
	if h.station != nil && h.counted {
		h.leaveBehind()
	}
	r.unbind(h)
	h.station, h.how, h.claimed = s, how, r.now
	s.hosts.add(h)
	r.regroup(h)
}

// unbind leaves a host without a station. What device it is of is for the caller to see to.
func (r *Registry) unbind(h *host) {
	for _, s := range []*station{h.station, h.maybe} {
		if s != nil {
			s.hosts.remove(h)
			s.maybe.remove(h)
		}
	}
	h.station, h.router = nil, false
	if h.maybe != nil {
		h.some().maybe = nil
		h.tidy()
	}
}

// resolve decides for a host that is about to be shown what was in doubt.
func (r *Registry) resolve(h *host) {
	if h.station != nil {
		return
	}
	if s := h.maybe; s != nil {
		if s.namesDiffer(h) {
			r.unmask(s)
			return
		}
		r.bind(h, s, h.how)
		return
	}
	if mac, ok := embedded(h.addr()); ok {
		if s := r.stationOf(mac); s != nil {
			r.bind(h, s, tried)
		}
	}
}

// namesDiffer says whether a host has another name than the station's hosts, of the same source.
func (s *station) namesDiffer(h *host) bool {
	return slices.ContainsFunc(s.hosts.all(), func(g *host) bool {
		return h.ptr != "" && g.ptr != "" && !akin(h.ptr, g.ptr) ||
			h.mdns.own && g.mdns.own && h.mdns.name != "" && g.mdns.name != "" && !akin(h.mdns.name, g.mdns.name)
	})
}

// subnet is the prefix in which an address's neighbours are likely to be.
func subnet(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	p, _ := addr.Prefix(bits) // both lengths are right
	return p
}

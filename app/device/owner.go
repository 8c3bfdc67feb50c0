package device

import (
	"slices"

	"gonetmon/app/mac"
)

// A reason is why a station has an address, or why none has it.
type reason uint8

const (
	noReason       reason = iota // nothing was heard
	byLease                      // a lease runs
	bySending                    // it sends from the address
	byAnnouncement               // it has announced the address
	byAnswer                     // it answers for the address, and nobody else says anything
	byDefault                    // it had the address, and no other device has taken it
	byAddress                    // its MAC is in the address
)

// owner returns the station that has an address by the strongest evidence, and why; nil if none is known.
func (r *Registry) owner(h *host) (*station, reason) {
	if r.isLeased(h) && !r.inConflict(h) {
		if s := r.stationFor(h.lease.mac); s != nil {
			return s, byLease
		}
	}
	if s := r.embeddedStation(h); s != nil {
		return s, byAddress
	}
	if s := r.stations[h.sender.mac]; s != nil && r.maySend(s, h) {
		return s, bySending
	}
	if s := r.claimant(h); s != nil {
		if h.claim.announced {
			return s, byAnnouncement
		}
		return s, byAnswer
	}
	if s := h.station; s != nil && h.why != byAnswer && r.stations[s.mac] == s &&
		(h.sender.mac != s.mac || !h.apart && !s.several) {
		return s, byDefault
	}
	return nil, noReason
}

// embeddedStation returns the station whose MAC an IPv6 address was made from, if it is known and another MAC sends for it;
// else nil.
func (r *Registry) embeddedStation(h *host) *station {
	hw, ok := embeddedMAC(h.addr)
	if s := r.stations[hw]; ok && s != nil && hw != h.sender.mac && len(s.hosts) > 0 {
		return s
	}
	return nil
}

// maySend reports whether a station that sends from an address is likely to have it.
func (r *Registry) maySend(s *station, h *host) bool {
	switch {
	case r.isRouter(s.mac):
		return false
	case h.addr.Is4():
		return !h.apart && r.inOneSubnet(s, h)
	default:
		hw, ok := embeddedMAC(h.addr)
		return !s.several || ok && hw == s.mac
	}
}

// inOneSubnet reports whether a station sends from addresses of one IPv4 subnet only, or has announced or taken up this one.
func (r *Registry) inOneSubnet(s *station, h *host) bool {
	return h.claim.mac == s.mac && h.claim.announced || h.took.mac == s.mac ||
		!slices.ContainsFunc(s.sends, func(o *host) bool {
			return o != h && !r.isPast(o) && subnetOf(o.addr) != subnetOf(h.addr)
		})
}

// claimant returns the station that claims an address, if it is likely to have it; else nil.
func (r *Registry) claimant(h *host) *station {
	s := r.stations[h.claim.mac]
	if s == nil {
		return nil
	}
	if hw, ok := embeddedMAC(h.addr); ok && hw == s.mac {
		return s
	}
	switch {
	case h.addr.Is4() && !h.claim.announced && s.answersAll:
		return nil
	case s.several, h.addr.Is4() && len(s.hosts) > maxNamesakes,
		h.station != nil && h.station != s && h.sender.mac != (mac.Addr{}):
		return nil // it may be a proxy, as for a device that sleeps
	case h.addr.Is4():
		for _, o := range s.hosts {
			if o != h && o.addr.Is4() && subnetOf(o.addr) == subnetOf(h.addr) &&
				(!r.tookUp(s, h) || !o.sender.last.Before(h.claim.at)) {
				return nil
			}
		}
	}
	return s
}

// judge decides from the evidence which station has an address, and gives it the address.
func (r *Registry) judge(h *host) {
	s, why := r.owner(h)
	h.why = why
	if s == h.station {
		if s == nil {
			r.regroup(h)
		}
		return
	}
	was := h.station
	if was != nil {
		if s != nil && h.group != nil && h.sender.mac == (mac.Addr{}) {
			r.movePending(h)
		}
		was.remove(h)
	}
	h.station = s
	if s != nil {
		s.add(h)
		if h.early.by == s.mac && r.now.Sub(h.early.at) < asleepAfter {
			h.said[saidMDNS], h.early = h.early, spoken{}
		}
		for i := range h.said {
			if n := &h.said[i]; n.by == s.mac && n.of == (mac.Addr{}) {
				n.of = s.mac
			}
		}
	}
	if was != nil && s != nil {
		r.handOver(h, was)
	}
	r.reindex(h) // what it was called may be the name of the former device
	if s != nil && !h.counted && h.addr.Is4() && r.cfg.Names != nil && h.wanted.IsZero() {
		h.wanted = r.now
		r.cfg.Names.Want(h.addr) // its name is also that of the station's other addresses
	}
	r.regroup(h)
	r.gather(h)
}

// handOver handles an address that has passed from one device to another. Its name in the reverse DNS stays behind.
func (r *Registry) handOver(h *host, was *station) {
	if h.ptr == "" || r.speaksForOthers(was.mac) {
		return
	}
	h.stale = h.ptr
	r.setPTR(h, "")
	h.lookedUp = r.cfg.Names == nil
	if r.cfg.Names != nil {
		r.cfg.Names.Refresh(h.addr)
	}
}

// judgeAll judges every address that a station sends from or has, after the station was found to speak for others, or no longer
// to.
func (r *Registry) judgeAll(s *station) {
	r.detach(s)
	for _, h := range slices.Concat(s.hosts, s.sends, s.sends6) {
		r.judge(h)
	}
}

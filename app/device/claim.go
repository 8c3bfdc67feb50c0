package device

import (
	"slices"
	"time"
)

// freshClaim is how long a claim counts against another one.
const freshClaim = 2 * time.Minute

// A confidence is how strong a station's claim of an address is, weakest first.
type confidence uint8

const (
	claimProbed  confidence = iota + 1 // it wants to use the address
	claimReplied                       // it answers for the address
	claimSent                          // it sends from the address
	claimLeased                        // it got the address from a DHCP server
)

// fresh reports whether the claim of a host was made not long ago.
func (r *Registry) fresh(h *host) bool { return r.now.Sub(h.claimed) < freshClaim }

// expireClaim makes the claim of a host stale.
func (r *Registry) expireClaim(h *host) { h.claimed = r.now.Add(-freshClaim) }

// claim handles a station's claim of an address.
func (r *Registry) claim(h *host, s *station, how confidence) {
	if s.proxy && h.station != s && !s.owns(h) && (how != claimSent || !s.mayOwn(h)) {
		return // the address is in use, but not by s
	}
	if hw, ok := embeddedMAC(h.addr); ok && hw != s.mac && r.stations[hw] != nil && len(r.stations[hw].hosts) > 0 {
		r.markProxy(s)
		how, s = claimProbed, r.stations[hw]
	}
	o := h.station
	switch {
	case o == s:
		h.confidence, h.claimed = max(h.confidence, how), r.now
	case o == nil:
		if how < claimLeased && r.isTentative(s, h, how) {
			r.setTentative(s, h, how)
			break
		}
		r.bind(h, s, how)
	case how == claimProbed:
		return
	case how == claimLeased:
		r.bind(h, s, how)
	case h.leasedTo == o && r.now.Before(h.leaseEnd) && r.numOthers(s, h) > 0:
		r.markProxy(s) // it claims what was leased to o
		return
	case how == claimReplied && h.confidence > claimReplied && len(s.hosts) > 0:
		return // it answers for another one: a proxy, maybe a sleep proxy
	case r.fresh(h) && r.numOthers(s, h) > r.numOthers(o, h):
		return // the one with fewer addresses is more likely to have it
	default:
		r.bind(h, s, how)
	}
	if r.hasTooMany(s) {
		r.markProxy(s)
	}
}

// lease handles a lease of an address to a station. The station gives up the address that it had leased in the same subnet.
func (r *Registry) lease(h *host, s *station, lifetime time.Duration) {
	for _, o := range s.hosts {
		if o != h && o.leasedTo == s && subnetOf(o.addr) == subnetOf(h.addr) && o.addr.Is4() {
			o.leaseEnd = r.now
			r.expireClaim(o)
		}
	}
	h.leasedTo, h.leaseEnd = s, r.now.Add(lifetime)
	r.claim(h, s, claimLeased)
}

// release handles that a station gives up an address. The station keeps it until another one claims it.
func (r *Registry) release(h *host, s *station) {
	if h.leasedTo == s {
		h.leasedTo = nil
	}
	if h.station == s {
		h.confidence = claimProbed
		r.expireClaim(h)
	}
}

// numOthers counts the addresses with a fresh claim that the station has besides h. It counts IPv4 only: many IPv6 addresses
// are normal.
func (r *Registry) numOthers(s *station, h *host) (n int) {
	if !h.addr.Is4() {
		return 0
	}
	for _, o := range s.hosts {
		if o != h && o.addr.Is4() && r.fresh(o) {
			n++
		}
	}
	return n
}

// isTentative reports whether a claim is not enough to bind the address to the station. The station has another IPv4 address,
// so it may be a proxy.
func (r *Registry) isTentative(s *station, h *host, how confidence) bool {
	if !h.addr.Is4() {
		return false
	}
	return slices.ContainsFunc(s.hosts, func(o *host) bool {
		if !o.addr.Is4() || o.confidence < claimReplied || !r.fresh(o) {
			return false
		}
		return how == claimReplied && o.confidence > claimReplied || subnetOf(o.addr) == subnetOf(h.addr)
	})
}

func (r *Registry) setTentative(s *station, h *host, how confidence) {
	if h.tentative != s {
		if h.tentative != nil {
			h.tentative.tentative = remove(h.tentative.tentative, h)
		}
		h.tentative, h.confidence = s, how
		s.tentative = append(s.tentative, h)
	}
	h.confidence, h.claimed = max(h.confidence, how), r.now
}

// clearTentative drops all tentative claims of a station.
func (s *station) clearTentative() {
	for _, h := range s.tentative {
		h.tentative = nil
	}
	s.tentative = nil
}

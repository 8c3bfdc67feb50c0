package device

import (
	"net/netip"
	"slices"
)

// A station with more addresses than these is a proxy.
const (
	maxSent      = 2  // IPv4 addresses in one subnet that it sends from
	maxReplied   = 1  // further IPv4 addresses that it only answers for
	maxLinkLocal = 2  // link-local IPv6 addresses
	maxIPv6      = 64 // other IPv6 addresses
)

// hasTooMany reports whether the station has fresh claims of more addresses than one device has.
func (r *Registry) hasTooMany(s *station) bool {
	var replied, linkLocal, ipv6 int
	var sent [8]struct {
		net netip.Prefix
		n   int
	}
	for _, hosts := range [][]*host{s.hosts, s.tentative} {
		for _, h := range hosts {
			switch {
			case !r.fresh(h) || h.confidence == claimProbed || h.leasedTo == s:
			case !h.addr.Is4() && h.addr.IsLinkLocalUnicast():
				linkLocal++
			case !h.addr.Is4():
				ipv6++
			case h.confidence == claimReplied:
				replied++
			default:
				net := subnetOf(h.addr)
				for i := range sent {
					if sent[i].net == net || sent[i].n == 0 {
						sent[i].net = net
						if sent[i].n++; sent[i].n > maxSent {
							return true
						}
						break
					}
				}
			}
		}
	}
	if sent[0].n == 0 {
		replied-- // one of them may be its own
	}
	return replied > maxReplied || linkLocal > maxLinkLocal || ipv6 > maxIPv6
}

// owns reports whether an address is the station's own although it is a proxy.
func (s *station) owns(h *host) bool {
	hw, ok := embeddedMAC(h.addr)
	return h.leasedTo == s || h.router && h.station == s || ok && hw == s.mac
}

// mayOwn reports whether an address may be the proxy's own, if that is not known yet.
func (s *station) mayOwn(h *host) bool {
	return !s.proxySends && h.addr.Is4() && h.station == nil &&
		!slices.ContainsFunc(s.hosts, func(o *host) bool { return o.addr.Is4() })
}

// markProxy marks a station as a proxy and unbinds every address that is not certainly its own.
func (r *Registry) markProxy(s *station) {
	if s.proxy {
		return
	}
	s.proxy = true
	sendsFrom := func(h *host) bool { return h.addr.Is4() && h.confidence == claimSent && h.leasedTo == nil }
	sent := 0 // IPv4 addresses that it sends from; a single one is its own
	for _, hosts := range [][]*host{s.hosts, s.tentative} {
		for _, h := range hosts {
			if sendsFrom(h) {
				sent++
			}
		}
	}
	s.proxySends = sent > 1
	s.clearTentative()
	for _, h := range slices.Clone(s.hosts) {
		if s.owns(h) || sendsFrom(h) && !s.proxySends {
			continue
		}
		r.unbind(h)
		if h.leasedTo != nil && r.now.Before(h.leaseEnd) {
			r.bind(h, h.leasedTo, claimLeased)
			continue
		}
		r.regroup(h)
	}
}

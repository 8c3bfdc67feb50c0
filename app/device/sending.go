package device

import (
	"cmp"
	"slices"
	"time"

	"gonetmon/app/mac"
)

// As a rule a device has one IPv4 address in a subnet. A MAC that sends from several at a time is that of a device that speaks
// for others, such as a Wi-Fi extender, unless something says that the addresses are one device's. An address that replaces
// another one is the same device's.

// maxSends is from how many IPv4 addresses a MAC may send and still be that of a device that speaks for itself.
const maxSends = 32

// setSender makes a MAC the sender of an address.
func (r *Registry) setSender(h *host, hw mac.Addr) {
	last, next := h.sender, h.rival
	r.dropSender(h)
	s := r.stationFor(hw)
	if s == nil {
		return
	}
	if next.mac == hw {
		h.sender, h.rival = next, last
	}
	h.sender.sees(hw, r.now)
	h.apart = false
	s.addSent(h)
	switch {
	case !h.addr.Is4():
		r.judge(h)
	case s.several: // one more says nothing about the others
		h.apart = !r.isLeased(h) || h.lease.mac != hw
		r.judge(h)
	default:
		r.judgeSending(s)
	}
	if h.doubted {
		r.settle(h)
	}
	if was := r.stations[last.mac]; was != nil && was.several && len(was.sends) <= maxSends {
		r.judgeSending(was)
	}
}

// dropSender forgets which MAC sends from an address.
func (r *Registry) dropSender(h *host) {
	if s := r.stations[h.sender.mac]; s != nil {
		s.removeSent(h)
	}
	h.sender = sender{}
}

// checkSender judges the sender of an address that goes on sending, if the MAC has begun to send from another address in
// between, or sends for a client with a lease.
func (r *Registry) checkSender(h *host) {
	s := r.stations[h.sender.mac]
	if s == nil || s.several || !h.addr.Is4() {
		return
	}
	if r.isLeasedToOther(h) {
		r.judgeSending(s)
		return
	}
	for _, o := range s.sends {
		if o != h && (!o.sender.first.Before(h.sender.first) || h.sender.seconds == 2) && !r.isPast(o) {
			r.judgeSending(s)
			return
		}
	}
}

// judgeSenderOf judges the sender of an IPv4 address after something was learned about the address.
func (r *Registry) judgeSenderOf(h *host) {
	s := r.stations[h.sender.mac]
	switch {
	case s == nil || !h.addr.Is4():
	case s.several && len(s.sends) > maxSends: // one says nothing about so many others
		h.apart = !r.isLeased(h) || h.lease.mac != s.mac
		r.judge(h)
	default:
		r.judgeSending(s)
	}
}

// judgeSending judges which of the IPv4 addresses that a station sends from are its own, and whether it speaks for others.
func (r *Registry) judgeSending(s *station) {
	present := make([]*host, 0, len(s.sends))
	several := false
	if len(s.sends) > maxSends {
		several = r.dropPastSends(s)
	}
	var once []*host // anyone can send one frame with the MAC of a device
	active := slices.ContainsFunc(s.sends, func(h *host) bool { return h.station == s && h.sender.seconds >= 10 && !r.isPast(h) })
	for _, h := range s.sends {
		switch {
		case r.isLeased(h) && h.lease.mac != s.mac:
			if r.isLeasedToOther(h) {
				h.lease.via = s.mac
				several = several || r.now.Sub(h.sender.last) < distrustFor
			}
		case r.isPast(h):
		case r.isReplaced(s, h):
			h.apart = false
		case active && h.sender.seconds == 1 && h.took.mac != s.mac:
			h.apart = true
			once = append(once, h)
		default:
			present = append(present, h)
		}
	}
	slices.SortStableFunc(present, func(a, b *host) int {
		return cmp.Or(a.sender.first.Compare(b.sender.first), a.addr.Compare(b.addr))
	})
	several = several || r.relays(s)
	if len(present) > maxSends {
		for _, h := range present {
			h.apart = !r.isLeased(h)
		}
		present = nil
	}
	for len(present) > 0 {
		var same, rest []*host
		for _, h := range present {
			if subnetOf(h.addr) == subnetOf(present[0].addr) {
				same = append(same, h)
			} else {
				rest = append(rest, h)
			}
		}
		own := r.ownOf(s, same, !several)
		for i, h := range same {
			h.apart = !own[i]
		}
		present = rest
	}
	for _, h := range s.sends {
		several = several || h.apart && r.now.Sub(h.sender.last) < distrustFor && !h.claim.mac.IsVirtualRouter() &&
			!slices.Contains(once, h)
	}
	was := s.several
	s.several = several
	r.detach(s)
	for _, h := range slices.Clone(s.sends) {
		r.judge(h)
	}
	if was != several {
		r.judgeAll(s)
	}
}

// dropPastSends forgets the addresses that a station has not sent from for long. It reports whether the others are still more
// than those of a device.
func (r *Registry) dropPastSends(s *station) bool {
	for _, h := range slices.Clone(s.sends) {
		if r.isPast(h) && !h.apart && !r.isLeasedToOther(h) {
			r.dropSender(h)
		}
	}
	return len(s.sends) > maxSends
}

// ownOf returns which of the addresses of a subnet that a station sends from at present are its own. They are sorted by when it
// began to send from them.
func (r *Registry) ownOf(s *station, present []*host, mayPair bool) []bool {
	own := make([]bool, len(present))
	switch first := r.firstAtOnce(present); {
	case len(present) == 0:
	case r.tied(present):
		for i := range own {
			own[i] = true
		}
	case first < 0: // each replaced the one before
		own[0] = !present[0].apart && r.mayBeFirst(s, present[0])
		for i := 1; i < len(present); i++ {
			own[i] = own[i-1] && (r.tookUp(s, present[i]) || len(present) == 2 && mayPair && r.mayBePair(present))
		}
	case len(present) == 2 && mayPair && r.mayBePair(present):
		own[0], own[1] = true, true
	default:
		for i, h := range present {
			own[i] = r.isLeased(h) && h.lease.mac == s.mac ||
				s.dhcp.name != "" && slices.Contains(h.keys, firstLabel(s.dhcp.name))
		}
	}
	return own
}

// firstAtOnce returns the index of the first address that began to send while one before it still did; -1 if there is none.
func (r *Registry) firstAtOnce(present []*host) int {
	var last time.Time
	for i, h := range present {
		if i > 0 && !last.Before(h.sender.first) {
			return i
		}
		if h.sender.last.After(last) {
			last = h.sender.last
		}
	}
	return -1
}

// tookUp reports whether a station has probed, announced or requested an address before it began to send from it. A station
// with the lease of another address must have done so before it got that.
func (r *Registry) tookUp(s *station, h *host) bool {
	return h.took.mac == s.mac && h.sender.first.Sub(h.took.at) < asleepAfter &&
		(r.mayBeFirst(s, h) || h.took.at.Before(s.leased.lease.since))
}

// mayBeFirst reports whether a station has no lease of another address in the subnet.
func (r *Registry) mayBeFirst(s *station, h *host) bool {
	l := s.leased
	return l == nil || l == h || l.lease.mac != s.mac || !r.isLeased(l) || subnetOf(l.addr) != subnetOf(h.addr)
}

// isReplaced reports whether a station took up an address before it got the lease of another one, and has not sent from it
// since.
func (r *Registry) isReplaced(s *station, h *host) bool {
	return !r.mayBeFirst(s, h) && h.took.mac == s.mac && h.sender.last.Before(s.leased.lease.since)
}

// isLeasedToOther reports whether the sender of an address sends for a client that has the lease and does not send itself.
func (r *Registry) isLeasedToOther(h *host) bool {
	return r.isLeased(h) && h.lease.mac != h.sender.mac && h.sender.last.Sub(h.lease.since) >= time.Second && !r.inConflict(h)
}

// mayBePair reports whether two addresses of a MAC may be one device although nothing says so: nothing tells them apart either,
// and they began to send at about the same time.
func (r *Registry) mayBePair(two []*host) bool {
	a, b := two[0], two[1]
	return subnetOf(a.addr) == subnetOf(b.addr) && b.sender.first.Sub(a.sender.last) < silentAfter &&
		!r.hasIdentity(a) && !r.hasIdentity(b)
}

// hasIdentity reports whether a lease, a name, or the announcement of another station says what an address is.
func (r *Registry) hasIdentity(h *host) bool {
	return r.isLeased(h) || len(h.keys) > 0 || h.claim.announced && h.claim.mac != h.sender.mac &&
		(h.claim.at.After(h.sender.first) || h.claim.mac.IsVirtualRouter())
}

// tied reports whether a name that addresses share says that they are one device.
func (r *Registry) tied(hosts []*host) bool {
	if len(hosts) == 1 {
		return true
	}
	for _, h := range hosts[1:] {
		if !slices.ContainsFunc(h.keys, func(key string) bool {
			return slices.Contains(hosts[0].keys, key) && !r.isWildcard(key)
		}) {
			return false
		}
	}
	return true
}

// sendsElsewhere reports whether a MAC also sends from other IPv4 addresses.
func (r *Registry) sendsElsewhere(hw mac.Addr, h *host) bool {
	s := r.stations[hw]
	return s != nil && slices.ContainsFunc(s.sends, func(o *host) bool { return o != h && !r.isPast(o) })
}

// sendsInSubnet reports whether a MAC sends from another IPv4 address of the subnet, and has not left it for this one.
func (r *Registry) sendsInSubnet(hw mac.Addr, h *host) bool {
	s := r.stations[hw]
	return s != nil && slices.ContainsFunc(s.sends, func(o *host) bool {
		return o != h && !r.isPast(o) && subnetOf(o.addr) == subnetOf(h.addr) &&
			(h.took.mac != hw || !o.sender.last.Before(h.took.at))
	})
}

package device

import (
	"net/netip"
	"time"

	"gonetmon/app/mac"
)

const (
	silentAfter  = time.Minute      // an address that has sent nothing for this long is not in use at the moment
	asleepAfter  = 10 * time.Minute // after this, a single frame lets another MAC take the address
	pastAfter    = time.Hour        // frames older than this say nothing about the present
	distrustFor  = 24 * time.Hour   // how long a MAC counts as one that speaks for others after it last did
	doubtFor     = time.Minute      // how long bytes wait while two MACs send from an address
	answerWithin = time.Minute      // how soon the answer to a DHCP request must come
	maxServers   = 16               // DHCP servers that are remembered
)

// Evidence is what was heard about who has an address, strongest first.
type evidence struct {
	lease  lease
	sender sender
	rival  sender // another MAC that sends from the address, but not for long enough yet
	claim  claim
	doubt  claim // the claim of another station, made only once so far
	took   claim // of the last station that took up the address: it probed, announced or requested it
}

// A lease is an address that a DHCP server gave to a client.
type lease struct {
	mac    mac.Addr // of the client; zero: none
	since  time.Time
	end    time.Time
	former mac.Addr // the client that had a lease of the address before; zero: none
	via    mac.Addr // another MAC that sends from the address while the lease runs; zero: none
}

// A sender is a MAC that sends frames from an address.
type sender struct {
	mac         mac.Addr  // zero: none, or the link has no MACs
	first, last time.Time // of such frames, without a pause of pastAfter
	seconds     int       // in about how many different seconds there were any
}

// A claim is what a station says about an address.
type claim struct {
	mac       mac.Addr // zero: there is none
	at        time.Time
	announced bool // as its own, not only in an answer
}

// A request is the last one that a DHCP client has made.
type request struct {
	transaction uint32
	at          time.Time
}

// isLeased reports whether a client has a lease of an address. A lease whose renewals are not heard goes on while the same
// other MAC sends for the client.
func (r *Registry) isLeased(h *host) bool {
	l := &h.lease
	return l.mac != mac.Addr{} && (r.now.Before(l.end) || l.via != mac.Addr{} && l.via == h.sender.mac)
}

// sees records that a MAC has sent frames.
func (s *sender) sees(hw mac.Addr, now time.Time) {
	switch {
	case s.mac != hw || now.Sub(s.last) >= pastAfter:
		*s = sender{mac: hw, first: now, last: now, seconds: 1}
	case now.Sub(s.last) >= time.Second:
		s.last = now
		s.seconds++
	}
}

// heard records that a station claims an address.
func (r *Registry) heard(h *host, s *station, announced bool) {
	c, hw := &h.claim, s.mac
	switch {
	case c.mac == hw:
		c.at, c.announced = r.now, c.announced || announced
	case c.mac == mac.Addr{}:
		*c = claim{hw, r.now, announced}
	case !announced && c.announced:
		return // an answer says less than what a station says about itself
	case r.now.Sub(h.last) < silentAfter && (h.doubt.mac != hw || r.now.Sub(h.doubt.at) < time.Second):
		h.doubt = claim{hw, r.now, announced} // anyone can send one frame
		return
	default:
		*c, h.doubt = claim{hw, r.now, announced}, claim{}
	}
	r.judge(h)
}

// answersFor records that a station answers for an IPv4 address. One that answers for several is a proxy, and its answers prove
// nothing.
func (r *Registry) answersFor(s *station, h *host) {
	switch {
	case !h.addr.Is4() || s.answersAll:
	case s.answers == netip.Addr{}:
		s.answers = h.addr
	case s.answers != h.addr:
		s.answersAll = true
		if first := r.hosts[s.answers]; first != nil {
			r.judge(first)
		}
	}
}

// hasAsked reports whether a DHCP client has made a request of late.
func (r *Registry) hasAsked(s *station, transaction uint32) bool {
	return !s.request.at.IsZero() && s.request.transaction == transaction && r.now.Sub(s.request.at) < answerWithin
}

// acknowledge handles the acknowledgement of a DHCP server. It is a lease if the client has asked for it or has the lease
// already, or if the server has answered requests before and no other device uses the address or has its lease. Nor does one
// give an address that a device sends from to one that sends from another. Any other one may be forged, and is only a claim.
func (r *Registry) acknowledge(h *host, s *station, server netip.Addr, transaction uint32, lifetime time.Duration) {
	asked := r.hasAsked(s, transaction)
	renewed := h.lease.mac == s.mac
	inUse := r.now.Sub(h.sender.last) < asleepAfter && h.sender.mac != s.mac && !r.speaksForOthers(h.sender.mac)
	ofOther := r.isLeased(h) && !renewed
	taken := inUse && !renewed && r.sendsElsewhere(s.mac, h)
	if taken || !asked && !renewed && (!r.servers[server] || inUse || ofOther) {
		r.heard(h, s, false)
		return
	}
	if asked && server.IsValid() && len(r.servers) < maxServers {
		r.servers[server] = true
	}
	former := h.lease.mac
	if !renewed {
		r.dropLease(h)
	}
	if h.addr.Is4() {
		r.endLease(s, h)
		s.leased = h
	}
	if o := h.station; o != nil && o != s && h.counted && h.sender.mac == o.mac && !o.several && len(o.sends) == 1 {
		r.movePending(h) // to the device that had the address before
	}
	if !renewed || !r.isLeased(h) {
		h.lease = lease{since: r.now, former: former}
	}
	h.lease.mac, h.lease.end = s.mac, r.now.Add(lifetime)
	h.took = claim{s.mac, r.now, true}
	r.judge(h)
	r.judgeSenderOf(h)
}

// endLease ends the IPv4 lease of a station that gets another one in the same subnet.
func (r *Registry) endLease(s *station, next *host) {
	if h := s.leased; h != nil && h != next && h.lease.mac == s.mac && subnetOf(h.addr) == subnetOf(next.addr) {
		r.dropLease(h)
		r.judge(h)
	}
}

// dropLease forgets the lease of an address.
func (r *Registry) dropLease(h *host) {
	if s := r.stations[h.lease.mac]; s != nil && s.leased == h {
		s.leased = nil
	}
	h.lease = lease{}
}

// release handles a station that gives up an address. It keeps the address until another station has it.
func (r *Registry) release(h *host, hw mac.Addr) {
	if h.lease.mac == hw {
		r.dropLease(h)
	}
	if h.claim.mac == hw {
		h.claim.announced = false
		h.claim.at = time.Time{}
	}
	if h.sender.mac == hw {
		h.sender.seconds = 0 // another MAC need not wait until this one is silent
	}
}

// checkFormer ends a lease if the client that had the address before goes on sending from it and the new one never does: somebody
// has forged the exchange.
func (r *Registry) checkFormer(h *host) {
	l := &h.lease
	hasSent := l.mac == h.sender.mac || l.mac == h.rival.mac
	if l.mac != (mac.Addr{}) && l.former == h.sender.mac && !hasSent && h.sender.last.Sub(l.since) >= time.Second {
		h.lease = lease{mac: l.former, since: r.now, end: l.end}
		r.judge(h)
	}
}

// sentBy records which MACs have sent frames from an address since the last Update, the latest first.
func (r *Registry) sentBy(h *host, macs *[2]mac.Addr) {
	var seen bool
	var other mac.Addr
	for _, hw := range macs {
		switch {
		case !hw.IsStation() || r.isRouter(hw) && hw != h.sender.mac:
		case hw == h.sender.mac:
			seen = true
		case other == mac.Addr{} || r.sendsElsewhere(other, h) && !r.sendsElsewhere(hw, h):
			other = hw // of two, the one that sends from no other address
		}
	}
	switch {
	case seen:
		h.sender.sees(h.sender.mac, r.now)
		r.checkFormer(h)
		r.checkSender(h)
		if h.doubted {
			r.settle(h)
		}
	case other == mac.Addr{}:
	case h.sender.mac == mac.Addr{}:
		r.setSender(h, other)
	case r.speaksForOthers(other): // its frames say little about who has the address
	default:
		h.rival.sees(other, r.now)
		if !h.doubted { // what it has gained before is not in doubt
			r.movePending(h)
		}
		if r.rivalWins(h) {
			r.setSender(h, other)
		} else if !h.doubted {
			h.doubted = true
			if !h.inDoubts { // an update drains several tables
				h.inDoubts = true
				r.doubts = append(r.doubts, h)
			}
		}
	}
}

// rivalWins reports whether another MAC has sent from an address for long enough to be its sender.
func (r *Registry) rivalWins(h *host) bool {
	v := &h.rival
	silent := v.last.Sub(h.sender.last)
	switch {
	case h.sender.seconds == 0, r.isLeased(h) && v.mac == h.lease.mac && !r.inConflict(h):
		return true
	case !h.addr.Is4(): // as a rule nobody else gets such an address, but a proxy may use that of a device that sleeps
		return v.seconds >= 30
	case r.sendsInSubnet(v.mac, h): // it may send for a device that sleeps, or have the address as a second one
		return v.seconds >= 10 || v.seconds >= 3 && h.took.mac == v.mac
	case silent >= asleepAfter, v.seconds >= 3: // two devices with one address may alternate
		return true
	case h.claim.mac == v.mac || h.took.mac == v.mac:
		return silent >= silentAfter
	default:
		return v.seconds >= 2 && r.now.Sub(v.first) >= silentAfter
	}
}

// inConflict reports whether the client that has the lease of an address alternates with another device that sends from it,
// which has no lease and speaks for no one else.
func (r *Registry) inConflict(h *host) bool {
	return h.lease.mac != h.sender.mac && h.lease.mac == h.rival.mac && r.now.Sub(h.rival.last) < silentAfter &&
		h.sender.last.Sub(h.lease.since) >= silentAfter && h.sender.seconds >= 3 && !r.speaksForOthers(h.sender.mac)
}

// settleDoubts settles the hosts whose doubt is over, or all of them.
func (r *Registry) settleDoubts(all bool) {
	still := r.doubts[:0]
	for _, h := range r.doubts {
		if v := &h.rival; all && h.doubted && v.last.After(h.sender.last) && h.addr.Is4() && !r.sendsInSubnet(v.mac, h) {
			r.setSender(h, v.mac)
		}
		if !all && h.counted && h.doubted && r.now.Sub(h.rival.last) < doubtFor {
			still = append(still, h)
			continue
		}
		h.inDoubts = false
		r.settle(h)
	}
	clear(r.doubts[len(still):])
	r.doubts = still
}

// settle gives what a host has gained in doubt to the device that has the address now.
func (r *Registry) settle(h *host) {
	h.doubted = false
	if h.counted && h.pending != nil {
		r.movePending(h)
		r.wait(h.group)
	}
}

package device

import (
	"net/netip"
	"time"

	"gonetmon/app/mac"
)

const (
	silentAfter  = time.Minute      // an address from which nothing was sent for this long is not in use at the moment
	asleepAfter  = 10 * time.Minute // after that, one frame is enough for another MAC to take the address
	pastAfter    = time.Hour        // what a MAC sent longer ago says nothing about what it sends now
	distrustFor  = 24 * time.Hour   // how long a MAC speaks for others after it last did
	doubtFor     = time.Minute      // how long bytes wait while it is not clear who sends
	answerWithin = time.Minute      // of a DHCP request
	maxServers   = 16               // DHCP servers that are remembered
)

// Evidence is what was heard about who has an address, strongest first.
type evidence struct {
	lease  lease
	sender sender
	rival  sender // another MAC that sends as the address, and has not done so often enough to be believed
	claim  claim
	doubt  claim // of another station, made once
	took   claim // a station took up the address: it probed or announced it, or asked for it by DHCP
}

// A lease is an address that a DHCP server gave to a client.
type lease struct {
	mac   mac.Addr // of the client; zero: none
	since time.Time
	end   time.Time
	via   mac.Addr // another MAC that sends as the address while the lease runs; zero: none
}

// A sender is a MAC that sends frames from an address.
type sender struct {
	mac         mac.Addr  // zero: none, or the link has no MACs
	first, last time.Time // of such frames, without a pause of pastAfter
	seconds     int       // in how many seconds there were any, roughly
}

// A claim is what a station says about an address.
type claim struct {
	mac       mac.Addr // zero: there is none
	at        time.Time
	announced bool // as its own, and not only as an answer
}

// A request is the last one that a DHCP client has made.
type request struct {
	transaction uint32
	at          time.Time
}

// isLeased reports whether a client has a lease of an address. If its renewals are not heard, the lease goes on while the same other
// MAC sends for it.
func (r *Registry) isLeased(h *host) bool {
	l := &h.lease
	return l.mac != mac.Addr{} && (r.now.Before(l.end) || l.via != mac.Addr{} && l.via == h.sender.mac)
}

// sees counts frames of a sender.
func (s *sender) sees(hw mac.Addr, now time.Time) {
	switch {
	case s.mac != hw || now.Sub(s.last) >= pastAfter:
		*s = sender{mac: hw, first: now, last: now, seconds: 1}
	case now.Sub(s.last) >= time.Second:
		s.last = now
		s.seconds++
	}
}

// heard takes a station's claim of an address.
func (r *Registry) heard(h *host, s *station, announced bool) {
	c, hw := &h.claim, s.mac
	switch {
	case c.mac == hw:
		c.at, c.announced = r.now, c.announced || announced
	case c.mac == mac.Addr{}:
		*c = claim{hw, r.now, announced}
	case !announced && c.announced:
		return // an answer says less than what a station says of itself
	case r.now.Sub(h.last) < silentAfter && (h.doubt.mac != hw || r.now.Sub(h.doubt.at) < time.Second):
		h.doubt = claim{hw, r.now, announced} // anyone can send one frame
		return
	default:
		*c, h.doubt = claim{hw, r.now, announced}, claim{}
	}
	r.judge(h)
}

// answersFor notes that a station answers for an IPv4 address. One that answers for several is a proxy, whose answers say nothing.
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

// acknowledge takes the answer of a DHCP server. An acknowledgement is a lease if the client has asked for it, or if it comes from
// a server that has answered requests before and no other device is using the address. Any other one may be forged.
func (r *Registry) acknowledge(h *host, s *station, server netip.Addr, transaction uint32, lifetime time.Duration) {
	asked := !s.request.at.IsZero() && s.request.transaction == transaction && r.now.Sub(s.request.at) < answerWithin
	renewed := h.lease.mac == s.mac
	inUse := r.now.Sub(h.sender.last) < asleepAfter && h.sender.mac != s.mac && !r.speaksForOthers(h.sender.mac)
	if !asked && !renewed && (!r.servers[server] || inUse) {
		r.heard(h, s, false)
		return
	}
	if asked && server.IsValid() && len(r.servers) < maxServers {
		r.servers[server] = true
	}
	if h.addr.Is4() {
		r.endLease(s, h)
		s.leased = h
	}
	if o := h.station; o != nil && o != s && h.counted && h.sender.mac == o.mac && !o.several && len(o.sends) == 1 {
		h.movePending() // the one that had the address before
	}
	if !renewed || !r.isLeased(h) {
		h.lease = lease{since: r.now}
	}
	h.lease.mac, h.lease.end = s.mac, r.now.Add(lifetime)
	h.took = claim{s.mac, r.now, true}
	r.judge(h)
	r.judgeSenderOf(h)
}

// endLease ends the IPv4 lease of a station, because it gets another one in the same subnet.
func (r *Registry) endLease(s *station, next *host) {
	if h := s.leased; h != nil && h != next && h.lease.mac == s.mac && subnetOf(h.addr) == subnetOf(next.addr) {
		h.lease = lease{}
		r.judge(h)
	}
}

// release takes that a station gives up an address. The station keeps it until another one has it.
func (r *Registry) release(h *host, hw mac.Addr) {
	if h.lease.mac == hw {
		h.lease = lease{}
	}
	if h.claim.mac == hw {
		h.claim.announced = false
		h.claim.at = time.Time{}
	}
	if h.sender.mac == hw {
		h.sender.seconds = 0 // the next one need not wait for its silence
	}
}

// sentBy takes which MACs have sent frames from an address since the last Update, the latest first.
func (r *Registry) sentBy(h *host, macs *[2]mac.Addr) {
	var seen bool
	var other mac.Addr
	for _, hw := range macs {
		switch {
		case !hw.IsStation() || r.isRouter(hw) && hw != h.sender.mac:
		case hw == h.sender.mac:
			seen = true
		case other == mac.Addr{} || r.sendsElsewhere(other, h) && !r.sendsElsewhere(hw, h):
			other = hw // of two, the one that sends as no other address
		}
	}
	switch {
	case seen:
		h.sender.sees(h.sender.mac, r.now)
		r.checkSender(h)
		if h.doubted {
			r.settle(h)
		}
	case other == mac.Addr{}:
	case h.sender.mac == mac.Addr{}:
		r.setSender(h, other)
	case r.speaksForOthers(other): // what it sends as the address says little
	default:
		h.rival.sees(other, r.now)
		if !h.doubted { // what it has gained before is not in doubt
			h.movePending()
		}
		if r.rivalWins(h) {
			r.setSender(h, other)
		} else if !h.doubted {
			h.doubted = true
			r.doubts = append(r.doubts, h)
		}
	}
}

// rivalWins reports whether another MAC has sent as the address for long enough, and the last one not at all.
func (r *Registry) rivalWins(h *host) bool {
	v := &h.rival
	silent := v.last.Sub(h.sender.last)
	switch {
	case h.sender.seconds == 0, r.isLeased(h) && v.mac == h.lease.mac && !r.inConflict(h):
		return true
	case !h.addr.Is4(): // nobody else gets such an address, as a rule, but somebody may answer for a device that sleeps
		return v.seconds >= 30
	case r.sendsInSubnet(v.mac, h): // it may send for a device that sleeps, or have the address as a second one
		return v.seconds >= 10 || v.seconds >= 3 && h.took.mac == v.mac
	case silent >= asleepAfter, v.seconds >= 3: // maybe by turns: two devices have one address
		return true
	case h.claim.mac == v.mac || h.took.mac == v.mac:
		return silent >= silentAfter
	default:
		return v.seconds >= 2 && r.now.Sub(v.first) >= silentAfter
	}
}

// inConflict reports whether the client that has a lease sends as the address by turns with another device, which uses it without
// a lease and speaks for no one else.
func (r *Registry) inConflict(h *host) bool {
	return h.lease.mac != h.sender.mac && h.lease.mac == h.rival.mac && r.now.Sub(h.rival.last) < silentAfter &&
		h.sender.last.Sub(h.lease.since) >= silentAfter && h.sender.seconds >= 3 && !r.speaksForOthers(h.sender.mac)
}

// settleDoubts gives what was gained in doubt to the device that has the address, when the doubt is over.
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
		r.settle(h)
	}
	clear(r.doubts[len(still):])
	r.doubts = still
}

// settle gives what a host has gained in doubt to the device that has the address now.
func (r *Registry) settle(h *host) {
	h.doubted = false
	if h.counted && h.group.series != nil {
		h.movePending()
		h.group.flush()
	}
}

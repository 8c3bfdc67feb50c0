package device

import (
	"cmp"
	"slices"
	"time"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/names"
)

// Learn takes facts from control frames.
func (r *Registry) Learn(now time.Time, facts []discovery.Fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setClock(now)
	for i := range facts {
		r.learn(&facts[i])
	}
}

func (r *Registry) learn(f *discovery.Fact) {
	switch f.Kind {
	case discovery.AddrName, discovery.ServiceName:
		r.learnName(f)
		return
	case discovery.NameGone:
		r.nameGone(f)
		return
	case discovery.DeviceKind:
		r.learnKind(f)
		return
	case discovery.OnLinkPrefix:
		return // not about a device
	}
	if !f.MAC.IsStation() {
		return
	}
	s := r.stationFor(f.MAC)
	if s == nil {
		return
	}
	switch f.Kind {
	case discovery.Announced, discovery.Probed, discovery.Requested:
		r.relay(f.Via, f.MAC)
	}
	switch f.Kind {
	case discovery.MACName:
		if r.uses(names.SourceDHCP) && r.mayName(s, f) && s.dhcp.take(f.Name, f.Own, s.mac, r.now) && s.group != nil {
			r.maybeRename(s.group)
			r.wait(s.group)
		}
		return
	case discovery.Requested:
		s.request = request{f.Transaction, r.now}
	}
	if !f.Addr.IsValid() {
		return
	}
	h := r.hostAt(f.Addr)
	switch f.Kind {
	case discovery.Announced, discovery.Router:
		if f.Protocol == discovery.MDNS {
			break // it says only that MAC sends from Addr, as the frame itself does
		}
		if f.Own {
			h.took = claim{s.mac, r.now, true}
		}
		if f.Kind == discovery.Router && !s.advertises {
			s.advertises = true
			r.judgeAll(s)
		}
		r.heard(h, s, true)
	case discovery.Replied:
		r.answersFor(s, h)
		r.heard(h, s, false)
	case discovery.Probed, discovery.Requested:
		h.took = claim{s.mac, r.now, true}
		r.heard(h, s, false)
	case discovery.Leased:
		r.acknowledge(h, s, f.Server, f.Transaction, f.Lifetime)
	case discovery.Released:
		r.release(h, s.mac)
	}
	if h.station != nil && !h.counted {
		r.admit(h)
	}
}

// mayName reports whether to believe a name of a station in DHCP. The client's own counts if it came in a frame of the client, or
// of a station that sends for it, or if there is no other name; the server's counts if it answers a request.
func (r *Registry) mayName(s *station, f *discovery.Fact) bool {
	switch {
	case f.Protocol != discovery.DHCP:
		return true
	case !f.Own:
		return r.hasAsked(s, f.Transaction)
	case f.Via == mac.Addr{} || f.Via == s.mac || s.group == nil || s.group.series == nil:
		return true
	default:
		return slices.ContainsFunc(s.hosts, func(h *host) bool { return h.sender.mac == f.Via })
	}
}

// learnKind records what kind of device a station or a host is. The first kind stays.
func (r *Registry) learnKind(f *discovery.Fact) {
	if f.MAC.IsStation() && !r.speaksForOthers(f.MAC) {
		if s := r.stationFor(f.MAC); s != nil {
			s.kind = cmp.Or(s.kind, f.Name)
		}
	}
	if h := r.hosts[f.Addr]; h != nil && r.maySpeak(h, f.MAC) {
		h.kind = cmp.Or(h.kind, f.Name)
	}
}

// admit gives an IPv6 neighbor a slot in the tables before forged addresses take them all. For a known device, addresses that
// were seen only once make room.
func (r *Registry) admit(h *host) {
	if h.addr.Is4() || h.station.several {
		return
	}
	for i, t := range r.cfg.Tables {
		slot, ok := t.Admit(h.addr)
		if g := h.station.group; !ok && g != nil && g.series != nil && r.makeRoom(i) {
			slot, ok = t.Admit(h.addr)
		}
		if !ok {
			continue
		}
		if r.count(h.addr) == nil {
			return
		}
		r.setSlot(h, i, slot)
	}
}

// makeRoom forgets some IPv6 hosts of a table that were seen only once, a while ago. It reports whether there were any.
func (r *Registry) makeRoom(table int) bool {
	const some = 64
	var slots []int
	for slot, h := range r.slots[table] {
		if h != nil && h.addr.Is6() && h.last.Sub(h.first) < silentAfter && r.now.Sub(h.last) >= silentAfter {
			if slots = append(slots, slot); len(slots) == some {
				break
			}
		}
	}
	if len(slots) == 0 {
		return false
	}
	r.forget(table, slots)
	return true
}

package device

import (
	"time"

	"gonetmon/app/discovery"
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
	case discovery.AddrName:
		if r.uses(names.SourceMDNS) {
			r.learnName(f)
		}
		return
	case discovery.OnLinkPrefix, discovery.NameGone, discovery.ServiceName, discovery.DeviceKind:
		return // not about a host
	}
	if !f.MAC.IsStation() {
		return
	}
	s := r.stationFor(f.MAC)
	if s == nil {
		return
	}
	if f.Kind == discovery.MACName {
		if r.uses(names.SourceDHCP) && s.dhcp.observe(f.Name, r.now) && s.group != nil {
			r.indexName(s.group, f.Name)
			r.maybeRename(s.group)
			r.wait(s.group)
		}
		return
	}
	if !f.Addr.IsValid() {
		return
	}
	h := r.hostAt(f.Addr)
	switch f.Kind {
	case discovery.Announced:
		r.claim(h, s, claimSent)
	case discovery.Replied:
		r.claim(h, s, claimReplied)
	case discovery.Probed, discovery.Requested:
		r.claim(h, s, claimProbed)
	case discovery.Leased:
		r.lease(h, s, f.Lifetime)
	case discovery.Released:
		r.release(h, s)
	case discovery.Router:
		r.claim(h, s, claimSent)
		h.router = h.station == s
	}
	if h.station != nil && !h.counted {
		r.admit(h)
	}
}

// admit gives an IPv6 neighbor its slot in the tables before forged addresses take it.
func (r *Registry) admit(h *host) {
	if h.addr.Is4() || len(h.station.hosts) > maxIPv6 {
		return
	}
	for i, t := range r.cfg.Tables {
		slot, ok := t.Admit(h.addr)
		if !ok {
			continue
		}
		if r.count(h.addr) == nil {
			return
		}
		r.setSlot(h, i, slot)
	}
}

// learnName takes the name of an address in multicast DNS. What the host says itself goes before what others say.
func (r *Registry) learnName(f *discovery.Fact) {
	if !f.Own && r.hosts[f.Addr] == nil {
		return // the address is not known yet, and will be announced with its name again
	}
	h := r.hostAt(f.Addr)
	if h.mdns.own && !f.Own {
		return
	}
	if f.Own && !h.mdns.own {
		h.mdns = observedName{own: true}
	}
	if h.mdns.observe(f.Name, r.now) {
		r.namesChanged(h)
	}
	if h.counted {
		r.wait(h.group)
	}
}

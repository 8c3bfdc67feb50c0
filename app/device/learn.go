package device

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/discovery"
	"gonetmon/app/names"
)

// Learn takes facts that were heard on the LAN.
func (r *Registry) Learn(now time.Time, facts []discovery.Fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock(now)
	for i := range facts {
		r.learn(&facts[i])
	}
}

func (r *Registry) learn(f *discovery.Fact) {
	switch f.Kind {
	case discovery.AddrName:
		if r.uses(byMDNS) {
			r.named(f)
		}
		return
	case discovery.OnLinkPrefix:
		return // for those who know which addresses are ours
	}
	if !f.MAC.IsStation() {
		return
	}
	s := r.stationOf(f.MAC)
	if s == nil {
		return
	}
	if f.Kind == discovery.MACName {
		if r.uses(byDHCP) && s.says().dhcp.hear(f.Name, r.now) && s.device != nil {
			r.call(s.device, f.Name)
			r.review(s.device)
			r.wait(s.device)
		}
		return
	}
	if !f.Addr.IsValid() {
		return
	}
	h := r.hostOf(f.Addr)
	switch f.Kind {
	case discovery.Announced:
		r.claim(h, s, spoke)
	case discovery.Replied:
		r.claim(h, s, answered)
	case discovery.Probed:
		r.claim(h, s, tried)
	case discovery.Leased:
		r.give(h, s, f.Lifetime)
	case discovery.Released:
		r.giveUp(h, s)
	case discovery.Router:
		r.claim(h, s, spoke)
		h.router = h.station == s
	}
	if h.station != nil && !h.counted {
		r.admit(h)
	}
}

// admit gives an IPv6 host that is known for a neighbour its place in the tables, before somebody who forges addresses takes it.
func (r *Registry) admit(h *host) {
	if h.four || h.station.hosts.len() > mostSix {
		return
	}
	for i, t := range r.cfg.Tables {
		slot, ok := t.Admit(h.addr())
		if !ok {
			continue
		}
		if r.count(h.addr()) == nil {
			return
		}
		r.place(h, i, slot)
	}
}

// named takes that an address is called by a name in multicast DNS. What the host says itself goes before what others say.
func (r *Registry) named(f *discovery.Fact) {
	if !f.Own && r.hosts.get(f.Addr) == nil {
		return // nobody has heard of the address yet: it will come with its name again
	}
	h := r.hostOf(f.Addr)
	if h.mdns.own && !f.Own {
		return
	}
	if f.Own && !h.mdns.own {
		h.some().mdns = said{own: true}
	}
	if h.some().mdns.hear(f.Name, r.now) {
		r.renamed(h)
	}
	if h.counted {
		r.wait(h.device)
	}
}

// SetHosts takes another hosts file. The names in it hold at once.
func (r *Registry) SetHosts(book *names.Hosts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.book = book
	named := slices.Collect(maps.Values(r.files))
	for name, d := range r.files {
		d.file = ""
		for i, s := range slices.Clone(d.stations.all()) {
			if i > 0 {
				s.device = nil
				d.stations.remove(s)
			}
		}
		delete(r.files, name)
	}
	hosts := r.hosts.all()
	for _, h := range hosts {
		r.regroup(h)
	}
	for _, d := range named { // those that have nothing left that holds them together
		if d.file == "" && d.hosts.len() == 0 && d.stations.len() == 0 {
			r.emptied(d, nil)
		}
	}
	for _, h := range hosts {
		if h.counted {
			r.review(h.device)
		}
	}
	r.snapshot = nil
}

// bookName is what the hosts file calls a host: by its address, its MAC, or another address of this.
func (r *Registry) bookName(h *host) string {
	if len(r.book.Addrs)+len(r.book.MACs) == 0 || !r.uses(byFile) {
		return ""
	}
	byAddr := func(addr netip.Addr) string { return r.book.Addrs[addr] }
	if name := byAddr(h.addr()); name != "" || h.station == nil {
		return name
	}
	if name := r.book.MACs[h.station.mac]; name != "" || h.station.speaks {
		return name
	}
	for _, g := range h.station.hosts.all() {
		if name := byAddr(g.addr()); name != "" {
			return name
		}
	}
	return ""
}

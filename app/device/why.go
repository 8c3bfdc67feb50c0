package device

import (
	"fmt"
	"time"

	"gonetmon/app/mac"
)

// Why explains for each device that has an address, by its name, which evidence gives it each of its addresses: one line for
// each address, in the order of Device.Hosts.
func (r *Registry) Why() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string][]string, len(r.series))
	for name, s := range r.series {
		if s.group == nil {
			continue
		}
		for _, h := range s.group.hosts {
			all[name] = append(all[name], h.addr.String()+": "+r.explain(h))
		}
	}
	return all
}

// explain returns why a host is in its group.
func (r *Registry) explain(h *host) string {
	switch {
	case h.group.fileName != "":
		return fmt.Sprintf("the hosts file calls it %s", h.group.fileName)
	case h.station == nil:
		return r.explainUnowned(h)
	}
	text := ""
	switch hw := h.station.mac; h.why {
	case byLease:
		verb := "has"
		if !r.now.Before(h.lease.end) { // since then nothing else was heard
			verb = "had"
		}
		text = fmt.Sprintf("%v %s a DHCP lease of it until %s", hw, verb, h.lease.end.Format(time.DateTime))
		if h.sender.mac != hw && h.sender.mac != (mac.Addr{}) {
			text += fmt.Sprintf(", though %v sends from it", h.sender.mac)
		}
	case bySending:
		text = fmt.Sprintf("%v sends from it", hw)
	case byAnnouncement:
		text = fmt.Sprintf("%v announces it", hw)
	case byAnswer:
		text = fmt.Sprintf("%v answers for it, and nobody else claims it", hw)
	case byDefault:
		text = fmt.Sprintf("%v had it last", hw)
	case byAddress:
		text = fmt.Sprintf("it is made from %v", hw)
	}
	if all := h.group.stations; len(all) > 1 && all[0] != h.station {
		text += fmt.Sprintf("; that is of the same vendor and has the same mDNS name as %v", all[0].mac)
	}
	if h.doubted {
		text += fmt.Sprintf("; %v has begun to send from it", h.rival.mac)
	}
	return text
}

// explainUnowned returns why a host is in its group although no station has it.
func (r *Registry) explainUnowned(h *host) string {
	text := "its MAC is not known"
	switch hw := h.sender.mac; {
	case r.isRouter(hw):
		text = fmt.Sprintf("%v sends from it, but is a router", hw)
	case r.speaksForOthers(hw):
		text = fmt.Sprintf("%v sends from it, but also for other devices", hw)
	}
	switch {
	case h.group.behind != nil:
		text += "; it is behind that device"
	case len(h.group.hosts) > 1 || len(h.group.stations) > 0:
		text += fmt.Sprintf("; it shares the name %s", h.group.name)
	}
	return text
}

package device

import (
	"fmt"
	"time"

	"gonetmon/app/mac"
)

// Why explains for each device, by its name, which evidence gives it each of its addresses. A line is about one address.
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

// explain says why a host is of its group.
func (r *Registry) explain(h *host) string {
	if h.group.fileName != "" {
		return fmt.Sprintf("%s in the hosts file", h.group.fileName)
	}
	if h.station == nil {
		return r.explainUnowned(h)
	}
	text := ""
	switch hw := h.station.mac; h.why {
	case byLease:
		text = fmt.Sprintf("leased to %v by DHCP until %s", hw, h.lease.end.Format(time.DateTime))
		if h.sender.mac != hw && h.sender.mac != (mac.Addr{}) {
			text += fmt.Sprintf(", though %v sends as it", h.sender.mac)
		}
	case bySending:
		text = fmt.Sprintf("%v sends as it", hw)
	case byAnnouncement:
		text = fmt.Sprintf("%v says that it has it", hw)
	case byAnswer:
		text = fmt.Sprintf("%v answers for it, and nobody else says anything", hw)
	case byDefault:
		text = fmt.Sprintf("%v had it, and no other device has taken it", hw)
	case byAddress:
		text = fmt.Sprintf("it was made from %v", hw)
	}
	if first := h.group.stations[0]; first != h.station {
		text += fmt.Sprintf(", which has the same mDNS name as %v and the same vendor", first.mac)
	}
	return text
}

// explainUnowned says why a host is of its group though no station has it.
func (r *Registry) explainUnowned(h *host) string {
	text := "no MAC is known to have it"
	switch hw := h.sender.mac; {
	case r.isRouter(hw):
		text = fmt.Sprintf("%v sends as it, but is a router", hw)
	case r.speaksForOthers(hw):
		text = fmt.Sprintf("%v sends as it and as others, and nothing ties them together", hw)
	}
	switch {
	case h.group.behind != nil:
		text += "; it is behind that device"
	case len(h.group.hosts) > 1 || len(h.group.stations) > 0:
		text += fmt.Sprintf("; it shares the name %s", h.group.name)
	}
	return text
}

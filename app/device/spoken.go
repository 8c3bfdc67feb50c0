package device

import (
	"strings"
	"time"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/names"
)

// The kinds of names in messages of the LAN that are not names of a MAC.
const (
	saidMDNS = iota
	saidService
	saidLLMNR
	saidNetBIOS
	numSaid
)

var saidSources = [numSaid]string{names.SourceMDNS, names.SourceService, names.SourceLLMNR, names.SourceNetBIOS}

// A spoken name is what a device is called on the LAN.
type spoken struct {
	name string // "" if none
	weak bool   // generic: it gives way to any other
	own  bool   // the device says so itself
	by   mac.Addr
	of   mac.Addr  // that had the address then; zero: none was known
	from bool      // it was said from the address
	at   time.Time // when it was last said
}

// take takes a name. What a device says itself goes before what others say. A name that only counts up, as those of mDNS do when
// they seem to be taken, stays as it is. It reports whether the name has changed.
func (n *spoken) take(name string, own bool, by mac.Addr, now time.Time) bool {
	if n.name != "" && (n.own && !own || !n.weak && names.IsGeneric(name)) {
		return false
	}
	n.own, n.by, n.at = own, by, now
	if n.name == name || n.name != "" && uncounted(n.name) == uncounted(name) {
		return false
	}
	n.name, n.weak = name, names.IsGeneric(name)
	return true
}

// uncounted returns the first label of a name without the number at its end, and what follows.
func uncounted(name string) string {
	first, rest, _ := strings.Cut(name, ".")
	if i := strings.LastIndexByte(first, '-'); i > 0 && strings.Trim(first[i+1:], "0123456789") == "" {
		first = first[:i]
	}
	return first + "." + rest
}

// learnName takes the name of an address.
func (r *Registry) learnName(f *discovery.Fact) {
	i := saidMDNS
	switch {
	case f.Kind == discovery.ServiceName:
		i = saidService
	case f.Protocol == discovery.LLMNR:
		i = saidLLMNR
	case f.Protocol == discovery.NetBIOS:
		i = saidNetBIOS
	}
	addr := f.Addr
	if !addr.IsValid() {
		addr = f.By
	}
	if !addr.IsValid() || !r.uses(saidSources[i]) {
		return
	}
	h := r.hosts[addr]
	if h == nil && !f.Own && addr != f.By {
		return // the address is not known yet, and will be announced with its name again
	}
	if h == nil {
		h = r.hostAt(addr)
	}
	n := &h.said[i]
	switch may := r.maySpeak(h, f.MAC); {
	case !may && (h.station != nil || n.name != ""):
		return
	case may && n.name != "" && !r.stillCalled(h, n):
		*n = spoken{}
	}
	n.of, n.from = mac.Addr{}, f.By == addr
	if h.station != nil {
		n.of = h.station.mac
	}
	if n.take(f.Name, f.Own, f.MAC, r.now) {
		r.namesChanged(h)
	}
	if h.counted {
		r.wait(h.group)
	}
}

// nameGone takes that an address has a name no more. The device is called so until it has another name.
func (r *Registry) nameGone(f *discovery.Fact) {
	if h := r.hosts[f.Addr]; h != nil && h.said[saidMDNS].name == f.Name && r.maySpeak(h, f.MAC) {
		h.said[saidMDNS].own = false
	}
}

// maySpeak reports whether a MAC may say how an address is called: that of the station that has it, one that sends as it, or a
// router, which passes on what is said elsewhere.
func (r *Registry) maySpeak(h *host, by mac.Addr) bool {
	none := mac.Addr{}
	switch {
	case by == none, h.station != nil && h.station.mac == by, r.isRouter(by):
		return true
	case h.station == nil:
		return h.sender.mac == none || h.sender.mac == by
	default:
		return h.sender.mac == by && r.speaksForOthers(by)
	}
}

// stillCalled reports whether a name is that of the device that has the address now.
func (r *Registry) stillCalled(h *host, n *spoken) bool {
	return n.name != "" && (r.maySpeak(h, n.by) || n.from && n.of == mac.Addr{})
}

// isCalled reports whether a host has a name in messages of the LAN.
func (h *host) isCalled(name string) bool {
	for i := range h.said {
		if h.said[i].name == name {
			return true
		}
	}
	return false
}

package device

import (
	"strings"
	"time"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/names"
)

// The sources of the names of addresses in messages on the LAN.
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
	name string    // "" if none
	weak bool      // generic: it gives way to any other
	own  bool      // the device says so itself
	by   mac.Addr  // the source MAC of the message; zero: none
	of   mac.Addr  // the MAC that had the address then; zero: none was known
	from bool      // the message came from the address
	at   time.Time // when it was last said
}

// take takes a name. What a device says itself goes before what others say. A name that differs only by a number at its end,
// which devices count up when a name seems to be taken (RFC 6762, section 9), changes nothing. It reports whether the name has
// changed.
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

// uncounted returns a name without the number at the end of its first label.
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
	if h.station != nil && n.name != "" && n.by == h.station.mac && f.MAC != n.by && r.isRouter(f.MAC) {
		return // a relay does not know better than the device itself
	}
	switch may := r.maySpeak(h, f.MAC); {
	case !may && (h.station != nil || n.name != ""):
		if f.Own && f.By == addr && i == saidMDNS { // it may take the address over
			h.early = spoken{name: f.Name, weak: names.IsGeneric(f.Name), own: true, by: f.MAC, from: true, at: r.now}
		}
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

// nameGone handles an address that no longer has a name. The device keeps the name until it has another one.
func (r *Registry) nameGone(f *discovery.Fact) {
	if h := r.hosts[f.Addr]; h != nil && h.said[saidMDNS].name == f.Name && r.maySpeak(h, f.MAC) {
		h.said[saidMDNS].own = false
	}
}

// maySpeak reports whether a MAC may name an address: that of the station that has it, one that sends from it, or a router,
// which passes on what is said elsewhere.
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

// stillCalled reports whether a name belongs to the device that has the address now.
func (r *Registry) stillCalled(h *host, n *spoken) bool {
	return n.name != "" && (r.maySpeak(h, n.by) || n.from && n.of == mac.Addr{})
}

// isCalled reports whether a message on the LAN has given a host a name.
func (h *host) isCalled(name string) bool {
	for i := range h.said {
		if h.said[i].name == name {
			return true
		}
	}
	return false
}

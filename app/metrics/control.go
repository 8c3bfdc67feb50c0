package metrics

import (
	"gonetmon/app/discovery"
	"gonetmon/app/rdns"
)

// ControlStats are what was learned from control frames.
type ControlStats struct {
	discovery.Stats              // of all interfaces together
	Taps            []ControlTap // one for each interface; none: the frames are those of a file
}

// A ControlTap is where the control frames of one interface come from.
type ControlTap struct {
	Interface string
	Frames    uint64 // that were read
	Drops     uint64 // that were skipped because there were too many
}

// control writes what was learned from control frames.
func (t *textWriter) control(s *ControlStats) {
	t.startFamily("gonetmon_facts_total", counter, "Facts learned from ARP, NDP, DHCP, mDNS and the like, by protocol.")
	for p, n := range s.Facts {
		t.sample(n, "source", discovery.Protocol(p).String())
	}
	t.startFamily("gonetmon_facts_malformed_total", counter, "Malformed messages of ARP, NDP, DHCP, mDNS and the like, by protocol.")
	for p, n := range s.Malformed {
		t.sample(n, "source", discovery.Protocol(p).String())
	}
	if len(s.Taps) == 0 {
		return
	}
	t.startFamily("gonetmon_control_frames_total", counter, "Frames of ARP, NDP, DHCP, mDNS and the like that were read.")
	for _, tap := range s.Taps {
		t.sample(tap.Frames, "interface", tap.Interface)
	}
	t.startFamily("gonetmon_control_drops_total", counter,
		"Frames of ARP, NDP, DHCP, mDNS and the like that were skipped because there were too many. Their traffic is counted.")
	for _, tap := range s.Taps {
		t.sample(tap.Drops, "interface", tap.Interface)
	}
}

// refusedNames writes how many names were refused, for the sources that are in use.
func (t *textWriter) refusedNames(lookups *rdns.Stats, control *ControlStats) {
	if lookups == nil && control == nil {
		return
	}
	t.startFamily("gonetmon_names_refused_total", counter,
		"Names refused because they are not valid host names or say nothing (localhost), by source.")
	if lookups != nil {
		t.sample(lookups.NamesRefused, "source", "ptr")
	}
	if control != nil {
		for _, p := range []discovery.Protocol{
			discovery.DHCP, discovery.DHCPv6, discovery.MDNS, discovery.LLMNR, discovery.NetBIOS,
		} {
			t.sample(control.NamesRefused[p], "source", p.String())
		}
	}
}

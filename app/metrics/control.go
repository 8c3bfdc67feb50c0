package metrics

import (
	"slices"

	"gonetmon/app/discovery"
	"gonetmon/app/rdns"
)

// ControlStats are what was heard in control frames.
type ControlStats struct {
	discovery.Stats              // of all interfaces together
	Taps            []ControlTap // one for each interface; none: the frames are a file's
}

// A ControlTap is what hears the control frames of one interface.
type ControlTap struct {
	Interface string
	Frames    uint64 // heard
	Drops     uint64 // that came too fast to be heard
}

// facts writes what was heard in control frames.
func (l *lines) facts(f *ControlStats) {
	l.family("gonetmon_facts_total", counter,
		"Facts that devices told each other while gonetmon listened, about addresses, hardware addresses, names and routers, by protocol.")
	for p, n := range f.Facts {
		l.series(n, "source", discovery.Protocol(p).String())
	}
	l.family("gonetmon_facts_malformed_total", counter, "Messages of ARP, neighbour discovery, DHCP and mDNS that could not be read, by protocol.")
	for p, n := range f.Malformed {
		l.series(n, "source", discovery.Protocol(p).String())
	}
	taps := mergeTaps(f.Taps)
	if len(taps) == 0 {
		return
	}
	l.family("gonetmon_control_frames_total", counter, "Frames of ARP, neighbour discovery, DHCP and mDNS that gonetmon has looked into.")
	for _, t := range taps {
		l.series(t.Frames, "interface", t.Interface)
	}
	l.family("gonetmon_control_drops_total", counter,
		"Frames of ARP, neighbour discovery, DHCP and mDNS that gonetmon has not looked into because there were too many. "+
			"They are counted as traffic all the same.")
	for _, t := range taps {
		l.series(t.Drops, "interface", t.Interface)
	}
}

// refused writes how many names were refused, of the sources that there are.
func (l *lines) refused(asked *rdns.Stats, heard *ControlStats) {
	l.family("gonetmon_names_refused_total", counter,
		"Names that were refused because they were not proper host names or say nothing (localhost), by where they came from.")
	if asked != nil {
		l.series(asked.NamesRefused, "source", "ptr")
	}
	if heard != nil {
		for _, p := range []discovery.Protocol{discovery.DHCP, discovery.DHCPv6, discovery.MDNS} {
			l.series(heard.NamesRefused[p], "source", p.String())
		}
	}
}

// mergeTaps joins the taps of one interface, as an interface can have one series only.
func mergeTaps(taps []ControlTap) (merged []ControlTap) {
	for _, t := range taps {
		i := slices.IndexFunc(merged, func(o ControlTap) bool { return o.Interface == t.Interface })
		if i < 0 {
			merged = append(merged, t)
			continue
		}
		merged[i].Frames += t.Frames
		merged[i].Drops += t.Drops
	}
	return merged
}

package web

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/localnet"
	"gonetmon/app/meter"
	"gonetmon/app/packet"
	"gonetmon/app/rdns"
	"gonetmon/app/traffic"
)

// health is the lower part of the page.
type health struct {
	Meters    []meter.Status
	Frames    uint64 // of all classes
	Classes   []class
	Prefixes  []netip.Prefix
	Devices   int // with an address
	Former    int // devices without an address
	Hosts     int
	Overflow  uint64 // bytes
	Waiting   uint64 // bytes
	Forgotten uint64 // bytes
	Lookups   *lookups
	Discovery facts
	Tables    []device.TableUsage
}

// A class is one class of frames.
type class struct {
	Name string
	meter.Class
}

// lookups describe reverse DNS.
type lookups struct {
	rdns.Stats
	Failures []item
}

// facts describe neighbor discovery.
type facts struct {
	Facts                       []item
	Malformed, Invalid, Skipped uint64
}

type item struct {
	Name  string
	Count uint64
}

// A Notice is a problem with a hint.
type Notice struct {
	Bad        bool // nothing is counted
	Text, Hint string
}

func (p *page) health(s *device.Snapshot, meters []meter.Status, prefixes []netip.Prefix) health {
	devices := s.NumAddressed()
	h := health{
		Meters: meters, Prefixes: prefixes, Discovery: newFacts(p.cfg.Facts(), p.cfg.ControlDrops()),
		Devices: devices, Former: len(s.Devices) - devices, Hosts: s.Hosts, Tables: s.Tables,
		Overflow: s.Overflow.Bytes(), Waiting: s.Waiting.Bytes(), Forgotten: s.Forgotten.Bytes(),
	}
	h.frames(meters)
	if p.cfg.Names != nil {
		stats := p.cfg.Names()
		h.Lookups = newLookups(stats)
		h.Tables = append(slices.Clip(h.Tables), device.TableUsage{Name: "dns", Used: stats.Cached, Limit: s.Limit})
	}
	return h
}

// frames adds up the frames of all interfaces.
func (h *health) frames(meters []meter.Status) {
	for c, word := range [packet.NumClasses]string{"IPv4", "IPv6", "ARP", "other", "malformed"} {
		sum := class{Name: word}
		for _, m := range meters {
			sum.Frames += m.Classes[c].Frames
			sum.Bytes += m.Classes[c].Bytes
		}
		h.Frames += sum.Frames
		h.Classes = append(h.Classes, sum)
	}
}

// dropShare returns the share of an interface's frames that were dropped.
func dropShare(m meter.Status) string { return percent(m.Drops, m.Frames+m.Drops) }

// reattached returns how often an interface disappeared and came back.
func reattached(m meter.Status) uint64 { return max(m.Attached, 1) - 1 }

func tableName(name string) string {
	words := map[string]string{"hosts": "addresses with traffic", "neighbours": "other known addresses",
		"macs": "MAC addresses", "devices": "device names", "dns": "DNS cache"}
	return cmp.Or(words[name], name)
}

func newFacts(s discovery.Stats, skipped uint64) (f facts) {
	f.Skipped = skipped
	for p, word := range [discovery.NumProtocols]string{"ARP", "NDP", "DHCP", "DHCPv6", "mDNS", "LLMNR", "NetBIOS", "SSDP"} {
		if s.Facts[p] > 0 {
			f.Facts = append(f.Facts, item{word, s.Facts[p]})
		}
		f.Malformed += s.Malformed[p]
		f.Invalid += s.NamesRefused[p]
	}
	return f
}

func newLookups(s rdns.Stats) *lookups {
	l := &lookups{Stats: s}
	words := [rdns.NumReasons]string{
		rdns.Timeout:   "timeouts",
		rdns.Network:   "server unreachable",
		rdns.ServFail:  "server failure (SERVFAIL)",
		rdns.Refused:   "refused by the server (REFUSED)",
		rdns.RCode:     "other server errors",
		rdns.Truncated: "truncated answers",
		rdns.Mismatch:  "answers to other queries",
		rdns.Malformed: "malformed answers",
		rdns.BadName:   "answers without a valid name",
	}
	for reason, n := range s.Failures {
		if n > 0 {
			l.Failures = append(l.Failures, item{words[reason], n})
		}
	}
	return l
}

// notices returns the problems that keep gonetmon from counting correctly, and hints on what to do.
func notices(s *device.Snapshot, meters []meter.Status, prefixes []netip.Prefix, advice []Notice) (all []Notice) {
	var up []string
	var frames, drops uint64
	for _, m := range meters {
		frames += m.Frames
		drops += m.Drops
		if m.Up {
			up = append(up, m.Interface)
			continue
		}
		text := "Nothing is captured on " + m.Interface + ": " + m.Reason + "."
		all = append(all, Notice{Bad: true, Text: text, Hint: remedy(m.Reason)})
	}
	if len(prefixes) == 0 {
		all = append(all, Notice{Bad: true,
			Text: "gonetmon does not know which addresses are yours, so it cannot tell your devices from the internet.",
			Hint: "Set GONETMON_CIDR to the range of your network, for example 192.168.1.0/24, and restart gonetmon."})
	}
	all = append(all, advice...)
	total, other := s.Network.Total().Bytes, uint64(0)
	for f := range s.Network {
		other += s.Network[f][traffic.ScopeOther].Bytes
	}
	where := strings.Join(up, ", ")
	switch {
	case len(up) == 0:
	case frames == 0:
		all = append(all, Notice{Text: "No traffic has been seen on " + where + " yet.",
			Hint: "Check that the cable is in the mirror port of the switch, that mirroring is turned on, and that GONETMON_INTERFACE " +
				"is the right interface."})
	case total == 0 && len(advice) > 0: // which says more
	case total == 0:
		all = append(all, Notice{Text: "There is traffic on " + where + ", but none of it is IP.",
			Hint: "Check that the switch mirrors the port of the router, in both directions."})
	case other == total:
		all = append(all, Notice{Text: "There is traffic on " + where + ", but none to or from your addresses.",
			Hint: "Check that GONETMON_CIDR contains the addresses of your devices."})
	}
	if drops > 0 {
		all = append(all, Notice{
			Text: grouped(drops) + " of " + grouped(frames+drops) + " frames were dropped (" + percent(drops, frames+drops) +
				"): actual traffic is higher than shown.",
			Hint: "The capture buffer was full. If the number keeps growing, increase GONETMON_RING_SIZE. If that does not help, " +
				"the machine is too slow for this traffic."})
	}
	if s.Limit > 0 && s.Hosts >= s.Limit {
		all = append(all, Notice{
			Text: "The limit of " + grouped(s.Limit) + " addresses is reached: further addresses are only counted together.",
			Hint: "If you have more addresses, increase GONETMON_MAX_HOSTS."})
	}
	return all
}

// remedy returns a hint for the reason in capture.Stats.
func remedy(reason string) string {
	switch {
	case reason == localnet.ReasonNoInterface:
		return "gonetmon waits for it. Check the spelling of GONETMON_INTERFACE: ip link lists the interfaces."
	case reason == localnet.ReasonDown:
		return "Bring it up (ip link set … up), or let gonetmon do it: restart it with CAP_NET_ADMIN."
	case reason == localnet.ReasonNoCarrier:
		return "Counting continues when the link is back."
	case strings.HasPrefix(reason, capture.ReasonNotRead):
		return "Its frames are only counted as other. Listen to an interface with Ethernet or IP frames, for example the one that " +
			"has your network's address: docs/interfaces.md has a table."
	case reason == localnet.ReasonSame:
		return "Remove one of the two names from GONETMON_INTERFACE."
	}
	return ""
}

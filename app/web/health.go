package web

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/meter"
	"gonetmon/app/packet"
	"gonetmon/app/rdns"
	"gonetmon/app/traffic"
)

// health is the lower part of the page.
type health struct {
	Interfaces []iface
	Classes    []class
	Prefixes   []string
	Devices    string // with an address
	Former     string // devices without an address; "" if none
	Hosts      string
	Overflow   string // "" if none
	Waiting    string // "" if none
	Forgotten  string // "" if none
	Lookups    *lookups
	Discovery  *facts
	Tables     []table
}

// An iface is one interface.
type iface struct {
	Name       string
	Up         bool
	Reason     string
	Frames     string
	Drops      string
	DropShare  string // "" if none
	Reattached uint64 // how often the interface disappeared and came back
}

// A class is one class of frames.
type class struct{ Name, Frames, Bytes, Share string }

// lookups describe reverse DNS.
type lookups struct {
	Queries, InFlight, Queued string
	Failures                  []item
	Invalid                   string // names; "" if none
}

// facts describe neighbor discovery.
type facts struct {
	Facts     []item
	Malformed string // "" if none
	Invalid   string // likewise
	Skipped   string // likewise
}

type item struct{ Name, Count string }

// A table is the usage of an internal table.
type table struct {
	Name, Used, Limit string
	Full              bool
}

// A notice is a problem with a hint.
type notice struct {
	Bad        bool // nothing is counted
	Text, Hint string
}

func (p *page) health(s *device.Snapshot, meters []meter.Status) health {
	var h health
	h.network(s)
	h.capture(meters)
	if p.cfg.Prefixes != nil {
		for _, prefix := range p.cfg.Prefixes() {
			h.Prefixes = append(h.Prefixes, prefix.String())
		}
	}
	tables := s.Tables
	if p.cfg.Names != nil {
		stats := p.cfg.Names()
		h.Lookups = newLookups(stats)
		tables = append(slices.Clip(tables), device.TableUsage{Name: "dns", Used: stats.Cached, Limit: s.Limit})
	}
	if p.cfg.Facts != nil {
		h.Discovery = newFacts(p.cfg.Facts())
		if p.cfg.ControlDrops != nil {
			h.Discovery.Skipped = positive(p.cfg.ControlDrops())
		}
	}
	for _, t := range tables {
		h.Tables = append(h.Tables, newTable(t))
	}
	return h
}

func (h *health) network(s *device.Snapshot) {
	devices := s.NumAddressed()
	h.Devices, h.Former, h.Hosts = grouped(uint64(devices)), positive(uint64(len(s.Devices)-devices)), grouped(uint64(s.Hosts))
	bytes := func(t *traffic.Totals) string {
		if n := t.Sent().Bytes + t.Received().Bytes; n > 0 {
			return inBytes(n)
		}
		return ""
	}
	h.Overflow, h.Waiting, h.Forgotten = bytes(&s.Overflow), bytes(&s.Waiting), bytes(&s.Forgotten)
}

func (h *health) capture(meters []meter.Status) {
	var all meter.Classes
	for _, m := range meters {
		i := iface{Name: m.Interface, Up: m.Up, Reason: m.Reason, Frames: grouped(m.Frames), Drops: grouped(m.Drops)}
		if m.Attached > 1 {
			i.Reattached = m.Attached - 1
		}
		if m.Drops > 0 {
			i.DropShare = percent(m.Drops, m.Frames+m.Drops)
		}
		h.Interfaces = append(h.Interfaces, i)
		for c := range all {
			all[c].Frames += m.Classes[c].Frames
			all[c].Bytes += m.Classes[c].Bytes
		}
	}
	var frames uint64
	for _, c := range all {
		frames += c.Frames
	}
	words := [packet.NumClasses]string{"IPv4", "IPv6", "ARP", "other", "malformed"}
	for c, word := range words {
		if len(meters) > 0 {
			h.Classes = append(h.Classes, class{word, grouped(all[c].Frames), inBytes(all[c].Bytes), percent(all[c].Frames, frames)})
		}
	}
}

func newTable(t device.TableUsage) table {
	name := map[string]string{"hosts": "addresses with traffic", "neighbours": "other known addresses",
		"macs": "MAC addresses", "devices": "device names", "dns": "DNS cache"}[t.Name]
	used, limit := uint64(max(t.Used, 0)), uint64(max(t.Limit, 0))
	return table{Name: cmp.Or(name, t.Name), Used: grouped(used), Limit: grouped(limit), Full: limit > 0 && used >= limit}
}

func newFacts(s discovery.Stats) *facts {
	f := &facts{}
	var malformed, invalid uint64
	words := [discovery.NumProtocols]string{"ARP", "NDP", "DHCP", "DHCPv6", "mDNS"}
	for p, word := range words {
		if s.Facts[p] > 0 {
			f.Facts = append(f.Facts, item{word, grouped(s.Facts[p])})
		}
		malformed += s.Malformed[p]
		invalid += s.NamesRefused[p]
	}
	f.Malformed, f.Invalid = positive(malformed), positive(invalid)
	return f
}

// positive returns n with its digits in groups, or "" if it is 0.
func positive(n uint64) string {
	if n == 0 {
		return ""
	}
	return grouped(n)
}

func newLookups(s rdns.Stats) *lookups {
	l := &lookups{Queries: grouped(s.Queries), InFlight: strconv.Itoa(s.InFlight), Queued: strconv.Itoa(s.Queued)}
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
			l.Failures = append(l.Failures, item{words[reason], grouped(n)})
		}
	}
	l.Invalid = positive(s.NamesRefused)
	return l
}

// notices returns the problems that keep gonetmon from counting correctly, and hints on what to do.
func (p *page) notices(s *device.Snapshot, meters []meter.Status) (all []notice) {
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
		all = append(all, notice{Bad: true, Text: text, Hint: remedy(m.Reason)})
	}
	if p.cfg.Prefixes != nil && len(p.cfg.Prefixes()) == 0 {
		all = append(all, notice{Bad: true,
			Text: "gonetmon does not know which addresses are yours, so it cannot tell your devices from the internet.",
			Hint: "Set GONETMON_CIDR to the range of your network, for example 192.168.1.0/24, and restart gonetmon."})
	}
	total, other := s.Network.Total().Bytes, uint64(0)
	for f := range s.Network {
		other += s.Network[f][traffic.ScopeOther].Bytes
	}
	where := strings.Join(up, ", ")
	switch {
	case len(up) == 0:
	case frames == 0:
		all = append(all, notice{Text: "No traffic has been seen on " + where + " yet.",
			Hint: "Check that the cable is in the mirror port of the switch, that mirroring is turned on, and that GONETMON_INTERFACE " +
				"is the right interface."})
	case total == 0:
		all = append(all, notice{Text: "There is traffic on " + where + ", but none of it is IP.",
			Hint: "Check that the switch mirrors the port of the router, in both directions."})
	case other == total:
		all = append(all, notice{Text: "There is traffic on " + where + ", but none to or from your addresses.",
			Hint: "Check that GONETMON_CIDR contains the addresses of your devices."})
	}
	if drops > 0 {
		all = append(all, notice{
			Text: grouped(drops) + " of " + grouped(frames+drops) + " frames were dropped (" + percent(drops, frames+drops) +
				"): actual traffic is higher than shown.",
			Hint: "The capture buffer was full. If the number keeps growing, increase GONETMON_RING_SIZE. If that does not help, " +
				"the machine is too slow for this traffic."})
	}
	if s.Limit > 0 && s.Hosts >= s.Limit {
		all = append(all, notice{
			Text: "The limit of " + grouped(uint64(s.Limit)) + " addresses is reached: further addresses are only counted together.",
			Hint: "If you have more addresses, increase GONETMON_MAX_HOSTS."})
	}
	return all
}

// remedy returns a hint for the reason in capture.Stats.
func remedy(reason string) string {
	switch {
	case reason == capture.ReasonNoInterface:
		return "gonetmon waits for it. Check the spelling of GONETMON_INTERFACE: ip link lists the interfaces."
	case reason == capture.ReasonDown:
		return "Bring it up (ip link set … up), or let gonetmon do it: restart it with CAP_NET_ADMIN."
	case reason == capture.ReasonNoCarrier:
		return "Counting continues when the link is back."
	case strings.HasPrefix(reason, capture.ReasonNotRead):
		return "Its frames are only counted as other. Listen to an interface with Ethernet or IP frames, for example the one that " +
			"has your network's address: docs/interfaces.md has a table."
	}
	return ""
}

package web

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/meter"
	"gonetmon/app/packet"
	"gonetmon/app/rdns"
	"gonetmon/app/traffic"
)

// health is how the counting does.
type health struct {
	Interfaces []iface
	Classes    []class
	Prefixes   []string
	Devices    string // with an address
	Former     string // names that no device has now; "" if none
	Hosts      string
	Overflow   string // "" if none
	Waiting    string // "" if none
	Forgotten  string // "" if none
	Lookups    *lookups
	Heard      *heard
	Tables     []table
}

// An iface is one interface.
type iface struct {
	Name   string
	Up     bool
	Reason string
	Frames string
	Drops  string
	Lost   string // the share of the drops; "" if none
	Again  uint64 // times that it went and came back
}

// A class is one class of frames.
type class struct{ Name, Frames, Bytes, Share string }

// lookups are those of names.
type lookups struct {
	Queries, InFlight, Waiting string
	Failures                   []failure
	Refused                    string // "" if none
}

// heard is what devices told each other.
type heard struct {
	Facts     []fact
	Malformed string // "" if none
	Refused   string // likewise
	Drops     string // likewise
}

// A table is one of the tables in which is remembered, and how full it is.
type table struct {
	Name, Used, Limit string
	Full              bool
}

type (
	failure struct{ Count, What string }
	fact    struct{ Count, What string }
)

// A notice is what must not be overlooked.
type notice struct {
	Bad        bool // nothing is counted; else: look at it
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
		h.Lookups = lookupsOf(stats)
		tables = append(slices.Clip(tables), device.TableUsage{Name: "dns", Used: stats.Cached, Limit: s.Limit})
	}
	if p.cfg.Facts != nil {
		h.Heard = heardOf(p.cfg.Facts())
		if p.cfg.ControlDrops != nil {
			h.Heard.Drops = some(p.cfg.ControlDrops())
		}
	}
	for _, t := range tables {
		h.Tables = append(h.Tables, tableOf(t))
	}
	return h
}

func (h *health) network(s *device.Snapshot) {
	devices := s.NumAddressed()
	h.Devices, h.Former, h.Hosts = grouped(uint64(devices)), some(uint64(len(s.Devices)-devices)), grouped(uint64(s.Hosts))
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
			i.Again = m.Attached - 1
		}
		if m.Drops > 0 {
			i.Lost = percent(m.Drops, m.Frames+m.Drops)
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

func tableOf(t device.TableUsage) table {
	name := map[string]string{"hosts": "addresses with traffic", "neighbours": "addresses heard of", "macs": "MACs",
		"devices": "names of devices", "dns": "addresses looked up"}[t.Name]
	used, limit := uint64(max(t.Used, 0)), uint64(max(t.Limit, 0))
	return table{Name: cmp.Or(name, t.Name), Used: grouped(used), Limit: grouped(limit), Full: limit > 0 && used >= limit}
}

func heardOf(s discovery.Stats) *heard {
	h := &heard{}
	var malformed, refused uint64
	words := [discovery.NumProtocols]string{"ARP", "neighbour discovery", "DHCP", "DHCPv6", "mDNS"}
	for p, word := range words {
		if s.Facts[p] > 0 {
			h.Facts = append(h.Facts, fact{grouped(s.Facts[p]), word})
		}
		malformed += s.Malformed[p]
		refused += s.NamesRefused[p]
	}
	h.Malformed, h.Refused = some(malformed), some(refused)
	return h
}

// some returns n with its digits in groups, and "" for 0.
func some(n uint64) string {
	if n == 0 {
		return ""
	}
	return grouped(n)
}

func lookupsOf(s rdns.Stats) *lookups {
	l := &lookups{Queries: grouped(s.Queries), InFlight: strconv.Itoa(s.InFlight), Waiting: strconv.Itoa(s.Queued)}
	words := [rdns.NumReasons]string{
		rdns.Timeout:   "no answer in time",
		rdns.Network:   "server not reachable",
		rdns.ServFail:  "server in trouble (SERVFAIL)",
		rdns.Refused:   "server refuses to answer (REFUSED)",
		rdns.RCode:     "server reports an error",
		rdns.Truncated: "answer too long",
		rdns.Mismatch:  "answer to another question",
		rdns.Malformed: "unreadable answer",
		rdns.BadName:   "name that is none",
	}
	for reason, n := range s.Failures {
		if n > 0 {
			l.Failures = append(l.Failures, failure{grouped(n), words[reason]})
		}
	}
	l.Refused = some(s.NamesRefused)
	return l
}

// notices says what keeps gonetmon from counting what it should, and what to do about it.
func (p *page) notices(s *device.Snapshot, meters []meter.Status) (all []notice) {
	var listening []string
	var frames, drops uint64
	for _, m := range meters {
		frames += m.Frames
		drops += m.Drops
		if m.Up {
			listening = append(listening, m.Interface)
			continue
		}
		all = append(all, notice{Bad: true, Text: "Nothing is heard from " + m.Interface + ": " + m.Reason + ".", Hint: remedy(m.Reason)})
	}
	if p.cfg.Prefixes != nil && len(p.cfg.Prefixes()) == 0 {
		all = append(all, notice{Bad: true, Text: "gonetmon does not know which addresses are yours, so it can't tell your devices from the internet.",
			Hint: "Set GONETMON_CIDR to the range of your network, for example 192.168.1.0/24, and start gonetmon again."})
	}
	total, elsewhere := s.Network.Total().Bytes, uint64(0)
	for f := range s.Network {
		elsewhere += s.Network[f][traffic.ScopeOther].Bytes
	}
	where := strings.Join(listening, ", ")
	switch {
	case len(listening) == 0:
	case frames == 0:
		all = append(all, notice{Text: "No traffic has been seen on " + where + " yet.",
			Hint: "Is the cable in the mirror port of the switch, is mirroring switched on there, and is GONETMON_INTERFACE the right interface?"})
	case total == 0:
		all = append(all, notice{Text: "There is traffic on " + where + ", but none of it is IP.",
			Hint: "Does the switch mirror the port of the router, and in both directions?"})
	case elsewhere == total:
		all = append(all, notice{Text: "There is traffic on " + where + ", but none of it is of your addresses.",
			Hint: "Does GONETMON_CIDR name the addresses that your devices have?"})
	}
	if drops > 0 {
		all = append(all, notice{Text: grouped(drops) + " of " + grouped(frames+drops) + " frames were lost (" + percent(drops, frames+drops) +
			"): true use is higher than shown.",
			Hint: "The ring was full before gonetmon could empty it. If the number grows, give it more memory with GONETMON_RING_SIZE; " +
				"if that does not help, the machine is too slow for this traffic."})
	}
	if s.Limit > 0 && s.Hosts >= s.Limit {
		all = append(all, notice{Text: "The limit of " + grouped(uint64(s.Limit)) + " addresses is reached: new ones are counted together only."})
	}
	return all
}

// remedy says what helps against a capture.Stats.Reason.
func remedy(why string) string {
	switch {
	case strings.HasPrefix(why, "no such interface"):
		return "gonetmon waits until it is there. Is GONETMON_INTERFACE spelled as ip link shows it?"
	case strings.HasPrefix(why, "interface is down"):
		return "It is switched off. Switch it on (ip link set … up), or let gonetmon do it by giving it CAP_NET_ADMIN."
	case strings.HasPrefix(why, "interface has no carrier"):
		return "Counting goes on by itself when the cable and the other end are."
	}
	return ""
}

package web

import (
	"cmp"
	"net/netip"
	"slices"

	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/meter"
	"gonetmon/app/packet"
	"gonetmon/app/rdns"
	"gonetmon/app/units"
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
func dropShare(m meter.Status) string { return units.Percent(m.Drops, m.Frames+m.Drops) }

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

package web

import (
	"strconv"
	"strings"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/packet"
	"gonetmon/app/traffic"
)

// health is how the counting does.
type health struct {
	Interfaces []iface
	Classes    []class
	Prefixes   []string
	Hosts      string
	Limit      string
	Overflow   string // "" if none
	Waiting    string // "" if none
	Lookups    *lookups
}

// An iface is one interface.
type iface struct {
	Name   string
	Up     bool
	Why    string
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

type failure struct{ Count, What string }

// A notice is what must not be overlooked.
type notice struct {
	Bad        bool // nothing is counted; else: look at it
	Text, Hint string
}

func (p *page) health(s *device.Snapshot, meters []meter.Status) health {
	h := health{Hosts: grouped(uint64(s.Hosts)), Limit: grouped(uint64(s.Limit))}
	if n := s.Overflow.Sent().Bytes + s.Overflow.Received().Bytes; n > 0 {
		h.Overflow = inBytes(n)
	}
	if n := s.Waiting.Sent().Bytes + s.Waiting.Received().Bytes; n > 0 {
		h.Waiting = inBytes(n)
	}
	var all meter.Classes
	for _, m := range meters {
		i := iface{Name: m.Interface, Up: m.Up, Why: m.Why, Frames: grouped(m.Frames), Drops: grouped(m.Drops)}
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
	if p.cfg.Prefixes != nil {
		for _, prefix := range p.cfg.Prefixes() {
			h.Prefixes = append(h.Prefixes, prefix.String())
		}
	}
	if p.cfg.Names != nil {
		h.Lookups = lookupsOf(p.cfg.Names())
	}
	return h
}

func lookupsOf(s names.Stats) *lookups {
	l := &lookups{Queries: grouped(s.Queries), InFlight: strconv.Itoa(s.InFlight), Waiting: strconv.Itoa(s.Waiting)}
	words := [names.NumReasons]string{
		names.Timeout:   "no answer in time",
		names.Network:   "server not reachable",
		names.ServFail:  "server in trouble (SERVFAIL)",
		names.Refused:   "server refuses to answer (REFUSED)",
		names.RCode:     "server reports an error",
		names.Truncated: "answer too long",
		names.Mismatch:  "answer to another question",
		names.Malformed: "unreadable answer",
		names.BadName:   "name that is none",
	}
	for reason, n := range s.Failures {
		if n > 0 {
			l.Failures = append(l.Failures, failure{grouped(n), words[reason]})
		}
	}
	if s.Refused > 0 {
		l.Refused = grouped(s.Refused)
	}
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
		all = append(all, notice{Bad: true, Text: "Nothing is heard from " + m.Interface + ": " + m.Why + ".", Hint: remedy(m.Why)})
	}
	if p.cfg.Prefixes != nil && len(p.cfg.Prefixes()) == 0 {
		all = append(all, notice{Bad: true, Text: "gonetmon does not know which addresses are yours, so it can't tell your devices from the internet.",
			Hint: "Set GONETMON_CIDR to the range of your network, for example 192.168.1.0/24, and start gonetmon again."})
	}
	total, elsewhere := s.Network.Total().Bytes, uint64(0)
	for f := range s.Network {
		elsewhere += s.Network[f][traffic.Elsewhere].Bytes
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

// remedy says what helps against a capture.Stats.Why.
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

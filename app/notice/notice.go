// Package notice says in words for people what keeps gonetmon from counting correctly, and what to do about it. It knows nothing
// of where these words are shown.
package notice

import (
	"net/netip"
	"strings"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/localnet"
	"gonetmon/app/meter"
	"gonetmon/app/traffic"
	"gonetmon/app/units"
)

// A Notice is a problem with a hint.
type Notice struct {
	Bad        bool // nothing is counted
	Text, Hint string
}

// All returns the problems that keep gonetmon from counting correctly, with hints on what to do: those that follow from its
// arguments, and the daemon's advice on where to capture.
func All(s *device.Snapshot, meters []meter.Status, prefixes []netip.Prefix, advice []Notice) (all []Notice) {
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
			Text: units.Grouped(drops) + " of " + units.Grouped(frames+drops) + " frames were dropped (" +
				units.Percent(drops, frames+drops) + "): actual traffic is higher than shown.",
			Hint: "The capture buffer was full. If the number keeps growing, increase GONETMON_RING_SIZE. If that does not help, " +
				"the machine is too slow for this traffic."})
	}
	if s.Limit > 0 && s.Hosts >= s.Limit {
		all = append(all, Notice{
			Text: "The limit of " + units.Grouped(s.Limit) + " addresses is reached: further addresses are only counted together.",
			Hint: "If you have more addresses, increase GONETMON_MAX_HOSTS."})
	}
	return all
}

// remedy returns a hint for the reason in capture.Stats.
func remedy(reason string) string {
	switch {
	case strings.HasPrefix(reason, localnet.ReasonNoInterface):
		return "gonetmon waits for it. Check the spelling of GONETMON_INTERFACE: ip link lists the interfaces."
	case reason == localnet.ReasonDown:
		return "Bring it up (sudo ip link set … up), or restart gonetmon, which does so itself with CAP_NET_ADMIN, as in Docker."
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

package traffic

import (
	"cmp"
	"slices"

	"gonetmon/app/mac"
)

// A Transit counts the packets from addresses outside the LAN to hosts and groups of the LAN that came from one MAC, so from a
// router. Packets from addresses that no router forwards (unspecified or link-local) are not counted.
type Transit struct {
	MAC     mac.Addr
	Packets uint64
}

// maxTransits is the number of MACs with a Transit. If there are more, the one with the fewest packets makes room.
const maxTransits = 16

// transits are ordered by their last use. Those without a MAC are free.
type transits [maxTransits]transit

type transit struct{ mac, packets uint64 }

// count counts packets from a MAC, and moves it to the front.
func (t *transits) count(from, packets uint64) {
	if !isStation(from) {
		return
	}
	at := 0
	for i := range t {
		if t[i].mac == from {
			at = i
			break
		}
		if t[i].packets <= t[at].packets { // the least recently used one of them
			at = i
		}
	}
	found := t[at]
	if found.mac != from {
		found = transit{mac: from}
	}
	copy(t[1:at+1], t[:at])
	found.packets += packets
	t[0] = found
}

// take returns the transits, those with the most packets first, and resets them.
func (t *transits) take() []Transit {
	var list []Transit
	for _, n := range t {
		if n.mac != 0 {
			list = append(list, Transit{macFrom(n.mac), n.packets})
		}
	}
	*t = transits{}
	slices.SortStableFunc(list, func(a, b Transit) int { return cmp.Compare(b.Packets, a.Packets) })
	return list
}

// isForwarded reports whether routers forward packets from an address (RFC 3927 section 7, RFC 4291 sections 2.5.2 and 2.5.6).
func isForwarded(f Family, a Addr) bool {
	if f == IPv4 {
		return a.Lo != 0 && a.Lo>>16 != 169<<8|254
	}
	return a != Addr{} && a.Hi>>54 != 0xfe80>>6
}

// isStation reports whether a MAC as a number can be the address of one interface, as mac.Addr.IsStation does.
func isStation(n uint64) bool { return n != 0 && n>>40&1 == 0 }

func macFrom(n uint64) mac.Addr {
	return mac.Addr{byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

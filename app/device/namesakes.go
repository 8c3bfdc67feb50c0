package device

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/names"
)

const (
	maxNamesakes = 256 // hosts without a known MAC that are one device because they share a name
	maxWildcards = 64  // that are remembered
	maxIPv4Named = 2   // IPv4 addresses that may have one name in the reverse DNS, if some are in one subnet
)

// A nameIndex finds the hosts that have a name, without its domain.
type nameIndex map[string]map[*host]bool

// reindex updates the index after a change of a host's names.
func (r *Registry) reindex(h *host) {
	keys := r.keysOf(h)
	if slices.Equal(keys, h.keys) {
		return
	}
	old := h.keys
	h.keys = keys
	for _, key := range old {
		if !slices.Contains(keys, key) {
			r.byName.remove(key, h)
		}
	}
	for _, key := range keys {
		if slices.Contains(old, key) {
			continue
		}
		r.byName.add(key, h)
	}
	r.gather(h)
}

// setWildcard handles a name that turns out to be that of every address: it joins no hosts any more.
func (r *Registry) setWildcard(key string) {
	maps.DeleteFunc(r.wildcards, func(_ string, at time.Time) bool { return r.now.Sub(at) >= distrustFor })
	if len(r.wildcards) < maxWildcards {
		r.wildcards[key] = r.now
	}
	for _, h := range sortedHosts(r.byName[key]) {
		switch {
		case !h.counted:
		case h.slots == 0 && h.station == nil: // only the reverse DNS knows it
			r.uncount(h)
		default:
			r.regroup(h)
			r.maybeRename(h.group)
		}
	}
}

// gather moves the hosts without a known MAC that share a name with a host to its group.
func (r *Registry) gather(h *host) {
	if !h.counted || h.station == nil {
		return
	}
	for _, key := range h.keys {
		if hosts := r.byName[key]; len(hosts) > 1 && len(hosts) <= maxNamesakes && !r.isWildcard(key) {
			for _, o := range sortedHosts(hosts) {
				if o.counted && o.station == nil && o.group != h.group {
					r.regroup(o)
				}
			}
		}
	}
}

// dropNames removes a host from the index.
func (r *Registry) dropNames(h *host) {
	for _, key := range h.keys {
		r.byName.remove(key, h)
	}
	r.byPTR.remove(h.ptrKey, h)
	h.keys, h.ptrKey = nil, ""
}

func (x nameIndex) add(key string, h *host) {
	if x[key] == nil {
		x[key] = map[*host]bool{}
	}
	x[key][h] = true
}

func (x nameIndex) remove(key string, h *host) {
	delete(x[key], h)
	if len(x[key]) == 0 {
		delete(x, key)
	}
}

// keysOf returns the names by which a host is found, without their domains: those that say what it is. A name that
// many devices have does not, and what others say may be wrong.
func (r *Registry) keysOf(h *host) (keys []string) {
	if h.ptr != "" && !h.ptrWeak {
		keys = append(keys, firstLabel(h.ptr))
	}
	if n := &h.said[saidMDNS]; n.own && r.stillCalled(h, n) {
		if key := firstLabel(n.name); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// firstLabel returns a name without any domain. The reverse DNS appends one, and devices do not.
func firstLabel(name string) string {
	first, _, _ := strings.Cut(name, ".")
	return first
}

// isWildcard reports whether the reverse DNS has a name for too many IPv4 addresses to be that of one device.
func (r *Registry) isWildcard(key string) bool {
	if at, ok := r.wildcards[key]; ok && r.now.Sub(at) < distrustFor {
		return true
	}
	hosts := r.byPTR[key]
	if len(hosts) <= maxIPv4Named {
		return false
	}
	subnets := map[netip.Prefix]bool{}
	for h := range hosts {
		subnet := subnetOf(h.addr)
		if subnets[subnet] {
			return true
		}
		subnets[subnet] = true
	}
	return false
}

// namesake returns the group that a host without a known MAC belongs to by its names; nil if there is none.
func (r *Registry) namesake(h *host) *group {
	for _, key := range h.keys {
		hosts := r.byName[key]
		if len(hosts) < 2 || len(hosts) > maxNamesakes || r.isWildcard(key) {
			continue
		}
		var best *group
		for _, o := range sortedHosts(hosts) {
			g := o.group
			if o == h || g == nil || g.behind != nil || !r.mayJoin(h, o) {
				continue
			}
			if best == nil || len(g.stations) > 0 && len(best.stations) == 0 {
				best = g
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// mayJoin reports whether a name that two hosts share may join them. The reverse DNS is not enough for two addresses of a
// subnet if it is known which MACs send from them: devices of one kind may share a name there.
func (r *Registry) mayJoin(h, o *host) bool {
	none := mac.Addr{}
	if h.addr.Is4() && o.addr.Is4() && subnetOf(h.addr) == subnetOf(o.addr) && h.sender.mac != none && o.sender.mac != none {
		n := &h.said[saidMDNS]
		return n.own && o.said[saidMDNS].own && n.name == o.said[saidMDNS].name
	}
	return true
}

func sortedHosts(hosts map[*host]bool) []*host {
	return slices.SortedFunc(maps.Keys(hosts), func(a, b *host) int { return a.addr.Compare(b.addr) })
}

// setPTR sets the name of a host in the reverse DNS.
func (r *Registry) setPTR(h *host, name string) {
	if h.ptr == name {
		return
	}
	h.ptr = name
	h.ptrWeak = names.IsGeneric(name) || names.IsFromAddress(name, h.addr)
	key := ""
	if name != "" && !h.ptrWeak && h.addr.Is4() {
		key = firstLabel(name)
	}
	if key != h.ptrKey {
		was := r.isWildcard(key)
		r.byPTR.remove(h.ptrKey, h)
		if h.ptrKey = key; key != "" {
			r.byPTR.add(key, h)
		}
		if !was && r.isWildcard(key) {
			r.reindex(h)
			r.setWildcard(key)
			if r.hosts[h.addr] != h {
				return // only the reverse DNS knew it
			}
		}
	}
	r.namesChanged(h)
}

// namesChanged regroups and renames after a change of a host's names.
func (r *Registry) namesChanged(h *host) {
	r.reindex(h)
	if s := h.station; s != nil {
		if o := r.twin(h); o != nil {
			r.joinTwins(o, s)
		}
	}
	if !h.counted {
		if h.station != nil && h.station.group != nil {
			r.maybeRename(h.station.group)
		}
		return
	}
	r.regroup(h)
	r.judgeSenderOf(h)
	r.maybeRename(h.group)
}

package device

import (
	"slices"

	"gonetmon/app/mac"
)

// A device with two network interfaces, such as a NAS, has two MACs that follow each other and one name in multicast DNS. No
// other device may have that name there (RFC 6762, section 9).

// maxApart is how far the MACs of one device are apart.
const maxApart = 16

// twin returns another station of the same device as the station of a host; nil if there is none.
func (r *Registry) twin(h *host) *station {
	n, s := &h.said[saidMDNS], h.station
	if !n.own || n.weak || s.mac.IsRandom() || s.several || !r.maySpeak(h, n.by) {
		return nil
	}
	hosts := r.byName[firstLabel(n.name)]
	if len(hosts) > maxNamesakes {
		return nil
	}
	for _, o := range sortedHosts(hosts) {
		t, m := o.station, &o.said[saidMDNS]
		if t != nil && t != s && t.group != s.group && m.own && m.name == n.name && areNear(t.mac, s.mac) &&
			r.now.Sub(m.at) < pastAfter && !t.several && r.maySpeak(o, m.by) {
			return t
		}
	}
	return nil
}

// areNear reports whether two MACs are of one vendor and close together.
func areNear(a, b mac.Addr) bool {
	number := func(hw mac.Addr) int { return int(hw[3])<<16 | int(hw[4])<<8 | int(hw[5]) }
	d := number(a) - number(b)
	return [3]byte(a[:3]) == [3]byte(b[:3]) && max(d, -d) <= maxApart
}

// joinTwins makes two stations one device. The group that is shown stays, or else that of the first.
func (r *Registry) joinTwins(a, b *station) {
	if b.group != nil && (a.group == nil || a.group.series == nil) {
		a, b = b, a
	}
	if a.group == nil || a.group.fileName != "" || b.group != nil && b.group.fileName != "" {
		return // there is nothing to join, or the user decides
	}
	r.attach(a.group, b)
	for _, h := range slices.Clone(b.hosts) {
		r.regroup(h)
	}
}

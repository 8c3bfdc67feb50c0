package localnet

import (
	"fmt"
	"net/netip"
	"slices"
)

// An Overlap is two interfaces that show the same packets, so that these count twice where both are captured.
type Overlap struct {
	Names  [2]string
	Why    string // for people: "eth0 is a port of br0"
	Listen string // which of the two to capture
}

// etherTunnels are kinds of tunnels that carry Ethernet, as those of remote mirrors do. Links without Ethernet are tunnels, too.
var etherTunnels = []string{"vxlan", "geneve", "gretap", "ip6gretap", "erspan", "ip6erspan"}

func (l *Link) etherTunnel() bool { return slices.Contains(etherTunnels, l.Kind) }

func (l *Link) tunnel() bool {
	return l.etherTunnel() || !l.ethernet() && l.Hardware != hardwareLoopback
}

// Overlaps returns the overlaps of interfaces that the topology tells, in the order of the names. forwards reports whether this
// machine routes packets that arrive on an interface.
func (s *Snapshot) Overlaps(names []string, forwards func(name string) bool) (all []Overlap) {
	var links []*Link
	for _, name := range names {
		if l := s.named(name); l != nil && !slices.Contains(links, l) {
			links = append(links, l)
		}
	}
	for i, a := range links {
		for _, b := range links[i+1:] {
			o := s.overlap(a, b, forwards)
			if s.sameBridge(a, b) && slices.Contains(links, s.link(a.Master)) {
				continue // each of them overlaps with the bridge
			}
			if o.Why != "" {
				o.Names = [2]string{a.Name, b.Name}
				all = append(all, o)
			}
		}
	}
	return all
}

func (s *Snapshot) overlap(a, b *Link, forwards func(name string) bool) Overlap {
	switch {
	case a.Parent == b.Index && b.Parent == a.Index:
		return Overlap{Why: fmt.Sprintf("%s and %s are two ends of one link", a.Name, b.Name), Listen: a.Name}
	case s.below(a, b, nil):
		return above(a, b)
	case s.below(b, a, nil):
		return above(b, a)
	case s.sameBridge(a, b):
		bridge := s.link(a.Master).Name
		return Overlap{Why: fmt.Sprintf("%s and %s are ports of %s", a.Name, b.Name, bridge), Listen: bridge}
	}
	if p := s.shared(a, b); p.IsValid() {
		return Overlap{Why: fmt.Sprintf("%s and %s are both in %s", a.Name, b.Name, p), Listen: a.Name}
	}
	if a.tunnel() != b.tunnel() {
		tunnel, other := a, b
		if b.tunnel() {
			tunnel, other = b, a
		}
		return throughTunnel(tunnel, other)
	}
	if s.routed(a) && s.routed(b) && forwards(a.Name) && forwards(b.Name) {
		inside := a
		if d := s.defaultLink(0); d != nil && d.Index == a.Index {
			inside = b
		}
		return Overlap{Why: fmt.Sprintf("this machine routes between %s and %s", a.Name, b.Name), Listen: inside.Name}
	}
	return Overlap{}
}

// above describes an upper link and one below it. A bridge or bond shows what passes all its ports; the parent of a VLAN or
// macvlan shows that and more.
func above(upper, lower *Link) Overlap {
	switch {
	case upper.Kind == "bridge" && lower.Master == upper.Index:
		return Overlap{Why: fmt.Sprintf("%s is a port of %s", lower.Name, upper.Name), Listen: upper.Name}
	case lower.Master == upper.Index:
		return Overlap{Why: fmt.Sprintf("%s belongs to %s", lower.Name, upper.Name), Listen: upper.Name}
	case upper.tunnel():
		return throughTunnel(upper, lower)
	case upper.Kind == "bridge" || upper.Kind == "bond" || upper.Kind == "team":
		return Overlap{Why: fmt.Sprintf("%s is below %s", lower.Name, upper.Name), Listen: upper.Name}
	}
	return Overlap{Why: fmt.Sprintf("%s is on top of %s", upper.Name, lower.Name), Listen: lower.Name}
}

// throughTunnel describes a tunnel and another link, which packets of the tunnel pass, too.
func throughTunnel(tunnel, other *Link) Overlap {
	why := fmt.Sprintf("what passes %s passes %s too, routed or inside the tunnel", tunnel.Name, other.Name)
	o := Overlap{Why: why, Listen: other.Name}
	if tunnel.etherTunnel() {
		o.Listen = tunnel.Name // it may be the end of a remote mirror
	}
	return o
}

// below reports whether lower carries packets of upper: as its parent, as one of its ports, or below one of these.
func (s *Snapshot) below(upper, lower *Link, seen []int) bool {
	if slices.Contains(seen, upper.Index) {
		return false
	}
	seen = append(seen, upper.Index)
	for i := range s.Links {
		l := &s.Links[i]
		if (l.Master == upper.Index || l.Index == upper.Parent) && l.Index != upper.Index && (l == lower || s.below(l, lower, seen)) {
			return true
		}
	}
	return false
}

func (s *Snapshot) sameBridge(a, b *Link) bool {
	if a.Master == 0 || a.Master != b.Master {
		return false
	}
	m := s.link(a.Master)
	return m != nil && m.Kind == "bridge"
}

// shared returns the larger of two overlapping prefixes of the links, other than fe80::/10 and single addresses.
func (s *Snapshot) shared(a, b *Link) netip.Prefix {
	for _, x := range s.Addresses {
		p := x.Prefix.Masked()
		if x.Link != a.Index || p.IsSingleIP() || p.Addr().IsLinkLocalUnicast() {
			continue
		}
		for _, y := range s.Addresses {
			q := y.Prefix.Masked()
			switch {
			case y.Link != b.Index || q.IsSingleIP() || !p.Overlaps(q):
			case q.Bits() < p.Bits():
				return q
			default:
				return p
			}
		}
	}
	return netip.Prefix{}
}

// routed reports whether this machine has an address to route from and to on the link, its bridge or its VLANs.
func (s *Snapshot) routed(l *Link) bool {
	return isKnown(s.prefixes(l.Index))
}

// Narrow returns why an interface, by its kind, cannot show what other machines send to each other, and its parent if that is
// known here; why is "" if it can.
func (s *Snapshot) Narrow(name string) (why, parent string) {
	l := s.named(name)
	if l == nil {
		return "", ""
	}
	if p := s.link(l.Parent); p != nil {
		parent = p.Name
	}
	if l.macvlan() && !l.Passthru {
		return "it is a " + l.Kind + ", which gets only frames to itself, broadcasts and multicasts", parent
	}
	return "", ""
}

// Own returns the addresses of this machine.
func (s *Snapshot) Own() (all []netip.Addr) {
	for _, a := range s.Addresses {
		all = append(all, a.Prefix.Addr())
	}
	return all
}

package localnet

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gonetmon/app/capture"
)

// settleTime is how long a new link must have had a name for a rename to be followed: udev gives a card its final name at once.
const settleTime = 3 * time.Second

// Reasons why no frames come from an interface. More may follow ReasonNoInterface and ReasonNoRoute.
const (
	ReasonNoInterface = "no such interface"
	ReasonDown        = "interface is down"
	ReasonNoCarrier   = "interface has no carrier (is the cable plugged in?)"
	ReasonSame        = "the same interface is captured under another name"
	ReasonNoRoute     = "no default route yet"
)

// auto is the name of the interface of the default route until there is one.
const auto = "auto"

// A binding is what the name of an interface means. It follows the interface by its index.
type binding struct {
	auto       bool      // the interface of the default route
	name       string    // as configured, or that of the default route so far
	link       Link      // Index 0: none
	since      time.Time // when the link got the name; zero if it had it at the start
	rival      int       // another link that has the name while ours has been renamed
	rivalSince time.Time // since when
	bringUpErr error     // why the link could not be brought up, if it was down
	own        kept      // of the interface
	lent       kept      // of the link of the default route
	lender     int       // that link
}

// follow finds the link that is meant now.
func (b *binding) follow(s *Snapshot, now time.Time) {
	if b.auto {
		// While the LAN's default route is away, for example when a lease ends, that of a tunnel is no reason to leave the LAN.
		current := s.link(b.link.Index)
		inLAN := current != nil && current.ethernet()
		if l := s.defaultLink(b.link.Index); l != nil && (l.ethernet() || !inLAN) {
			if l.Name != b.name {
				*b = binding{auto: true, name: l.Name}
			}
			b.link = *l
			return
		}
	}
	named, current := s.named(b.name), s.link(b.link.Index)
	if named != nil && current != nil && named.Index != current.Index {
		if b.rival != named.Index {
			b.rival, b.rivalSince = named.Index, now
		}
		if now.Sub(b.rivalSince) < settleTime {
			named = nil
		}
	} else {
		b.rival = 0
	}
	switch {
	case named != nil:
		if named.Index != b.link.Index {
			b.since = now
		}
		b.link = *named
	case current != nil && now.Sub(b.since) >= settleTime:
		b.link = *current // it was renamed
	default:
		b.link = Link{}
	}
}

// prefixes returns the prefixes of the interface. One without an address is taken for a mirror port: it has those of the link of
// the default route or, if that is a tunnel, of the LAN's links. An address may go away for a while, for example when a lease
// ends or the cable is pulled: until another one comes the devices of its prefix are still local, whatever route stands in.
func (b *binding) prefixes(s *Snapshot) (all []netip.Prefix) {
	now := s.prefixes(b.link.Index)
	b.own.keep(now)
	if d := s.defaultLink(0); d != nil && (d.Index == b.lender || s.link(b.lender) == nil || s.routed(s.link(b.lender))) {
		b.lent.keep(s.prefixesOfDefault())
		b.lender = d.Index
	}
	all = slices.Concat(b.own.four, b.own.six)
	if b.own.four == nil {
		all = append(all, b.lent.four...)
		if b.own.six == nil {
			all = append(all, b.lent.six...)
		}
	}
	return append(all, slices.DeleteFunc(now, func(p netip.Prefix) bool { return !isLinkLocal(p) })...)
}

// kept are the last prefixes that were not link-local.
type kept struct{ four, six []netip.Prefix }

// keep replaces the prefixes of each family of which there are new ones.
func (k *kept) keep(now []netip.Prefix) {
	var four, six []netip.Prefix
	for _, p := range now {
		switch {
		case isLinkLocal(p):
		case p.Addr().Is4():
			four = append(four, p)
		default:
			six = append(six, p)
		}
	}
	if four != nil {
		k.four = four
	}
	if six != nil {
		k.six = six
	}
}

// iface returns where to capture.
func (b *binding) iface(s *Snapshot) capture.Interface {
	i := capture.Interface{
		Name: cmp.Or(b.name, auto), Index: b.link.Index, Hardware: b.link.Hardware,
		Conduit: s.conduit(b.link.Index), Loopback: b.link.Flags&flagLoopback != 0,
	}
	switch {
	case b.link.Index != 0:
		i.Reason = b.link.reason()
	case b.auto:
		i.Reason = ReasonNoRoute + ": waiting for one; or set GONETMON_INTERFACE"
		if names := s.candidates(); len(names) > 0 {
			i.Reason += ", for example " + names[0]
		}
	default:
		i.Reason = ReasonNoInterface
		if names := s.existing(); len(names) > 0 {
			i.Reason += "; those that exist: " + strings.Join(names, ", ")
		}
	}
	return i
}

// existing returns the names of the links that a person may mean: neither loopback nor those of containers.
func (s *Snapshot) existing() (names []string) {
	for _, l := range s.Links {
		if l.Flags&flagLoopback == 0 && !internalName.MatchString(l.Name) {
			names = append(names, l.Name)
		}
	}
	return names
}

package localnet

import (
	"net/netip"
	"slices"
)

// A Snapshot is what the kernel knows of this machine's network at one moment.
type Snapshot struct {
	Links     []Link
	Addresses []Address
	Routes    []Route
}

// Flags and hardware types of Linux (netdevice(7), linux/if.h, linux/if_arp.h). They are spelled out, so that the rules build
// on other systems too.
const (
	flagUp       = 1 << 0  // IFF_UP
	flagLoopback = 1 << 3  // IFF_LOOPBACK
	flagLowerUp  = 1 << 16 // IFF_LOWER_UP: there is a carrier

	hardwareEther    = 1   // ARPHRD_ETHER
	hardwareLoopback = 772 // ARPHRD_LOOPBACK
)

// A Link is a network interface (rtnetlink(7), RTM_NEWLINK).
type Link struct {
	Index    int
	Name     string
	AltNames []string
	Kind     string // for example "bridge" or "vlan"; "" for most hardware
	Hardware uint16 // ARPHRD_*, netdevice(7)
	Flags    uint32 // IFF_*, netdevice(7)
	Passthru bool   // a macvlan that shows all frames of its parent
	Master   int    // the bridge or bond that it is a port of; 0: none
	Parent   int    // the link below, for example of a VLAN; 0: none, or in another namespace
}

// An Address is an address of this machine, with the length of its prefix.
type Address struct {
	Link   int
	Prefix netip.Prefix
}

// A Route is a unicast route of the main table: a default route, half of one, or a prefix that is on a link.
type Route struct {
	Destination netip.Prefix
	Metric      uint32
	Gateway     bool
	Links       []int // several if it is a multipath route
}

// has reports whether name is a name of the link.
func (l *Link) has(name string) bool { return l.Name == name || slices.Contains(l.AltNames, name) }

// reason returns why no frames can come from the link, "" if they can. A dormant link has a carrier.
func (l *Link) reason() string {
	switch {
	case l.Flags&flagUp == 0:
		return ReasonDown
	case l.Flags&flagLowerUp == 0:
		return ReasonNoCarrier
	}
	return ""
}

// ethernet reports whether the link can be part of a LAN. A tun, WireGuard or PPP interface cannot.
func (l *Link) ethernet() bool { return l.Hardware == hardwareEther }

// macvlan reports whether the link shares its parent with others, of which it shows nothing.
func (l *Link) macvlan() bool {
	return slices.Contains([]string{"macvlan", "macvtap", "ipvlan", "ipvtap"}, l.Kind)
}

// link returns the link with an index, nil if there is none.
func (s *Snapshot) link(index int) *Link {
	i := slices.IndexFunc(s.Links, func(l Link) bool { return l.Index == index })
	if i < 0 {
		return nil
	}
	return &s.Links[i]
}

// named returns the link with a name, nil if there is none.
func (s *Snapshot) named(name string) *Link {
	i := slices.IndexFunc(s.Links, func(l Link) bool { return l.has(name) })
	if i < 0 || name == "" {
		return nil
	}
	return &s.Links[i]
}

// conduit reports whether a link leads to a switch chip, whose ports are the links above it (DSA). These have no kind before
// Linux 6.0.
func (s *Snapshot) conduit(index int) bool {
	return slices.ContainsFunc(s.Links, func(l Link) bool {
		return index != 0 && l.Parent == index && (l.Kind == "dsa" || l.Kind == "")
	})
}

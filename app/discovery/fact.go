package discovery

import (
	"net/netip"
	"time"

	"gonetmon/app/mac"
)

// A Protocol is the protocol that a fact was learned from.
type Protocol uint8

// The protocols, in the order of the arrays in Stats.
const (
	ARP    Protocol = iota // RFC 826, RFC 5227
	NDP                    // neighbor and router discovery, RFC 4861
	DHCP                   // DHCPv4, RFC 2131
	DHCPv6                 // RFC 8415
	MDNS                   // RFC 6762
	NumProtocols
)

// String returns the value of the label source.
func (p Protocol) String() string {
	return [...]string{"arp", "ndp", "dhcp", "dhcpv6", "mdns", "invalid"}[min(p, NumProtocols)]
}

// A Kind is the kind of a fact.
type Kind uint8

// The kinds of facts. The comment names the fields that a fact of the kind has besides Kind and Protocol.
const (
	Announced    Kind = iota // MAC has sent as Addr: ARP requests and announcements, and NDP and mDNS that cross no router
	Replied                  // MAC answers that Addr can be reached at MAC; a proxy says so for another host
	Probed                   // MAC wants to use Addr: duplicate address detection, an ARP probe, a DHCP request
	Leased                   // a DHCP server gives Addr to MAC, for Lifetime
	Released                 // MAC has given up Addr: DHCP release or decline
	MACName                  // MAC calls itself Name, or a DHCP server calls it so
	AddrName                 // the name of Addr is Name; the host itself says so if Own is set
	Router                   // MAC at Addr is a router
	OnLinkPrefix             // Prefix is on this link, for Lifetime; Lifetime 0 withdraws it
)

// A Fact is one statement in a control frame. Anyone on the LAN can send anything: whether to believe it is up to the
// caller.
type Fact struct {
	Kind     Kind
	Protocol Protocol
	Own      bool         // of AddrName: said by the host that has the address
	MAC      mac.Addr     // a station, or zero if there is none
	Addr     netip.Addr   // a unicast address without a zone, never IPv4-mapped
	Name     string       // as names.Canonical returns it, without .local
	Prefix   netip.Prefix // masked
	Lifetime time.Duration
}

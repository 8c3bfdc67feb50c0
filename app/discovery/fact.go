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
	ARP     Protocol = iota // RFC 826, RFC 5227
	NDP                     // neighbor and router discovery, RFC 4861
	DHCP                    // DHCPv4, RFC 2131
	DHCPv6                  // RFC 8415
	MDNS                    // RFC 6762
	LLMNR                   // RFC 4795
	NetBIOS                 // the name and datagram services, RFC 1002
	SSDP                    // UPnP Device Architecture 2.0, 1
	NumProtocols
)

// String returns the value of the label source.
func (p Protocol) String() string {
	return [...]string{"arp", "ndp", "dhcp", "dhcpv6", "mdns", "llmnr", "netbios", "ssdp", "invalid"}[min(p, NumProtocols)]
}

// A Kind is the kind of a fact.
type Kind uint8

// The kinds of facts. The comment names the fields that a fact of the kind has besides Kind and Protocol.
const (
	Announced    Kind = iota // MAC has sent as Addr: ARP requests and announcements, and NDP and mDNS that cross no router
	Replied                  // MAC answers that Addr can be reached at MAC; a proxy says so for another host
	Probed                   // MAC wants to use Addr: duplicate address detection, an ARP probe
	Requested                // MAC asks a DHCP server for Addr, in Transaction; it may have it already
	Leased                   // a DHCP server, Server if known, gives Addr to MAC, for Lifetime, in Transaction
	Released                 // MAC has given up Addr: DHCP release or decline
	MACName                  // DHCP calls MAC Name; the client itself says so if Own is set, and a server if it is not
	AddrName                 // the name of Addr is Name, says By; its frame came from MAC, zero if the link has none
	NameGone                 // Addr has no longer Name, says By: an mDNS goodbye; MAC as in AddrName
	ServiceName              // a service of Addr is called Name, as "living-room", says By; MAC as in AddrName
	DeviceKind               // Name says what a device is, as "printer"; the device has MAC or Addr, or both
	Router                   // MAC at Addr is a router
	OnLinkPrefix             // Prefix is on this link, for Lifetime; Lifetime 0 withdraws it
)

// A Fact is one statement in a control frame. Anyone on the LAN can send anything: whether to believe it is up to the
// caller.
type Fact struct {
	Kind     Kind
	Protocol Protocol

	// Own is set if a host says something about itself. Of a name or DeviceKind: the sender or the DHCP client has it; Addr is By
	// then, or another address that the sender says is its own. Of Announced: MAC does not ask for or answer anything else, as in
	// a gratuitous ARP or an unsolicited neighbor advertisement.
	Own bool

	MAC         mac.Addr     // a station, or zero if there is none
	Via         mac.Addr     // the source MAC of the frame, where MAC is written in the message and no router has passed it on
	Addr        netip.Addr   // a unicast address without a zone, never IPv4-mapped
	By          netip.Addr   // the sender of the message, likewise; the zero Addr if it has no such address
	Name        string       // canonical (see the package names), without .local if it is of mDNS; of DeviceKind, words
	Prefix      netip.Prefix // masked
	Lifetime    time.Duration
	Transaction uint32     // of DHCP: xid, or the 24 bits of DHCPv6
	Server      netip.Addr // of Leased: the server identifier, option 54; the zero Addr if there is none
}

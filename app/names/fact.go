package names

import (
	"net/netip"
	"time"
)

// A MAC is the hardware address of an Ethernet interface (EUI-48).
type MAC [6]byte

// String returns the MAC as aa:bb:cc:dd:ee:ff, and "" for the zero MAC, which stands for none.
func (m MAC) String() string {
	if m == (MAC{}) {
		return ""
	}
	const digits = "0123456789abcdef"
	var b [17]byte
	for i, v := range m {
		if i > 0 {
			b[3*i-1] = ':'
		}
		b[3*i], b[3*i+1] = digits[v>>4], digits[v&15]
	}
	return string(b[:])
}

// IsStation says whether m can be the address of one interface: not zero, not a group (IEEE 802, I/G bit).
func (m MAC) IsStation() bool { return m != MAC{} && m[0]&1 == 0 }

// A Protocol is where a fact was heard.
type Protocol uint8

// The protocols, in the order of the arrays in ReaderStats.
const (
	ARP    Protocol = iota // RFC 826, RFC 5227
	NDP                    // neighbour and router discovery, RFC 4861
	DHCP                   // DHCPv4, RFC 2131
	DHCPv6                 // RFC 8415
	MDNS                   // RFC 6762
	NumProtocols
)

// String returns the value of the label source.
func (p Protocol) String() string {
	return [...]string{"arp", "ndp", "dhcp", "dhcpv6", "mdns", "invalid"}[min(p, NumProtocols)]
}

// A Kind says what a fact says.
type Kind uint8

// The kinds of facts, with the fields that each has besides Kind and From.
const (
	Speaks  Kind = iota // MAC has sent as Addr: ARP requests and announcements, what NDP and mDNS carry over one link only
	Answers             // MAC says, when asked, that Addr is to be reached at it: it may say so for another
	Tries               // MAC would like to have Addr: duplicate address detection, an ARP probe, a DHCP request
	Leases              // a DHCP server gives Addr to MAC, for Life
	Leaves              // MAC has given up Addr: DHCP release and decline
	Called              // MAC calls itself Name, or a DHCP server calls it so
	Named               // Addr is called Name; by itself, if Own is set
	Routes              // MAC at Addr is a router
	OnLink              // Prefix is on this link, for Life; Life 0 takes that back
)

// A Fact is one thing that a control frame says of a LAN. Whoever is on the LAN can say anything: what to believe is not
// decided here.
type Fact struct {
	Kind   Kind
	From   Protocol
	Own    bool         // of Named: said by the host with this address
	MAC    MAC          // a station's, or zero if there is none
	Addr   netip.Addr   // a unicast address without a zone, never IPv4-mapped
	Name   string       // as Clean returns it, without .local
	Prefix netip.Prefix // masked
	Life   time.Duration
}

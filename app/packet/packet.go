// Package packet decodes the outermost IP header of a frame. It knows nothing of sockets, hosts or metrics.
package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Class is the kind of a frame. Every frame has exactly one.
type Class uint8

// The classes.
const (
	IPv4      Class = iota // an IPv4 packet
	IPv6                   // an IPv6 packet
	ARP                    // ethertype 0806
	Other                  // any other frame that is not malformed
	Malformed              // announced as IP, but without a valid IP header
	NumClasses
)

// String returns the name of the class as metrics show it.
func (c Class) String() string {
	return [...]string{"ipv4", "ipv6", "arp", "other", "malformed", "invalid"}[min(c, NumClasses)]
}

// Reason tells why a frame has no IP packet.
type Reason uint8

// The reasons. Those up to ReasonLinkType belong to the classes ARP and Other, the others to Malformed.
const (
	ReasonNone         Reason = iota // it has an IP packet
	ReasonShort                      // the captured bytes end within the link headers
	ReasonLLC                        // an LLC header without an ethertype
	ReasonEthertype                  // Code is the ethertype at which the search stopped
	ReasonFamily                     // Code is the address family of a NULL or LOOP frame
	ReasonHardware                   // Code is the ARPHRD type of a cooked frame
	ReasonLinkType                   // Code is the LINKTYPE
	ReasonEmpty                      // a raw IP frame of no bytes
	ReasonVersion                    // the version nibble is not the announced version
	ReasonHeader                     // the captured bytes end within the IP header
	ReasonHeaderLength               // IPv4: the header length is below 20 bytes
	ReasonTotalLength                // IPv4: the total length is below the header length
)

// An Addr is an IP address as two numbers: the first and the last eight bytes of IPv6; the four bytes of IPv4 in Lo. The packet's
// Class tells which. Making and looking up a netip.Addr would cost a nanosecond or two more.
type Addr struct{ Hi, Lo uint64 }

// A Packet is the result of Decode. It can be reused: each Decode overwrites it.
type Packet struct {
	Class     Class
	Reason    Reason
	Code      uint32 // a number that depends on Reason
	Src       Addr   // source of the outermost IP header, if Class is IPv4 or IPv6
	Dst       Addr   // its destination
	Bytes     uint64 // length of the IP packet, or of all IP packets after Resegment
	Frames    uint64 // frames on the wire: 1, or more after Resegment
	Wire      uint64 // length of the frame or frames on the wire, with link headers
	SrcMAC    uint64 // source address of the link header (EUI-48); 0 if it has none, or in a PPPoE session or MPLS
	Broadcast bool   // sent to the broadcast address of the link layer
	offset    int    // see Offset
	tag       int    // size of a VLAN tag that is not in the captured bytes
}

// Addrs returns source and destination of the outermost IP header, if Class is IPv4 or IPv6.
func (p *Packet) Addrs() (src, dst netip.Addr) { return p.addr(p.Src), p.addr(p.Dst) }

func (p *Packet) addr(a Addr) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	if p.Class == IPv4 {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return netip.AddrFrom16(b)
}

// Offset returns where in the captured bytes the IP header begins, or the ARP message. It is only valid for the classes IPv4,
// IPv6 and ARP.
func (p *Packet) Offset() int { return p.offset }

// Key returns the reason as in the JSON of `gonetmon replay`: "short", "llc", "0x0806", "family:7", "arphrd:803", "linktype:127",
// "empty", "version", "header length", "total length"; or "" if there is an IP packet.
func (p *Packet) Key() string {
	switch p.Reason {
	case ReasonShort, ReasonHeader:
		return "short"
	case ReasonLLC:
		return "llc"
	case ReasonEthertype:
		return fmt.Sprintf("0x%04x", p.Code)
	case ReasonFamily:
		return fmt.Sprintf("family:%d", p.Code)
	case ReasonHardware:
		return fmt.Sprintf("arphrd:%d", p.Code)
	case ReasonLinkType:
		return fmt.Sprintf("linktype:%d", p.Code)
	case ReasonEmpty:
		return "empty"
	case ReasonVersion:
		return "version"
	case ReasonHeaderLength:
		return "header length"
	case ReasonTotalLength:
		return "total length"
	}
	return ""
}

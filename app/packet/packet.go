// Package packet finds who talks to whom in a frame. It knows nothing of sockets, hosts or metrics.
package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Class is what a frame was. Every frame has exactly one.
type Class uint8

// The classes.
const (
	IPv4      Class = iota // an IPv4 packet, wherever in the frame it was found
	IPv6                   // an IPv6 packet
	ARP                    // ethertype 0806
	Other                  // anything else that is whole
	Malformed              // an IP header was announced, but what is there is none
	NumClasses
)

// String returns the name of the class as metrics show it.
func (c Class) String() string {
	return [...]string{"ipv4", "ipv6", "arp", "other", "malformed", "invalid"}[min(c, NumClasses)]
}

// Reason tells where the search for an IP header ended when it found none.
type Reason uint8

// The reasons. Up to ReasonLinkType they belong to frames of class ARP and Other, after it to class Malformed.
const (
	ReasonNone         Reason = iota // there is an IP packet
	ReasonShort                      // the stored bytes end before the link headers do
	ReasonLLC                        // an 802.3 length field and an LLC header that is not SNAP with an ethertype
	ReasonEthertype                  // Code is the ethertype at which the search stopped
	ReasonFamily                     // Code is the address family of a NULL or LOOP frame
	ReasonHardware                   // Code is the ARPHRD type of a cooked frame
	ReasonLinkType                   // Code is the LINKTYPE
	ReasonEmpty                      // a raw IP frame of no bytes
	ReasonVersion                    // the version nibble is not the announced one
	ReasonHeader                     // the stored bytes end before the IP header does
	ReasonHeaderLength               // IPv4: the header length is below 20 bytes
	ReasonTotalLength                // IPv4: the total length is below the header length
)

// An Addr is an IP address as two numbers: of IPv6 the first and the last eight bytes, of IPv4 the four bytes in Lo. The
// packet's Class says which it is. It is what a packet is counted by: netip.Addr costs a nanosecond or two more to make and
// to look up.
type Addr struct{ Hi, Lo uint64 }

// A Packet is what Decode found in one frame. It is reused: each Decode fills it anew.
type Packet struct {
	Class     Class
	Reason    Reason
	Code      uint32 // the number that goes with Reason
	Src       Addr   // source of the outermost IP header, if Class is IPv4 or IPv6
	Dst       Addr   // its destination
	Bytes     uint64 // length of the IP packet; of all the packets together when the frame stands for several
	Frames    uint64 // frames on the wire: 1, or more after Resegment
	Wire      uint64 // length of the frame, or of all the frames, on the wire, link headers included, in bytes
	Broadcast bool   // the link layer sent the frame to every station
	offset    int    // of the IP header in the stored bytes
	tag       int    // bytes of the frame's headers that are not in the stored bytes
}

// Ends returns source and destination; they are valid if Class is IPv4 or IPv6.
func (p *Packet) Ends() (src, dst netip.Addr) {
	switch p.Class {
	case IPv4:
		return p.Src.four(), p.Dst.four()
	case IPv6:
		return netip.AddrFrom16(p.Src.bytes()), netip.AddrFrom16(p.Dst.bytes())
	}
	return
}

func (a Addr) four() netip.Addr {
	b := a.bytes()
	return netip.AddrFrom4([4]byte(b[12:]))
}

func (a Addr) bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return b
}

// Key names the reason why there is no IP packet, in the words of the JSON that `gonetmon replay` prints: "short", "llc", "0x0806",
// "family:7", "arphrd:803", "linktype:127", "empty", "version", "header length", "total length". It is empty when there is one.
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

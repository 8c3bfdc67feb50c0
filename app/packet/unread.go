package packet

import (
	"bytes"
	"fmt"
)

// An Unread is what a frame holds where Decode does not look: something that is no IP packet, or a packet that a switch or a
// probe has wrapped into another one to send a copy of it here.
type Unread struct {
	Mirror string // the encapsulation of the copy; "" if there is no IP packet
	Reason Reason
	Code   uint32
}

// Encapsulations of remote mirrors. TZSP, ERSPAN and that of HP serve no other purpose.
const (
	MirrorTZSP    = "TZSP"             // UDP port 37008
	MirrorERSPAN  = "ERSPAN"           // GRE with ethertype 88BE (types I and II) or 22EB (type III); draft-foschiano-erspan
	MirrorHP      = "HP remote mirror" // UDP ports 7932 and 7933
	MirrorVXLAN   = "VXLAN"            // UDP port 4789, or 8472 on Linux (RFC 7348)
	MirrorGeneve  = "Geneve"           // UDP port 6081 (RFC 8926)
	MirrorGRETAP  = "Ethernet in GRE"  // ethertype 6558 (RFC 1701)
	etherERSPAN   = 0x88be
	etherERSPAN3  = 0x22eb
	portTZSP      = 37008
	portHPMirror  = 7932
	portHPMirror2 = 7933
	portVXLAN     = 4789
	portVXLANOld  = 8472
	portGeneve    = 6081
	versionTZSP   = 1
	lastTypeTZSP  = 1 // 0: received, 1: to be transmitted; others carry no frame
	udpHeaderSize = 8
)

// OnlyMirror reports whether the encapsulation serves remote mirrors alone. The others are tunnels as well.
func (u Unread) OnlyMirror() bool {
	return u.Mirror == MirrorTZSP || u.Mirror == MirrorERSPAN || u.Mirror == MirrorHP
}

// Unread returns what Decode has not looked into; ok is false for all else, ARP too. It must follow Decode of the same data.
func (p *Packet) Unread(data []byte) (u Unread, ok bool) {
	switch p.Class {
	case IPv4, IPv6:
		u.Mirror = p.mirror(data)
		return u, u.Mirror != ""
	case Other, Malformed:
		return Unread{Reason: p.Reason, Code: p.Code}, true
	default:
		return u, false
	}
}

// IsBetweenSwitches reports whether an Ethernet frame is of a protocol that switches and their neighbors speak, such as spanning
// tree, LLDP, 802.1X and Cisco's. It has no IP packet, and needs none (IEEE 802.1Q, table 8-1: reserved addresses).
func IsBetweenSwitches(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0x01, 0x80, 0xc2, 0x00, 0x00}) || bytes.HasPrefix(data, []byte{0x01, 0x00, 0x0c, 0xcc, 0xcc})
}

// mirror returns the encapsulation that the packet begins with, or "".
func (p *Packet) mirror(data []byte) string {
	at, proto := p.offset, byte(0)
	if p.Class == IPv4 {
		if data[at+6]&0x1f|data[at+7] != 0 {
			return "" // a later fragment
		}
		at, proto = at+int(data[at]&15)*4, data[at+9]
	} else {
		at, proto = at+40, data[at+6]
	}
	if len(data) < at+4 {
		return ""
	}
	switch to := be16(data, at+2); {
	case proto == protoGRE && (to == etherERSPAN || to == etherERSPAN3):
		return MirrorERSPAN
	case proto == protoGRE && to == etherBridging:
		return MirrorGRETAP
	case proto != protoUDP:
	case to == portTZSP && len(data) > at+udpHeaderSize+1 && data[at+udpHeaderSize] == versionTZSP &&
		data[at+udpHeaderSize+1] <= lastTypeTZSP:
		return MirrorTZSP
	case to == portHPMirror || to == portHPMirror2:
		return MirrorHP
	case to == portVXLAN || to == portVXLANOld:
		return MirrorVXLAN
	case to == portGeneve:
		return MirrorGeneve
	}
	return ""
}

// Names of link types and ethertypes that a user may meet.
var (
	linkNames = map[uint32]string{
		6: "token ring", 8: "SLIP", 9: "PPP", 10: "FDDI", 50: "PPP", 51: "PPPoE without Ethernet", 104: "Cisco HDLC",
		105: "Wi-Fi", 107: "frame relay", 119: "Wi-Fi, Prism headers", 127: "Wi-Fi, radiotap headers", 143: "DOCSIS",
		163: "Wi-Fi, AVS headers", 187: "Bluetooth", 189: "USB", 195: "IEEE 802.15.4", 201: "Bluetooth", 220: "USB",
		227: "CAN bus", 239: "Linux netfilter log", 240: "netANALYZER", 249: "USB", 251: "Bluetooth LE",
		252: "Wireshark upper PDU", 253: "netlink", 256: "Bluetooth LE", 258: "Apple PKTAP", 271: "vsock",
		274: "Ethernet with preemption", 283: "IEEE 802.15.4",
	}
	etherNames = map[uint32]string{
		0x22f3: "TRILL", 0x4305: "batman-adv", 0x8847: "MPLS", 0x8848: "MPLS", 0x8863: "PPPoE discovery",
		0x8864: "PPPoE without IP", 0x8899: "Realtek switch tag", 0x888e: "802.1X", 0x88cc: "LLDP", 0x88e1: "HomePlug",
		0x88e5: "MACsec, encrypted", 0x88e7: "802.1ah", 0x88fb: "PRP", 0x8909: "Cisco metadata", 0x8926: "VN-Tag",
		0x892f: "HSR", 0x893f: "802.1BR E-tag", 0x8912: "HomePlug", 0x9200: "VLAN tag of an unusual type",
		0xdada: "switch chip tag",
	}
)

// String returns it in words: "link type 258 (Apple PKTAP)", "ethertype 0x893f (802.1BR E-tag)", "TZSP".
func (u Unread) String() string {
	named := func(text, name string) string {
		if name == "" {
			return text
		}
		return text + " (" + name + ")"
	}
	switch {
	case u.Mirror != "":
		return u.Mirror
	case u.Reason == ReasonLinkType:
		return named(fmt.Sprintf("link type %d", u.Code), linkNames[u.Code])
	case u.Reason == ReasonEthertype:
		return named(fmt.Sprintf("ethertype 0x%04x", u.Code), etherNames[u.Code])
	case u.Reason == ReasonLLC:
		return "802.3 with LLC"
	case u.Reason == ReasonShort:
		return "frames cut within their headers"
	case u.Reason == ReasonFamily:
		return fmt.Sprintf("address family %d", u.Code)
	case u.Reason == ReasonHardware:
		return fmt.Sprintf("hardware type %d", u.Code)
	}
	return "broken IP headers"
}

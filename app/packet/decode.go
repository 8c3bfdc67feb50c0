package packet

import "encoding/binary"

// LINKTYPE numbers that Decode supports (https://www.tcpdump.org/linktypes.html).
const (
	LinkNull     uint16 = 0   // BSD loopback: a four-byte address family in host byte order
	LinkEthernet uint16 = 1   // IEEE 802.3
	LinkRaw      uint16 = 101 // IPv4 or IPv6 without a link header; 12 and 14 are older numbers
	LinkLoop     uint16 = 108 // OpenBSD loopback: like LinkNull, in network byte order
	LinkCooked   uint16 = 113 // Linux "cooked" capture, version 1 (SLL)
	LinkIPv4     uint16 = 228 // an IPv4 packet
	LinkIPv6     uint16 = 229 // an IPv6 packet
	LinkCooked2  uint16 = 276 // Linux "cooked" capture, version 2 (SLL2)
)

// Ethertypes (IEEE 802 Numbers, IANA) and related numbers.
const (
	etherIPv4        = 0x0800
	etherARP         = 0x0806
	etherVLAN        = 0x8100 // 802.1Q
	etherIPv6        = 0x86dd
	etherMPLS        = 0x8847
	etherMPLSMulti   = 0x8848
	etherBridging    = 0x6558 // transparent Ethernet bridging, in GRE (RFC 1701)
	etherPPPoE       = 0x8864 // PPPoE session
	etherQinQ        = 0x88a8 // 802.1ad
	etherQinQOld     = 0x9100 // QinQ before 802.1ad
	maxLength        = 1500   // a type field up to this is an 802.3 length; an LLC header follows
	cookedBroadcast  = 1      // packet type of a cooked header for a link-layer broadcast
	hardwareEthernet = 1      // ARPHRD_ETHER
	minEthertype     = 0x0600 // lower values in a cooked header are Linux pseudo types (linux/if_ether.h)
)

// Decode finds the outermost IP header of one frame: behind Ethernet II, any number of 802.1Q, 802.1ad and 9100 tags,
// LLC with SNAP, a PPPoE session and MPLS labels, and in the link types above. It does not look into tunnels over IP.
//
// data is the captured part of the frame, link header first. wire is the length of the frame on the wire in bytes. tag is the
// size of a VLAN tag that is counted in wire but was removed from data by the kernel: 4 or 0.
//
// The length of the packet is that in its header. So padding does not count, and a packet that was captured in part counts in
// full. wire decides if the length in the header is 0, because the interface splits or merges packets (TSO, GRO, BIG TCP) or
// because it is a jumbogram (RFC 2675), and if the header claims more bytes than the wire carried.
//
// Decode does not allocate, and keeps nothing of data. Its work is bounded by len(data).
func (p *Packet) Decode(link uint16, data []byte, wire, tag int) {
	p.Frames, p.Wire, p.Reason, p.Code, p.Broadcast, p.tag = 1, uint64(wire), ReasonNone, 0, false, tag
	wire -= tag
	if link != LinkEthernet {
		p.decode(link, data, wire)
		return
	}
	if len(data) < 14 {
		p.SrcMAC = 0
		p.other(ReasonShort, 0)
		return
	}
	p.SrcMAC = eui48(data, 6)
	p.Broadcast = binary.BigEndian.Uint64(data)>>16 == 1<<48-1
	typ := be16(data, 12)
	if typ == etherIPv4 && len(data) >= 34 {
		// A fast path that does the same as ipv4: nearly all frames have an IPv4 header without options.
		h := data[14:34:34]
		if total := be16(h, 2); h[0] == 0x45 && total >= 20 {
			p.Class, p.Bytes, p.offset = IPv4, min(uint64(total), uint64(wire-14)), 14
			p.Src = Addr{Lo: uint64(binary.BigEndian.Uint32(h[12:]))}
			p.Dst = Addr{Lo: uint64(binary.BigEndian.Uint32(h[16:]))}
			return
		}
	}
	if typ == etherIPv6 {
		p.ipv6(data, wire, 14)
		return
	}
	p.ethertype(data, wire, 14, typ)
}

// decode is Decode for all link types but Ethernet.
func (p *Packet) decode(link uint16, data []byte, wire int) {
	p.SrcMAC = 0
	switch link {
	case 12, 14, LinkRaw:
		p.raw(data, wire)
	case LinkIPv4:
		p.ipv4(data, wire, 0)
	case LinkIPv6:
		p.ipv6(data, wire, 0)
	case LinkNull, LinkLoop:
		p.loopback(data, wire)
	case LinkCooked:
		if len(data) < 16 {
			p.other(ReasonShort, 0)
			return
		}
		p.Broadcast = be16(data, 0) == cookedBroadcast
		if be16(data, 2) == hardwareEthernet && be16(data, 4) == 6 {
			p.SrcMAC = eui48(data, 6)
		}
		p.cooked(data, wire, 16, be16(data, 2), be16(data, 14))
	case LinkCooked2:
		if len(data) < 20 {
			p.other(ReasonShort, 0)
			return
		}
		p.Broadcast = data[10] == cookedBroadcast
		if be16(data, 8) == hardwareEthernet && data[11] == 6 {
			p.SrcMAC = eui48(data, 12)
		}
		p.cooked(data, wire, 20, be16(data, 8), be16(data, 0))
	default:
		p.other(ReasonLinkType, uint32(link))
	}
}

// eui48 returns the MAC address at offset i, which is at least 2.
func eui48(b []byte, i int) uint64 { return binary.BigEndian.Uint64(b[i-2:]) & (1<<48 - 1) }

func be16(b []byte, i int) uint32 { return uint32(binary.BigEndian.Uint16(b[i:])) }

func (p *Packet) other(reason Reason, code uint32) {
	p.Class, p.Reason, p.Code, p.Bytes = Other, reason, code, 0
	if reason == ReasonEthertype && code == etherARP {
		p.Class = ARP
	}
}

func (p *Packet) malformed(reason Reason) {
	p.Class, p.Reason, p.Bytes = Malformed, reason, 0
}

func (p *Packet) raw(d []byte, wire int) {
	if len(d) == 0 {
		p.malformed(ReasonEmpty)
		return
	}
	switch d[0] >> 4 {
	case 4:
		p.ipv4(d, wire, 0)
	case 6:
		p.ipv6(d, wire, 0)
	default:
		p.malformed(ReasonVersion)
	}
}

// loopback reads the address family in the byte order that makes it smaller, as a file does not tell the order of its machine.
// AF_INET is 2 on all systems; AF_INET6 is 10, 23, 24, 28 or 30.
func (p *Packet) loopback(d []byte, wire int) {
	if len(d) < 4 {
		p.other(ReasonShort, 0)
		return
	}
	switch family := min(binary.LittleEndian.Uint32(d), binary.BigEndian.Uint32(d)); family {
	case 2:
		p.ipv4(d, wire, 4)
	case 10, 23, 24, 28, 30:
		p.ipv6(d, wire, 4)
	default:
		p.other(ReasonFamily, family)
	}
}

// cooked decodes what follows an SLL or SLL2 header; hardware is its ARPHRD type and typ its protocol field. Protocol 4
// (ETH_P_802_2) means that an LLC header follows. With radiotap (803) and netlink (824) the field is not an ethertype.
func (p *Packet) cooked(d []byte, wire, off int, hardware, typ uint32) {
	switch {
	case hardware == 803 || hardware == 824:
		p.other(ReasonHardware, hardware)
	case typ == 4:
		p.ethertype(d, wire, off, 0)
	case typ < minEthertype:
		p.other(ReasonEthertype, typ)
	default:
		p.ethertype(d, wire, off, typ)
	}
}

// ethertype decodes the payload of type typ at off. Each iteration of the loop consumes at least four bytes.
func (p *Packet) ethertype(d []byte, wire, off int, typ uint32) {
	for {
		switch typ {
		case etherIPv4:
			p.ipv4(d, wire, off)
			return
		case etherIPv6:
			p.ipv6(d, wire, off)
			return
		case etherVLAN, etherQinQ, etherQinQOld:
			if len(d) < off+4 {
				p.other(ReasonShort, 0)
				return
			}
			typ = be16(d, off+2)
			off += 4
			continue
		case etherPPPoE:
			p.pppoe(d, wire, off)
			return
		case etherMPLS, etherMPLSMulti:
			p.mpls(d, wire, off, typ)
			return
		}
		if typ > maxLength {
			p.offset = off
			p.other(ReasonEthertype, typ)
			return
		}
		// IEEE 802.2: SNAP is aa aa 03 and an OUI. After OUI 000000 comes an ethertype (RFC 1042).
		switch {
		case len(d) < off+3:
			p.other(ReasonShort, 0)
			return
		case d[off] != 0xaa || d[off+1] != 0xaa || d[off+2] != 3:
			p.other(ReasonLLC, 0)
			return
		case len(d) < off+8:
			p.other(ReasonShort, 0)
			return
		case d[off+3]|d[off+4]|d[off+5] != 0:
			p.other(ReasonLLC, 0)
			return
		}
		if typ = be16(d, off+6); typ <= maxLength {
			p.other(ReasonLLC, 0)
			return
		}
		off += 8
	}
}

// pppoe decodes a session frame (RFC 2516): code 0 and a PPP protocol of two bytes, or of one byte if its low bit is set
// (RFC 1661, 6.5). It goes from router to router, as MPLS does, so its MAC address is not that of the sender of the packet.
func (p *Packet) pppoe(d []byte, wire, off int) {
	p.SrcMAC = 0
	if len(d) < off+7 {
		p.other(ReasonShort, 0)
		return
	}
	if d[off+1] != 0 {
		p.other(ReasonEthertype, etherPPPoE)
		return
	}
	off += 6
	protocol := uint32(d[off])
	off++
	if protocol&1 == 0 {
		if len(d) < off+1 {
			p.other(ReasonShort, 0)
			return
		}
		protocol = protocol<<8 | uint32(d[off])
		off++
	}
	switch protocol {
	case 0x21:
		p.ipv4(d, wire, off)
	case 0x57:
		p.ipv6(d, wire, off)
	default:
		p.other(ReasonEthertype, etherPPPoE)
	}
}

// mpls skips labels to the bottom of the stack (RFC 3032). By convention, the first nibble after it tells the protocol.
func (p *Packet) mpls(d []byte, wire, off int, typ uint32) {
	p.SrcMAC = 0
	for bottom := false; !bottom; off += 4 {
		if len(d) < off+4 {
			p.other(ReasonShort, 0)
			return
		}
		bottom = d[off+2]&1 != 0
	}
	if len(d) <= off {
		p.other(ReasonShort, 0)
		return
	}
	switch d[off] >> 4 {
	case 4:
		p.ipv4(d, wire, off)
	case 6:
		p.ipv6(d, wire, off)
	default:
		p.other(ReasonEthertype, typ)
	}
}

// ipv4 decodes the header at off (RFC 791). It does not verify the checksum.
func (p *Packet) ipv4(d []byte, wire, off int) {
	if len(d) < off+20 {
		p.malformed(ReasonHeader)
		return
	}
	h := d[off : off+20 : off+20]
	if h[0]>>4 != 4 {
		p.malformed(ReasonVersion)
		return
	}
	size := int(h[0]&15) * 4
	if size < 20 {
		p.malformed(ReasonHeaderLength)
		return
	}
	if len(d) < off+size {
		p.malformed(ReasonHeader)
		return
	}
	total := int(h[2])<<8 | int(h[3])
	if total == 0 {
		total = wire - off
	}
	total = min(total, wire-off)
	if total < size {
		p.malformed(ReasonTotalLength)
		return
	}
	p.Class, p.Bytes, p.offset = IPv4, uint64(total), off
	p.Src = Addr{Lo: uint64(binary.BigEndian.Uint32(h[12:]))}
	p.Dst = Addr{Lo: uint64(binary.BigEndian.Uint32(h[16:]))}
}

// ipv6 decodes the header at off (RFC 8200). With next header 59, "no next header", payload length 0 means no payload.
func (p *Packet) ipv6(d []byte, wire, off int) {
	if len(d) < off+40 {
		p.malformed(ReasonHeader)
		return
	}
	h := d[off : off+40 : off+40]
	if h[0]>>4 != 6 {
		p.malformed(ReasonVersion)
		return
	}
	total := 40 + int(h[4])<<8 + int(h[5])
	carried := max(40, wire-off)
	if total == 40 && h[6] != 59 {
		total = carried
	}
	p.Class, p.Bytes, p.offset = IPv6, uint64(min(total, carried)), off
	p.Src = Addr{binary.BigEndian.Uint64(h[8:]), binary.BigEndian.Uint64(h[16:])}
	p.Dst = Addr{binary.BigEndian.Uint64(h[24:]), binary.BigEndian.Uint64(h[32:])}
}

package discovery

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"gonetmon/app/mac"
)

// A message is the payload of a control frame, and its addresses.
type message struct {
	src, dst  mac.Addr // of the frame; zero if the link has none
	from, to  netip.Addr
	hops      uint8 // TTL or hop limit
	truncated bool  // not captured to its end; set for ICMPv6 only
	payload   []byte
}

// extensions skips IPv6 extension headers and adds up their lengths, which the length of the payload includes.
type extensions struct {
	layers.IPv6ExtensionSkipper
	bytes int
}

// DecodeFromBytes implements gopacket.DecodingLayer.
func (e *extensions) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	err := e.IPv6ExtensionSkipper.DecodeFromBytes(data, df)
	e.bytes += len(e.Contents)
	return err
}

// cooked2 decodes LINKTYPE_LINUX_SLL2, a header of 20 bytes that gopacket does not know.
func (d *Decoder) cooked2(data []byte) {
	if len(data) < 20 {
		return
	}
	var m message
	if binary.BigEndian.Uint16(data[8:]) == 1 && data[11] == 6 { // ARPHRD_ETHER
		m.src = mac.Addr(data[12:18])
	}
	typ := layers.EthernetType(binary.BigEndian.Uint16(data))
	if typ == layers.EthernetTypeARP {
		m.payload = data[20:]
		d.arp(&m)
		return
	}
	d.decodeLayers(m, typ.LayerType(), data[20:])
}

func (d *Decoder) rawIP(data []byte) {
	switch {
	case len(data) == 0:
	case data[0]>>4 == 4:
		d.decodeLayers(message{}, layers.LayerTypeIPv4, data)
	case data[0]>>4 == 6:
		d.decodeLayers(message{}, layers.LayerTypeIPv6, data)
	}
}

// decodeLayers decodes the layers of data, which begins with the layer first, and hands the message in the innermost to its
// protocol.
func (d *Decoder) decodeLayers(m message, first gopacket.LayerType, data []byte) {
	p := d.parsers[first]
	d.extensions.bytes = 0
	if p == nil || p.DecodeLayers(data, &d.found) != nil {
		return
	}
	var typ layers.EthernetType // of what follows the link header and its tags
	packets := 0
	for _, layer := range d.found {
		switch layer {
		case layers.LayerTypeEthernet:
			m.src, m.dst = mac.Addr(d.ethernet.SrcMAC), mac.Addr(d.ethernet.DstMAC)
			typ, m.payload = d.ethernet.EthernetType, d.ethernet.Payload
		case layers.LayerTypeLinuxSLL:
			if d.cooked.AddrType == 1 && d.cooked.AddrLen == 6 { // ARPHRD_ETHER
				m.src = mac.Addr(d.cooked.Addr)
			}
			typ, m.payload = d.cooked.EthernetType, d.cooked.Payload
		case layers.LayerTypeDot1Q: // of several tags, d.tag is the last one
			typ, m.payload = d.tag.Type, d.tag.Payload
		case layers.LayerTypeIPv4, layers.LayerTypeIPv6:
			if packets++; packets > 1 {
				return // a tunnel
			}
		case layers.LayerTypeIPv6Fragment:
			return
		}
	}
	if packets == 0 {
		if typ == layers.EthernetTypeARP {
			d.arp(&m)
		}
		return
	}
	for _, layer := range d.found {
		switch layer {
		case layers.LayerTypeIPv4:
			ip := &d.ip4
			if ip.Version != 4 || ip.FragOffset != 0 || ip.Flags&layers.IPv4MoreFragments != 0 {
				return
			}
			m.from, m.to, m.hops = netip.AddrFrom4([4]byte(ip.SrcIP)), netip.AddrFrom4([4]byte(ip.DstIP)), ip.TTL
		case layers.LayerTypeIPv6:
			ip := &d.ip6
			if ip.Version != 6 {
				return
			}
			m.from, m.to, m.hops = netip.AddrFrom16([16]byte(ip.SrcIP)), netip.AddrFrom16([16]byte(ip.DstIP)), ip.HopLimit
		}
	}
	switch d.found[len(d.found)-1] {
	case layers.LayerTypeUDP:
		m.payload = d.udp.Payload
		d.datagram(&m)
	case layers.LayerTypeIPv4:
	default:
		d.icmp6(&m)
	}
}

// datagram hands a message to the protocol of its ports. Of DHCP only the destination port is fixed.
func (d *Decoder) datagram(m *message) {
	switch from, to := d.udp.SrcPort, d.udp.DstPort; {
	case m.from.Is4() && (to == 67 || to == 68):
		d.dhcp4(m)
	case m.from.Is6() && (to == 546 || to == 547):
		d.dhcp6(m)
	case from == 5353 || to == 5353:
		d.mdns(m, from == 5353)
	}
}

// icmp6 finds ICMPv6 behind the IPv6 header and its extensions. It computes the end of the payload itself: gopacket puts it
// too far behind if there is a hop-by-hop header.
func (d *Decoder) icmp6(m *message) {
	next, size := d.ip6.NextHeader, int(d.ip6.Length)-d.extensions.bytes
	m.payload = d.ip6.Payload
	if d.ip6.HopByHop != nil {
		next = d.ip6.HopByHop.NextHeader
		size -= d.ip6.HopByHop.ActualLength
	}
	if d.extensions.bytes > 0 {
		next, m.payload = d.extensions.NextHeader, d.extensions.Payload
	}
	if next != layers.IPProtocolICMPv6 || size < 0 {
		return
	}
	m.truncated = size > len(m.payload)
	m.payload = m.payload[:min(size, len(m.payload))]
	d.ndp(m)
}

// Package discovery turns control frames (ARP, NDP, DHCP, mDNS) into facts about a LAN: which addresses, hardware addresses,
// names, routers and prefixes there are. It keeps nothing and does not judge facts.
package discovery

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"gonetmon/app/mac"
	"gonetmon/app/names"
)

const (
	maxFacts = 64                         // drawn from one frame: a forged one can't say more than that
	forever  = 100 * 365 * 24 * time.Hour // what an endless lifetime is taken for, and the longest of all
)

// A Decoder draws facts from control frames: ARP, NDP, DHCPv4, DHCPv6 and mDNS. It remembers nothing between frames but
// what it counts. One goroutine reads; Stats is for any.
//
// gopacket takes the stack apart down to UDP; its parser turns a panic of a layer into an error. The protocols themselves
// are read here, since its layers for them panic, or allocate, on crafted messages.
type Decoder struct {
	parsers map[gopacket.LayerType]*gopacket.DecodingLayerParser // by the first layer
	found   []gopacket.LayerType                                 // in the frame, outermost first

	ethernet   layers.Ethernet
	cooked     layers.LinuxSLL
	tag        layers.Dot1Q
	ip4        layers.IPv4
	ip6        layers.IPv6
	extensions extensions
	udp        layers.UDP

	learn  func(Fact) // of the Decode that is under way
	left   int        // facts that it may still draw
	name   []byte     // scratch of the readers of DHCP names
	leases []lease    // scratch of dhcp6
	locals []local    // scratch of mdns

	facts, malformed, refused [NumProtocols]atomic.Uint64
}

// Stats counts what a Decoder did since it was made.
type Stats struct {
	Facts        [NumProtocols]uint64 // facts drawn
	Malformed    [NumProtocols]uint64 // frames that can't be read
	NamesRefused [NumProtocols]uint64 // names refused by names.Canonical, or for being the same on every host
}

// A message is what a control frame carries, and what says where it comes from.
type message struct {
	src, dst mac.Addr // of the frame; zero if the link has none
	from, to netip.Addr
	hops     uint8 // TTL or hop limit
	cut      bool  // not all of it was stored; told of ICMPv6 only
	payload  []byte
}

// extensions passes over IPv6 extension headers and adds up their lengths, which the packet's includes.
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

// NewDecoder returns a Decoder.
func NewDecoder() *Decoder {
	d := &Decoder{parsers: make(map[gopacket.LayerType]*gopacket.DecodingLayerParser), found: make([]gopacket.LayerType, 0, 16)}
	all := gopacket.DecodingLayerContainer(gopacket.DecodingLayerSparse(nil))
	for _, l := range []gopacket.DecodingLayer{&d.ethernet, &d.cooked, &d.tag, &d.ip4, &d.ip6, &d.extensions, &d.udp} {
		all = all.Put(l)
	}
	for _, first := range []gopacket.LayerType{
		layers.LayerTypeEthernet, layers.LayerTypeLinuxSLL, layers.LayerTypeDot1Q, layers.LayerTypeIPv4, layers.LayerTypeIPv6,
	} {
		p := gopacket.NewDecodingLayerParser(first)
		p.SetDecodingLayerContainer(all)
		p.IgnoreUnsupported = true
		d.parsers[first] = p
	}
	return d
}

// Decode calls learn for each fact that a frame gives, at most 64 times. link is the LINKTYPE number
// (https://www.tcpdump.org/linktypes.html) of data, which is the frame as far as it was stored, link header first;
// nothing of it is kept. Frames of other links and protocols are passed over, as are fragments and tunnels.
func (d *Decoder) Decode(link uint16, data []byte, learn func(Fact)) {
	d.learn, d.left = learn, maxFacts
	switch link {
	case 1: // Ethernet
		d.peel(message{}, layers.LayerTypeEthernet, data)
	case 113: // Linux cooked capture
		d.peel(message{}, layers.LayerTypeLinuxSLL, data)
	case 276: // Linux cooked capture, version 2
		d.readCooked2(data)
	case 12, 14, 101, 228, 229: // IP and nothing else
		d.readIP(data)
	case 0, 108: // BSD loopback: the family, in some byte order, says no more than the version of IP behind it
		if len(data) > 4 {
			d.readIP(data[4:])
		}
	}
	d.learn = nil
}

// Add adds o to s.
func (s *Stats) Add(o Stats) {
	for i := range NumProtocols {
		s.Facts[i] += o.Facts[i]
		s.Malformed[i] += o.Malformed[i]
		s.NamesRefused[i] += o.NamesRefused[i]
	}
}

// Stats returns the counters. They may be read while another goroutine reads frames.
func (d *Decoder) Stats() (s Stats) {
	for i := range NumProtocols {
		s.Facts[i], s.Malformed[i], s.NamesRefused[i] = d.facts[i].Load(), d.malformed[i].Load(), d.refused[i].Load()
	}
	return s
}

// readCooked2 reads a header of 20 bytes (LINKTYPE_LINUX_SLL2), which gopacket does not know.
func (d *Decoder) readCooked2(data []byte) {
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
	d.peel(m, typ.LayerType(), data[20:])
}

func (d *Decoder) readIP(data []byte) {
	switch {
	case len(data) == 0:
	case data[0]>>4 == 4:
		d.peel(message{}, layers.LayerTypeIPv4, data)
	case data[0]>>4 == 6:
		d.peel(message{}, layers.LayerTypeIPv6, data)
	}
}

// peel takes the layers of data apart, of which first is the first, and hands on what the innermost carries.
func (d *Decoder) peel(m message, first gopacket.LayerType, data []byte) {
	p := d.parsers[first]
	d.extensions.bytes = 0
	if p == nil || p.DecodeLayers(data, &d.found) != nil {
		return
	}
	var typ layers.EthernetType // what follows the link header and its tags
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
		case layers.LayerTypeDot1Q: // for all tags the last
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
			if d.ip4.Version != 4 || d.ip4.FragOffset != 0 || d.ip4.Flags&layers.IPv4MoreFragments != 0 {
				return
			}
			m.from, m.to, m.hops = netip.AddrFrom4([4]byte(d.ip4.SrcIP)), netip.AddrFrom4([4]byte(d.ip4.DstIP)), d.ip4.TTL
		case layers.LayerTypeIPv6:
			if d.ip6.Version != 6 {
				return
			}
			m.from, m.to, m.hops = netip.AddrFrom16([16]byte(d.ip6.SrcIP)), netip.AddrFrom16([16]byte(d.ip6.DstIP)), d.ip6.HopLimit
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

// datagram hands a message to the protocol of its ports. Of DHCP only the port that it goes to is fixed.
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

// icmp6 finds ICMPv6 behind the IPv6 header and its extensions. Where the payload ends is reckoned here: with a
// hop-by-hop header gopacket sets the end too far behind.
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
	m.cut = size > len(m.payload)
	m.payload = m.payload[:min(size, len(m.payload))]
	d.ndp(m)
}

// draw counts a fact and gives it to the caller of Decode, if it keeps what Fact promises and is not one too many.
func (d *Decoder) draw(f Fact) {
	station, host := f.MAC.IsStation(), isHost(f.Addr)
	switch f.Kind {
	case OnLinkPrefix:
		host = true
		if !station {
			f.MAC, station = mac.Addr{}, true
		}
	case AddrName:
		station = true
	case MACName:
		host = true
	}
	if !station || !host || d.left == 0 {
		return
	}
	d.left--
	d.facts[f.Protocol].Add(1)
	d.learn(f)
}

// drawName draws that station is called what stands in raw, and says whether raw is a name.
func (d *Decoder) drawName(from Protocol, station mac.Addr, raw string) bool {
	name, ok := d.clean(from, raw)
	if ok {
		d.draw(Fact{Kind: MACName, Protocol: from, MAC: station, Name: name})
	}
	return ok
}

// clean returns a name as Clean does, without .local, and counts those refused.
func (d *Decoder) clean(from Protocol, raw string) (string, bool) {
	name, ok := names.Canonical(raw)
	if short, found := strings.CutSuffix(name, ".local"); found {
		for found { // a device that is called tv.local answers to tv.local.local
			short, found = strings.CutSuffix(short, ".local")
		}
		name, ok = names.Canonical(short) // once more: 192.168.2.1.local is an address now
	}
	if !ok || name == "localhost" || name == "localhost.localdomain" {
		d.refused[from].Add(1)
		return "", false
	}
	return name, true
}

// isHost says whether a can be the address of one host on a link.
func isHost(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && !a.Is4In6() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// lifetime reads seconds, of which all bits set stand for ever (RFC 4861, 4.6.2; RFC 2131, 3.3; RFC 8415, 7.7).
func lifetime(b []byte) time.Duration {
	return min(time.Duration(binary.BigEndian.Uint32(b))*time.Second, forever)
}

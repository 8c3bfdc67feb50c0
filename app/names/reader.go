package names

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

const (
	maxFacts = 64                         // drawn from one frame: a forged one can't say more than that
	forever  = 100 * 365 * 24 * time.Hour // what an endless lifetime is taken for, and the longest of all
)

// A Reader draws facts from control frames: ARP, NDP, DHCPv4, DHCPv6 and mDNS. It remembers nothing between frames but
// what it counts. One goroutine reads; Stats is for any.
//
// gopacket takes the stack apart down to UDP; its parser turns a panic of a layer into an error. The protocols themselves
// are read here, since its layers for them panic, or allocate, on crafted messages.
type Reader struct {
	parsers map[gopacket.LayerType]*gopacket.DecodingLayerParser // by the first layer
	found   []gopacket.LayerType                                 // in the frame, outermost first

	ethernet   layers.Ethernet
	cooked     layers.LinuxSLL
	tag        layers.Dot1Q
	ip4        layers.IPv4
	ip6        layers.IPv6
	extensions extensions
	udp        layers.UDP

	learn  func(Fact) // of the Read that is under way
	left   int        // facts that it may still draw
	name   []byte     // scratch of the readers of DHCP names
	leases []lease    // scratch of dhcp6
	locals []local    // scratch of mdns

	facts, malformed, refused [NumProtocols]atomic.Uint64
}

// ReaderStats counts what a Reader did since it was made.
type ReaderStats struct {
	Facts     [NumProtocols]uint64 // facts drawn
	Malformed [NumProtocols]uint64 // frames that can't be read
	Refused   [NumProtocols]uint64 // names refused by Clean, or for being the same on every host
}

// A message is what a control frame carries, and what says where it comes from.
type message struct {
	src, dst MAC // of the frame; zero if the link has none
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

// NewReader returns a Reader.
func NewReader() *Reader {
	r := &Reader{parsers: make(map[gopacket.LayerType]*gopacket.DecodingLayerParser), found: make([]gopacket.LayerType, 0, 16)}
	all := gopacket.DecodingLayerContainer(gopacket.DecodingLayerSparse(nil))
	for _, l := range []gopacket.DecodingLayer{&r.ethernet, &r.cooked, &r.tag, &r.ip4, &r.ip6, &r.extensions, &r.udp} {
		all = all.Put(l)
	}
	for _, first := range []gopacket.LayerType{
		layers.LayerTypeEthernet, layers.LayerTypeLinuxSLL, layers.LayerTypeDot1Q, layers.LayerTypeIPv4, layers.LayerTypeIPv6,
	} {
		p := gopacket.NewDecodingLayerParser(first)
		p.SetDecodingLayerContainer(all)
		p.IgnoreUnsupported = true
		r.parsers[first] = p
	}
	return r
}

// Read calls learn for each fact that a frame gives, at most 64 times. link is the LINKTYPE number
// (https://www.tcpdump.org/linktypes.html) of data, which is the frame as far as it was stored, link header first;
// nothing of it is kept. Frames of other links and protocols are passed over, as are fragments and tunnels.
func (r *Reader) Read(link uint16, data []byte, learn func(Fact)) {
	r.learn, r.left = learn, maxFacts
	switch link {
	case 1: // Ethernet
		r.peel(message{}, layers.LayerTypeEthernet, data)
	case 113: // Linux cooked capture
		r.peel(message{}, layers.LayerTypeLinuxSLL, data)
	case 276: // Linux cooked capture, version 2
		r.readCooked2(data)
	case 12, 14, 101, 228, 229: // IP and nothing else
		r.readIP(data)
	case 0, 108: // BSD loopback: the family, in some byte order, says no more than the version of IP behind it
		if len(data) > 4 {
			r.readIP(data[4:])
		}
	}
	r.learn = nil
}

// Add adds o to s.
func (s *ReaderStats) Add(o ReaderStats) {
	for i := range NumProtocols {
		s.Facts[i] += o.Facts[i]
		s.Malformed[i] += o.Malformed[i]
		s.Refused[i] += o.Refused[i]
	}
}

// Stats returns the counters. They may be read while another goroutine reads frames.
func (r *Reader) Stats() (s ReaderStats) {
	for i := range NumProtocols {
		s.Facts[i], s.Malformed[i], s.Refused[i] = r.facts[i].Load(), r.malformed[i].Load(), r.refused[i].Load()
	}
	return s
}

// readCooked2 reads a header of 20 bytes (LINKTYPE_LINUX_SLL2), which gopacket does not know.
func (r *Reader) readCooked2(data []byte) {
	if len(data) < 20 {
		return
	}
	var m message
	if binary.BigEndian.Uint16(data[8:]) == 1 && data[11] == 6 { // ARPHRD_ETHER
		m.src = MAC(data[12:18])
	}
	typ := layers.EthernetType(binary.BigEndian.Uint16(data))
	if typ == layers.EthernetTypeARP {
		m.payload = data[20:]
		r.arp(&m)
		return
	}
	r.peel(m, typ.LayerType(), data[20:])
}

func (r *Reader) readIP(data []byte) {
	switch {
	case len(data) == 0:
	case data[0]>>4 == 4:
		r.peel(message{}, layers.LayerTypeIPv4, data)
	case data[0]>>4 == 6:
		r.peel(message{}, layers.LayerTypeIPv6, data)
	}
}

// peel takes the layers of data apart, of which first is the first, and hands on what the innermost carries.
func (r *Reader) peel(m message, first gopacket.LayerType, data []byte) {
	p := r.parsers[first]
	r.extensions.bytes = 0
	if p == nil || p.DecodeLayers(data, &r.found) != nil {
		return
	}
	var typ layers.EthernetType // what follows the link header and its tags
	packets := 0
	for _, layer := range r.found {
		switch layer {
		case layers.LayerTypeEthernet:
			m.src, m.dst = MAC(r.ethernet.SrcMAC), MAC(r.ethernet.DstMAC)
			typ, m.payload = r.ethernet.EthernetType, r.ethernet.Payload
		case layers.LayerTypeLinuxSLL:
			if r.cooked.AddrType == 1 && r.cooked.AddrLen == 6 { // ARPHRD_ETHER
				m.src = MAC(r.cooked.Addr)
			}
			typ, m.payload = r.cooked.EthernetType, r.cooked.Payload
		case layers.LayerTypeDot1Q: // for all tags the last
			typ, m.payload = r.tag.Type, r.tag.Payload
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
			r.arp(&m)
		}
		return
	}
	for _, layer := range r.found {
		switch layer {
		case layers.LayerTypeIPv4:
			if r.ip4.Version != 4 || r.ip4.FragOffset != 0 || r.ip4.Flags&layers.IPv4MoreFragments != 0 {
				return
			}
			m.from, m.to, m.hops = netip.AddrFrom4([4]byte(r.ip4.SrcIP)), netip.AddrFrom4([4]byte(r.ip4.DstIP)), r.ip4.TTL
		case layers.LayerTypeIPv6:
			if r.ip6.Version != 6 {
				return
			}
			m.from, m.to, m.hops = netip.AddrFrom16([16]byte(r.ip6.SrcIP)), netip.AddrFrom16([16]byte(r.ip6.DstIP)), r.ip6.HopLimit
		}
	}
	switch r.found[len(r.found)-1] {
	case layers.LayerTypeUDP:
		m.payload = r.udp.Payload
		r.datagram(&m)
	case layers.LayerTypeIPv4:
	default:
		r.icmp6(&m)
	}
}

// datagram hands a message to the protocol of its ports. Of DHCP only the port that it goes to is fixed.
func (r *Reader) datagram(m *message) {
	switch from, to := r.udp.SrcPort, r.udp.DstPort; {
	case m.from.Is4() && (to == 67 || to == 68):
		r.dhcp4(m)
	case m.from.Is6() && (to == 546 || to == 547):
		r.dhcp6(m)
	case from == 5353 || to == 5353:
		r.mdns(m, from == 5353)
	}
}

// icmp6 finds ICMPv6 behind the IPv6 header and its extensions. Where the payload ends is reckoned here: with a
// hop-by-hop header gopacket sets the end too far behind.
func (r *Reader) icmp6(m *message) {
	next, size := r.ip6.NextHeader, int(r.ip6.Length)-r.extensions.bytes
	m.payload = r.ip6.Payload
	if r.ip6.HopByHop != nil {
		next = r.ip6.HopByHop.NextHeader
		size -= r.ip6.HopByHop.ActualLength
	}
	if r.extensions.bytes > 0 {
		next, m.payload = r.extensions.NextHeader, r.extensions.Payload
	}
	if next != layers.IPProtocolICMPv6 || size < 0 {
		return
	}
	m.cut = size > len(m.payload)
	m.payload = m.payload[:min(size, len(m.payload))]
	r.ndp(m)
}

// draw counts a fact and gives it to the caller of Read, if it keeps what Fact promises and is not one too many.
func (r *Reader) draw(f Fact) {
	station, host := f.MAC.IsStation(), isHost(f.Addr)
	switch f.Kind {
	case OnLink:
		host = true
		if !station {
			f.MAC, station = MAC{}, true
		}
	case Named:
		station = true
	case Called:
		host = true
	}
	if !station || !host || r.left == 0 {
		return
	}
	r.left--
	r.facts[f.From].Add(1)
	r.learn(f)
}

// drawName draws that mac is called what stands in raw, and says whether raw is a name.
func (r *Reader) drawName(from Protocol, mac MAC, raw string) bool {
	name, ok := r.clean(from, raw)
	if ok {
		r.draw(Fact{Kind: Called, From: from, MAC: mac, Name: name})
	}
	return ok
}

// clean returns a name as Clean does, without .local, and counts those refused.
func (r *Reader) clean(from Protocol, raw string) (string, bool) {
	name, ok := Clean(raw)
	if short, found := strings.CutSuffix(name, ".local"); found {
		for found { // a device that is called tv.local answers to tv.local.local
			short, found = strings.CutSuffix(short, ".local")
		}
		name, ok = Clean(short) // once more: 192.168.2.1.local is an address now
	}
	if !ok || name == "localhost" || name == "localhost.localdomain" {
		r.refused[from].Add(1)
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

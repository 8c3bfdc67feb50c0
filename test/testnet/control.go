package testnet

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/miekg/dns"
)

// Control frames of ARP, NDP, DHCP, DHCPv6, mDNS, LLMNR and SSDP, complete and with valid checksums. A MAC is any type made of
// [6]byte.

// Broadcast is the Ethernet address of all stations.
var Broadcast = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// ServerMAC is the default MAC of DHCP servers.
var ServerMAC = [6]byte{2, 0, 0, 0, 0xd, 0xc}

// Ends are the source and the destination of a frame.
type Ends struct {
	SrcMAC, DstMAC [6]byte // without a DstMAC it is that of the group Dst, or else broadcast
	Src, Dst       netip.Addr
}

// ARPRequest asks for target, from mac with addr. With the same address twice it is an announcement.
func ARPRequest(mac [6]byte, addr, target netip.Addr) []byte {
	return ARP(Ends{mac, Broadcast, addr, target}, 1, mac, [6]byte{})
}

// ARPProbe asks whether target is in use, before mac takes it (RFC 5227).
func ARPProbe(mac [6]byte, target netip.Addr) []byte {
	return ARPRequest(mac, netip.IPv4Unspecified(), target)
}

// ARPReply answers asker, whose MAC is to, that addr is at mac.
func ARPReply(mac [6]byte, addr netip.Addr, to [6]byte, asker netip.Addr) []byte {
	return ARP(Ends{mac, to, addr, asker}, 2, mac, to)
}

// ARP returns any ARP message: op 1 requests, 2 replies; the sender is mac with e.Src, the target other with e.Dst.
func ARP(e Ends, op uint16, mac, other [6]byte) []byte {
	return serialize(
		&layers.Ethernet{SrcMAC: e.SrcMAC[:], DstMAC: e.DstMAC[:], EthernetType: layers.EthernetTypeARP},
		&layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: op,
			SourceHwAddress: mac[:], SourceProtAddress: e.Src.AsSlice(), DstHwAddress: other[:], DstProtAddress: e.Dst.AsSlice(),
		},
		gopacket.Payload(make([]byte, 18)), // padding to 60 bytes
	)
}

var (
	allNodes   = netip.MustParseAddr("ff02::1")
	allRouters = netip.MustParseAddr("ff02::2")
	allServers = netip.MustParseAddr("ff02::1:2")
	mdnsGroup4 = netip.MustParseAddr("224.0.0.251")
	mdnsGroup6 = netip.MustParseAddr("ff02::fb")

	llmnrGroup4 = netip.MustParseAddr("224.0.0.252")
	llmnrGroup6 = netip.MustParseAddr("ff02::1:3")
	ssdpGroup4  = netip.MustParseAddr("239.255.255.250")
)

// RouterSolicit is a router solicitation from mac with src. SourceMAC and the like make options.
func RouterSolicit(mac [6]byte, src netip.Addr, options ...[]byte) []byte {
	return ICMPv6(Ends{SrcMAC: mac, Src: src, Dst: allRouters}, 255, 133, make([]byte, 4), options...)
}

// RouterAdvert advertises mac at src as a router, for half an hour.
func RouterAdvert(mac [6]byte, src netip.Addr, options ...[]byte) []byte {
	body := []byte{64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
	return ICMPv6(Ends{SrcMAC: mac, Src: src, Dst: allNodes}, 255, 134, body, options...)
}

// NeighborSolicit asks for target, from mac with src. From :: it is duplicate address detection.
func NeighborSolicit(mac [6]byte, src, target netip.Addr, options ...[]byte) []byte {
	group, t := netip.MustParseAddr("ff02::1:ff00:0").As16(), target.As16()
	copy(group[13:], t[13:])
	return ICMPv6(Ends{SrcMAC: mac, Src: src, Dst: netip.AddrFrom16(group)}, 255, 135, append(make([]byte, 4), t[:]...), options...)
}

// NeighborAdvert advertises to all, from mac with src, that target is at mac, or at the MAC of a TargetMAC option.
func NeighborAdvert(mac [6]byte, src, target netip.Addr, options ...[]byte) []byte {
	body := append([]byte{0x20, 0, 0, 0}, target.AsSlice()...) // override
	return ICMPv6(Ends{SrcMAC: mac, Src: src, Dst: allNodes}, 255, 136, body, options...)
}

// SourceMAC is the option of a solicitation or a router advertisement with the sender's MAC.
func SourceMAC(mac [6]byte) []byte { return append([]byte{1, 1}, mac[:]...) }

// TargetMAC is the option of a neighbor advertisement with the target's MAC.
func TargetMAC(mac [6]byte) []byte { return append([]byte{2, 1}, mac[:]...) }

// PrefixInfo is the option of a router advertisement with an on-link prefix for address configuration (flags L and A). A
// negative life is infinite.
func PrefixInfo(prefix netip.Prefix, life time.Duration) []byte {
	b := []byte{3, 4, byte(prefix.Bits()), 0xc0}
	b = append(append(b, Seconds(life)...), Seconds(life)...)
	return append(append(b, 0, 0, 0, 0), prefix.Addr().AsSlice()...)
}

// Seconds encodes a lifetime as DHCP, DHCPv6 and NDP do: 32 bits, all set for infinity, which a negative life means.
func Seconds(life time.Duration) []byte {
	n := uint32(life / time.Second)
	if life < 0 {
		n = 1<<32 - 1
	}
	return binary.BigEndian.AppendUint32(nil, n)
}

// ICMPv6 returns any message; body is the part between checksum and options.
func ICMPv6(e Ends, hops, typ uint8, body []byte, options ...[]byte) []byte {
	ip := &layers.IPv6{Version: 6, HopLimit: hops, NextHeader: layers.IPProtocolICMPv6, SrcIP: e.Src.AsSlice(),
		DstIP: e.Dst.AsSlice()}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, 0)}
	_ = icmp.SetNetworkLayerForChecksum(ip)
	return serialize(e.ethernet(), ip, icmp, gopacket.Payload(slices.Concat(append([][]byte{body}, options...)...)))
}

// Datagram returns a frame with a UDP datagram.
func Datagram(e Ends, from, to uint16, ttl uint8, payload []byte) []byte {
	udp := &layers.UDP{SrcPort: layers.UDPPort(from), DstPort: layers.UDPPort(to)}
	if e.Src.Is4() {
		ip := &layers.IPv4{Version: 4, TTL: ttl, Protocol: layers.IPProtocolUDP, SrcIP: e.Src.AsSlice(), DstIP: e.Dst.AsSlice()}
		_ = udp.SetNetworkLayerForChecksum(ip)
		return serialize(e.ethernet(), ip, udp, gopacket.Payload(payload))
	}
	ip := &layers.IPv6{Version: 6, HopLimit: ttl, NextHeader: layers.IPProtocolUDP, SrcIP: e.Src.AsSlice(), DstIP: e.Dst.AsSlice()}
	_ = udp.SetNetworkLayerForChecksum(ip)
	return serialize(e.ethernet(), ip, udp, gopacket.Payload(payload))
}

// The messages of DHCP (option 53).
const (
	Discover byte = iota + 1
	Offer
	Request
	Decline
	Ack
	Nak
	Release
	Inform
)

// DHCP is a message of DHCPv4 (RFC 2131).
type DHCP struct {
	Type         byte            // Discover to Inform; a server sends Offer, Ack and Nak, a client the others
	MAC          [6]byte         // chaddr: the client's
	Client, Your netip.Addr      // ciaddr, yiaddr; the zero Addr is 0.0.0.0
	Name         string          // option 12, if any
	Asked        netip.Addr      // option 50, if any
	Life         time.Duration   // option 51, if any
	Options      map[byte][]byte // all other options, and those that override the fields
	Server, File []byte          // sname, file

	// Ends of the frame. By default a client broadcasts from its MAC and Client, and a server sends from ServerMAC and
	// 192.168.2.1 to the client's MAC and Your.
	Ends Ends
}

// Message returns the payload of the datagram.
func (m DHCP) Message() []byte {
	b := make([]byte, 240)
	b[0], b[1], b[2] = 1, 1, 6
	if m.fromServer() {
		b[0] = 2
	}
	copy(b[4:], "xid.")
	copy(b[12:], addr4(m.Client).AsSlice())
	copy(b[16:], addr4(m.Your).AsSlice())
	copy(b[28:], m.MAC[:])
	copy(b[44:108], m.Server)
	copy(b[108:236], m.File)
	copy(b[236:], "\x63\x82\x53\x63")
	options := map[byte][]byte{53: {m.Type}}
	if m.Name != "" {
		options[12] = []byte(m.Name)
	}
	if m.Asked.IsValid() {
		options[50] = m.Asked.AsSlice()
	}
	if m.Life != 0 {
		options[51] = Seconds(m.Life)
	}
	maps.Copy(options, m.Options)
	for _, code := range slices.Sorted(maps.Keys(options)) {
		for rest := range slices.Chunk(options[code], 255) { // RFC 3396
			b = append(append(b, code, byte(len(rest))), rest...)
		}
	}
	return append(b, 255)
}

// Frame returns the message in a frame.
func (m DHCP) Frame() []byte {
	e, from, to := m.Ends, uint16(68), uint16(67)
	broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	if m.fromServer() {
		from, to = to, from
	}
	if e == (Ends{}) {
		e = Ends{m.MAC, Broadcast, addr4(m.Client), broadcast}
		if m.fromServer() {
			e = Ends{ServerMAC, m.MAC, netip.AddrFrom4([4]byte{192, 168, 2, 1}), addr4(m.Your)}
		}
	}
	return Datagram(e, from, to, 64, m.Message())
}

func (m DHCP) fromServer() bool { return m.Type == Offer || m.Type == Ack || m.Type == Nak }

func addr4(a netip.Addr) netip.Addr {
	if !a.IsValid() {
		return netip.IPv4Unspecified()
	}
	return a
}

// The messages of DHCPv6 that matter to discovery.
const (
	Solicit6 byte = iota + 1
	Advertise6
	Request6
	Confirm6
	Renew6
	Rebind6
	Reply6
	Release6
	Decline6
)

// DHCP6 is a message of DHCPv6 (RFC 8415).
type DHCP6 struct {
	Type    byte     // Solicit6 to Decline6, or another
	DUID    []byte   // the client's
	Name    string   // option 39 (RFC 4704), if any
	Options [][]byte // all others: IANA, Option6
	Ends    Ends     // without a Dst it goes to all servers
}

// Message returns the payload of the datagram.
func (m DHCP6) Message() []byte {
	b := append([]byte{m.Type, 'x', 'i', 'd'}, Option6(1, m.DUID)...)
	if m.Name != "" {
		b = append(b, Option6(39, []byte{0}, PartialName(m.Name))...)
	}
	return slices.Concat(append([][]byte{b}, m.Options...)...)
}

// Frame returns the message in a frame.
func (m DHCP6) Frame() []byte {
	e, from, to := m.Ends, uint16(546), uint16(547)
	if !e.Dst.IsValid() {
		e.Dst = allServers
	}
	if m.Type == Advertise6 || m.Type == Reply6 {
		from, to = to, from
	}
	return Datagram(e, from, to, 1, m.Message())
}

// IANA is an option with one address and its valid lifetime.
func IANA(addr netip.Addr, life time.Duration, more ...[]byte) []byte {
	lease := Option6(5, slices.Concat(append([][]byte{addr.AsSlice(), Seconds(life), Seconds(life)}, more...)...))
	return Option6(3, make([]byte, 12), lease)
}

// Option6 is an option of DHCPv6.
func Option6(code uint16, data ...[]byte) []byte {
	all := slices.Concat(data...)
	b := binary.BigEndian.AppendUint16(nil, code)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(all))), all...)
}

// PartialName encodes a DNS name without the root, as DHCP clients send the one that they request.
func PartialName(name string) []byte {
	b := WireName(strings.Split(name, ".")...)
	return b[:len(b)-1]
}

// A Record of mDNS maps Name, which ends in .local, to Addr.
type Record struct {
	Name string
	Addr netip.Addr
}

// MDNSResponse announces the records to the group, from mac with src, for ttl seconds; 0 withdraws them. With flush they
// replace all others of the name (RFC 6762, 10.2).
func MDNSResponse(mac [6]byte, src netip.Addr, ttl uint32, flush bool, records ...Record) []byte {
	m := new(dns.Msg)
	m.Response, m.Authoritative = true, true
	for _, r := range records {
		m.Answer = append(m.Answer, r.RR(ttl, flush))
	}
	return MDNS(mac, src, m)
}

// MDNSQuery asks the group for the addresses of names, from mac with src.
func MDNSQuery(mac [6]byte, src netip.Addr, names ...string) []byte {
	m := new(dns.Msg)
	for _, name := range names {
		m.Question = append(m.Question, dns.Question{Name: dns.Fqdn(name), Qtype: dns.TypeA, Qclass: dns.ClassINET})
	}
	return MDNS(mac, src, m)
}

// MDNS returns any message to the group, from mac with src.
func MDNS(mac [6]byte, src netip.Addr, m *dns.Msg) []byte {
	group := mdnsGroup6
	if src.Is4() {
		group = mdnsGroup4
	}
	return Datagram(Ends{SrcMAC: mac, Src: src, Dst: group}, 5353, 5353, 255, pack(m)[0])
}

// LLMNRQuery asks the group for records of a name, from mac with src. With dns.TypeANY a host asks for its own (RFC 4795, 4.1).
func LLMNRQuery(mac [6]byte, src netip.Addr, name string, typ uint16) []byte {
	m := &dns.Msg{Question: []dns.Question{{Name: dns.Fqdn(name), Qtype: typ, Qclass: dns.ClassINET}}}
	group := llmnrGroup6
	if src.Is4() {
		group = llmnrGroup4
	}
	return Datagram(Ends{SrcMAC: mac, Src: src, Dst: group}, 50000, 5355, 1, pack(m)[0])
}

// LLMNRResponse answers a query of e.Dst with the records.
func LLMNRResponse(e Ends, records ...Record) []byte {
	m := new(dns.Msg)
	m.Response = true
	for _, r := range records {
		m.Answer = append(m.Answer, r.RR(30, false))
	}
	return Datagram(e, 5355, 50000, 64, pack(m)[0])
}

// SSDPNotify advertises a device to the group, from mac with src, with headers as "NT: upnp:rootdevice".
func SSDPNotify(mac [6]byte, src netip.Addr, headers ...string) []byte {
	text := "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNTS: ssdp:alive\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
	return Datagram(Ends{SrcMAC: mac, Src: src, Dst: ssdpGroup4}, 1900, 1900, 4, []byte(text))
}

// RR returns the record as an A or AAAA record of DNS.
func (r Record) RR(ttl uint32, flush bool) dns.RR {
	h := dns.RR_Header{Name: dns.Fqdn(r.Name), Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}
	if flush {
		h.Class |= 1 << 15
	}
	if r.Addr.Is4() {
		return &dns.A{Hdr: h, A: r.Addr.AsSlice()}
	}
	h.Rrtype = dns.TypeAAAA
	return &dns.AAAA{Hdr: h, AAAA: r.Addr.AsSlice()}
}

// Tagged returns a copy of an Ethernet frame behind 802.1Q tags, outermost first.
func Tagged(frame []byte, ids ...uint16) []byte {
	b := slices.Clone(frame[:12])
	for _, id := range ids {
		b = binary.BigEndian.AppendUint16(append(b, 0x81, 0), id)
	}
	return append(b, frame[12:]...)
}

// ethernet returns the header of a frame between the ends.
func (e Ends) ethernet() *layers.Ethernet {
	dst := e.DstMAC
	if dst == ([6]byte{}) {
		dst = Broadcast
		if e.Dst.Is4() && e.Dst.IsMulticast() { // RFC 1112, 6.4
			a := e.Dst.As4()
			dst = [6]byte{1, 0, 0x5e, a[1] & 127, a[2], a[3]}
		} else if e.Dst.IsMulticast() { // RFC 2464, 7
			a := e.Dst.As16()
			dst = [6]byte{0x33, 0x33, a[12], a[13], a[14], a[15]}
		}
	}
	typ := layers.EthernetTypeIPv6
	if e.Src.Is4() {
		typ = layers.EthernetTypeIPv4
	}
	return &layers.Ethernet{SrcMAC: e.SrcMAC[:], DstMAC: dst[:], EthernetType: typ}
}

func serialize(all ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		panic("testnet: " + err.Error()) // the layers are ours
	}
	return b.Bytes()
}

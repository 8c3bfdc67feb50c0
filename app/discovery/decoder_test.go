package discovery

import (
	"bytes"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"

	"gonetmon/app/mac"
	"gonetmon/app/names"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// The stations in the frames of these tests. Addresses ending in LL are link-local.
var (
	laptop, phone, router = mac.Addr{2, 0, 0, 0, 0, 7}, mac.Addr{2, 0, 0, 0, 0, 8}, mac.Addr{2, 0, 0, 0, 0, 1}
	groupMAC              = mac.Addr{3, 0, 0, 0, 0, 7} // no station

	laptop4, phone4 = ip("192.168.2.7"), ip("192.168.2.8")
	laptop6, phone6 = ip("2001:db8::7"), ip("2001:db8::8")
	laptopLL        = ip("fe80::7")
	phoneLL         = ip("fe80::8")
	routerLL        = ip("fe80::1")
	any4, any6      = netip.IPv4Unspecified(), netip.IPv6Unspecified()
)

// The transactions of testnet.DHCP and testnet.DHCP6.
const (
	xid4 = 'x'<<24 | 'i'<<16 | 'd'<<8 | '.'
	xid6 = 'x'<<16 | 'i'<<8 | 'd'
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

var compareAddrs = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})

// decode decodes a frame with a new Decoder, checks the promises of Decode, and returns the facts and the counters.
func decode(tb testing.TB, link uint16, frame []byte) ([]Fact, Stats) {
	tb.Helper()
	d := NewDecoder()
	var facts []Fact
	d.Decode(link, slices.Clip(frame), func(f Fact) { facts = append(facts, f) })
	stats, count := d.Stats(), [NumProtocols]uint64{}
	for _, f := range facts {
		count[f.Protocol]++
		if why := violation(f); why != "" {
			tb.Errorf("frame %x: %s: %+v", frame, why, f)
		}
		if !contains(frame, f) {
			tb.Errorf("frame %x does not say %+v", frame, f)
		}
	}
	if count != stats.Facts || len(facts) > maxFacts {
		tb.Errorf("frame %x: %d facts, %v counted", frame, len(facts), stats.Facts)
	}
	return facts, stats
}

// violation says which promise of Fact a fact breaks.
func violation(f Fact) string {
	a := f.Addr
	unicast := a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && !a.Is4In6() && a.Zone() == "" &&
		a != ip("255.255.255.255")
	again, clean := names.Clean(f.Name)
	switch f.Kind {
	case Announced, Replied, Probed, Requested, Leased, Released, Router:
		if !f.MAC.IsStation() || !unicast || f.Name != "" {
			return "no station, or no host"
		}
	case MACName:
		if !f.MAC.IsStation() || a.IsValid() {
			return "no station, or an address"
		}
	case AddrName, NameGone, ServiceName:
		if f.MAC != (mac.Addr{}) && !f.MAC.IsStation() || !unicast {
			return "a group, or no host"
		}
	case DeviceKind:
		if !f.MAC.IsStation() && !unicast || !slices.Contains(kinds(), f.Name) {
			return "no device, or no kind"
		}
	case OnLinkPrefix:
		if f.Prefix != f.Prefix.Masked() || f.Prefix.Bits() < 48 || a.IsValid() || f.MAC != (mac.Addr{}) && !f.MAC.IsStation() {
			return "a bad prefix"
		}
	}
	if f.Via != (mac.Addr{}) && !f.Via.IsStation() {
		return "by way of a group"
	}
	named := f.Kind == MACName || f.Kind == AddrName || f.Kind == NameGone || f.Kind == ServiceName
	switch {
	case named && (!clean || again != f.Name || f.Protocol == MDNS && strings.HasSuffix(f.Name, ".local")):
		return "a bad name"
	case f.Kind != OnLinkPrefix && f.Prefix.IsValid():
		return "a prefix"
	case f.Lifetime < 0 || f.Lifetime > 0 && f.Kind != Leased && f.Kind != OnLinkPrefix:
		return "a bad lifetime"
	}
	return ""
}

// kinds returns all kinds of devices.
func kinds() []string {
	all := slices.Collect(maps.Values(serviceKinds))
	for _, k := range slices.Concat(modelKinds, ssdpKinds, vendorKinds) {
		all = append(all, k.kind)
	}
	return all
}

// contains reports whether the MAC, the addresses and the prefix of a fact are in the frame. An address can also be in a name of
// reverse mapping, or in a URL.
func contains(frame []byte, f Fact) bool {
	prefix := !f.Prefix.IsValid()
	for i := 0; i+16 <= len(frame) && !prefix; i++ {
		prefix = f.Prefix.Contains(netip.AddrFrom16([16]byte(frame[i:])))
	}
	text := bytes.ToLower(frame)
	addr := bytes.Contains(frame, f.Addr.AsSlice()) || bytes.Contains(text, []byte("arpa")) || bytes.Contains(text, []byte("://"))
	return (f.MAC == mac.Addr{} || bytes.Contains(frame, f.MAC[:])) && addr && prefix &&
		bytes.Contains(frame, f.By.AsSlice()) && bytes.Contains(frame, f.Server.AsSlice())
}

// A decodeTest is a row of the tables of all protocols.
type decodeTest struct {
	name      string
	frame     []byte
	want      []Fact // without Protocol
	malformed int
	refused   int
}

// runDecodeTests runs a table of one protocol. Each frame has the same facts behind two VLAN tags.
func runDecodeTests(t *testing.T, protocol Protocol, tests []decodeTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := slices.Clone(tt.want)
			for i := range want {
				want[i].Protocol = protocol
			}
			got, stats := decode(t, 1, tt.frame)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), compareAddrs); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			if int(stats.Malformed[protocol]) != tt.malformed || int(stats.NamesRefused[protocol]) != tt.refused {
				t.Errorf("malformed %d, refused %d; want %d, %d", stats.Malformed[protocol], stats.NamesRefused[protocol], tt.malformed,
					tt.refused)
			}
			tagged, _ := decode(t, 1, testnet.Tagged(tt.frame, 7, 8))
			if diff := cmp.Diff(got, tagged, compareAddrs); diff != "" {
				t.Errorf("behind two tags (-without +with):\n%s", diff)
			}
		})
	}
}

// samples returns frames of every protocol, each of which has facts.
func samples() map[string][]byte {
	prefix := netip.MustParsePrefix("2001:db8::/64")
	client, server := testnet.Ends{SrcMAC: laptop, Src: laptopLL},
		testnet.Ends{SrcMAC: router, DstMAC: laptop, Src: routerLL, Dst: laptopLL}
	return map[string][]byte{
		"arp request":  testnet.ARPRequest(laptop, laptop4, phone4),
		"arp reply":    testnet.ARPReply(phone, phone4, laptop, laptop4),
		"ndp solicit":  testnet.NeighborSolicit(laptop, laptopLL, phone6, testnet.SourceMAC(laptop)),
		"ndp advert":   testnet.NeighborAdvert(laptop, laptopLL, laptop6, testnet.TargetMAC(laptop)),
		"ndp router":   testnet.RouterAdvert(router, routerLL, testnet.SourceMAC(router), testnet.PrefixInfo(prefix, time.Hour)),
		"dhcp request": testnet.DHCP{Type: testnet.Request, MAC: laptop, Name: "laptop", Asked: laptop4}.Frame(),
		"dhcp fqdn": testnet.DHCP{Type: testnet.Request, MAC: laptop, Client: laptop4, Options: map[byte][]byte{
			81: append([]byte{4, 0, 0}, testnet.PartialName("laptop.lan")...),
		}}.Frame(),
		"dhcp ack": testnet.DHCP{Type: testnet.Ack, MAC: laptop, Your: laptop4, Life: time.Hour}.Frame(),
		"dhcpv6 request": testnet.DHCP6{Type: testnet.Request6, Name: "laptop", Options: [][]byte{testnet.IANA(laptop6, time.Hour)},
			Ends: client}.Frame(),
		"dhcpv6 reply": testnet.DHCP6{Type: testnet.Reply6, Name: "laptop.", Options: [][]byte{testnet.IANA(laptop6, time.Hour)},
			Ends: server}.Frame(),
		"mdns query":   testnet.MDNSQuery(laptop, laptop4, "phone.local"),
		"mdns service": testnet.MDNS(phone, phone4, announceService("Hall._airplay._tcp", "model=AppleTV6,2")),
		"llmnr query":  testnet.LLMNRQuery(phone, phone4, "phone", dns.TypeANY),
		"llmnr response": testnet.LLMNRResponse(testnet.Ends{SrcMAC: phone, DstMAC: laptop, Src: phone4, Dst: laptop4},
			testnet.Record{Name: "phone", Addr: phone4}),
		"netbios registration": testnet.NetBIOSRegistration(phone, phone4, testnet.NetBIOSName("PHONE", 0), 0, phone4),
		"netbios datagram":     testnet.NetBIOSDatagram(phone, phone4, testnet.NetBIOSName("PHONE", 0)),
		"ssdp notify":          testnet.SSDPNotify(phone, phone4, "SERVER: Roku/9.4", "LOCATION: http://192.168.2.7/x"),
		"mdns response": testnet.MDNSResponse(phone, phone4, 120, true,
			testnet.Record{Name: "phone.local", Addr: phone4}, testnet.Record{Name: "phone.local", Addr: phoneLL}),
	}
}

// A truncated frame has no more facts than the whole one.
func TestDecoder_TruncatedFrames(t *testing.T) {
	for name, frame := range samples() {
		whole, _ := decode(t, 1, frame)
		if len(whole) == 0 {
			t.Errorf("%s: no facts", name)
		}
		for n := range len(frame) {
			for _, link := range []uint16{113, 276, 101, 0} {
				decode(t, link, frame[:n])
			}
			if facts, _ := decode(t, 1, frame[:n]); len(facts) > len(whole) {
				t.Errorf("%s, truncated to %d bytes: %v, whole only %v", name, n, facts, whole)
			}
		}
	}
}

func TestDecoder_Links(t *testing.T) {
	cooked := func(frame []byte) []byte {
		b := append([]byte{0, 1, 0, 1, 0, 6}, frame[6:12]...)
		return append(append(b, 0, 0), frame[12:]...)
	}
	cooked2 := func(frame []byte) []byte {
		b := append(slices.Clone(frame[12:14]), 0, 0, 0, 0, 0, 1, 0, 1, 0, 6)
		return append(append(append(b, frame[6:12]...), 0, 0), frame[14:]...)
	}
	raw := func(frame []byte) []byte { return frame[14:] }
	null := func(frame []byte) []byte { return append([]byte{2, 0, 0, 0}, frame[14:]...) }
	tag := func(tag ...byte) func([]byte) []byte {
		return func(frame []byte) []byte { return append(append(slices.Clone(frame[:12]), tag...), frame[12:]...) }
	}
	announced, asks := Fact{Kind: Announced, MAC: phone, Addr: phone4}, Fact{Kind: Announced, MAC: phone, Via: phone, Addr: phone4}
	requested := Fact{Kind: Requested, MAC: laptop, Via: laptop, Addr: laptop4, Transaction: xid4}
	named := Fact{Kind: AddrName, MAC: phone, Addr: phone4, By: phone4, Name: "phone", Own: true}
	nobody, bare := named, requested // the link has no MAC
	nobody.MAC, bare.Via = mac.Addr{}, mac.Addr{}
	arp := testnet.ARPRequest(phone, phone4, laptop4)
	dhcp := testnet.DHCP{Type: testnet.Request, MAC: laptop, Asked: laptop4}.Frame()
	mdns := testnet.MDNSResponse(phone, phone4, 120, true, testnet.Record{Name: "phone.local", Addr: phone4})
	for _, tt := range []struct {
		name  string
		link  uint16
		wrap  func([]byte) []byte
		frame []byte
		want  []Fact
	}{
		{"cooked arp", 113, cooked, arp, []Fact{asks}},
		{"cooked dhcp", 113, cooked, dhcp, []Fact{requested}},
		{"cooked mdns", 113, cooked, mdns, []Fact{announced, named}},
		{"cooked tagged", 113, cooked, testnet.Tagged(mdns, 7), []Fact{announced, named}},
		{"cooked 2 arp", 276, cooked2, arp, []Fact{asks}},
		{"cooked 2 dhcp", 276, cooked2, dhcp, []Fact{requested}},
		{"cooked 2 mdns", 276, cooked2, mdns, []Fact{announced, named}},
		{"cooked 2 tagged", 276, cooked2, testnet.Tagged(mdns, 7), []Fact{announced, named}},
		{"cooked 2 tagged arp", 276, cooked2, testnet.Tagged(arp, 7), []Fact{asks}},
		{"raw dhcp", 101, raw, dhcp, []Fact{bare}},
		{"raw mdns", 12, raw, mdns, []Fact{nobody}},
		{"loopback mdns", 0, null, mdns, []Fact{nobody}},
		{"802.1ad", 1, tag(0x88, 0xa8, 0, 7), testnet.Tagged(arp, 8), []Fact{asks}},
		{"9100", 1, tag(0x91, 0, 0, 7), arp, []Fact{asks}},
		{"9100 and 802.1Q", 1, tag(0x91, 0, 0, 7), testnet.Tagged(mdns, 8), []Fact{announced, named}},
		{"802.1Q and 9100", 1, tag(0x81, 0, 0, 7, 0x91, 0, 0, 8), dhcp, []Fact{requested}},
		{"SNAP", 1, tag(0, 60, 0xaa, 0xaa, 3, 0, 0, 0), arp, []Fact{asks}},
		{"cooked SNAP", 113, func(f []byte) []byte {
			b := cooked(f)
			return append(append(b[:14:14], 0, 4, 0xaa, 0xaa, 3, 0, 0, 0), b[14:]...)
		}, mdns, []Fact{announced, named}},
		{"PPPoE", 1, func(f []byte) []byte {
			return append(append(f[:12:12], 0x88, 0x64, 0x11, 0, 0, 1, 0, 100, 0, 0x21), f[14:]...)
		}, mdns, []Fact{nobody}}, // the MAC is a router's
		{"MPLS and IP", 1, func(f []byte) []byte {
			return append(append(f[:12:12], 0x88, 0x47, 0, 0, 1, 64), f[14:]...)
		}, mdns, []Fact{nobody}},
		{"priority tag", 1, tag(0x81, 0, 0, 0), arp, []Fact{asks}},
		{"MPLS", 1, tag(0x88, 0x47, 0, 0), arp, nil},
		{"another link", 105, raw, mdns, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := decode(t, tt.link, tt.wrap(tt.frame))
			for i := range got {
				got[i].Protocol = 0
			}
			if diff := cmp.Diff(tt.want, got, compareAddrs); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
		})
	}
}

// Fragments, tunnels and extension headers, which neighbor discovery does not need, have no facts. Padding does not matter.
func TestDecoder_IPHeaders(t *testing.T) {
	four := testnet.MDNSResponse(phone, phone4, 120, true, testnet.Record{Name: "phone.local", Addr: phone4})
	six := testnet.NeighborAdvert(phone, phoneLL, phoneLL, testnet.TargetMAC(phone))
	edit := func(frame []byte, at int, v ...byte) []byte {
		frame = slices.Clone(frame)
		copy(frame[at:], v)
		return frame
	}
	insert := func(frame []byte, next byte, header ...byte) []byte {
		b := slices.Clone(frame[:54])
		binary.BigEndian.PutUint16(b[18:], uint16(len(frame)-54+len(header)))
		b[20] = next
		return append(append(b, header...), frame[54:]...)
	}
	for _, tt := range []struct {
		name  string
		frame []byte
		facts int
	}{
		{"plain IPv4", four, 2},
		{"plain IPv6", six, 1},
		{"more fragments", edit(four, 20, 0x20, 0), 0},
		{"later fragment", edit(four, 20, 0, 1), 0},
		{"don't fragment", edit(four, 20, 0x40, 0), 2},
		{"wrong version, IPv4", edit(four, 14, 0x65), 0},
		{"wrong version, IPv6", edit(six, 14, 0x40), 0},
		{"padding, IPv6", append(slices.Clone(six), 0, 0, 0), 1},
		{"padding, IPv4", append(slices.Clone(four), 0, 0, 0), 2},
		{"hop-by-hop header", insert(six, 0, 58, 0, 1, 4, 0, 0, 0, 0), 0},
		{"UDP length below 8", edit(four, 38, 0, 7), 0},
		{"fragment header", insert(six, 44, 58, 0, 0, 0, 0, 0, 0, 7), 0},
		{"IPv6 in IPv6", insert(six, 41, six[14:54]...), 0},
		{"IPv4 in IPv4", append(edit(four[:34:34], 23, 4), four[14:]...), 0},
		{"other ICMPv6", edit(six, 54, 128), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			facts, stats := decode(t, 1, tt.frame)
			if len(facts) != tt.facts || stats.Malformed != [NumProtocols]uint64{} {
				t.Errorf("%v, malformed %v; want %d facts", facts, stats.Malformed, tt.facts)
			}
		})
	}
}

// The facts of a frame do not depend on the frame before.
func TestDecoder_KeepsNothing(t *testing.T) {
	d, all := NewDecoder(), samples()
	for first := range maps.Values(all) {
		for name, frame := range all {
			d.Decode(1, first, func(Fact) {})
			var got []Fact
			d.Decode(1, frame, func(f Fact) { got = append(got, f) })
			if want, _ := decode(t, 1, frame); !slices.Equal(got, want) {
				t.Fatalf("%s: got %v, from a new decoder %v", name, got, want)
			}
		}
	}
}

func BenchmarkDecoder(b *testing.B) {
	all := samples()
	all["none"] = testnet.UDP(laptop4, phone4, 100)
	for name, frame := range all {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			d := NewDecoder()
			ignore := func(Fact) {}
			b.ReportAllocs()
			for b.Loop() {
				d.Decode(1, frame, ignore)
			}
		})
	}
}

// FuzzDecoder decodes any frame.
func FuzzDecoder(f *testing.F) {
	for _, frame := range samples() {
		f.Add(uint16(1), frame)
		f.Add(uint16(1), testnet.Tagged(frame, 7))
		f.Add(uint16(101), frame[14:])
	}
	f.Fuzz(func(t *testing.T, link uint16, frame []byte) { decode(t, link, frame) })
}

// FuzzMessage decodes any message of each protocol, in a frame that is right.
func FuzzMessage(f *testing.F) {
	const fromPhone = 42 // bytes before a message over UDP and IPv4
	datagram := func(from, to uint16) func(b []byte) []byte {
		return func(b []byte) []byte {
			return testnet.Datagram(testnet.Ends{SrcMAC: phone, Src: phone4, Dst: ip("224.0.0.252")}, from, to, 1, b)
		}
	}
	frames := [...]func(b []byte) []byte{
		LLMNR: datagram(5355, 5355), NetBIOS: datagram(137, 137), SSDP: datagram(1900, 1900), NumProtocols: datagram(138, 138),
		ARP: func(b []byte) []byte { return append(testnet.ARPReply(phone, phone4, laptop, laptop4)[:14], b...) },
		NDP: func(b []byte) []byte {
			typ, rest := slices.Clone(b[:min(len(b), 1)]), b[min(len(b), 1):]
			return testnet.ICMPv6(testnet.Ends{SrcMAC: phone, Src: phoneLL, Dst: ip("ff02::1")}, 255, append(typ, 0)[0], rest)
		},
		DHCP: func(b []byte) []byte {
			return testnet.Datagram(testnet.Ends{SrcMAC: phone, Src: phone4, Dst: laptop4}, 68, 67, 64, b)
		},
		DHCPv6: func(b []byte) []byte {
			return testnet.Datagram(testnet.Ends{SrcMAC: laptop, DstMAC: phone, Src: laptopLL, Dst: phoneLL}, 546, 547, 64, b)
		},
		MDNS: func(b []byte) []byte {
			return testnet.Datagram(testnet.Ends{SrcMAC: phone, Src: phone4, Dst: ip("224.0.0.251")}, 5353, 5353, 255, b)
		},
	}
	for name, frame := range samples() {
		switch protocol, _, _ := strings.Cut(name, " "); protocol {
		case "arp":
			f.Add(uint8(ARP), frame[14:])
		case "ndp":
			f.Add(uint8(NDP), append(frame[54:55:55], frame[58:]...))
		case "dhcp":
			f.Add(uint8(DHCP), frame[fromPhone:])
		case "dhcpv6":
			f.Add(uint8(DHCPv6), frame[fromPhone+20:])
		case "mdns":
			f.Add(uint8(MDNS), frame[fromPhone:])
		case "llmnr":
			f.Add(uint8(LLMNR), frame[fromPhone:])
		case "netbios":
			f.Add(uint8(NetBIOS), frame[fromPhone:])
			f.Add(uint8(NumProtocols), frame[fromPhone:])
		case "ssdp":
			f.Add(uint8(SSDP), frame[fromPhone:])
		}
	}
	f.Add(uint8(DHCP), testnet.DHCP{Type: testnet.Discover, MAC: laptop, Name: "lap", Options: map[byte][]byte{52: {3}},
		Server: []byte("\x0c\x01p\xff"), File: []byte("\x0c\x02to\xff")}.Message())
	f.Add(uint8(MDNS), testnet.MDNSResponse(phone, phone4, 120, true,
		testnet.Record{Name: "00000.loCAl.loCAl", Addr: phone6})[fromPhone:]) // found by fuzzing
	f.Fuzz(func(t *testing.T, which uint8, message []byte) {
		protocol := Protocol(which % uint8(len(frames)))
		facts, stats := decode(t, 1, frames[protocol](message[:min(len(message), 9100)]))
		if protocol == NumProtocols {
			protocol = NetBIOS // its datagram service
		}
		readsCut := protocol >= MDNS // the format of DNS can be read up to what is wrong
		if int(stats.Facts[protocol]) != len(facts) || stats.Malformed[protocol] > 0 && len(facts) > 0 && !readsCut {
			t.Errorf("%v %x: %v, stats %+v", protocol, message, facts, stats)
		}
	})
}

package testnet_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"gonetmon/test/testnet"
)

// What the builders make, gopacket reads to the last layer.
func TestControlFrames(t *testing.T) {
	mac, other := [6]byte{2, 0, 0, 0, 0, 7}, [6]byte{2, 0, 0, 0, 0, 8}
	four, four2 := netip.MustParseAddr("192.168.2.7"), netip.MustParseAddr("192.168.2.8")
	six, local := netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("fe80::7")
	prefix := netip.MustParsePrefix("2001:db8::/64")
	tests := []struct {
		name  string
		frame []byte
		want  string // the layers that gopacket knows
	}{
		{"arp request", testnet.ARPRequest(mac, four, four2), "Ethernet ARP"},
		{"arp reply", testnet.ARPReply(mac, four, other, four2), "Ethernet ARP"},
		{"tagged", testnet.Tagged(testnet.ARPProbe(mac, four), 7, 8), "Ethernet Dot1Q Dot1Q ARP"},
		{"router solicitation", testnet.RouterSolicit(mac, local, testnet.SourceMAC(mac)),
			"Ethernet IPv6 ICMPv6 ICMPv6RouterSolicitation"},
		{"router advertisement", testnet.RouterAdvert(mac, local, testnet.SourceMAC(mac),
			testnet.PrefixInfo(prefix, time.Hour)), "Ethernet IPv6 ICMPv6 ICMPv6RouterAdvertisement"},
		{"neighbor solicitation", testnet.NeighborSolicit(mac, local, six, testnet.SourceMAC(mac)),
			"Ethernet IPv6 ICMPv6 ICMPv6NeighborSolicitation"},
		{"neighbor advertisement", testnet.NeighborAdvert(mac, local, six, testnet.TargetMAC(mac)),
			"Ethernet IPv6 ICMPv6 ICMPv6NeighborAdvertisement"},
		{"dhcp request", testnet.DHCP{Type: testnet.Request, MAC: mac, Name: "alexa", Asked: four}.Frame(), "Ethernet IPv4 UDP DHCPv4"},
		{"dhcp ack", testnet.DHCP{Type: testnet.Ack, MAC: mac, Your: four, Life: time.Hour}.Frame(), "Ethernet IPv4 UDP DHCPv4"},
		{"dhcpv6 request", testnet.DHCP6{Type: testnet.Request6, DUID: []byte("0123456789"), Name: "alexa",
			Options: [][]byte{testnet.IANA(six, time.Hour)}, Ends: testnet.Ends{SrcMAC: mac,
				Src: local}}.Frame(), "Ethernet IPv6 UDP DHCPv6"},
		{"dhcpv6 reply", testnet.DHCP6{Type: testnet.Reply6, DUID: []byte("0123456789"),
			Options: [][]byte{testnet.IANA(six, -1)}, Ends: testnet.Ends{SrcMAC: other, DstMAC: mac,
				Src: netip.MustParseAddr("fe80::8"), Dst: local}}.Frame(), "Ethernet IPv6 UDP DHCPv6"},
		{"mdns query", testnet.MDNSQuery(mac, four, "alexa.local"), "Ethernet IPv4 UDP"},
		{"mdns response", testnet.MDNSResponse(mac, local, 120, false, testnet.Record{Name: "alexa.local", Addr: four},
			testnet.Record{Name: "alexa.local", Addr: six}), "Ethernet IPv6 UDP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := gopacket.NewPacket(tt.frame, layers.LinkTypeEthernet, gopacket.Default)
			var got []string
			for _, l := range p.Layers() {
				if l.LayerType() != gopacket.LayerTypePayload {
					got = append(got, l.LayerType().String())
				}
			}
			if e := p.ErrorLayer(); e != nil || p.Metadata().Truncated || strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, %v; want %s", got, e, tt.want)
			}
		})
	}
}

package discovery

import (
	"net/netip"
	"testing"

	"gonetmon/app/mac"
	"gonetmon/test/testnet"
)

func TestDecoder_ARP(t *testing.T) {
	arp := func(op uint16, dst, mac mac.Addr, addr netip.Addr, other mac.Addr, otherAddr netip.Addr) []byte {
		return testnet.ARP(testnet.Ends{SrcMAC: mac, DstMAC: dst, Src: addr, Dst: otherAddr}, op, mac, other)
	}
	edit := func(at int, v byte) []byte {
		frame := testnet.ARPRequest(laptop, laptop4, phone4)
		frame[at] = v
		return frame
	}
	none := mac.Addr{}
	runDecodeTests(t, ARP, []decodeTest{
		{name: "request", frame: testnet.ARPRequest(laptop, laptop4, phone4),
			want: []Fact{{Kind: Announced, MAC: laptop, Via: laptop, Addr: laptop4}}},
		{name: "announcement", frame: testnet.ARPRequest(laptop, laptop4, laptop4),
			want: []Fact{{Kind: Announced, MAC: laptop, Via: laptop, Addr: laptop4, Own: true}}},
		{name: "probe", frame: testnet.ARPProbe(laptop, laptop4),
			want: []Fact{{Kind: Probed, MAC: laptop, Via: laptop, Addr: laptop4}}},
		{name: "reply", frame: testnet.ARPReply(phone, phone4, laptop, laptop4), want: []Fact{
			{Kind: Replied, MAC: phone, Addr: phone4}, {Kind: Announced, MAC: laptop, Addr: laptop4},
		}},
		{name: "reply to a probe", frame: testnet.ARPReply(phone, phone4, laptop, any4),
			want: []Fact{{Kind: Replied, MAC: phone, Addr: phone4}}},
		{name: "reply to another than the target", frame: arp(2, router, phone, phone4, laptop, laptop4),
			want: []Fact{{Kind: Replied, MAC: phone, Addr: phone4}}},
		{name: "reply to nobody", frame: arp(2, none, phone, phone4, none, laptop4),
			want: []Fact{{Kind: Replied, MAC: phone, Addr: phone4}}},
		{name: "reply as announcement", frame: arp(2, phone, phone, phone4, phone, phone4),
			want: []Fact{{Kind: Announced, MAC: phone, Via: phone, Addr: phone4, Own: true}}},
		{name: "reply to all", frame: arp(2, testnet.Broadcast, phone, phone4, testnet.Broadcast, laptop4),
			want: []Fact{{Kind: Announced, MAC: phone, Via: phone, Addr: phone4}}},
		{name: "through an extender", frame: testnet.ARP(testnet.Ends{SrcMAC: router, DstMAC: testnet.Broadcast, Src: phone4,
			Dst: laptop4}, 1, phone, none),
			want: []Fact{{Kind: Announced, MAC: phone, Via: router, Addr: phone4}}},
		{name: "from a groupMAC", frame: testnet.ARPRequest(groupMAC, laptop4, phone4)},
		{name: "from no MAC", frame: testnet.ARPRequest(none, laptop4, phone4)},
		{name: "from everybody", frame: testnet.ARPRequest(laptop, ip("255.255.255.255"), phone4)},
		{name: "from a multicast address", frame: testnet.ARPRequest(laptop, ip("224.0.0.1"), phone4)},
		{name: "from loopback", frame: testnet.ARPRequest(laptop, ip("127.0.0.1"), phone4)},
		{name: "probe for nothing", frame: testnet.ARPProbe(laptop, any4)},
		{name: "RARP", frame: edit(21, 3)},
		{name: "not of Ethernet", frame: edit(15, 6)},
		{name: "not of IPv4", frame: edit(17, 1)},
		{name: "long hardware addresses", frame: edit(18, 255)},
		{name: "long addresses", frame: edit(19, 16)},
		{name: "truncated", frame: edit(0, 0)[:14+27], malformed: 1},
		{name: "truncated early", frame: edit(0, 0)[:14+7], malformed: 1},
		{name: "empty", frame: edit(0, 0)[:14], malformed: 1},
	})
}

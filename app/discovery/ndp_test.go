package discovery

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"gonetmon/app/mac"
	"gonetmon/test/testnet"
)

const century = 100 * 365 * 24 * time.Hour

func TestDecoder_NDP(t *testing.T) {
	announced := func(mac mac.Addr, addr netip.Addr) Fact {
		return Fact{Kind: Announced, MAC: mac, Addr: addr}
	}
	sent := func(via, mac mac.Addr, addr netip.Addr) Fact {
		return Fact{Kind: Announced, MAC: mac, Via: via, Addr: addr}
	}
	unsolicited := Fact{Kind: Announced, MAC: phone, Addr: phone6, Own: true}
	onLink := func(prefix string, life time.Duration) Fact {
		return Fact{Kind: OnLinkPrefix, MAC: router, Prefix: netip.MustParsePrefix(prefix), Lifetime: life}
	}
	// advert is what the router says of prefixes.
	advert := func(options ...[]byte) []byte {
		return testnet.RouterAdvert(router, routerLL, append([][]byte{testnet.SourceMAC(router)}, options...)...)
	}
	prefix := func(s string, life time.Duration) []byte { return testnet.PrefixInfo(netip.MustParsePrefix(s), life) }
	flags := func(option []byte, flags byte) []byte {
		option[3] = flags
		return option
	}
	isRouter := []Fact{announced(router, routerLL), {Kind: Router, MAC: router, Addr: routerLL}}
	with := func(facts ...Fact) []Fact { return append(isRouter[:2:2], facts...) }
	all := testnet.Ends{SrcMAC: phone, Src: phoneLL, Dst: ip("ff02::1")}
	wrongSum := testnet.NeighborAdvert(phone, phoneLL, phone6, testnet.TargetMAC(phone))
	wrongSum[60] ^= 1
	// proxied is what the router says as a proxy of the phone: without the override flag.
	proxied := func(src netip.Addr) []byte {
		body := append([]byte{0x40, 0, 0, 0}, phone6.AsSlice()...)
		return testnet.ICMPv6(testnet.Ends{SrcMAC: router, Src: src, Dst: laptop6}, 255, 136, body, testnet.TargetMAC(router))
	}
	whole := testnet.NeighborSolicit(phone, phoneLL, laptop6, testnet.SourceMAC(laptop))
	runDecodeTests(t, NDP, []decodeTest{
		{name: "RS", frame: testnet.RouterSolicit(phone, phoneLL, testnet.SourceMAC(phone)), want: []Fact{sent(phone, phone, phoneLL)}},
		{name: "RS, no option", frame: testnet.RouterSolicit(phone, phoneLL), want: []Fact{sent(phone, phone, phoneLL)}},
		{name: "RS, another's option", frame: testnet.RouterSolicit(router, phoneLL, testnet.SourceMAC(phone)),
			want: []Fact{sent(router, phone, phoneLL)}},
		{name: "RS from nobody", frame: testnet.RouterSolicit(phone, any6)},
		{name: "RA", frame: advert(), want: isRouter},
		{name: "RA, no option", frame: testnet.RouterAdvert(router, routerLL), want: with()},
		{name: "RA from a global address", frame: testnet.RouterAdvert(router, phone6, testnet.SourceMAC(router)), malformed: 1},
		{name: "prefix", frame: advert(prefix("2001:db8:0:1::/64", time.Hour)), want: with(onLink("2001:db8:0:1::/64", time.Hour))},
		{name: "prefix, no option with the MAC", frame: testnet.RouterAdvert(router, routerLL, prefix("fd00::/64", time.Hour)),
			want: with(onLink("fd00::/64", time.Hour))},
		{name: "prefix withdrawn", frame: advert(prefix("fd00:1::/64", 0)), want: with(onLink("fd00:1::/64", 0))},
		{name: "prefix forever", frame: advert(prefix("fd00:1::/64", -1)), want: with(onLink("fd00:1::/64", century))},
		{name: "prefix for nearly ever", frame: advert(prefix("fd00:1::/64", (1<<32-2)*time.Second)),
			want: with(onLink("fd00:1::/64", century))},
		{name: "prefix to be masked", frame: advert(prefix("2001:db8::7/48", time.Hour)),
			want: with(onLink("2001:db8::/48", time.Hour))},
		{name: "prefix on link only", frame: advert(flags(prefix("2001:db8::/127", time.Hour), 0x80)),
			want: with(onLink("2001:db8::/127", time.Hour))},
		{name: "prefix for addresses only", frame: advert(flags(prefix("2001:db8::/64", time.Hour), 0x40)),
			want: with(onLink("2001:db8::/64", time.Hour))},
		{name: "prefix for neither", frame: advert(flags(prefix("2001:db8::/64", time.Hour), 0x20)), want: isRouter},
		{name: "all the internet", frame: advert(prefix("2000::/3", time.Hour)), want: isRouter},
		{name: "short prefix", frame: advert(prefix("2001:db8::/47", time.Hour)), want: isRouter},
		{name: "one address", frame: advert(prefix("2001:db8::7/128", time.Hour)), want: isRouter},
		{name: "link-local prefix", frame: advert(prefix("fe80::/64", time.Hour)), want: isRouter},
		{name: "multicast prefix", frame: advert(prefix("ff02::/64", time.Hour)), want: isRouter},
		{name: "IPv4-mapped prefix", frame: advert(flags(append(prefix("::/64", time.Hour)[:26], 0xff, 0xff, 192, 168, 2, 7), 0xc0)),
			want: isRouter},
		{name: "prefix of 129 bits", frame: advert(append([]byte{3, 4, 129}, prefix("2001:db8::/64", time.Hour)[3:]...)),
			want: isRouter},
		{name: "two prefixes", frame: advert(prefix("2001:db8::/64", time.Hour), []byte{5, 1, 0, 0, 0, 0, 5, 220},
			prefix("fd00::/64", -1)),
			want: with(onLink("2001:db8::/64", time.Hour), onLink("fd00::/64", century))},
		{name: "NS", frame: testnet.NeighborSolicit(phone, phone6, laptop6, testnet.SourceMAC(phone)),
			want: []Fact{sent(phone, phone, phone6)}},
		{name: "NS, no option", frame: testnet.NeighborSolicit(phone, phoneLL, laptop6), want: []Fact{sent(phone, phone, phoneLL)}},
		{name: "NS, another's option", frame: testnet.NeighborSolicit(router, phoneLL, laptop6, testnet.SourceMAC(phone)),
			want: []Fact{sent(router, phone, phoneLL)}},
		{name: "NS for an address to have", frame: testnet.NeighborSolicit(phone, any6, phone6),
			want: []Fact{{Kind: Probed, MAC: phone, Addr: phone6}}},
		{name: "NS for a group", frame: testnet.NeighborSolicit(phone, phoneLL, ip("ff02::1")), malformed: 1},
		{name: "NA of its own", frame: testnet.NeighborAdvert(phone, phone6, phone6, testnet.TargetMAC(phone)),
			want: []Fact{unsolicited}},
		{name: "NA of its own, no option", frame: testnet.NeighborAdvert(phone, phone6, phone6), want: []Fact{unsolicited}},
		{name: "NA of its own, another's option", frame: testnet.NeighborAdvert(router, phone6, phone6, testnet.TargetMAC(phone)),
			want: []Fact{unsolicited}},
		{name: "NA of its own, solicited", frame: testnet.ICMPv6(testnet.Ends{SrcMAC: phone, DstMAC: laptop, Src: phone6, Dst: laptop6},
			255, 136, append([]byte{0x60, 0, 0, 0}, phone6.AsSlice()...), testnet.TargetMAC(phone)),
			want: []Fact{announced(phone, phone6)}},
		{name: "NA from link-local", frame: testnet.NeighborAdvert(phone, phoneLL, phone6, testnet.TargetMAC(phone)),
			want: []Fact{{Kind: Replied, MAC: phone, Addr: phone6}, announced(phone, phoneLL)}},
		{name: "NA from link-local, no option", frame: testnet.NeighborAdvert(phone, phoneLL, phone6),
			want: []Fact{announced(phone, phoneLL)}},
		{name: "NA for another", frame: testnet.NeighborAdvert(router, routerLL, phone6, testnet.TargetMAC(phone)),
			want: []Fact{{Kind: Replied, MAC: phone, Addr: phone6}}},
		{name: "NA of its own, of a proxy", frame: proxied(phone6)},
		{name: "NA for another, of a proxy", frame: proxied(routerLL), want: []Fact{announced(router, routerLL)}},
		{name: "NA of a group", frame: testnet.NeighborAdvert(phone, phoneLL, ip("ff02::1")), malformed: 1},
		{name: "NA of an IPv4-mapped address", frame: testnet.NeighborAdvert(phone, ip("::ffff:192.168.2.8"),
			ip("::ffff:192.168.2.8"), testnet.TargetMAC(phone))},
		{name: "MAC of a group", frame: testnet.NeighborAdvert(phone, phone6, phone6, testnet.TargetMAC(groupMAC))},
		{name: "option of another link", frame: testnet.NeighborSolicit(phone, phoneLL, laptop6,
			append([]byte{1, 2}, make([]byte, 14)...)),
			want: []Fact{sent(phone, phone, phoneLL)}},
		{name: "forwarded", frame: testnet.ICMPv6(all, 254, 133, make([]byte, 4)), malformed: 1},
		{name: "wrong checksum", frame: wrongSum, malformed: 1},
		{name: "too short", frame: testnet.ICMPv6(all, 255, 136, make([]byte, 19)), malformed: 1},
		{name: "option of no length", frame: testnet.RouterSolicit(phone, phoneLL, []byte{1, 0, 0, 0, 0, 0, 0, 0}), malformed: 1},
		{name: "option too long", frame: testnet.RouterSolicit(phone, phoneLL, []byte{1, 2, 0, 0, 0, 0, 0, 0}), malformed: 1},
		{name: "rest behind the options", frame: testnet.RouterSolicit(phone, phoneLL, testnet.SourceMAC(phone), []byte{1}),
			malformed: 1},
		{name: "whole", frame: whole, want: []Fact{sent(phone, laptop, phoneLL)}},
		{name: "truncated in the option", frame: whole[:len(whole)-1]},
		{name: "truncated in front of the option", frame: whole[:len(whole)-8]},
		{name: "truncated in the target", frame: whole[:len(whole)-9], malformed: 1},
		{name: "64 facts are enough", frame: advert(bytes.Repeat(prefix("fd00::/64", -1), 40),
			bytes.Repeat(prefix("fd00::/64", -1), 40)),
			want: with(repeat(62, onLink("fd00::/64", century))...)},
	})
}

func repeat(n int, f Fact) []Fact {
	all := make([]Fact, n)
	for i := range all {
		all[i] = f
	}
	return all
}

package discovery

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

func TestDecoder_DHCPv6(t *testing.T) {
	server := testnet.Ends{SrcMAC: router, DstMAC: laptop, Src: routerLL, Dst: laptopLL}
	client := func(typ byte, name string, options ...[]byte) []byte {
		return testnet.DHCP6{Type: typ, DUID: []byte("\x00\x03\x00\x01\x02\x00\x00\x00\x00\x99"), Name: name, Options: options,
			Ends: testnet.Ends{SrcMAC: laptop, Src: laptopLL}}.Frame()
	}
	reply := func(name string, options ...[]byte) []byte {
		return testnet.DHCP6{Type: testnet.Reply6, Name: name, Options: options, Ends: server}.Frame()
	}
	status := func(code byte) []byte { return testnet.Option6(13, []byte{0, code}, []byte("why")) }
	ia := testnet.IANA(laptop6, time.Hour)
	temporary := testnet.Option6(4, make([]byte, 4), ia[16:])
	fqdn := func(b []byte) []byte { return testnet.Option6(39, []byte{1}, b) }
	announced := Fact{Kind: Announced, MAC: laptop, Addr: laptopLL}
	requested := Fact{Kind: Requested, MAC: laptop, Addr: laptop6, Transaction: xid6}
	released := Fact{Kind: Released, MAC: laptop, Addr: laptop6}
	leased := Fact{Kind: Leased, MAC: laptop, Addr: laptop6, Lifetime: time.Hour, Transaction: xid6}
	macName := func(name string) Fact {
		return Fact{Kind: MACName, MAC: laptop, Name: name, Own: true}
	}
	runDecodeTests(t, DHCPv6, []decodeTest{
		{name: "solicit", frame: client(testnet.Solicit6, "laptop", ia), want: []Fact{announced, macName("laptop")}},
		{name: "advertise", frame: testnet.DHCP6{Type: testnet.Advertise6, Name: "laptop", Options: [][]byte{ia},
			Ends: server}.Frame()},
		{name: "request", frame: client(testnet.Request6, "laptop", ia), want: []Fact{announced, macName("laptop"), requested}},
		{name: "confirm", frame: client(testnet.Confirm6, "", ia), want: []Fact{announced, requested}},
		{name: "renew", frame: client(testnet.Renew6, "", temporary), want: []Fact{announced, requested}},
		{name: "rebind", frame: client(testnet.Rebind6, "", ia, temporary), want: []Fact{announced, requested, requested}},
		{name: "release", frame: client(testnet.Release6, "", ia), want: []Fact{announced, released}},
		{name: "decline", frame: client(testnet.Decline6, "", ia), want: []Fact{announced, released}},
		{name: "information request", frame: client(11, "laptop"), want: []Fact{announced, macName("laptop")}},
		{name: "relayed", frame: client(12, "laptop", ia)},
		{name: "relayed reply", frame: testnet.DHCP6{Type: 13, Options: [][]byte{ia}, Ends: server}.Frame()},
		{name: "reconfigure", frame: testnet.DHCP6{Type: 10, Options: [][]byte{ia}, Ends: server}.Frame()},
		{name: "from a global address", frame: testnet.DHCP6{Type: testnet.Request6, Name: "laptop", Options: [][]byte{ia},
			Ends: testnet.Ends{SrcMAC: laptop, Src: laptop6}}.Frame()},
		{name: "from a group's MAC", frame: testnet.DHCP6{Type: testnet.Request6, Name: "laptop", Options: [][]byte{ia},
			Ends: testnet.Ends{SrcMAC: groupMAC, Src: laptopLL}}.Frame()},

		{name: "reply", frame: reply("laptop.lan.", ia), want: []Fact{{Kind: MACName, MAC: laptop, Name: "laptop.lan"}, leased}},
		{name: "reply forever", frame: reply("", testnet.IANA(laptop6, -1)),
			want: []Fact{{Kind: Leased, MAC: laptop, Addr: laptop6, Lifetime: century, Transaction: xid6}}},
		{name: "reply, lifetime 0", frame: reply("", testnet.IANA(laptop6, 0))},
		{name: "reply, success", frame: reply("", testnet.IANA(laptop6, time.Hour, status(0)), status(0)), want: []Fact{leased}},
		{name: "reply, failure", frame: reply("", ia, status(2))},
		{name: "reply, failure of an address", frame: reply("", testnet.IANA(laptop6, time.Hour, status(2)), temporary),
			want: []Fact{leased}},
		{name: "reply, failure of an association", frame: reply("", testnet.Option6(3, make([]byte, 12), ia[16:], status(2)),
			temporary),
			want: []Fact{leased}},
		{name: "reply to a global address", frame: testnet.DHCP6{Type: testnet.Reply6, Options: [][]byte{ia},
			Ends: testnet.Ends{SrcMAC: router, DstMAC: laptop, Src: routerLL, Dst: laptop6}}.Frame()},
		{name: "reply to all stations", frame: testnet.DHCP6{Type: testnet.Reply6, Options: [][]byte{ia},
			Ends: testnet.Ends{SrcMAC: router, Src: routerLL, Dst: laptopLL}}.Frame()},
		{name: "multicast address", frame: reply("", testnet.IANA(ip("ff02::1"), time.Hour))},

		{name: "whole name", frame: client(testnet.Solicit6, "", fqdn(testnet.WireName("Laptop", "lan"))),
			want: []Fact{announced, macName("laptop.lan")}},
		{name: "empty name", frame: client(testnet.Solicit6, "", fqdn(nil)), want: []Fact{announced}},
		{name: "root", frame: client(testnet.Solicit6, "", fqdn([]byte{0})), want: []Fact{announced}},
		{name: "no flags", frame: client(testnet.Solicit6, "", testnet.Option6(39)), want: []Fact{announced}},
		{name: "bad name", frame: client(testnet.Solicit6, "???"), want: []Fact{announced}, refused: 1},
		{name: "name with a space", frame: client(testnet.Solicit6, "my laptop"), want: []Fact{announced, macName("my-laptop")}},
		{name: "name under local", frame: client(testnet.Solicit6, "dc1.contoso.local"),
			want: []Fact{announced, macName("dc1.contoso.local")}},
		{name: "truncated name", frame: client(testnet.Solicit6, "", fqdn([]byte("\x07laptop"))),
			want: []Fact{announced, macName("laptop")}},
		{name: "localhost", frame: client(testnet.Solicit6, "localhost"), want: []Fact{announced}, refused: 1},

		{name: "option too long", frame: client(testnet.Request6, "", ia, []byte{0, 6, 0, 1}), malformed: 1},
		{name: "half an option", frame: client(testnet.Request6, "", ia, []byte{0, 6, 0}), malformed: 1},
		{name: "association too short", frame: client(testnet.Request6, "", testnet.Option6(3, make([]byte, 11))), malformed: 1},
		{name: "address too short", frame: client(testnet.Request6, "",
			testnet.Option6(3, make([]byte, 12), testnet.Option6(5, make([]byte, 23)))), malformed: 1},
		{name: "status too short", frame: reply("", ia, testnet.Option6(13, []byte{0})), malformed: 1},
		{name: "too short", frame: testnet.Datagram(testnet.Ends{SrcMAC: laptop, Src: laptopLL, Dst: routerLL}, 546, 547, 1,
			[]byte{1, 0, 0}), malformed: 1},
		{name: "64 facts are enough", frame: client(testnet.Request6, "", bytes.Repeat(ia, 80)),
			want: append([]Fact{announced}, repeat(63, requested)...)},
		{name: "only IPv6", frame: testnet.Datagram(testnet.Ends{SrcMAC: laptop, Src: laptop4, Dst: phone4}, 546, 547, 1,
			testnet.DHCP6{Type: testnet.Solicit6, Name: strings.Repeat("a", 9)}.Message())},
	})
}

package discovery

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

func TestDecoder_DHCP(t *testing.T) {
	type options = map[byte][]byte
	// client is a message that a client sends, with an address to ask for.
	client := func(typ byte, name string, more options) []byte {
		return testnet.DHCP{Type: typ, MAC: laptop, Name: name, Asked: laptop4, Options: more}.Frame()
	}
	with := func(m testnet.DHCP, change func(payload []byte)) []byte {
		b := m.Message()
		change(b)
		return testnet.Datagram(testnet.Ends{SrcMAC: laptop, DstMAC: testnet.Broadcast, Src: laptop4, Dst: ip("255.255.255.255")}, 68,
			67, 64, b)
	}
	requested := Fact{Kind: Requested, MAC: laptop, Via: laptop, Addr: laptop4, Transaction: xid4}
	announced := Fact{Kind: Announced, MAC: laptop, Addr: laptop4}
	released := Fact{Kind: Released, MAC: laptop, Addr: laptop4}
	leased := Fact{Kind: Leased, MAC: laptop, Addr: laptop4, Lifetime: time.Hour, Transaction: xid4}
	macName := func(name string) Fact {
		return Fact{Kind: MACName, MAC: laptop, Name: name, Own: true}
	}
	kind := func(kind string) Fact { return Fact{Kind: DeviceKind, MAC: laptop, Name: kind, Own: true} }
	fqdn := func(flags byte, name []byte) options { return options{81: append([]byte{flags, 0, 0}, name...)} }
	request := testnet.DHCP{Type: testnet.Request, MAC: laptop, Asked: laptop4}
	ack := testnet.DHCP{Type: testnet.Ack, MAC: laptop, Your: laptop4, Life: time.Hour}
	long := strings.Repeat("a", 60) + "." + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60) + "." + strings.Repeat("d",
		60) // 243 bytes
	runDecodeTests(t, DHCP, []decodeTest{
		{name: "discover", frame: client(testnet.Discover, "laptop", nil), want: []Fact{macName("laptop")}},
		{name: "discover without a name", frame: client(testnet.Discover, "", nil)},
		{name: "offer", frame: testnet.DHCP{Type: testnet.Offer, MAC: laptop, Your: laptop4, Life: time.Hour, Name: "laptop"}.Frame()},
		{name: "request", frame: client(testnet.Request, "laptop", nil), want: []Fact{requested, macName("laptop")}},
		{name: "request to renew", frame: testnet.DHCP{Type: testnet.Request, MAC: laptop, Client: laptop4}.Frame(),
			want: []Fact{requested, announced}},
		{name: "request through a relay", frame: testnet.DHCP{Type: testnet.Request, MAC: laptop, Asked: laptop4,
			Ends: testnet.Ends{SrcMAC: router, DstMAC: phone, Src: ip("192.168.2.1"), Dst: phone4}}.Frame(),
			want: []Fact{{Kind: Requested, MAC: laptop, Via: router, Addr: laptop4, Transaction: xid4}}},
		{name: "request through a relay that says so",
			frame: with(request, func(b []byte) { copy(b[24:], ip("192.168.2.1").AsSlice()) }),
			want:  []Fact{{Kind: Requested, MAC: laptop, Addr: laptop4, Transaction: xid4}}},
		{name: "inform", frame: testnet.DHCP{Type: testnet.Inform, MAC: laptop, Client: laptop4, Name: "laptop"}.Frame(),
			want: []Fact{announced, macName("laptop")}},
		{name: "release", frame: testnet.DHCP{Type: testnet.Release, MAC: laptop, Client: laptop4}.Frame(), want: []Fact{released}},
		{name: "decline", frame: client(testnet.Decline, "", nil), want: []Fact{released}},
		{name: "ack", frame: ack.Frame(), want: []Fact{leased}},
		{name: "ack with a name", frame: testnet.DHCP{Type: testnet.Ack, MAC: laptop, Your: laptop4, Life: time.Hour,
			Name: "LAPTOP"}.Frame(),
			want: []Fact{{Kind: MACName, MAC: laptop, Name: "laptop", Transaction: xid4}, leased}},
		{name: "ack without a time", frame: testnet.DHCP{Type: testnet.Ack, MAC: laptop, Your: laptop4}.Frame(), want: []Fact{leased}},
		{name: "ack forever", frame: testnet.DHCP{Type: testnet.Ack, MAC: laptop, Your: laptop4, Life: -1}.Frame(),
			want: []Fact{{Kind: Leased, MAC: laptop, Addr: laptop4, Lifetime: century, Transaction: xid4}}},
		{name: "ack of a server with an identifier", frame: testnet.DHCP{Type: testnet.Ack, MAC: laptop, Your: laptop4,
			Options: options{54: {192, 168, 2, 1}}}.Frame(),
			want: []Fact{{Kind: Leased, MAC: laptop, Addr: laptop4, Lifetime: time.Hour, Transaction: xid4, Server: ip("192.168.2.1")}}},
		{name: "ack of a server that is a group", frame: testnet.DHCP{Type: testnet.Ack, MAC: laptop, Your: laptop4,
			Options: options{54: {224, 0, 0, 1}}}.Frame(), want: []Fact{leased}},
		{name: "ack of a server with a short identifier", frame: testnet.DHCP{Type: testnet.Ack, MAC: laptop, Your: laptop4,
			Options: options{54: {192, 168, 2}}}.Frame(), malformed: 1},
		{name: "ack to an inform", frame: testnet.DHCP{Type: testnet.Ack, MAC: laptop, Client: laptop4}.Frame(),
			want: []Fact{announced}},
		{name: "nak", frame: testnet.DHCP{Type: testnet.Nak, MAC: laptop, Your: laptop4}.Frame()},
		{name: "bound without a type", frame: client(0, "laptop", nil)},

		{name: "name with a NUL", frame: client(testnet.Discover, "laptop\x00\x00", nil), want: []Fact{macName("laptop")}},
		{name: "name with a dot", frame: client(testnet.Discover, "laptop.lan.", nil), want: []Fact{macName("laptop.lan")}},
		{name: "name under local", frame: client(testnet.Discover, "Laptop.local", nil), want: []Fact{macName("laptop.local")}},
		{name: "name of NULs", frame: client(testnet.Discover, "\x00", nil)},
		{name: "name with a space", frame: client(testnet.Discover, "My Laptop", nil), want: []Fact{macName("my-laptop")}},
		{name: "name of signs", frame: client(testnet.Discover, "???", nil), refused: 1},
		{name: "localhost", frame: client(testnet.Discover, "localhost", nil), refused: 1},
		{name: "localhost under local", frame: client(testnet.Discover, "localhost.local", nil), refused: 1},
		{name: "localhost.localdomain", frame: client(testnet.Discover, "LocalHost.LocalDomain", nil), refused: 1},
		{name: "an address under local", frame: client(testnet.Discover, "192.168.2.1.local", nil), refused: 1},
		{name: "name too long", frame: client(testnet.Discover, strings.Repeat("a", 64), nil),
			want: []Fact{macName(strings.Repeat("a", 63))}},
		{name: "name twice", frame: with(testnet.DHCP{Type: testnet.Discover, MAC: laptop, Name: "laptop",
			Options: options{254: []byte("laptop")}}, func(b []byte) { b[bytes.IndexByte(b, 254)] = 12 }),
			want: []Fact{macName("laptop")}},
		{name: "name in two parts", frame: with(testnet.DHCP{Type: testnet.Discover, MAC: laptop, Name: "laptop",
			Options: options{254: []byte("-of-tom")}}, func(b []byte) { b[bytes.IndexByte(b, 254)] = 12 }),
			want: []Fact{macName("laptop-of-tom")}},

		{name: "FQDN in ASCII", frame: client(testnet.Discover, "", fqdn(0, []byte("Laptop.lan"))),
			want: []Fact{macName("laptop.lan")}},
		{name: "FQDN in ASCII with a NUL", frame: client(testnet.Discover, "", fqdn(1, []byte("laptop\x00"))),
			want: []Fact{macName("laptop")}},
		{name: "FQDN, whole", frame: client(testnet.Discover, "", fqdn(5, testnet.WireName("Laptop", "lan"))),
			want: []Fact{macName("laptop.lan")}},
		{name: "FQDN, partial", frame: client(testnet.Discover, "", fqdn(4, testnet.PartialName("laptop"))),
			want: []Fact{macName("laptop")}},
		{name: "FQDN, long", frame: client(testnet.Discover, "", fqdn(4, testnet.PartialName(long))), want: []Fact{macName(long)}},
		{name: "FQDN in two options", frame: client(testnet.Discover, "",
			fqdn(4, append(testnet.WireName(strings.Split(long, ".")...), make([]byte, 100)...))),
			want: []Fact{macName(long)}},
		{name: "FQDN, too long", frame: client(testnet.Discover, "", fqdn(4, testnet.PartialName(long+"."+strings.Repeat("e", 20)))),
			want: []Fact{macName(long)}},
		{name: "FQDN, empty", frame: client(testnet.Discover, "", fqdn(4, nil))},
		{name: "FQDN, not even flags", frame: client(testnet.Discover, "", options{81: {4}})},
		{name: "FQDN, truncated label", frame: client(testnet.Discover, "", fqdn(4, []byte("\x07laptop"))),
			want: []Fact{macName("laptop")}},
		{name: "FQDN, text", frame: client(testnet.Discover, "", fqdn(4, []byte("Laptop.lan"))), want: []Fact{macName("laptop.lan")}},
		{name: "FQDN, pointer", frame: client(testnet.Discover, "", fqdn(4, []byte("\x06laptop\xc0\x00"))),
			want: []Fact{macName("laptop")}},
		{name: "FQDN, dot in a label", frame: client(testnet.Discover, "", fqdn(4, testnet.WireName("lap.top"))),
			want: []Fact{macName("lap-top")}},
		{name: "name before FQDN", frame: client(testnet.Discover, "laptop", fqdn(0, []byte("other"))),
			want: []Fact{macName("laptop")}},
		{name: "FQDN for a bad name", frame: client(testnet.Discover, "???", fqdn(0, []byte("laptop"))),
			want: []Fact{macName("laptop")}, refused: 1},

		{name: "options in file", frame: testnet.DHCP{Type: testnet.Request, MAC: laptop, Options: options{52: {1}},
			File: []byte("\x0c\x06laptop\x32\x04\xc0\xa8\x02\x07\xff")}.Frame(),
			want: []Fact{requested, macName("laptop")}},
		{name: "options in sname", frame: testnet.DHCP{Type: testnet.Request, MAC: laptop, Options: options{52: {2}},
			Server: []byte("\x0c\x06laptop\xff"), File: []byte("\x0c\x05other\xff")}.Frame(),
			want: []Fact{macName("laptop")}},
		{name: "FQDN over all three", frame: testnet.DHCP{Type: testnet.Discover, MAC: laptop,
			Options: options{52: {3}, 81: []byte("\x00\x00\x00lap")}, Server: []byte("\x51\x01p\xff"),
			File: []byte("\x51\x02to\xff")}.Frame(),
			want: []Fact{macName("laptop")}},

		{name: "vendor class", frame: client(testnet.Discover, "laptop", options{60: []byte("MSFT 5.0")}),
			want: []Fact{macName("laptop"), kind("Windows PC")}},
		{name: "vendor class of a printer", frame: client(testnet.Request, "", options{60: []byte("Mfg=DELL;Typ=Printer;Mod=2330dn;")}),
			want: []Fact{requested, kind("printer")}},
		{name: "vendor class of a camera", frame: client(testnet.Inform, "", options{60: []byte("AXIS,Network Camera,M1054,5.9")}),
			want: []Fact{kind("camera")}},
		{name: "vendor class that says nothing", frame: client(testnet.Discover, "", options{60: []byte("udhcp 1.22.1")})},
		{name: "vendor class of a server", frame: testnet.DHCP{Type: testnet.Ack, MAC: laptop, Your: laptop4,
			Options: options{60: []byte("PXEClient camera")}}.Frame(), want: []Fact{leased}},
		{name: "file of something else", frame: testnet.DHCP{Type: testnet.Request, MAC: laptop, Asked: laptop4,
			File: []byte("\x0c\xffboot")}.Frame(),
			want: []Fact{requested}},
		{name: "bad options in file", frame: testnet.DHCP{Type: testnet.Request, MAC: laptop, Asked: laptop4,
			Options: options{52: {1}}, File: bytes.Repeat([]byte{1}, 128)}.Frame(), malformed: 1},

		{name: "chaddr of a group", frame: testnet.DHCP{Type: testnet.Request, MAC: groupMAC, Asked: laptop4, Name: "laptop"}.Frame()},
		{name: "not of Ethernet", frame: with(request, func(b []byte) { b[1] = 32 })},
		{name: "reply with the type of a request", frame: with(request, func(b []byte) { b[0] = 2 })},
		{name: "request with the type of a reply", frame: with(ack, func(b []byte) { b[0] = 1 })},
		{name: "BOOTP", frame: with(request, func(b []byte) { b[236] = 0 }), malformed: 1},
		{name: "address of three bytes", frame: client(testnet.Request, "", options{50: {192, 168, 2}}), malformed: 1},
		{name: "type of two bytes", frame: client(testnet.Request, "", options{53: {3, 3}}), malformed: 1},
		{name: "option too long", frame: with(request, func(b []byte) { b[len(b)-3] = 9 }), malformed: 1},
		{name: "another port", frame: testnet.Datagram(testnet.Ends{SrcMAC: laptop, Src: laptop4, Dst: phone4}, 68, 69, 64,
			request.Message())},
		{name: "over IPv6", frame: testnet.Datagram(testnet.Ends{SrcMAC: laptop, Src: laptopLL, Dst: phoneLL}, 68, 67, 64,
			request.Message())},
		{name: "no options", frame: testnet.Datagram(testnet.Ends{SrcMAC: laptop, Src: laptop4, Dst: phone4}, 68, 67, 64,
			request.Message()[:240])},
		{name: "fixed part truncated", frame: testnet.Datagram(testnet.Ends{SrcMAC: laptop, Src: laptop4, Dst: phone4}, 68, 67, 64,
			request.Message()[:239]), malformed: 1},
		{name: "padding", frame: testnet.Datagram(testnet.Ends{SrcMAC: laptop, Src: laptop4, Dst: phone4}, 68, 67, 64,
			slices.Concat(request.Message()[:240], []byte{0, 0}, request.Message()[240:], []byte{12, 200})),
			want: []Fact{requested}},
		{name: "no end", frame: testnet.Datagram(testnet.Ends{SrcMAC: laptop, Src: laptop4, Dst: phone4}, 68, 67, 64,
			bytes.TrimRight(request.Message(), "\xff")),
			want: []Fact{requested}},
	})
}

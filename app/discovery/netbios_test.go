package discovery

import (
	"bytes"
	"net/netip"
	"testing"

	"gonetmon/test/testnet"
)

func TestDecoder_NetBIOS(t *testing.T) {
	own := Fact{Kind: AddrName, MAC: phone, Addr: phone4, By: phone4, Name: "phone-pc", Own: true}
	foreign := own
	foreign.Addr, foreign.Own = laptop4, false
	name := func(suffix byte) []byte { return testnet.NetBIOSName("PHONE-PC", suffix) }
	register := func(encoded []byte, flags uint16, addr netip.Addr) []byte {
		return testnet.NetBIOSRegistration(phone, phone4, encoded, flags, addr)
	}
	const bNode, mNode, isGroup = 0, 0x4000, 0x8000
	registration := register(name(0), bNode, phone4)
	opcode := func(flags ...byte) []byte {
		b := bytes.Clone(registration[42:])
		copy(b[2:], flags)
		return testnet.Datagram(testnet.Ends{SrcMAC: phone, Src: phone4, Dst: laptop4}, 137, 137, 64, b)
	}
	answer := append([]byte{0, 1, 0x85, 0, 0, 0, 0, 1, 0, 0, 0, 0}, name(0x20)...)
	answer = append(append(answer, 0, 32, 0, 1, 0, 0, 0, 0, 0, 6, 0, 0), phone4.AsSlice()...)
	datagram := testnet.NetBIOSDatagram(phone, phone4, name(0))
	to := testnet.Ends{SrcMAC: phone, DstMAC: laptop, Src: phone4, Dst: laptop4}
	runDecodeTests(t, NetBIOS, []decodeTest{
		{name: "registration of a workstation", frame: registration, want: []Fact{own}},
		{name: "registration of a file server", frame: register(name(0x20), mNode, phone4), want: []Fact{own}},
		{name: "registration of a group", frame: register(testnet.NetBIOSName("WORKGROUP", 0), isGroup, phone4)},
		{name: "registration of another service", frame: register(name(3), bNode, phone4)},
		{name: "registration at another address", frame: register(name(0), bNode, laptop4), want: []Fact{foreign}},
		{name: "registration at no address", frame: register(name(0), bNode, any4)},
		{name: "registration of a name of signs", frame: register(testnet.NetBIOSName("*", 0), bNode, phone4), refused: 1},
		{name: "registration of a name that is not encoded", frame: register([]byte("\x08PHONE-PC\x00"), bNode, phone4)},
		{name: "registration of a name out of range", frame: register(append([]byte{32}, append(bytes.Repeat([]byte("Z"), 32), 0)...),
			bNode, phone4)},
		{name: "refresh", frame: opcode(0x40, 0x10), want: []Fact{own}},
		{name: "multi-homed registration", frame: opcode(0x79, 0x10), want: []Fact{own}},
		{name: "release", frame: opcode(0x30, 0x10)},
		{name: "response to a registration", frame: opcode(0xad, 0x80)},
		{name: "query", frame: opcode(0x01, 0x10)},
		{name: "response", frame: testnet.Datagram(to, 137, 137, 64, answer), want: []Fact{own}},
		{name: "response to another port", frame: testnet.Datagram(to, 137, 40000, 64, answer), want: []Fact{own}},
		{name: "registration, truncated", frame: testnet.Datagram(to, 137, 137, 64, registration[42:len(registration)-1]),
			malformed: 1},
		{name: "datagram", frame: datagram, want: []Fact{own}},
		{name: "datagram of the master browser",
			frame: testnet.NetBIOSDatagram(phone, phone4, testnet.NetBIOSName("WORKGROUP", 0x1d))},
		{name: "datagram, relayed", frame: testnet.Datagram(testnet.Ends{SrcMAC: router, DstMAC: laptop, Src: ip("192.168.2.1"),
			Dst: laptop4}, 138, 138, 64, datagram[42:]),
			want: []Fact{{Kind: AddrName, MAC: router, Addr: phone4, By: ip("192.168.2.1"), Name: "phone-pc"}}},
		{name: "datagram, an error", frame: testnet.Datagram(to, 138, 138, 64, append([]byte{0x13}, datagram[43:]...))},
		{name: "datagram, header truncated", frame: testnet.Datagram(to, 138, 138, 64, datagram[42:42+13]), malformed: 1},
		{name: "datagram, name truncated", frame: testnet.Datagram(to, 138, 138, 64, datagram[42:42+30]), malformed: 1},
		{name: "over IPv6", frame: testnet.Datagram(testnet.Ends{SrcMAC: phone, Src: phoneLL, Dst: laptopLL}, 137, 137, 64, answer)},
	})
}

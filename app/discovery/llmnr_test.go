package discovery

import (
	"testing"

	"github.com/miekg/dns"

	"gonetmon/test/testnet"
)

func TestDecoder_LLMNR(t *testing.T) {
	answer := testnet.Ends{SrcMAC: phone, DstMAC: laptop, Src: phone4, Dst: laptop4}
	own := Fact{Kind: AddrName, MAC: phone, Addr: phone4, By: phone4, Name: "phone-pc", Own: true}
	own6, second, foreign := own, own, own
	own6.Addr, own6.By = phoneLL, phoneLL
	second.Addr = phone6
	foreign.Addr, foreign.Name, foreign.Own = laptop4, "laptop", false
	probe := testnet.LLMNRQuery(phone, phone4, "Phone-PC", dns.TypeANY)
	response := testnet.LLMNRResponse(answer, testnet.Record{Name: "Phone-PC", Addr: phone4})
	runDecodeTests(t, LLMNR, []decodeTest{
		{name: "query for the own name", frame: probe, want: []Fact{own}},
		{name: "query for the own name over IPv6", frame: testnet.LLMNRQuery(phone, phoneLL, "Phone-PC", dns.TypeANY),
			want: []Fact{own6}},
		{name: "query for another", frame: testnet.LLMNRQuery(phone, phone4, "wpad", dns.TypeA)},
		{name: "query for the own address", frame: testnet.LLMNRQuery(phone, phone4, "8.2.168.192.in-addr.arpa", dns.TypeANY)},
		{name: "query for the root", frame: testnet.LLMNRQuery(phone, phone4, ".", dns.TypeANY)},
		{name: "query for localhost", frame: testnet.LLMNRQuery(phone, phone4, "localhost", dns.TypeANY), refused: 1},
		{name: "query to one host", frame: testnet.Datagram(answer, 50000, 5355, 1, probe[42:])},
		{name: "response", frame: response, want: []Fact{own}},
		{name: "response with two addresses", frame: testnet.LLMNRResponse(answer, testnet.Record{Name: "Phone-PC", Addr: phone6},
			testnet.Record{Name: "Phone-PC", Addr: phone4}), want: []Fact{second, own}},
		{name: "response for another", frame: testnet.LLMNRResponse(answer, testnet.Record{Name: "laptop", Addr: laptop4}),
			want: []Fact{foreign}},
		{name: "response with no host", frame: testnet.LLMNRResponse(answer, testnet.Record{Name: "phone", Addr: ip("224.0.0.1")})},
		{name: "response from another port", frame: testnet.Datagram(answer, 50000, 5355, 1, response[42:])},
		{name: "truncated", frame: testnet.Datagram(answer, 50000, 5355, 1, probe[42:len(probe)-1]), malformed: 1},
		{name: "another opcode", frame: testnet.Datagram(answer, 5355, 50000, 1, append([]byte{0, 0, 0xa8}, response[45:]...))},
	})
}

package discovery

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"gonetmon/test/testnet"
)

func TestDecoder_MDNS(t *testing.T) {
	record := func(name string, addr netip.Addr) testnet.Record { return testnet.Record{Name: name, Addr: addr} }
	// response is what the phone says to the group over IPv4.
	response := func(records ...testnet.Record) []byte {
		return testnet.MDNSResponse(phone, phone4, 120, true, records...)
	}
	message := func(change func(m *dns.Msg), records ...testnet.Record) []byte {
		m := new(dns.Msg)
		m.Response = true
		for _, r := range records {
			m.Answer = append(m.Answer, r.RR(120, true))
		}
		change(m)
		return testnet.MDNS(phone, phone4, m)
	}
	payload := response(record("phone.local", phone4))[42:]
	two := response(record("phone.local", phone4), record("tv.local", phone4))[42:]
	unicast := testnet.Ends{SrcMAC: phone, DstMAC: laptop, Src: phone4, Dst: laptop4}
	announced := Fact{Kind: Announced, MAC: phone, Addr: phone4}
	own := func(name string, addr netip.Addr) Fact {
		return Fact{Kind: AddrName, MAC: phone, Addr: addr, By: phone4, Name: name, Own: true}
	}
	other := func(name string, addr netip.Addr) Fact {
		return Fact{Kind: AddrName, MAC: phone, Addr: addr, By: phone4, Name: name}
	}
	gone := func(name string, addr netip.Addr, own bool) Fact {
		return Fact{Kind: NameGone, MAC: phone, Addr: addr, By: phone4, Name: name, Own: own}
	}
	ptr := func(name, target string) dns.RR {
		return &dns.PTR{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 120}, Ptr: target}
	}
	var many []testnet.Record
	for i := range 300 {
		many = append(many, record(fmt.Sprintf("h%d.local", i), phone4))
	}
	first64 := []Fact{announced}
	for i := range 63 {
		first64 = append(first64, own(fmt.Sprintf("h%d", i), phone4))
	}
	uuid := "79d88e83-725c-b71b-bad0-5862d5b22386"
	runDecodeTests(t, MDNS, []decodeTest{
		{name: "own name", frame: response(record("Phone.local", phone4)), want: []Fact{announced, own("phone", phone4)}},
		{name: "own name over IPv6", frame: testnet.MDNSResponse(phone, phoneLL, 120, false, record("phone.local", phoneLL)),
			want: []Fact{{Kind: Announced, MAC: phone, Addr: phoneLL},
				{Kind: AddrName, MAC: phone, Addr: phoneLL, By: phoneLL, Name: "phone", Own: true}}},
		{name: "own addresses", frame: response(record("phone.local", phone6), record("PHONE.local", phone4)),
			want: []Fact{announced, own("phone", phone6), own("phone", phone4)}},
		{name: "another's", frame: response(record("laptop.local", laptop4), record("phone.local", phone4)),
			want: []Fact{announced, other("laptop", laptop4), own("phone", phone4)}},
		{name: "in the additional section", frame: message(func(m *dns.Msg) { m.Extra, m.Answer = m.Answer, nil },
			record("phone.local", phone4)),
			want: []Fact{announced, own("phone", phone4)}},
		{name: "over both sections", frame: message(func(m *dns.Msg) { m.Extra, m.Answer = m.Answer[1:], m.Answer[:1] },
			record("phone.local", phone6), record("phone.local", phone4)),
			want: []Fact{announced, own("phone", phone6), own("phone", phone4)}},
		{name: "in the authority section", frame: message(func(m *dns.Msg) { m.Ns, m.Answer = m.Answer, nil },
			record("phone.local", phone4)),
			want: []Fact{announced}},
		{name: "UUID", frame: response(record(uuid+".local", phone4)), want: []Fact{announced, own(uuid, phone4)}},
		{name: "two labels", frame: response(record("phone.hall.local", phone4)), want: []Fact{announced, own("phone.hall", phone4)}},
		{name: "local twice and more", frame: response(record("tv.local.Local", phone4), record("phone.local.local.local", phone4),
			record("local.local", phone4)),
			want: []Fact{announced, own("tv", phone4), own("phone", phone4), own("local", phone4)}},
		{name: "goodbye", frame: testnet.MDNSResponse(phone, phone4, 0, true, record("phone.local", phone4),
			record("laptop.local", laptop4)),
			want: []Fact{announced, gone("phone", phone4, true), gone("laptop", laptop4, false)}},
		{name: "goodbye of one address", frame: message(func(m *dns.Msg) { m.Answer[0].Header().Ttl = 0 },
			record("phone.local", phone6), record("phone.local", phone4)),
			want: []Fact{announced, gone("phone", phone6, false), own("phone", phone4)}},
		{name: "relayed", frame: testnet.MDNSResponse(router, ip("192.168.2.1"), 120, true, record("phone.local", phone4)),
			want: []Fact{{Kind: Announced, MAC: router, Addr: ip("192.168.2.1")},
				{Kind: AddrName, MAC: router, Addr: phone4, By: ip("192.168.2.1"), Name: "phone"}}},
		{name: "not under local", frame: response(record("phone.lan", phone4), record("local", phone4), record("notlocal", phone4)),
			want: []Fact{announced}},
		{name: "another class", frame: message(func(m *dns.Msg) { m.Answer[0].Header().Class = dns.ClassCHAOS },
			record("phone.local", phone4)),
			want: []Fact{announced}},
		{name: "another type", frame: message(func(m *dns.Msg) {
			m.Answer = append(m.Answer, &dns.PTR{Hdr: dns.RR_Header{Name: "_http._tcp.local.", Rrtype: dns.TypePTR, Class: 1, Ttl: 120},
				Ptr: "phone._http._tcp.local."})
		}), want: []Fact{announced}},
		{name: "space", frame: response(record(`my\032phone.local`, phone4)), want: []Fact{announced, own("my-phone", phone4)}},
		{name: "dot in a label", frame: response(record(`my\.phone.local`, phone4)),
			want: []Fact{announced, own("my-phone", phone4)}},
		{name: "local behind a space", frame: response(record(`tv.local\032.local`, phone4)),
			want: []Fact{announced, own("tv", phone4)}},
		{name: "an address under local", frame: response(record("192.168.2.1.local", phone4)), want: []Fact{announced}, refused: 1},
		{name: "signs", frame: response(record(`\?\!.local`, phone4)), want: []Fact{announced}, refused: 1},
		{name: "localhost", frame: response(record("localhost.local", phone4), record("LocalHost.LocalDomain.local", phone4)),
			want: []Fact{announced}, refused: 2},
		{name: "no hosts", frame: response(record("phone.local", any4), record("phone.local", ip("127.0.0.1")),
			record("phone.local", ip("224.0.0.251")), record("phone.local", ip("::1")), record("phone.local", ip("ff02::fb")),
			record("phone.local", ip("::ffff:192.168.2.8"))),
			want: []Fact{announced}},
		{name: "query", frame: testnet.MDNSQuery(phone, phone4, "laptop.local"), want: []Fact{announced}},
		{name: "reverse mapping", frame: message(func(m *dns.Msg) {
			m.Answer = append(m.Answer, ptr("8.2.168.192.in-addr.arpa.", "Phone.local."),
				ptr("8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", "phone.local."),
				ptr("7.2.168.192.in-addr.arpa.", "laptop.local."), ptr("9.2.168.192.in-addr.arpa.", "phone.lan."),
				ptr("2.168.192.in-addr.arpa.", "lan.local."), ptr("300.2.168.192.in-addr.arpa.", "no.local."))
		}), want: []Fact{announced, own("phone", phone4), own("phone", phone6), other("laptop", laptop4)}},
		{name: "reverse mapping withdrawn", frame: message(func(m *dns.Msg) {
			m.Answer = append(m.Answer, ptr("8.2.168.192.in-addr.arpa.", "phone.local."))
			m.Answer[0].Header().Ttl = 0
		}), want: []Fact{announced, gone("phone", phone4, true)}},
		{name: "probe", frame: message(func(m *dns.Msg) {
			m.Response, m.Ns, m.Answer = false, m.Answer, nil
			m.SetQuestion("phone.local.", dns.TypeANY)
		}, record("phone.local", phone4), record("phone.local", phone6)),
			want: []Fact{announced, own("phone", phone4), own("phone", phone6)}},
		{name: "probe for a reverse mapping", frame: message(func(m *dns.Msg) {
			m.Response, m.Ns = false, []dns.RR{ptr("8.2.168.192.in-addr.arpa.", "phone.local.")}
		}), want: []Fact{announced, own("phone", phone4)}},
		{name: "probe, relayed", frame: testnet.MDNS(router, ip("192.168.2.1"), &dns.Msg{Ns: []dns.RR{record("phone.local",
			phone4).RR(120, false)}}), want: []Fact{{Kind: Announced, MAC: router, Addr: ip("192.168.2.1")},
			{Kind: AddrName, MAC: router, Addr: phone4, By: ip("192.168.2.1"), Name: "phone"}}},
		{name: "query with records", frame: message(func(m *dns.Msg) { m.Response = false }, record("phone.local", phone4)),
			want: []Fact{announced}},
		{name: "another opcode", frame: message(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }, record("phone.local", phone4)),
			want: []Fact{announced}},
		{name: "error", frame: message(func(m *dns.Msg) { m.Rcode = dns.RcodeRefused }, record("phone.local", phone4)),
			want: []Fact{announced, own("phone", phone4)}},
		{name: "unicast", frame: testnet.Datagram(unicast, 5353, 5353, 255, payload), want: []Fact{announced, own("phone", phone4)}},
		{name: "unicast from afar", frame: testnet.Datagram(unicast, 5353, 5353, 64, payload), want: []Fact{own("phone", phone4)}},
		{name: "to the group with another TTL", frame: testnet.Datagram(testnet.Ends{SrcMAC: phone, Src: phone4,
			Dst: ip("224.0.0.251")}, 5353, 5353, 1, payload),
			want: []Fact{announced, own("phone", phone4)}},
		{name: "to a single asker", frame: testnet.Datagram(unicast, 5353, 40000, 255, payload),
			want: []Fact{announced, own("phone", phone4)}},
		{name: "from another port", frame: testnet.Datagram(unicast, 40000, 5353, 255, payload), want: []Fact{announced}},
		{name: "other ports", frame: testnet.Datagram(unicast, 40000, 5354, 255, payload)},
		{name: "from a group's MAC", frame: testnet.MDNSResponse(groupMAC, phone4, 120, true, record("phone.local", phone4)),
			want: []Fact{{Kind: AddrName, Addr: phone4, By: phone4, Name: "phone", Own: true}}},
		{name: "from no address", frame: testnet.MDNSResponse(phone, any4, 120, true, record("phone.local", phone4)),
			want: []Fact{{Kind: AddrName, MAC: phone, Addr: phone4, Name: "phone"}}},
		{name: "64 facts are enough", frame: response(many[:80]...), want: first64},
		{name: "256 records are enough", frame: message(func(m *dns.Msg) {
			for _, rr := range m.Answer[:256] {
				rr.Header().Name = "phone.lan."
			}
		}, many[:257]...), want: []Fact{announced}},
		{name: "9,000 bytes are enough", frame: response(append(many, many...)...), malformed: 1},
		{name: "cut in its record", frame: testnet.Datagram(unicast, 5353, 5353, 255, payload[:len(payload)-1]),
			want: []Fact{announced}, malformed: 1},
		{name: "cut in its second record", frame: testnet.Datagram(unicast, 5353, 5353, 255, two[:len(two)-1]),
			want: []Fact{announced, own("phone", phone4)}, malformed: 1},
		{name: "not captured to its end", frame: response(record("phone.local", phone4), record("tv.local", phone4))[:42+len(two)-1],
			want: []Fact{announced, own("phone", phone4)}},
		{name: "truncated header", frame: testnet.Datagram(unicast, 5353, 5353, 255, payload[:11]), malformed: 1},
		{name: "pointer to itself", frame: testnet.Datagram(unicast, 5353, 5353, 255,
			append(payload[:12:12], 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 120, 0, 4, 1, 2, 3, 4)),
			want: []Fact{announced}, malformed: 1},
		{name: "name of 256 bytes", frame: testnet.Datagram(unicast, 5353, 5353, 255,
			append(append(payload[:12:12], bytes.Repeat([]byte("\x01a"), 128)...), 0, 0, 1, 0, 1, 0, 0, 0, 120, 0, 4, 192, 168, 2, 8)),
			want: []Fact{announced}, malformed: 1},
	})
}

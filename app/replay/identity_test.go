package replay_test

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"gonetmon/test/testnet"
)

var (
	router  = [6]byte{0x00, 0x11, 0x22, 0, 0, 1}
	station = [6]byte{0x00, 0x17, 0x88, 0, 0, 2}
	other   = [6]byte{0x00, 0x17, 0x88, 0, 0, 3}
)

// by lets a host send n bytes to the internet in a frame from a MAC.
func (p *tape) by(mac [6]byte, host string, n int) {
	src, dst, headers := netip.MustParseAddr(host), netip.MustParseAddr("198.51.100.7"), 28
	if src.Is6() {
		dst, headers = netip.MustParseAddr("2620::808:808"), 48
	}
	p.add(testnet.Datagram(testnet.Ends{SrcMAC: mac, DstMAC: router, Src: src, Dst: dst}, 4000, 443, 64, make([]byte, n-headers)))
}

// says lets a host send any message of DNS to a group or, by mDNS, to its group.
func (p *tape) says(mac [6]byte, host, group string, port uint16, m *dns.Msg) {
	raw, err := m.Pack()
	if err != nil {
		p.t.Fatal(err)
	}
	e := testnet.Ends{SrcMAC: mac, Src: netip.MustParseAddr(host), Dst: netip.MustParseAddr(group)}
	p.add(testnet.Datagram(e, port, port, 255, raw))
}

// records parses resource records.
func records(t *testing.T, lines ...string) (all []dns.RR) {
	t.Helper()
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return all
}

// response is a message of mDNS.
func response(t *testing.T, lines ...string) *dns.Msg {
	m := &dns.Msg{Answer: records(t, lines...)}
	m.Response, m.Authoritative = true, true
	return m
}

// Who a device is and what it is called, from frames to the list of devices. Rules that need no frames are tested in app/device.
func TestRun_TellsWhoIsWho(t *testing.T) {
	ip := netip.MustParseAddr
	cast := testnet.Record{Name: "cast.local", Addr: ip("192.168.20.7")}
	ask := func(name string) testnet.DHCP {
		return testnet.DHCP{Type: testnet.Request, MAC: station, Name: name, Asked: ip("192.168.2.7")}
	}
	leased := func(p *tape, m testnet.DHCP) {
		p.add(m.Frame(), testnet.DHCP{Type: testnet.Ack, MAC: m.MAC, Your: m.Asked, Life: time.Hour}.Frame())
		p.by(m.MAC, m.Asked.String(), 100)
	}
	named := func(name, want string) (string, func(*tape), []string) {
		return fmt.Sprintf("DHCP name %q", name), func(p *tape) { leased(p, ask(name)) },
			[]string{cmp.Or(want, "192.168.2.7 address") + " 02 [192.168.2.7]"}
	}
	type test struct {
		name string
		tape func(*tape)
		want []string // name, source, number of the MAC, addresses
	}
	tests := []test{
		{"a device is known by the MAC of its frames", func(p *tape) {
			p.by(station, "192.168.2.7", 100)
			p.by(station, "fe80::7", 100)
		}, []string{"192.168.2.7 address 02 [192.168.2.7 fe80::7]"}},
		{"a repeater of mDNS keeps the source address", func(p *tape) {
			p.announce(router, "192.168.2.1")
			p.by(router, "192.168.2.1", 100)
			p.add(testnet.MDNSResponse(router, ip("192.168.20.7"), 120, true, cast))
			p.by(station, "192.168.20.7", 100)
		}, []string{"192.168.2.1 address 01 [192.168.2.1]", "cast mdns 02 [192.168.20.7]"}},
		{"a repeater of mDNS, and the frame itself", func(p *tape) {
			p.announce(router, "192.168.2.1")
			p.by(router, "192.168.2.1", 100)
			p.announce(station, "192.168.20.7")
			for range 5 {
				for _, mac := range [][6]byte{station, router} {
					p.add(testnet.MDNSResponse(mac, ip("192.168.20.7"), 120, true, cast))
				}
				p.at = p.at.Add(4 * time.Minute)
				p.by(station, "192.168.20.7", 100)
			}
		}, []string{"192.168.2.1 address 01 [192.168.2.1]", "cast mdns 02 [192.168.20.7]"}},
		{"addresses of every host's own networks in mDNS", func(p *tape) {
			p.announce(station, "192.168.2.7")
			p.add(testnet.MDNSResponse(station, ip("192.168.2.7"), 120, true, testnet.Record{Name: "nas.local", Addr: ip("192.168.2.7")},
				testnet.Record{Name: "nas.local", Addr: ip("172.17.0.1")}, testnet.Record{Name: "nas.local", Addr: ip("fe80::1")}))
			p.add(testnet.ARPReply(router, ip("192.168.2.1"), station, ip("192.168.2.7")))
			p.add(testnet.RouterAdvert(router, ip("fe80::1"), testnet.SourceMAC(router)))
			p.by(router, "fe80::1", 100)
			p.by(router, "192.168.2.1", 100)
		}, []string{"192.168.2.1 address 01 [192.168.2.1 fe80::1]", "nas mdns 02 [192.168.2.7]"}},
		{"DHCP by way of a bridge", func(p *tape) {
			leased(p, testnet.DHCP{Type: testnet.Request, MAC: other, Name: "bridge", Asked: ip("192.168.2.9")})
			m := ask("avr")
			m.Ends = testnet.Ends{SrcMAC: other, DstMAC: testnet.Broadcast, Src: ip("0.0.0.0"), Dst: ip("255.255.255.255")}
			p.add(m.Frame(), testnet.DHCP{Type: testnet.Ack, MAC: station, Your: ip("192.168.2.7"), Life: time.Hour}.Frame())
			for range 20 {
				p.at = p.at.Add(time.Minute)
				p.announce(other, "192.168.2.7")
				p.by(other, "192.168.2.7", 100)
			}
		}, []string{"avr dhcp 02 [192.168.2.7]", "bridge dhcp 03 [192.168.2.9]"}},
		{"advertisements for others, without the override flag", func(p *tape) {
			p.add(testnet.RouterAdvert(router, ip("fe80::1"), testnet.SourceMAC(router)))
			p.announce(station, "192.168.2.7")
			p.by(station, "192.168.2.7", 100)
			p.add(testnet.NeighborSolicit(station, ip("fe80::7"), ip("2001:db8:2::c1"), testnet.SourceMAC(station)))
			for _, host := range []string{"2001:db8:2::c1", "2001:db8:2::c2", "2001:db8:2::c3"} {
				body := append([]byte{0x40, 0, 0, 0}, ip(host).AsSlice()...) // solicited
				p.add(testnet.ICMPv6(testnet.Ends{SrcMAC: router, DstMAC: station, Src: ip("fe80::1"), Dst: ip("fe80::7")}, 255, 136, body,
					testnet.TargetMAC(router)))
				p.by(router, host, 100)
			}
		}, []string{"192.168.2.7 address 02 [192.168.2.7 fe80::7]", "2001:db8:2::c1 address - [2001:db8:2::c1]",
			"2001:db8:2::c2 address - [2001:db8:2::c2]", "2001:db8:2::c3 address - [2001:db8:2::c3]",
			"fe80::1 address 01 [fe80::1]"}},
		{"a Chromecast", func(p *tape) {
			p.says(station, "192.168.2.7", "224.0.0.251", 5353, response(t,
				`_googlecast._tcp.local. 120 IN PTR cc-77._googlecast._tcp.local.`,
				`cc-77._googlecast._tcp.local. 120 IN TXT "id=77" "fn=Küche oben" "md=Chromecast"`,
				`cc-77._googlecast._tcp.local. 120 IN SRV 0 0 8009 1c6f0a9e-77aa-4b1c-8d2e-0123456789ab.local.`,
				`1c6f0a9e-77aa-4b1c-8d2e-0123456789ab.local. 120 IN A 192.168.2.7`))
		}, []string{"kuche-oben service 02 [192.168.2.7]"}},
		{"a reverse record of mDNS", func(p *tape) {
			p.says(station, "192.168.2.7", "224.0.0.251", 5353, response(t, `7.2.168.192.in-addr.arpa. 120 IN PTR desk.local.`))
		}, []string{"desk mdns 02 [192.168.2.7]"}},
		{"a message of mDNS that was cut", func(p *tape) {
			frame := testnet.MDNSResponse(station, ip("192.168.2.7"), 120, true,
				testnet.Record{Name: "lamp.local", Addr: ip("192.168.2.7")},
				testnet.Record{Name: "a-long-second-name-that-is-cut.local", Addr: ip("192.168.2.7")})
			p.write(frame[:len(frame)-20], len(frame))
		}, []string{"lamp mdns 02 [192.168.2.7]"}},
		{"a probe for the own name by LLMNR", func(p *tape) {
			for host, group := range map[string]string{"192.168.2.7": "224.0.0.252", "fe80::7": "ff02::1:3"} {
				p.says(station, host, group, 5355, new(dns.Msg).SetQuestion("Office-PC.", dns.TypeANY))
			}
		}, []string{"office-pc llmnr 02 [192.168.2.7 fe80::7]"}},
		{"a DHCP DISCOVER from an address in use", func(p *tape) {
			p.add(testnet.DHCP{Type: testnet.Discover, MAC: station, Name: "switch", Ends: testnet.Ends{SrcMAC: station,
				DstMAC: testnet.Broadcast, Src: ip("192.168.2.7"), Dst: ip("255.255.255.255")}}.Frame())
		}, []string{"switch dhcp 02 [192.168.2.7]"}},
		{"a domain that ends in .local, by DHCPv6", func(p *tape) {
			p.add(testnet.DHCP6{Type: testnet.Solicit6, DUID: []byte("duid"), Name: "dc1.example.local",
				Ends: testnet.Ends{SrcMAC: station, Src: ip("fe80::7")}}.Frame())
		}, []string{"dc1.example.local dhcp 02 [fe80::7]"}},
		{"three link-local addresses", func(p *tape) {
			for _, host := range []string{"fe80::217:88ff:fe00:2", "fe80::217:88ff:fe00:99", "fe80::7"} {
				p.add(testnet.RouterSolicit(station, ip(host), testnet.SourceMAC(station)))
				p.at = p.at.Add(20 * time.Second)
			}
		}, []string{"fe80::7 address 02 [fe80::217:88ff:fe00:2 fe80::217:88ff:fe00:99 fe80::7]"}},
		{"option 12 twice, with one name", func(p *tape) {
			frame := ask("").Message()
			frame = append(frame[:len(frame)-1], "\x0c\x04lamp\x0c\x04lamp\xff"...)
			p.add(testnet.Datagram(testnet.Ends{SrcMAC: station, Src: ip("0.0.0.0"), Dst: ip("255.255.255.255")}, 68, 67, 64, frame))
			p.by(station, "192.168.2.7", 100)
		}, []string{"lamp dhcp 02 [192.168.2.7]"}},
	}
	for _, n := range [][2]string{
		{"Tom's Pixel 8", "tom-s-pixel-8 dhcp"}, {"HS300(US)", "hs300-us dhcp"}, {"Büro [TV]", "buro-tv dhcp"},
		{"Radio 📻", "radio dhcp"},
		{"S21+", "s21 dhcp"}, {"-", ""}, {"__", ""}, {"null", ""}, {"localhost6", ""}, {"ip6-loopback", ""}, {"192.168.2.9", ""},
	} {
		name, tape, want := named(n[0], n[1])
		tests = append(tests, test{name, tape, want})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newTape(t)
			tt.tape(p)
			c := devicesConfig(netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fe80::/10"),
				netip.MustParsePrefix("2001:db8:2::/64"))
			var got []string
			for _, d := range replayDevices(t, c, p.path) {
				if slices.Contains(d.Hosts, "192.168.2.1") && len(d.Hosts) == 1 && !strings.Contains(strings.Join(tt.want, " "), ".2.1 ") {
					continue // the DHCP server
				}
				mac := cmp.Or(d.MAC, "-")
				got = append(got, fmt.Sprintf("%s %s %s %s", d.Device, d.Source, mac[max(0, len(mac)-2):], d.Hosts))
			}
			if d := gocmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

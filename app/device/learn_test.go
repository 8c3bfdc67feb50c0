package device

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/names"
)

// mac returns a MAC of the test's own, by number.
func macOf(n byte) mac.Addr { return mac.Addr{0x00, 0x17, 0x88, 0, 0, n} }

func fact(kind discovery.Kind, n byte, addr string) discovery.Fact {
	return discovery.Fact{Kind: kind, Protocol: discovery.ARP, MAC: macOf(n), Addr: netip.MustParseAddr(addr)}
}

func speaks(n byte, addr string) discovery.Fact  { return fact(discovery.Announced, n, addr) }
func answers(n byte, addr string) discovery.Fact { return fact(discovery.Replied, n, addr) }
func tries(n byte, addr string) discovery.Fact   { return fact(discovery.Probed, n, addr) }
func leases(n byte, addr string) discovery.Fact {
	f := fact(discovery.Leased, n, addr)
	f.Lifetime = time.Hour
	return f
}
func called(n byte, name string) discovery.Fact {
	return discovery.Fact{Kind: discovery.MACName, Protocol: discovery.DHCP, MAC: macOf(n), Name: name}
}
func named(addr, name string) discovery.Fact {
	return discovery.Fact{Kind: discovery.AddrName, Protocol: discovery.MDNS, Own: true, Addr: netip.MustParseAddr(addr), Name: name}
}

// learn hears facts at the present time.
func (h *house) learn(facts ...discovery.Fact) { h.Learn(h.now, facts) }

// all lets every address send one byte in the order of addrs, separated by spaces, and folds.
func (h *house) all(addrs string) {
	for addr := range strings.FieldsSeq(addrs) {
		h.sends(addr, 1)
	}
	h.fold(time.Second)
}

// who lists the devices as "name source number-of-its-MAC addresses".
func (h *house) who() []string {
	var all []string
	for _, d := range h.Snapshot().Devices {
		all = append(all, fmt.Sprintf("%s %s %x %v", d.Name, d.Source, d.MAC[5:], d.Hosts))
	}
	return all
}

func (h *house) wantWho(t *testing.T, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, h.who()); d != "" {
		t.Errorf("devices (-want +got):\n%s", d)
	}
}

// How facts make devices of addresses, once all is known.
func TestDevicesOfFacts(t *testing.T) {
	tests := []struct {
		name    string
		facts   []discovery.Fact
		senders string // after the facts, one byte each
		want    []string
	}{
		{"all addresses of one MAC are one device",
			[]discovery.Fact{speaks(1, "192.168.2.7"), speaks(1, "fe80::7"), speaks(1, "2001:db8::1:7"), tries(1, "2001:db8::abcd"), called(1, "roku")},
			"192.168.2.7 fe80::7 2001:db8::1:7 2001:db8::abcd",
			[]string{"roku dhcp 01 [192.168.2.7 2001:db8::abcd 2001:db8::1:7 fe80::7]"}},
		{"without a name by the IPv4 address",
			[]discovery.Fact{speaks(1, "fe80::7"), speaks(1, "192.168.2.7")}, "fe80::7 192.168.2.7",
			[]string{"192.168.2.7 address 01 [192.168.2.7 fe80::7]"}},
		{"a name that is heard before the address",
			[]discovery.Fact{called(1, "philips-hue"), leases(1, "192.168.2.6")}, "192.168.2.6",
			[]string{"philips-hue dhcp 01 [192.168.2.6]"}},
		{"an IPv6 address made of the MAC",
			[]discovery.Fact{leases(1, "192.168.2.6")}, "192.168.2.6 fe80::217:88ff:fe00:1",
			[]string{"192.168.2.6 address 01 [192.168.2.6 fe80::217:88ff:fe00:1]"}},
		{"two IPv6 addresses made of one MAC that nobody has heard of",
			nil, "fe80::217:88ff:fe00:1 2001:db8::217:88ff:fe00:1",
			[]string{"2001:db8::217:88ff:fe00:1 address 01 [2001:db8::217:88ff:fe00:1 fe80::217:88ff:fe00:1]"}},
		{"a name of multicast DNS joins addresses without a known MAC",
			[]discovery.Fact{named("192.168.2.7", "ipad"), named("fe80::7", "ipad")}, "fe80::7 192.168.2.7",
			[]string{"ipad mdns 00 [192.168.2.7 fe80::7]"}},
		{"and finds the device of a MAC",
			[]discovery.Fact{named("fe80::7", "ipad"), named("192.168.2.7", "ipad"), speaks(1, "192.168.2.7")}, "fe80::7 192.168.2.7",
			[]string{"ipad mdns 01 [192.168.2.7 fe80::7]"}},
		{"but does not join two MACs",
			[]discovery.Fact{speaks(1, "192.168.2.7"), speaks(2, "192.168.2.8"), called(1, "espressif"), called(2, "espressif")}, "192.168.2.7 192.168.2.8",
			[]string{"espressif dhcp 01 [192.168.2.7]", "espressif-192.168.2.8 dhcp 02 [192.168.2.8]"}},
		{"what it calls itself over DHCP goes before multicast DNS",
			[]discovery.Fact{speaks(1, "192.168.2.7"), named("192.168.2.7", "dcs-935l5b0e"), called(1, "dcs-935l")}, "192.168.2.7",
			[]string{"dcs-935l dhcp 01 [192.168.2.7]"}},
		{"a name goes before a UUID",
			[]discovery.Fact{named("192.168.2.7", "79d88e83-725c-b71b-bad0-5862d5b22386"), named("192.168.2.7", "lucas-imac"), named("192.168.2.7", "89d88e83-725c-b71b-bad0-5862d5b22386")},
			"192.168.2.7", []string{"lucas-imac mdns 00 [192.168.2.7]"}},
		{"a UUID goes before none",
			[]discovery.Fact{named("192.168.2.7", "79d88e83-725c-b71b-bad0-5862d5b22386")},
			"192.168.2.7", []string{"79d88e83-725c-b71b-bad0-5862d5b22386 mdns 00 [192.168.2.7]"}},
		{"a router that answers for hosts behind it keeps its own address only",
			[]discovery.Fact{speaks(1, "192.168.2.1"), speaks(1, "fe80::1"), answers(1, "192.168.2.50"), answers(1, "192.168.2.51"), answers(1, "192.168.2.52")},
			"192.168.2.1 fe80::1 192.168.2.50 192.168.2.51 192.168.2.52",
			[]string{"192.168.2.1 address 01 [192.168.2.1]", "192.168.2.50 address 00 [192.168.2.50]", "192.168.2.51 address 00 [192.168.2.51]", "192.168.2.52 address 00 [192.168.2.52]", "fe80::1 address 00 [fe80::1]"}},
		{"and if it speaks last",
			[]discovery.Fact{answers(1, "192.168.2.50"), answers(1, "192.168.2.51"), answers(1, "192.168.2.52"), speaks(1, "192.168.2.1")},
			"192.168.2.1 192.168.2.50 192.168.2.51 192.168.2.52",
			[]string{"192.168.2.1 address 01 [192.168.2.1]", "192.168.2.50 address 00 [192.168.2.50]", "192.168.2.51 address 00 [192.168.2.51]", "192.168.2.52 address 00 [192.168.2.52]"}},
		{"a router that answers for hosts that speak for themselves",
			[]discovery.Fact{speaks(1, "192.168.2.1"), speaks(2, "192.168.2.50"), answers(1, "192.168.2.50"), speaks(2, "192.168.2.50"), speaks(3, "192.168.2.51"), answers(1, "192.168.2.51")},
			"192.168.2.1 192.168.2.50 192.168.2.51",
			[]string{"192.168.2.1 address 01 [192.168.2.1]", "192.168.2.50 address 02 [192.168.2.50]", "192.168.2.51 address 03 [192.168.2.51]"}},
		{"a sleep proxy",
			[]discovery.Fact{speaks(2, "192.168.2.50"), speaks(2, "fe80::50"), speaks(1, "192.168.2.1"), speaks(1, "fe80::1"), answers(1, "192.168.2.50"), answers(1, "fe80::50")},
			"192.168.2.1 192.168.2.50 fe80::50",
			[]string{"192.168.2.1 address 01 [192.168.2.1 fe80::1]", "192.168.2.50 address 02 [192.168.2.50 fe80::50]"}},
		{"a router's address in each of many networks",
			[]discovery.Fact{speaks(1, "192.168.2.1"), speaks(1, "192.168.3.1"), speaks(1, "192.168.4.1"), speaks(1, "192.168.5.1"), speaks(1, "192.168.6.1")},
			"192.168.2.1 192.168.3.1 192.168.4.1 192.168.5.1 192.168.6.1",
			[]string{"192.168.2.1 address 01 [192.168.2.1 192.168.3.1 192.168.4.1 192.168.5.1 192.168.6.1]"}},
		{"a virtual router is one of its own",
			[]discovery.Fact{speaks(1, "192.168.2.2"), speaks(2, "192.168.2.3"), {Kind: discovery.Announced, MAC: mac.Addr{0, 0, 0x5e, 0, 1, 7}, Addr: netip.MustParseAddr("192.168.2.1")}},
			"192.168.2.1 192.168.2.2 192.168.2.3",
			[]string{"192.168.2.1 address 07 [192.168.2.1]", "192.168.2.2 address 01 [192.168.2.2]", "192.168.2.3 address 02 [192.168.2.3]"}},
		{"an extender whose clients got their addresses by DHCP",
			[]discovery.Fact{called(9, "extender"), leases(9, "192.168.2.9"), speaks(9, "192.168.2.9"), called(1, "tv"), leases(1, "192.168.2.11"), speaks(9, "192.168.2.11"),
				called(2, "phone"), leases(2, "192.168.2.12"), speaks(9, "192.168.2.12"), speaks(9, "192.168.2.11")},
			"192.168.2.9 192.168.2.11 192.168.2.12",
			[]string{"extender dhcp 09 [192.168.2.9]", "phone dhcp 02 [192.168.2.12]", "tv dhcp 01 [192.168.2.11]"}},
		{"an extender without an address of its own",
			[]discovery.Fact{leases(1, "192.168.2.11"), leases(2, "192.168.2.12"), speaks(9, "192.168.2.11"), speaks(9, "192.168.2.12"), speaks(9, "192.168.2.11")},
			"192.168.2.11 192.168.2.12",
			[]string{"192.168.2.11 address 01 [192.168.2.11]", "192.168.2.12 address 02 [192.168.2.12]"}},
		{"an extender of which nothing else is known",
			[]discovery.Fact{speaks(9, "192.168.2.11"), speaks(9, "192.168.2.12"), speaks(9, "192.168.2.13")},
			"192.168.2.11 192.168.2.12 192.168.2.13",
			[]string{"192.168.2.11 address 00 [192.168.2.11]", "192.168.2.12 address 00 [192.168.2.12]", "192.168.2.13 address 00 [192.168.2.13]"}},
		{"an extender of two that have names",
			[]discovery.Fact{speaks(9, "192.168.2.11"), named("192.168.2.11", "alice"), speaks(9, "192.168.2.12"), named("192.168.2.12", "bob")},
			"192.168.2.11 192.168.2.12",
			[]string{"alice mdns 00 [192.168.2.11]", "bob mdns 00 [192.168.2.12]"}},
		{"an extender of hosts with IPv6",
			[]discovery.Fact{speaks(9, "fe80::1"), speaks(9, "fe80::2"), speaks(9, "fe80::3"), speaks(9, "fe80::217:88ff:fe00:9")},
			"fe80::1 fe80::2 fe80::3 fe80::217:88ff:fe00:9",
			[]string{"fe80::1 address 00 [fe80::1]", "fe80::2 address 00 [fe80::2]", "fe80::217:88ff:fe00:9 address 09 [fe80::217:88ff:fe00:9]", "fe80::3 address 00 [fe80::3]"}},
		{"who speaks with an address made of another's MAC speaks for that",
			[]discovery.Fact{leases(1, "192.168.2.11"), speaks(9, "192.168.2.9"), speaks(9, "fe80::217:88ff:fe00:1")},
			"192.168.2.9 192.168.2.11 fe80::217:88ff:fe00:1",
			[]string{"192.168.2.11 address 01 [192.168.2.11 fe80::217:88ff:fe00:1]", "192.168.2.9 address 09 [192.168.2.9]"}},
		{"a second address of one interface",
			[]discovery.Fact{speaks(1, "192.168.2.7"), speaks(1, "192.168.2.8"), speaks(1, "192.168.2.7"), answers(1, "192.168.2.8")}, "192.168.2.7 192.168.2.8",
			[]string{"192.168.2.7 address 01 [192.168.2.7 192.168.2.8]"}},
		{"a second address that it only answers for",
			[]discovery.Fact{speaks(1, "192.168.2.7"), answers(1, "192.168.2.8")}, "192.168.2.7 192.168.2.8",
			[]string{"192.168.2.7 address 01 [192.168.2.7 192.168.2.8]"}},
		{"an address that it would like to have, and another has",
			[]discovery.Fact{speaks(1, "192.168.2.7"), tries(2, "192.168.2.7"), speaks(2, "192.168.2.8")}, "192.168.2.7 192.168.2.8",
			[]string{"192.168.2.7 address 01 [192.168.2.7]", "192.168.2.8 address 02 [192.168.2.8]"}},
		{"a randomised MAC is one like any other",
			[]discovery.Fact{{Kind: discovery.Leased, MAC: mac.Addr{0xda, 1, 2, 3, 4, 5}, Addr: netip.MustParseAddr("192.168.2.7"), Lifetime: time.Hour}, {Kind: discovery.MACName, MAC: mac.Addr{0xda, 1, 2, 3, 4, 5}, Name: "phone"}}, "192.168.2.7",
			[]string{"phone dhcp 05 [192.168.2.7]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(100, false)
			h.learn(tt.facts...)
			h.all(tt.senders)
			h.fold(patience)
			h.wantWho(t, tt.want...)
			var sum uint64
			for _, d := range h.Snapshot().Devices {
				sum += d.Totals.Sent().Bytes
			}
			if n := len(strings.Fields(tt.senders)); sum != uint64(n) {
				t.Errorf("%d bytes, want %d", sum, n)
			}

			// The same if the traffic comes first and all is settled at the end, as in a file.
			h = newHouse(100, false)
			h.cfg.AwaitNames = false
			h.all(tt.senders)
			h.learn(tt.facts...)
			h.FlushPending()
			h.wantWho(t, tt.want...)
		})
	}
}

// What is learned late: names, other owners, and that a MAC speaks for others.
func TestDevicesChange(t *testing.T) {
	t.Run("a new lease moves the address", func(t *testing.T) {
		h := newHouse(100, false)
		h.learn(called(1, "tv"), leases(1, "192.168.2.7"))
		h.sends("192.168.2.7", 100)
		h.fold(patience)
		h.learn(called(2, "phone"), leases(2, "192.168.2.7"))
		h.sends("192.168.2.7", 10)
		h.fold(patience)
		h.fold(patience)
		h.want(t, "moved", "phone dhcp [192.168.2.7] 10/0", "tv dhcp [] 100/0")
		h.learn(leases(1, "192.168.2.8"))
		h.sends("192.168.2.8", 1)
		h.fold(time.Second)
		h.want(t, "the old one has another address", "phone dhcp [192.168.2.7] 10/0", "tv dhcp [192.168.2.8] 101/0")
	})
	t.Run("so does another MAC", func(t *testing.T) {
		h := newHouse(100, false)
		h.cfg.AwaitNames = false
		h.learn(speaks(1, "192.168.2.7"))
		h.sends("192.168.2.7", 100)
		h.fold(time.Second)
		h.learn(speaks(2, "192.168.2.7"))
		h.sends("192.168.2.7", 10)
		h.fold(time.Second)
		h.FlushPending()
		h.want(t, "moved", "00:17:88:00:00:01 address [] 100/0", "192.168.2.7 address [192.168.2.7] 10/0")
	})
	t.Run("an address of a MAC joins the device that is shown", func(t *testing.T) {
		h := newHouse(100, false)
		h.all("192.168.2.7 fe80::7")
		h.fold(patience)
		h.want(t, "shown", "192.168.2.7 address [192.168.2.7] 1/0", "fe80::7 address [fe80::7] 1/0")
		h.learn(speaks(1, "192.168.2.7"), speaks(1, "fe80::7"))
		h.all("192.168.2.7 fe80::7")
		h.want(t, "joined", "192.168.2.7 address [192.168.2.7 fe80::7] 3/0", "fe80::7 address [] 1/0")
	})
	t.Run("a name comes late, and a better one", func(t *testing.T) {
		h := newHouse(100, true)
		h.learn(speaks(1, "192.168.2.7"))
		h.all("192.168.2.7")
		h.fold(patience)
		h.learn(named("192.168.2.7", "cast"))
		h.all("192.168.2.7")
		h.want(t, "named", "192.168.2.7 address [] 1/0", "cast mdns [192.168.2.7] 1/0")
		h.namer.found = []finding{{"192.168.2.7", "tv.lan"}}
		h.all("192.168.2.7")
		h.want(t, "the label does not flip", "192.168.2.7 address [] 1/0", "cast mdns [192.168.2.7] 2/0")
		h.fold(settled)
		h.all("192.168.2.7")
		h.want(t, "but the better name comes to hold", "192.168.2.7 address [] 1/0", "cast mdns [] 2/0", "tv.lan ptr [192.168.2.7] 1/0")
	})
	t.Run("one name of two sources is one", func(t *testing.T) {
		h := newHouse(100, true)
		h.learn(speaks(1, "192.168.2.7"), called(1, "tv"))
		h.all("192.168.2.7")
		h.fold(patience)
		h.namer.found = []finding{{"192.168.2.7", "tv.lan"}}
		h.all("192.168.2.7")
		h.fold(settled)
		h.want(t, "kept", "tv ptr [192.168.2.7] 2/0")
	})
	t.Run("a proxy is found out late", func(t *testing.T) {
		h := newHouse(100, false)
		h.learn(speaks(1, "192.168.2.1"), answers(1, "192.168.2.50"))
		h.all("192.168.2.1 192.168.2.50")
		h.fold(patience)
		h.want(t, "taken for one", "192.168.2.1 address [192.168.2.1 192.168.2.50] 2/0")
		h.learn(answers(1, "192.168.2.51"), answers(1, "192.168.2.52"), answers(1, "192.168.2.50"))
		h.all("192.168.2.1 192.168.2.50 192.168.2.51")
		h.fold(patience)
		h.want(t, "found out", "192.168.2.1 address [192.168.2.1] 3/0", "192.168.2.50 address [192.168.2.50] 1/0", "192.168.2.51 address [192.168.2.51] 1/0")
	})
	t.Run("a phone comes back with another MAC", func(t *testing.T) {
		h := newHouse(100, false)
		h.learn(called(1, "phone"), leases(1, "192.168.2.7"))
		h.all("192.168.2.7")
		h.learn(called(2, "phone"), leases(2, "192.168.2.8"))
		h.all("192.168.2.8")
		h.want(t, "both are here", "phone dhcp [192.168.2.7] 1/0", "phone-192.168.2.8 dhcp [192.168.2.8] 1/0")
		h.fold(takeover)
		h.learn(called(3, "phone"), leases(3, "192.168.2.9"))
		h.all("192.168.2.9")
		h.want(t, "the first has long been silent", "phone dhcp [192.168.2.9] 2/0", "phone-192.168.2.8 dhcp [192.168.2.8] 1/0")
	})
	t.Run("domains are left out where names stay apart", func(t *testing.T) {
		h := newHouse(100, true)
		h.cfg.Strip = []string{"home.arpa", "lan"}
		h.namer.found = []finding{{"192.168.2.7", "roku.home.arpa"}, {"192.168.2.8", "roku.lan"}, {"192.168.2.9", "nas.example"}}
		h.learn(speaks(1, "192.168.2.7"), speaks(2, "192.168.2.8"), speaks(3, "192.168.2.9"), called(3, "nas"))
		h.all("192.168.2.7 192.168.2.8 192.168.2.9")
		h.want(t, "shown", "nas.example ptr [192.168.2.9] 1/0", "roku ptr [192.168.2.7] 1/0", "roku.lan ptr [192.168.2.8] 1/0")
	})
}

// The user's file goes before all, at once, and says what is one thing.
func TestBook(t *testing.T) {
	h := newHouse(100, true)
	h.SetHosts(&names.Hosts{Addrs: map[netip.Addr]string{netip.MustParseAddr("192.168.2.7"): "laptop"}, MACs: map[mac.Addr]string{macOf(2): "laptop", macOf(3): "printer"}})
	h.learn(speaks(1, "192.168.2.7"), speaks(1, "fe80::7"), speaks(2, "192.168.2.8"), speaks(3, "192.168.2.9"), called(3, "brother"))
	h.all("192.168.2.7 fe80::7 192.168.2.8 192.168.2.9")
	h.want(t, "from the file", "laptop file [192.168.2.7 192.168.2.8 fe80::7] 3/0", "printer file [192.168.2.9] 1/0")
	h.SetHosts(&names.Hosts{MACs: map[mac.Addr]string{macOf(1): "macbook", macOf(3): "laser"}})
	h.all("192.168.2.7 192.168.2.8 192.168.2.9")
	h.fold(patience)
	h.want(t, "changed", "192.168.2.8 address [192.168.2.8] 1/0", "laptop file [] 3/0", "laser file [192.168.2.9] 1/0", "macbook file [192.168.2.7 fe80::7] 1/0", "printer file [] 1/0")
	h.SetHosts(&names.Hosts{})
	h.all("192.168.2.7 192.168.2.9")
	h.fold(patience)
	h.want(t, "the last good name is kept where there is no other", "192.168.2.8 address [192.168.2.8] 1/0", "brother dhcp [192.168.2.9] 1/0", "laptop file [] 3/0", "laser file [] 1/0", "macbook file [192.168.2.7 fe80::7] 2/0", "printer file [] 1/0")
}

// A name in the file is that of the whole device, whichever of its addresses bears it and comes when.
func TestBookNamesAll(t *testing.T) {
	for _, senders := range []string{"fe80::7 192.168.2.7 2001:db8::7", "192.168.2.7 fe80::7 2001:db8::7", "2001:db8::7 fe80::7 192.168.2.7"} {
		for _, early := range []bool{true, false} {
			for _, patient := range []bool{true, false} {
				h := newHouse(100, false)
				h.cfg.AwaitNames = patient
				h.SetHosts(&names.Hosts{Addrs: map[netip.Addr]string{netip.MustParseAddr("192.168.2.7"): "laptop"}})
				var facts []discovery.Fact
				for _, addr := range strings.Fields(senders) {
					facts = append(facts, speaks(1, addr))
				}
				if !early {
					h.all(senders)
				}
				for _, f := range facts {
					h.learn(f)
				}
				h.all(senders)
				h.fold(patience)
				h.FlushPending()
				h.wantWho(t, "laptop file 01 [192.168.2.7 2001:db8::7 fe80::7]")
			}
		}
	}
}

// The order of the sources is the user's, and those that are left out are not used.
func TestOrder(t *testing.T) {
	for order, want := range map[string]string{
		"file,ptr,dhcp,mdns": "by-ptr ptr [192.168.2.7] 1/0", "mdns,dhcp": "by-mdns mdns [192.168.2.7] 1/0",
		"dhcp": "by-dhcp dhcp [192.168.2.7] 1/0", "file": "192.168.2.7 address [192.168.2.7] 1/0",
	} {
		h := newHouse(100, true)
		h.sources = sourcesOf(strings.Split(order, ","))
		h.namer.found = []finding{{"192.168.2.7", "by-ptr"}}
		h.learn(speaks(1, "192.168.2.7"), called(1, "by-dhcp"), named("192.168.2.7", "by-mdns"))
		h.all("192.168.2.7")
		h.fold(patience)
		h.want(t, order, want)
	}
}

// To be sent something makes nobody a device; to send does, and so does a neighbour's word.
func TestSentTo(t *testing.T) {
	h := newHouse(100, false)
	h.sends("2001:db8::1", -10)
	h.sends("2001:db8::2", -20)
	h.fold(patience)
	h.fold(patience)
	h.want(t, "only sent to")
	if w := h.Snapshot().Waiting.Received().Bytes; w != 30 {
		t.Errorf("%d bytes wait, want 30", w)
	}
	h.sends("2001:db8::1", 1)
	h.learn(answers(2, "2001:db8::2"))
	h.fold(patience)
	h.want(t, "one has sent, one is a neighbour", "2001:db8::1 address [2001:db8::1] 1/10", "2001:db8::2 address [2001:db8::2] 0/20")
}

// A device that has not been seen for long makes room, and its bytes are in the totals for ever.
func TestForget(t *testing.T) {
	h := newHouse(4, true)
	h.cfg.Forget = time.Hour
	h.learn(speaks(1, "192.168.2.1"), speaks(1, "fe80::1"))
	h.all("192.168.2.1 fe80::1 192.168.2.2 192.168.2.3 192.168.2.4")
	h.namer.found = []finding{{"192.168.2.2", "nas"}}
	for range 70 {
		h.fold(time.Minute)
		h.all("192.168.2.1 192.168.2.4")
	}
	h.want(t, "an hour later", "192.168.2.1 address [192.168.2.1] 72/0", "192.168.2.4 address [192.168.2.4] 11/0")
	s := h.Snapshot()
	if f, o, n := s.Forgotten.Sent().Bytes, s.Overflow.Sent().Bytes, s.Network.Total().Bytes; f != 2 || o != 60 || n != 72+11+2+60 {
		t.Errorf("%d bytes forgotten, %d beyond the limit, %d in all", f, o, n)
	}
	if s.Hosts != 2 {
		t.Errorf("%d hosts", s.Hosts)
	}
	h.all("192.168.2.2 192.168.2.3")
	h.fold(patience)
	h.want(t, "back, and one more", "192.168.2.1 address [192.168.2.1] 72/0", "192.168.2.2 address [192.168.2.2] 1/0", "192.168.2.3 address [192.168.2.3] 1/0", "192.168.2.4 address [192.168.2.4] 11/0")
}

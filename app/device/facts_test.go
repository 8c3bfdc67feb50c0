package device

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
)

func TestRegistry_JoinsAddressesByFacts(t *testing.T) {
	tests := []struct {
		name    string
		facts   []discovery.Fact
		senders string // one byte each, after the facts
		want    []string
	}{
		{"all addresses of one MAC are one device",
			[]discovery.Fact{announced(1, "192.168.2.7"), announced(1, "fe80::7"), announced(1, "2001:db8::1:7"),
				probed(1, "2001:db8::abcd"), macName(1, "roku")},
			"192.168.2.7 fe80::7 2001:db8::1:7 2001:db8::abcd",
			[]string{"roku dhcp 01 [192.168.2.7 2001:db8::abcd 2001:db8::1:7 fe80::7]"}},
		{"without a name by the IPv4 address",
			[]discovery.Fact{announced(1, "fe80::7"), announced(1, "192.168.2.7")}, "fe80::7 192.168.2.7",
			[]string{"192.168.2.7 address 01 [192.168.2.7 fe80::7]"}},
		{"a name that comes before the address",
			[]discovery.Fact{macName(1, "philips-hue"), leased(1, "192.168.2.6")}, "192.168.2.6",
			[]string{"philips-hue dhcp 01 [192.168.2.6]"}},
		{"an IPv6 address made of the MAC",
			[]discovery.Fact{leased(1, "192.168.2.6")}, "192.168.2.6 fe80::217:88ff:fe00:1",
			[]string{"192.168.2.6 address 01 [192.168.2.6 fe80::217:88ff:fe00:1]"}},
		{"two IPv6 addresses made of a MAC that is not known",
			nil, "fe80::217:88ff:fe00:1 2001:db8::217:88ff:fe00:1",
			[]string{"2001:db8::217:88ff:fe00:1 address 01 [2001:db8::217:88ff:fe00:1 fe80::217:88ff:fe00:1]"}},
		{"an mDNS name joins addresses without a known MAC",
			[]discovery.Fact{addrName("192.168.2.7", "ipad"), addrName("fe80::7", "ipad")}, "fe80::7 192.168.2.7",
			[]string{"ipad mdns 00 [192.168.2.7 fe80::7]"}},
		{"an mDNS name finds the device of a MAC",
			[]discovery.Fact{addrName("fe80::7", "ipad"), addrName("192.168.2.7", "ipad"),
				announced(1, "192.168.2.7")}, "fe80::7 192.168.2.7",
			[]string{"ipad mdns 01 [192.168.2.7 fe80::7]"}},
		{"a name does not join two MACs",
			[]discovery.Fact{announced(1, "192.168.2.7"), announced(2, "192.168.2.8"), macName(1, "espressif"),
				macName(2, "espressif")}, "192.168.2.7 192.168.2.8",
			[]string{"espressif dhcp 01 [192.168.2.7]", "espressif-192.168.2.8 dhcp 02 [192.168.2.8]"}},
		{"a DHCP name goes before an mDNS name",
			[]discovery.Fact{announced(1, "192.168.2.7"), addrName("192.168.2.7", "dcs-935l5b0e"),
				macName(1, "dcs-935l")}, "192.168.2.7",
			[]string{"dcs-935l dhcp 01 [192.168.2.7]"}},
		{"a name goes before a UUID",
			[]discovery.Fact{addrName("192.168.2.7", "79d88e83-725c-b71b-bad0-5862d5b22386"),
				addrName("192.168.2.7", "lucas-imac"), addrName("192.168.2.7", "89d88e83-725c-b71b-bad0-5862d5b22386")},
			"192.168.2.7", []string{"lucas-imac mdns 00 [192.168.2.7]"}},
		{"a UUID goes before no name",
			[]discovery.Fact{addrName("192.168.2.7", "79d88e83-725c-b71b-bad0-5862d5b22386")},
			"192.168.2.7", []string{"79d88e83-725c-b71b-bad0-5862d5b22386 mdns 00 [192.168.2.7]"}},
		{"a proxy that answers for others keeps its own address only",
			[]discovery.Fact{announced(1, "192.168.2.1"), announced(1, "fe80::1"), replied(1, "192.168.2.50"),
				replied(1, "192.168.2.51"), replied(1, "192.168.2.52")},
			"192.168.2.1 fe80::1 192.168.2.50 192.168.2.51 192.168.2.52",
			[]string{"192.168.2.1 address 01 [192.168.2.1 fe80::1]", "192.168.2.50 address 00 [192.168.2.50]",
				"192.168.2.51 address 00 [192.168.2.51]", "192.168.2.52 address 00 [192.168.2.52]"}},
		{"a proxy that sends last",
			[]discovery.Fact{replied(1, "192.168.2.50"), replied(1, "192.168.2.51"), replied(1, "192.168.2.52"),
				announced(1, "192.168.2.1")},
			"192.168.2.1 192.168.2.50 192.168.2.51 192.168.2.52",
			[]string{"192.168.2.1 address 01 [192.168.2.1]", "192.168.2.50 address 00 [192.168.2.50]",
				"192.168.2.51 address 00 [192.168.2.51]", "192.168.2.52 address 00 [192.168.2.52]"}},
		{"a proxy of hosts that send themselves",
			[]discovery.Fact{announced(1, "192.168.2.1"), announced(2, "192.168.2.50"), replied(1, "192.168.2.50"),
				announced(2, "192.168.2.50"), announced(3, "192.168.2.51"), replied(1, "192.168.2.51")},
			"192.168.2.1 192.168.2.50 192.168.2.51",
			[]string{"192.168.2.1 address 01 [192.168.2.1]", "192.168.2.50 address 02 [192.168.2.50]",
				"192.168.2.51 address 03 [192.168.2.51]"}},
		{"a sleep proxy",
			[]discovery.Fact{announced(2, "192.168.2.50"), announced(2, "fe80::50"), announced(1, "192.168.2.1"),
				announced(1, "fe80::1"), replied(1, "192.168.2.50"), replied(1, "fe80::50")},
			"192.168.2.1 192.168.2.50 fe80::50",
			[]string{"192.168.2.1 address 01 [192.168.2.1 fe80::1]", "192.168.2.50 address 02 [192.168.2.50 fe80::50]"}},
		{"a router with an address in each of many networks",
			[]discovery.Fact{announced(1, "192.168.2.1"), announced(1, "192.168.3.1"), announced(1, "192.168.4.1"),
				announced(1, "192.168.5.1"), announced(1, "192.168.6.1")},
			"192.168.2.1 192.168.3.1 192.168.4.1 192.168.5.1 192.168.6.1",
			[]string{"192.168.2.1 address 01 [192.168.2.1 192.168.3.1 192.168.4.1 192.168.5.1 192.168.6.1]"}},
		{"a virtual router is a device of its own",
			[]discovery.Fact{announced(1, "192.168.2.2"), announced(2, "192.168.2.3"),
				{Kind: discovery.Announced, MAC: mac.Addr{0, 0, 0x5e, 0, 1, 7}, Addr: netip.MustParseAddr("192.168.2.1")}},
			"192.168.2.1 192.168.2.2 192.168.2.3",
			[]string{"192.168.2.1 address 07 [192.168.2.1]", "192.168.2.2 address 01 [192.168.2.2]",
				"192.168.2.3 address 02 [192.168.2.3]"}},
		{"an extender whose clients have leases",
			[]discovery.Fact{macName(9, "extender"), leased(9, "192.168.2.9"), announced(9, "192.168.2.9"),
				macName(1, "tv"), leased(1, "192.168.2.11"), announced(9, "192.168.2.11"),
				macName(2, "phone"), leased(2, "192.168.2.12"), announced(9, "192.168.2.12"), announced(9, "192.168.2.11")},
			"192.168.2.9 192.168.2.11 192.168.2.12",
			[]string{"extender dhcp 09 [192.168.2.9]", "phone dhcp 02 [192.168.2.12]", "tv dhcp 01 [192.168.2.11]"}},
		{"an extender without an address of its own",
			[]discovery.Fact{leased(1, "192.168.2.11"), leased(2, "192.168.2.12"), announced(9, "192.168.2.11"),
				announced(9, "192.168.2.12"), announced(9, "192.168.2.11")},
			"192.168.2.11 192.168.2.12",
			[]string{"192.168.2.11 address 01 [192.168.2.11]", "192.168.2.12 address 02 [192.168.2.12]"}},
		{"an extender without any leases",
			[]discovery.Fact{announced(9, "192.168.2.11"), announced(9, "192.168.2.12"), announced(9, "192.168.2.13")},
			"192.168.2.11 192.168.2.12 192.168.2.13",
			[]string{"192.168.2.11 address 00 [192.168.2.11]", "192.168.2.12 address 00 [192.168.2.12]",
				"192.168.2.13 address 00 [192.168.2.13]"}},
		{"an extender of two hosts with names",
			[]discovery.Fact{announced(9, "192.168.2.11"), addrName("192.168.2.11", "alice"),
				announced(9, "192.168.2.12"), addrName("192.168.2.12", "bob")},
			"192.168.2.11 192.168.2.12",
			[]string{"alice mdns 00 [192.168.2.11]", "bob mdns 00 [192.168.2.12]"}},
		{"one device with many link-local addresses",
			[]discovery.Fact{announced(9, "fe80::1"), announced(9, "fe80::2"), announced(9, "fe80::3"),
				announced(9, "fe80::217:88ff:fe00:9")},
			"fe80::1 fe80::2 fe80::3 fe80::217:88ff:fe00:9",
			[]string{"fe80::1 address 09 [fe80::1 fe80::2 fe80::3 fe80::217:88ff:fe00:9]"}},
		{"a proxy that sends from an address made of another MAC",
			[]discovery.Fact{leased(1, "192.168.2.11"), announced(9, "192.168.2.9"), announced(9, "fe80::217:88ff:fe00:1")},
			"192.168.2.9 192.168.2.11 fe80::217:88ff:fe00:1",
			[]string{"192.168.2.11 address 01 [192.168.2.11 fe80::217:88ff:fe00:1]", "192.168.2.9 address 09 [192.168.2.9]"}},
		{"a second address of one interface",
			[]discovery.Fact{announced(1, "192.168.2.7"), announced(1, "192.168.2.8"), announced(1, "192.168.2.7"),
				replied(1, "192.168.2.8")}, "192.168.2.7 192.168.2.8",
			[]string{"192.168.2.7 address 01 [192.168.2.7 192.168.2.8]"}},
		{"a second address that it only replies for",
			[]discovery.Fact{announced(1, "192.168.2.7"), replied(1, "192.168.2.8")}, "192.168.2.7 192.168.2.8",
			[]string{"192.168.2.7 address 01 [192.168.2.7]", "192.168.2.8 address 00 [192.168.2.8]"}},
		{"an address that it probes, and another one has",
			[]discovery.Fact{announced(1, "192.168.2.7"), probed(2, "192.168.2.7"),
				announced(2, "192.168.2.8")}, "192.168.2.7 192.168.2.8",
			[]string{"192.168.2.7 address 01 [192.168.2.7]", "192.168.2.8 address 02 [192.168.2.8]"}},
		{"a randomized MAC is like any other",
			[]discovery.Fact{
				{Kind: discovery.Leased, MAC: mac.Addr{0xda, 1, 2, 3, 4, 5}, Addr: netip.MustParseAddr("192.168.2.7"),
					Lifetime: time.Hour},
				{Kind: discovery.MACName, MAC: mac.Addr{0xda, 1, 2, 3, 4, 5}, Name: "phone"},
			}, "192.168.2.7",
			[]string{"phone dhcp 05 [192.168.2.7]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lan := newTestLAN(100, false)
			lan.learn(tt.facts...)
			lan.sendAll(tt.senders)
			lan.update(lookupGrace)
			lan.wantMACs(t, tt.want...)
			var sum uint64
			for _, d := range lan.Snapshot().Devices {
				sum += d.Totals.Sent().Bytes
			}
			if n := len(strings.Fields(tt.senders)); sum != uint64(n) {
				t.Errorf("%d bytes, want %d", sum, n)
			}

			// The same if the traffic comes first and FlushPending last, as in a file.
			lan = newTestLAN(100, false)
			lan.cfg.AwaitNames = false
			lan.hear(tt.facts)
			lan.sendAll(tt.senders)
			lan.learn(tt.facts...)
			lan.FlushPending()
			lan.wantMACs(t, tt.want...)
		})
	}
}

func TestRegistry_FollowsLateFacts(t *testing.T) {
	t.Run("a new lease moves an address", func(t *testing.T) {
		lan := newTestLAN(100, false)
		lan.learn(macName(1, "tv"), leased(1, "192.168.2.7"))
		lan.send("192.168.2.7", 100)
		lan.update(lookupGrace)
		lan.learn(macName(2, "phone"), leased(2, "192.168.2.7"))
		lan.send("192.168.2.7", 10)
		lan.update(lookupGrace)
		lan.update(lookupGrace)
		lan.want(t, "moved", "phone dhcp [192.168.2.7] 10/0", "tv dhcp [] 100/0")
		lan.learn(leased(1, "192.168.2.8"))
		lan.send("192.168.2.8", 1)
		lan.update(time.Second)
		lan.want(t, "the old one has another address", "phone dhcp [192.168.2.7] 10/0", "tv dhcp [192.168.2.8] 101/0")
	})
	t.Run("a forged lease ends when the client that had the address sends again", func(t *testing.T) {
		lan := newTestLAN(100, false)
		lan.learn(macName(1, "tv"), leased(1, "192.168.2.7"), announced(1, "192.168.2.7"))
		lan.sendAll("192.168.2.7")
		lan.update(30 * time.Minute)
		lan.learn(leased(2, "192.168.2.7"))
		for range 5 {
			lan.update(30 * time.Second)
			lan.sendAll("192.168.2.7")
		}
		lan.wantMACs(t, "tv dhcp 01 [192.168.2.7]")
	})
	t.Run("another MAC moves an address", func(t *testing.T) {
		lan := newTestLAN(100, false)
		lan.cfg.AwaitNames = false
		lan.learn(announced(1, "192.168.2.7"))
		lan.send("192.168.2.7", 100)
		lan.update(time.Second)
		lan.learn(announced(2, "192.168.2.7"))
		lan.send("192.168.2.7", 10)
		lan.update(time.Second)
		lan.FlushPending()
		lan.want(t, "moved", "00:17:88:00:00:01 address [] 100/0", "192.168.2.7 address [192.168.2.7] 10/0")
	})
	t.Run("a MAC joins a device that is shown", func(t *testing.T) {
		lan := newTestLAN(100, false)
		lan.sendAll("192.168.2.7 fe80::7")
		lan.update(lookupGrace)
		lan.want(t, "shown", "192.168.2.7 address [192.168.2.7] 1/0", "fe80::7 address [fe80::7] 1/0")
		lan.learn(announced(1, "192.168.2.7"), announced(1, "fe80::7"))
		lan.sendAll("192.168.2.7 fe80::7")
		lan.want(t, "joined", "192.168.2.7 address [192.168.2.7 fe80::7] 3/0", "fe80::7 address [] 1/0")
	})
	t.Run("a name comes late, and a better one", func(t *testing.T) {
		lan := newTestLAN(100, true)
		lan.learn(announced(1, "192.168.2.7"))
		lan.sendAll("192.168.2.7")
		lan.update(lookupGrace)
		lan.learn(addrName("192.168.2.7", "cast"))
		lan.sendAll("192.168.2.7")
		lan.want(t, "named", "192.168.2.7 address [] 1/0", "cast mdns [192.168.2.7] 1/0")
		lan.namer.found = []answer{{"192.168.2.7", "tv.lan"}}
		lan.sendAll("192.168.2.7")
		lan.want(t, "the name stays", "192.168.2.7 address [] 1/0", "cast mdns [192.168.2.7] 2/0")
		lan.update(renameAfter)
		lan.sendAll("192.168.2.7")
		lan.want(t, "the better name has held", "192.168.2.7 address [] 1/0", "cast mdns [] 2/0",
			"tv.lan ptr [192.168.2.7] 1/0")
	})
	t.Run("one name from two sources is one name", func(t *testing.T) {
		lan := newTestLAN(100, true)
		lan.learn(announced(1, "192.168.2.7"), macName(1, "tv"))
		lan.sendAll("192.168.2.7")
		lan.update(lookupGrace)
		lan.namer.found = []answer{{"192.168.2.7", "tv.lan"}}
		lan.sendAll("192.168.2.7")
		lan.update(renameAfter)
		lan.want(t, "kept", "tv ptr [192.168.2.7] 2/0")
	})
	t.Run("an extender is recognized late", func(t *testing.T) {
		lan := newTestLAN(100, false)
		lan.learn(announced(1, "192.168.2.1"), announced(1, "192.168.2.50"))
		lan.sendAll("192.168.2.1 192.168.2.50")
		lan.update(lookupGrace)
		lan.want(t, "taken for one device", "192.168.2.1 address [192.168.2.1 192.168.2.50] 2/0")
		lan.learn(announced(1, "192.168.2.51"))
		lan.sendAll("192.168.2.1 192.168.2.50 192.168.2.51")
		lan.update(lookupGrace)
		lan.sendAll("192.168.2.1 192.168.2.50 192.168.2.51")
		lan.update(lookupGrace)
		lan.want(t, "recognized", "192.168.2.1 address [192.168.2.1] 5/0", "192.168.2.50 address [192.168.2.50] 1/0",
			"192.168.2.51 address [192.168.2.51] 2/0")
	})
	t.Run("a device comes back with another MAC", func(t *testing.T) {
		lan := newTestLAN(100, false)
		lan.learn(macName(1, "phone"), leased(1, "192.168.2.7"))
		lan.sendAll("192.168.2.7")
		lan.learn(macName(2, "phone"), leased(2, "192.168.2.8"))
		lan.sendAll("192.168.2.8")
		lan.want(t, "both are here", "phone dhcp [192.168.2.7] 1/0", "phone-192.168.2.8 dhcp [192.168.2.8] 1/0")
		lan.update(asleepAfter)
		lan.learn(macName(3, "phone"), leased(3, "192.168.2.9"))
		lan.sendAll("192.168.2.9")
		lan.want(t, "the first is silent, but comes back", "phone dhcp [192.168.2.7] 1/0",
			"phone-192.168.2.8 dhcp [192.168.2.8] 1/0", "phone-192.168.2.9 dhcp [192.168.2.9] 1/0")
	})
	t.Run("domains are left out where names stay unique", func(t *testing.T) {
		lan := newTestLAN(100, true)
		lan.cfg.Strip = []string{"home.arpa", "lan"}
		lan.namer.found = []answer{{"192.168.2.7", "roku.home.arpa"}, {"192.168.2.8", "roku.lan"},
			{"192.168.2.9", "nas.example"}}
		lan.learn(announced(1, "192.168.2.7"), announced(2, "192.168.2.8"), announced(3, "192.168.2.9"), macName(3, "nas"))
		lan.sendAll("192.168.2.7 192.168.2.8 192.168.2.9")
		lan.update(lookupGrace)
		lan.want(t, "shown", "nas.example ptr [192.168.2.9] 1/0", "roku ptr [192.168.2.7] 1/0",
			"roku.lan ptr [192.168.2.8] 1/0")
	})
}

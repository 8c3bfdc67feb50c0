package device

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/names"
)

// sendFrom has an address send one byte in a frame of a MAC, and updates.
func (lan *testLAN) sendFrom(n byte, addr string) {
	lan.macs[netip.MustParseAddr(addr)] = testMAC(n)
	lan.sendAll(addr)
}

func TestRegistry_Why(t *testing.T) {
	const one, nine = "00:17:88:00:00:01", "00:17:88:00:00:09"
	for _, tt := range []struct {
		name  string
		hear  func(lan *testLAN)
		addr  string
		words []string
	}{
		{"a lease, though an extender sends", func(lan *testLAN) {
			lan.learn(leased(1, "192.168.2.7"), announced(9, "192.168.2.7"))
			lan.sendAll("192.168.2.7")
		}, "192.168.2.7", []string{one + " has a DHCP lease", "until 2026-11-23 15:00:00", nine + " sends"}},
		{"a lease that is over", func(lan *testLAN) {
			lan.learn(leased(1, "192.168.2.7"))
			lan.sendFrom(1, "192.168.2.7")
			lan.update(2 * time.Hour)
		}, "192.168.2.7", []string{one + " had a DHCP lease"}},
		{"the sender of its frames", func(lan *testLAN) {
			lan.sendFrom(1, "192.168.2.7")
		}, "192.168.2.7", []string{one + " sends from it"}},
		{"an announcement", func(lan *testLAN) {
			lan.learn(announced(1, "192.168.2.7"))
			lan.send("192.168.2.7", -1)
		}, "192.168.2.7", []string{one + " announces it"}},
		{"an answer", func(lan *testLAN) {
			lan.learn(replied(1, "192.168.2.7"))
			lan.send("192.168.2.7", -1)
		}, "192.168.2.7", []string{one + " answers for it"}},
		{"an address made from a MAC", func(lan *testLAN) { lan.sendAll("fe80::217:88ff:fe00:1") },
			"fe80::217:88ff:fe00:1", []string{"made from " + one}},
		{"two interfaces of one device", func(lan *testLAN) {
			lan.learn(announced(1, "192.168.2.7"), announced(2, "192.168.2.8"))
			lan.sendAll("192.168.2.7 192.168.2.8")
			lan.learn(addrName("192.168.2.7", "nas"), addrName("192.168.2.8", "nas"))
		}, "192.168.2.7", []string{one + " sends from it", "same mDNS name as 00:17:88:00:00:02"}},
		{"nothing since it had it", func(lan *testLAN) {
			lan.learn(replied(2, "192.168.2.50"), replied(2, "192.168.2.51")) // a proxy
			lan.learn(leased(1, "192.168.2.7"))
			lan.send("192.168.2.7", -1)
			lan.learn(fact(discovery.Released, 1, "192.168.2.7"), replied(2, "192.168.2.7"))
		}, "192.168.2.7", []string{one + " had it last"}},
		{"the hosts file", func(lan *testLAN) {
			lan.SetHosts(&names.Hosts{MACs: map[mac.Addr]string{testMAC(1): "roku"}})
			lan.learn(announced(1, "192.168.2.7"))
			lan.sendAll("192.168.2.7")
		}, "192.168.2.7", []string{"hosts file", "roku"}},
		{"nothing", func(lan *testLAN) { lan.sendAll("192.168.2.7") }, "192.168.2.7", []string{"its MAC is not known"}},
		{"a name", func(lan *testLAN) {
			lan.learn(addrName("192.168.2.7", "ipad"), addrName("192.168.2.8", "ipad"))
			lan.sendAll("192.168.2.7 192.168.2.8")
		}, "192.168.2.7", []string{"its MAC is not known", "shares the name ipad"}},
		{"a router that sends for it", func(lan *testLAN) {
			lan.learn(announced(9, "192.168.2.7"), addrName("192.168.2.7", "alice"),
				announced(9, "192.168.2.8"), addrName("192.168.2.8", "bob"))
			lan.sendAll("192.168.2.7 192.168.2.8")
			lan.learn(fact(discovery.Router, 9, "fe80::1"))
		}, "192.168.2.7", []string{nine + " sends from it", "router"}},
		{"an extender that sends for it", func(lan *testLAN) {
			lan.learn(announced(9, "192.168.2.11"), addrName("192.168.2.11", "alice"),
				announced(9, "192.168.2.12"), addrName("192.168.2.12", "bob"))
			lan.sendAll("192.168.2.11 192.168.2.12")
			lan.sendFrom(9, "2001:db8::7")
		}, "2001:db8::7", []string{nine + " sends from it", "for other devices", "behind"}},
		{"another MAC that has begun to send", func(lan *testLAN) {
			lan.sendFrom(1, "192.168.2.7")
			lan.sendFrom(9, "192.168.2.7")
		}, "192.168.2.7", []string{one + " sends from it", nine + " has begun"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lan := newTestLAN(100, false)
			tt.hear(lan)
			lan.update(time.Second)
			lan.update(lookupGrace)
			why := strings.Join(slices.Concat(slices.Collect(maps.Values(lan.Why()))...), "\n")
			line := ""
			for l := range strings.Lines(why) {
				if strings.HasPrefix(l, tt.addr+": ") {
					line += l
				}
			}
			for _, word := range tt.words {
				if !strings.Contains(line, word) {
					t.Errorf("no %q in %q of:\n%s", word, line, why)
				}
			}
		})
	}
}

// Each line stands under the name of the snapshot, in the order of its addresses.
func TestRegistry_WhyAgreesWithSnapshot(t *testing.T) {
	lan := newTestLAN(100, false)
	lan.learn(leased(1, "192.168.2.7"), announced(1, "fe80::7"), macName(1, "roku"), announced(2, "192.168.2.8"))
	lan.sendAll("192.168.2.7 192.168.2.8 fe80::7 2001:db8::9")
	lan.update(lookupGrace)
	want, got := map[string][]string{}, map[string][]string{}
	for _, d := range lan.Snapshot().Devices {
		for _, a := range d.Hosts {
			want[d.Name] = append(want[d.Name], a.String())
		}
	}
	for name, lines := range lan.Why() {
		for _, line := range lines {
			a, _, _ := strings.Cut(line, ": ")
			got[name] = append(got[name], a)
		}
	}
	if d := cmp.Diff(want, got); d != "" || len(want) != 3 {
		t.Errorf("addresses (-snapshot +why):\n%s", d)
	}
}

package device

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

// What anybody on the LAN can make does not take work that grows with the square of their number: twice as many take less than
// three times the memory on the way.
func TestRegistry_WorksInProportion(t *testing.T) {
	say := func(lan *testLAN, a netip.Addr, hw mac.Addr) {
		lan.Learn(lan.now, []discovery.Fact{{Kind: discovery.AddrName, Protocol: discovery.MDNS, Own: true, MAC: hw,
			Addr: a, By: a, Name: "x"}})
	}
	for _, tc := range []struct {
		name string
		n    int
		some func(lan *testLAN, i int)
	}{
		{"one MAC sends from addresses of many subnets", 400, func(lan *testLAN, i int) {
			lan.sendAs(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), macOf(1))
		}},
		{"one MAC sends from addresses that have one name", 400, func(lan *testLAN, i int) {
			a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			lan.sendAs(a, macOf(1))
			say(lan, a, macOf(1))
		}},
		{"many MACs of one vendor have one name", 1000, func(lan *testLAN, i int) {
			a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			hw := mac.Addr{0, 1, 2, 3, byte(i >> 8), byte(i)}
			lan.sendAs(a, hw)
			lan.update(0)
			say(lan, a, hw)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			work := func(n int) uint64 {
				lan := newTestLAN(4096, false)
				lan.table.SetPrefixes(traffic.NewPrefixes([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for i := range n {
					tc.some(lan, i)
					if i%50 == 49 {
						lan.update(time.Second)
					}
				}
				runtime.ReadMemStats(&after)
				return after.TotalAlloc - before.TotalAlloc
			}
			work(1)
			if one, two := work(tc.n), work(2*tc.n); two > 3*one {
				t.Errorf("%d take %d bytes, %d take %d", tc.n, one, 2*tc.n, two)
			}
		})
	}
}

// macOf returns a randomized MAC by number.
func macOf(i int) mac.Addr { return mac.Addr{2, 1, 0, 0, byte(i >> 8), byte(i)} }

// sendAs counts a packet from an address in a frame from a MAC.
func (lan *testLAN) sendAs(a netip.Addr, hw mac.Addr) {
	lan.macs[a] = hw
	lan.send(a.String(), 100)
}

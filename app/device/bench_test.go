package device

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

const manyHosts = 4096

// newFullLAN returns a LAN in which all hosts are shown, each with a MAC, a name and a vendor.
func newFullLAN(b *testing.B) *testLAN {
	lan := newTestLAN(manyHosts, true)
	for i := range manyHosts - 2 {
		addr := netip.AddrFrom4([4]byte{192, 168, byte((i + 1) >> 8), byte(i + 1)}).String()
		f, n := announced(0, addr), macName(0, fmt.Sprintf("dhcp-%d", i))
		f.MAC = mac.Addr{0x00, 0x17, 0x88, 1, byte(i >> 8), byte(i)}
		n.MAC = f.MAC
		lan.learn(f, n, addrName(addr, fmt.Sprintf("mdns-%d", i)))
		lan.namer.found = append(lan.namer.found, answer{addr, fmt.Sprintf("ptr-%d", i)})
		lan.send(addr, 100)
	}
	lan.update(time.Second)
	lan.update(lookupGrace)
	if n := len(lan.Snapshot().Devices); n != manyHosts-2 {
		b.Fatalf("%d devices", n)
	}
	return lan
}

// BenchmarkRegistry_Update updates 4,096 hosts that have all had traffic. It also reports the memory that a host takes, with
// its slot in the table, its names and its share of a snapshot.
func BenchmarkRegistry_Update(b *testing.B) {
	before := heapInUse()
	lan := newFullLAN(b)
	with := heapInUse()
	count := func() {
		lan.table.Begin()
		for i := range uint64(manyHosts - 2) {
			lan.table.Count(traffic.IPv4, traffic.Addr{Lo: 192<<24 | 168<<16 + i + 1}, internet[traffic.IPv4], 100, 114, 1, 0)
		}
		lan.table.End()
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		count()
		b.StartTimer()
		lan.update(time.Second)
	}
	b.ReportMetric(float64(with-before)/manyHosts, "B/host")
	runtime.KeepAlive(lan)
}

// BenchmarkRegistry_Snapshot builds the snapshot of 4,096 devices.
func BenchmarkRegistry_Snapshot(b *testing.B) {
	lan := newFullLAN(b)
	b.ReportAllocs()
	for b.Loop() {
		lan.snapshot = nil
		lan.Snapshot()
	}
}

package device

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/names"
	"gonetmon/app/traffic"
)

var byValue = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// What is unpacked is what was packed, whatever it is.
func TestDevices(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	number := func() uint64 { return random.Uint64() >> random.IntN(65) }
	rate := func() float64 {
		return []float64{0, float64(float32(random.ExpFloat64() * 1e6)), random.ExpFloat64(), math.MaxFloat64}[random.IntN(4)]
	}
	moment := func() time.Time {
		return []time.Time{{}, start, start.Add(time.Duration(random.Int64()) >> 2), start.Add(-time.Duration(random.Int64()) >> 2)}[random.IntN(4)]
	}
	for _, n := range []int{0, 1, perChunk - 1, perChunk, perChunk + 1, 3*perChunk + 5} {
		var all []Device
		housed := 0
		for i := range n {
			d := Device{Name: fmt.Sprintf("device%d\xff", i), Source: []string{"", SourcePTR, "other\n"}[random.IntN(3)],
				Vendor: []string{"", "AVM", "Roku"}[random.IntN(3)], First: moment(), Last: moment(),
				Idle: time.Duration(random.Int64()) >> random.IntN(64), InRate: rate(), OutRate: rate()}
			if random.IntN(2) == 0 {
				d.MAC = names.MAC{1, 2, byte(i), 4, 5, 6}
			}
			for s := range d.Totals.Out {
				d.Totals.Out[s] = traffic.Count{Bytes: number(), Packets: number()}
			}
			for s := range d.Totals.In {
				d.Totals.In[s] = traffic.Count{Bytes: number(), Packets: number()}
			}
			for range random.IntN(4) {
				d.Hosts = append(d.Hosts, netip.MustParseAddr([]string{"192.168.2.7", "fe80::7", "::ffff:10.0.0.1", "::"}[random.IntN(4)]))
			}
			if len(d.Hosts) > 0 {
				housed++
			}
			all = append(all, d)
		}
		packed := Pack(all...)
		if packed.Len() != n || packed.Housed() != housed {
			t.Errorf("%d devices, %d with an address, want %d and %d", packed.Len(), packed.Housed(), n, housed)
		}
		got := packed.Unpack()
		if d := cmp.Diff(all, got, byValue, cmp.Transformer("none", func(a []netip.Addr) []netip.Addr { return append([]netip.Addr{}, a...) })); n > 0 && d != "" {
			t.Fatalf("%d devices (-want +got):\n%s", n, d)
		}
		for range 20 {
			from := random.IntN(n + 1)
			to := from + random.IntN(n+1-from)
			var some []string
			for d := range packed.Range(from, to) {
				some = append(some, d.Name)
			}
			var want []string
			for _, d := range all[from:to] {
				want = append(want, d.Name)
			}
			if !slices.Equal(some, want) {
				t.Fatalf("%d to %d: %q, want %q", from, to, some, want)
			}
		}
		for range packed.All() {
			break // is allowed
		}
	}
}

// A device that is as most are takes a quarter of what it is unpacked.
func TestDevicesAreSmall(t *testing.T) {
	all := make([]Device, 10_000)
	for i := range all {
		all[i] = Device{Name: "d", Source: SourceAddress, Hosts: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})},
			First: start, Last: start.Add(time.Duration(i) * time.Second), InRate: float64(float32(1000) / float32(i+1))}
		all[i].Totals.Out[traffic.ScopeInternet] = traffic.Count{Bytes: uint64(i) * 1000, Packets: uint64(i)}
	}
	p := Pack(all...)
	size := 0
	for _, c := range p.chunks {
		size += cap(c)
	}
	if each := size/len(all) + 16; each > 64 { // with its name
		t.Errorf("%d bytes a device", each)
	}
}

func BenchmarkDevices(b *testing.B) {
	all := make([]Device, 65536)
	for i := range all {
		all[i] = Device{Name: "d", Source: SourceAddress, Hosts: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}, First: start, Last: start}
		all[i].Totals.Out[traffic.ScopeInternet] = traffic.Count{Bytes: uint64(i) * 1000, Packets: uint64(i)}
	}
	p := Pack(all...)
	b.ReportAllocs()
	for b.Loop() {
		for d := range p.All() {
			_ = d
		}
	}
}

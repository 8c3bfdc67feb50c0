package device

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

// namer is a Namer that finds what the test says.
type namer struct {
	wanted []string
	found  []finding
}

type finding struct{ addr, name string }

func (n *namer) Want(host netip.Addr) { n.wanted = append(n.wanted, host.String()) }

func (n *namer) Drain(found func(netip.Addr, string)) {
	for _, f := range n.found {
		found(netip.MustParseAddr(f.addr), f.name)
	}
	n.found = nil
}

// house is a registry with one table, and a clock.
type house struct {
	*Registry
	table *traffic.Table
	namer *namer
	now   time.Time
}

var start = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

func newHouse(limit int, named bool) *house {
	lan := traffic.NewPrefixes([]netip.Prefix{netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("2001:db8::/64")})
	h := &house{table: traffic.NewTable(lan, limit), now: start}
	cfg := Config{Tables: []*traffic.Table{h.table}, Limit: limit, AwaitNames: true, Start: start}
	if named {
		h.namer = &namer{}
		cfg.Names = h.namer
	}
	h.Registry = NewRegistry(cfg)
	return h
}

func number(a netip.Addr) (f traffic.Family, n traffic.Addr) {
	b := a.As16()
	n = traffic.Addr{Hi: binary.BigEndian.Uint64(b[:8]), Lo: binary.BigEndian.Uint64(b[8:])}
	if a.Is4() {
		return traffic.IPv4, traffic.Addr{Lo: n.Lo & 0xffffffff}
	}
	return traffic.IPv6, n
}

// sends counts a packet of a host to the internet, or from it if bytes is below 0.
func (h *house) sends(host string, bytes int) {
	f, a := number(netip.MustParseAddr(host))
	far := traffic.Addr{Hi: 0x2620 << 48, Lo: 8<<24 | 8}
	h.table.Begin()
	defer h.table.End()
	if bytes < 0 {
		h.table.Count(f, far, a, uint64(-bytes), uint64(14-bytes), 1)
		return
	}
	h.table.Count(f, a, far, uint64(bytes), uint64(14+bytes), 1)
}

// fold lets time pass and folds.
func (h *house) fold(after time.Duration) {
	h.now = h.now.Add(after)
	h.Update(h.now)
}

// shown describes the devices as "name source addresses out/in", one each.
func (h *house) shown() []string {
	var all []string
	for _, d := range h.Snapshot().Devices {
		all = append(all, fmt.Sprintf("%s %s %v %d/%d", d.Name, d.Source, d.Hosts, d.Totals.Sent().Bytes, d.Totals.Received().Bytes))
	}
	return all
}

func (h *house) want(t *testing.T, when string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, h.shown()); d != "" {
		t.Errorf("%s: devices (-want +got):\n%s", when, d)
	}
}

func TestRegistryWithoutNames(t *testing.T) {
	h := newHouse(10, false)
	h.sends("192.168.2.7", 100)
	h.sends("192.168.2.7", -1000)
	h.sends("fe80::7", 10)
	h.fold(time.Second)
	h.want(t, "in case that it introduces itself")
	h.fold(nameless)
	h.want(t, "soon", "192.168.2.7 address [192.168.2.7] 100/1000", "fe80::7 address [fe80::7] 10/0")
	d := h.Snapshot().Devices[0]
	if seen := start.Add(time.Second); !d.First.Equal(seen) || !d.Last.Equal(seen) {
		t.Errorf("first seen %v, last %v, want %v", d.First, d.Last, seen)
	}
	h.sends("192.168.2.7", 1)
	h.fold(time.Minute)
	if d := h.Snapshot().Devices[0]; !d.First.Equal(start.Add(time.Second)) || !d.Last.Equal(h.now) {
		t.Errorf("first seen %v, last %v", d.First, d.Last)
	}
}

func TestRegistryNames(t *testing.T) {
	h := newHouse(10, true)
	h.sends("192.168.2.7", 100)
	h.fold(time.Second)
	h.want(t, "before its name is known")
	if w := h.Snapshot().Waiting.Sent().Bytes; w != 100 {
		t.Errorf("%d bytes wait, want 100", w)
	}
	h.sends("192.168.2.7", 10)
	h.namer.found = []finding{{"192.168.2.7", "roku"}, {"192.168.2.9", "nas"}, {"192.168.2.10", ""}}
	h.fold(time.Second)
	h.want(t, "named, and a name of a host that was not seen", "nas ptr [192.168.2.9] 0/0", "roku ptr [192.168.2.7] 110/0")
	if w := h.Snapshot().Waiting; w != (traffic.Totals{}) {
		t.Errorf("still waiting: %+v", w)
	}
	h.sends("fe80::7", 1)
	h.sends("192.168.2.8", 5)
	h.fold(4 * time.Second)
	h.fold(4 * time.Second)
	h.want(t, "patience first", "nas ptr [192.168.2.9] 0/0", "roku ptr [192.168.2.7] 110/0")
	h.namer.found = []finding{{"fe80::7", "roku"}}
	h.fold(time.Second)
	h.want(t, "a second address of one name, and patience over", "192.168.2.8 address [192.168.2.8] 5/0", "nas ptr [192.168.2.9] 0/0", "roku ptr [192.168.2.7 fe80::7] 111/0")
	h.sends("192.168.2.8", 7)
	h.namer.found = []finding{{"192.168.2.8", "printer"}, {"192.168.2.7", ""}}
	h.fold(time.Second)
	h.want(t, "a first name begins anew, and no name changes nothing", "192.168.2.8 address [] 5/0", "nas ptr [192.168.2.9] 0/0", "printer ptr [192.168.2.8] 7/0", "roku ptr [192.168.2.7 fe80::7] 111/0")
	h.namer.found = []finding{{"192.168.2.9", "storage"}, {"fe80::7", "tv"}}
	h.sends("192.168.2.7", 1)
	h.sends("fe80::7", 2)
	h.fold(time.Second)
	h.want(t, "an address of another name leaves", "192.168.2.8 address [] 5/0", "nas ptr [192.168.2.9] 0/0", "printer ptr [192.168.2.8] 7/0", "roku ptr [192.168.2.7] 112/0", "tv ptr [fe80::7] 2/0")
	h.fold(settled - time.Minute)
	h.namer.found = []finding{{"192.168.2.8", "scanner"}}
	h.fold(time.Minute)
	h.want(t, "another name that holds", "192.168.2.8 address [] 5/0", "printer ptr [192.168.2.8] 7/0", "roku ptr [192.168.2.7] 112/0", "storage ptr [192.168.2.9] 0/0", "tv ptr [fe80::7] 2/0")
	h.namer.found = []finding{{"192.168.2.8", "printer"}}
	h.fold(settled)
	h.want(t, "another name that did not", "192.168.2.8 address [] 5/0", "printer ptr [192.168.2.8] 7/0", "roku ptr [192.168.2.7] 112/0", "storage ptr [192.168.2.9] 0/0", "tv ptr [fe80::7] 2/0")
}

// The namer hears of a host when it is first seen, and then once a minute while it is active.
func TestRegistryWants(t *testing.T) {
	h := newHouse(10, true)
	for range 150 {
		h.sends("192.168.2.7", 1)
		h.fold(time.Second)
	}
	h.fold(time.Hour)
	if n := len(h.namer.wanted); n != 3 {
		t.Errorf("wanted %d times in 150 s, want 3", n)
	}
}

func TestRegistryLimit(t *testing.T) {
	h := newHouse(3, true)
	h.namer.found = []finding{{"192.168.2.200", "named"}}
	for i := range 10 {
		h.sends(fmt.Sprintf("192.168.2.%d", i+1), 1)
	}
	h.fold(10 * time.Second)
	h.fold(10 * time.Second)
	s := h.Snapshot()
	if len(s.Devices) != 3 || s.Hosts != 3 || s.Limit != 3 || s.Overflow.Sent().Bytes != 8 {
		t.Errorf("%d devices, %d hosts of %d, overflow %d", len(s.Devices), s.Hosts, s.Limit, s.Overflow.Sent().Bytes)
	}
	// A host whose name changes all the time leaves a bounded number of devices behind.
	for i := range 1000 {
		h.namer.found = []finding{{"192.168.2.1", fmt.Sprintf("name%d", i)}}
		h.sends("192.168.2.1", 1)
		h.fold(settled)
	}
	if n := len(h.Snapshot().Devices); n > perLimit*3 {
		t.Errorf("%d devices", n)
	}
}

func TestRegistryRates(t *testing.T) {
	h := newHouse(3, false)
	for range 60 {
		h.sends("192.168.2.7", 1000)
		h.sends("192.168.2.7", -100)
		h.fold(time.Second)
	}
	d := h.Snapshot().Devices[0]
	if d.OutRate < 999 || d.OutRate > 1001 || d.InRate < 99 || d.InRate > 101 {
		t.Errorf("rates %v out, %v in, want 1000 and 100", d.OutRate, d.InRate)
	}
	h.fold(5 * time.Second)
	if d := h.Snapshot().Devices[0]; d.OutRate < 350 || d.OutRate > 380 {
		t.Errorf("after 5 s of silence the rate is %v, want 1000/e", d.OutRate)
	}
	h.fold(time.Minute)
	if d := h.Snapshot().Devices[0]; d.OutRate != 0 || d.InRate != 0 || len(h.active) != 0 {
		t.Errorf("rates %v out, %v in after a minute of silence", d.OutRate, d.InRate)
	}
}

// However names come, go and change: no byte is lost or counted twice, and no device's counter goes back.
func TestRegistryLosesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		h := newHouse(20+random.IntN(20), round%2 == 0)
		var sent, received uint64
		before := map[string]traffic.Totals{}
		for range 300 {
			for range random.IntN(20) {
				host, n := fmt.Sprintf("192.168.2.%d", 1+random.IntN(40)), 1+random.IntN(1500)
				if random.IntN(2) == 0 {
					sent += uint64(n)
				} else {
					received += uint64(n)
					n = -n
				}
				h.sends(host, n)
			}
			if h.namer != nil {
				for range random.IntN(5) {
					name := []string{"", "a", "b", "c", fmt.Sprintf("n%d", random.IntN(30))}[random.IntN(5)]
					h.namer.found = append(h.namer.found, finding{fmt.Sprintf("192.168.2.%d", 1+random.IntN(40)), name})
				}
			}
			h.fold(time.Duration(random.IntN(3000)) * time.Millisecond)
			s := h.Snapshot()
			sum := s.Forgotten
			sum.Add(&s.Overflow)
			sum.Add(&s.Waiting)
			hosts := 0
			for _, d := range s.Devices {
				was := before[d.Name]
				for i := range was.Out {
					if d.Totals.Out[i].Bytes < was.Out[i].Bytes {
						t.Fatalf("round %d: %s went back from %v to %v", round, d.Name, was, d.Totals)
					}
				}
				before[d.Name] = d.Totals
				sum.Add(&d.Totals)
				hosts += len(d.Hosts)
			}
			if sum.Sent().Bytes != sent || sum.Received().Bytes != received || s.Network.Total().Bytes != sent+received {
				t.Fatalf("round %d: %d sent and %d received by devices, %d in the network, want %d and %d",
					round, sum.Sent().Bytes, sum.Received().Bytes, s.Network.Total().Bytes, sent, received)
			}
			if hosts > s.Hosts {
				t.Fatalf("round %d: %d hosts of devices, but %d known", round, hosts, s.Hosts)
			}
		}
	}
}

func TestRegistryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(10, false)
		h.cfg.Start = time.Now()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- h.Run(ctx) }()
		h.sends("192.168.2.7", 100)
		time.Sleep(5500 * time.Millisecond)
		if n := len(h.Snapshot().Devices); n != 1 {
			t.Errorf("%d devices after 5.5 s", n)
		}
		if a, b := h.Snapshot(), h.Snapshot(); a != b {
			t.Error("two snapshots of one fold")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// The fold of 65,536 hosts that have all moved something in the last second.
func BenchmarkFold(b *testing.B) {
	h := newHouse(65536, false)
	far := traffic.Addr{Lo: 8<<24 | 8}
	all := func() {
		h.table.Begin()
		for i := range uint64(65534) {
			h.table.Count(traffic.IPv4, traffic.Addr{Lo: 192<<24 | 168<<16 + i + 1}, far, 100, 114, 1)
		}
		h.table.End()
	}
	all()
	h.fold(time.Second)
	h.fold(nameless) // so that all are shown
	if n := len(h.Snapshot().Devices); n != 65534 {
		b.Fatalf("%d devices", n)
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		all()
		b.StartTimer()
		h.fold(time.Second)
	}
}

// The snapshot of 65,536 devices whose makers are known, when nothing has changed, and when a hundred have another name: what a DNS server
// is asked in two seconds.
func BenchmarkSnapshot(b *testing.B) {
	h := newHouse(65536, false)
	for i := range 65534 {
		addr := netip.AddrFrom4([4]byte{192, 168, byte((i + 1) >> 8), byte(i + 1)})
		f := speaks(0, addr.String())
		f.MAC = mac.Addr{0x00, 0x17, 0x88, 1, byte(i >> 8), byte(i)}
		h.learn(f)
		h.sends(addr.String(), 100)
	}
	h.fold(time.Second)
	h.fold(nameless)
	if n := len(h.Snapshot().Devices); n != 65534 {
		b.Fatalf("%d devices", n)
	}
	for _, renamed := range []int{0, 100} {
		b.Run(fmt.Sprintf("renamed=%d", renamed), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				for _, s := range h.series.all()[:renamed] {
					d := s.owner
					h.remove(s)
					h.take(d, fmt.Sprintf("tv-%d-%s", i, d.hosts.all()[0].addr()))
				}
				h.snapshot = nil
				b.StartTimer()
				h.Snapshot()
			}
		})
	}
}

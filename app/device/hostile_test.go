package device

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/names"
	"gonetmon/app/traffic"
)

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// bounded fails the test if what is remembered is more than its limit.
func (h *house) bounded(t *testing.T) {
	t.Helper()
	for _, table := range h.Snapshot().Tables {
		if table.Used > table.Limit {
			t.Errorf("%d %s, limit %d", table.Used, table.Name, table.Limit)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, n := range map[string]int{"heard": len(h.heard), "strangers": len(h.strangers), "called": len(h.called), "waiting": len(h.waiting),
		"renaming": len(h.renaming), "orphans": len(h.orphans), "active": len(h.active)} {
		if n > 5*h.cfg.Limit {
			t.Errorf("%d in %s, the limit of hosts is %d", n, name, h.cfg.Limit)
		}
	}
}

// sum checks that nothing is lost or counted twice, and that no series goes back.
func (h *house) sum(t *testing.T, before map[string]traffic.Totals) {
	t.Helper()
	s := h.Snapshot()
	all := s.Forgotten
	all.Add(&s.Overflow)
	all.Add(&s.Waiting)
	for _, d := range s.Devices {
		all.Add(&d.Totals)
		if before == nil {
			continue
		}
		was := before[d.Name]
		for scope := range was.Out {
			if d.Totals.Out[scope].Bytes < was.Out[scope].Bytes {
				t.Fatalf("%s went back from %v to %v", d.Name, was, d.Totals)
			}
		}
		for scope := range was.In {
			if d.Totals.In[scope].Bytes < was.In[scope].Bytes {
				t.Fatalf("%s went back from %v to %v", d.Name, was, d.Totals)
			}
		}
		before[d.Name] = d.Totals
	}
	// In this house nobody talks to each other, so each packet has one end here.
	if got, want := all.Sent().Bytes+all.Received().Bytes, s.Network.Total().Bytes; got != want {
		t.Fatalf("%d bytes of devices, %d in the network", got, want)
	}
}

// One address that is called by 100,000 names has one.
func TestManyNames(t *testing.T) {
	h := newHouse(1000, false)
	h.all("192.168.2.7")
	for i := range 100_000 {
		h.learn(named("192.168.2.7", fmt.Sprintf("name%d", i)))
		if i%100 == 0 {
			h.sends("192.168.2.7", 1)
			h.fold(time.Second)
		}
	}
	h.sum(t, nil)
	h.bounded(t)
	h.want(t, "in the end", "name0 mdns [192.168.2.7] 1001/0")
}

// A thousand hosts of one name in the reverse DNS are a few devices, whether their MACs are known or not.
func TestOneName(t *testing.T) {
	for _, known := range []bool{false, true} {
		h := newHouse(2000, true)
		for i := range 1000 {
			addr := fmt.Sprintf("192.168.%d.%d", 2+i/250, 1+i%250)
			h.sends(addr, 1)
			h.namer.found = append(h.namer.found, finding{addr, "printer"})
			if known {
				f := speaks(0, addr)
				f.MAC = mac.Addr{2, 0, 0, 0, byte(i >> 8), byte(i)}
				h.learn(f)
			}
		}
		h.fold(time.Second)
		h.fold(patience)
		h.sum(t, nil)
		h.bounded(t)
		s := h.Snapshot()
		if n := len(s.Devices); known && n != 1000 || !known && n != 1000-mostNamesakes+1 {
			t.Errorf("MACs known %v: %d devices", known, n)
		}
		for _, d := range s.Devices {
			if d.Name != "printer" && d.Name != "printer-"+d.Hosts[0].String() {
				t.Errorf("a device is called %s", d.Name)
			}
		}
	}
}

// Two hosts that swap names again and again keep those that they had.
func TestSwap(t *testing.T) {
	h := newHouse(100, true)
	a, b := "192.168.2.7", "192.168.2.8"
	for i := range 1000 {
		x, y := "x", "y"
		if i%2 == 1 {
			x, y = y, x
		}
		h.namer.found = []finding{{a, x}, {b, y}}
		h.learn(speaks(1, a), speaks(2, b))
		h.sends(a, 1)
		h.sends(b, 10)
		h.fold(time.Minute)
	}
	h.sum(t, nil)
	h.want(t, "after 1,000 times", "x ptr [192.168.2.7] 1000/0", "y ptr [192.168.2.8] 10000/0")
}

// Forged senders, neighbours, MACs and names fill no more than they may, and whoever is known is counted as if they were not there.
func TestForged(t *testing.T) {
	const limit = 65536
	h := newHouse(limit, false)
	h.cfg.Forget = 24 * time.Hour
	h.learn(speaks(1, "192.168.2.7"), speaks(1, "fe80::7"), called(1, "roku"))
	random := rand.New(rand.NewPCG(1, 2))
	far := traffic.Addr{Hi: 0x2620 << 48, Lo: 8<<24 | 8}
	before, settled := map[string]traffic.Totals{}, uint64(0)
	const rounds, each = 100, 100_000
	for round := range rounds {
		h.table.Begin()
		for range each {
			h.table.Count(traffic.IPv6, traffic.Addr{Hi: 0x20010db8 << 32, Lo: random.Uint64()}, far, 1, 55, 1)
		}
		h.table.End()
		facts := make([]discovery.Fact, 0, 5000)
		for range 5000 {
			var b [16]byte
			binary.BigEndian.PutUint64(b[:8], 0x20010db8<<32)
			binary.BigEndian.PutUint64(b[8:], random.Uint64())
			f := discovery.Fact{Kind: discovery.Kind(random.IntN(int(discovery.Router) + 1)), Own: true, MAC: mac.Addr{2, byte(random.IntN(256)), byte(random.IntN(256)), 1, byte(random.IntN(256)), 1},
				Addr: netip.AddrFrom16(b), Name: fmt.Sprintf("n%d", random.IntN(1e6)), Lifetime: time.Hour}
			facts = append(facts, f)
		}
		h.learn(facts...)
		h.sends("192.168.2.7", 100)
		h.sends("fe80::7", 10)
		h.fold(time.Second)
		h.sum(t, before)
		h.bounded(t)
		if round == rounds/2 {
			settled = heap()
		}
	}
	// Somebody new, in the middle of it.
	h.learn(speaks(2, "192.168.2.8"), speaks(2, "2001:db8::8"), called(2, "alexa"))
	h.sends("192.168.2.8", 1000)
	h.sends("2001:db8::8", 1)
	h.fold(time.Second)
	h.fold(patience)
	got := map[string]string{}
	for _, d := range h.Snapshot().Devices {
		got[d.Name] = fmt.Sprintf("%v %d", d.Hosts, d.Totals.Sent().Bytes)
	}
	if got["roku"] != fmt.Sprintf("[192.168.2.7 fe80::7] %d", rounds*110) {
		t.Errorf("roku: %s", got["roku"])
	}
	if got["alexa"] != "[192.168.2.8] 1000" && got["alexa"] != "[192.168.2.8 2001:db8::8] 1001" {
		t.Errorf("alexa: %s", got["alexa"])
	}
	late := heap()
	t.Logf("limit %d: %d bytes in use in the middle, %d at the end, %d a host", limit, settled, late, late/limit)
	runtime.KeepAlive(h)
	if late > settled+settled/4 {
		t.Errorf("%d bytes in use in the middle, %d at the end", settled, late)
	}
}

// Whatever is learned in whatever order, nothing is lost or counted twice, and no series goes back.
func TestRandomFacts(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	addrs := []string{"192.168.2.7", "192.168.2.8", "192.168.2.9", "192.168.2.10", "192.168.3.7", "fe80::7", "fe80::217:88ff:fe00:1", "2001:db8::1", "2001:db8::2"}
	call := []string{"a", "b", "c", "a.lan", "b.lan", "79d88e83-725c-b71b-bad0-5862d5b22386", "a-192.168.2.7"}
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	for round := range 300 {
		limit := []int{4, 10, 100}[random.IntN(3)]
		h := newHouse(limit, random.IntN(2) == 0)
		h.cfg.Forget = time.Duration(random.IntN(3)) * 10 * time.Minute
		h.cfg.AwaitNames = random.IntN(4) > 0
		if random.IntN(2) == 0 {
			h.cfg.Strip = []string{"lan"}
		}
		before := map[string]traffic.Totals{}
		for range 400 {
			switch random.IntN(10) {
			case 0, 1, 2:
				f := fact(discovery.Kind(random.IntN(int(discovery.OnLinkPrefix)+1)), byte(random.IntN(6)), pick(addrs))
				f.Name, f.Own, f.Lifetime = pick(call), random.IntN(2) == 0, time.Duration(random.IntN(100))*time.Second
				h.learn(f)
			case 3:
				book := &names.Hosts{Addrs: map[netip.Addr]string{}, MACs: map[mac.Addr]string{}}
				for range random.IntN(3) {
					book.Addrs[netip.MustParseAddr(pick(addrs))] = pick(call)
					book.MACs[macOf(byte(random.IntN(6)))] = pick(call)
				}
				if random.IntN(5) == 0 {
					h.SetHosts(book)
				}
			case 4:
				if h.namer != nil {
					h.namer.found = append(h.namer.found, finding{pick(addrs), pick(append(call, ""))})
				}
			case 5:
				h.fold([]time.Duration{0, time.Millisecond, time.Second, 4 * time.Second, time.Minute, 11 * time.Minute, 2 * time.Hour}[random.IntN(7)])
				if h.cfg.Forget > 0 || limit < 100 { // what is forgotten, or had to make room, begins anew
					clear(before)
				}
				h.sum(t, before)
				h.bounded(t)
			default:
				h.sends(pick(addrs), random.IntN(3000)-1500)
			}
		}
		h.fold(time.Second)
		h.FlushPending()
		h.sum(t, nil)
		hosts := map[netip.Addr]bool{}
		for _, d := range h.Snapshot().Devices {
			for _, a := range d.Hosts {
				if hosts[a] {
					t.Fatalf("round %d: %s is of two devices", round, a)
				}
				hosts[a] = true
			}
		}
		if *none != (seldom{}) || *silent != (claims{}) {
			t.Fatalf("round %d: %+v or %+v was written where nobody may", round, *none, *silent)
		}
		if w := h.Snapshot().Waiting; w != (traffic.Totals{}) {
			t.Fatalf("round %d: after all is settled %v wait", round, w)
		}
	}
}

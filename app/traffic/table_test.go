package traffic

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

func count(t *Table, src, dst string, bytes uint64) { countFrom(t, 0, src, dst, bytes) }

// countFrom counts a packet in a frame from a MAC.
func countFrom(t *Table, from uint64, src, dst string, bytes uint64) {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	f := IPv4
	if s.Is6() {
		f = IPv6
	}
	t.Begin()
	t.Count(f, addrFrom(s), addrFrom(d), bytes, bytes+14, 1, from)
	t.End()
}

// hostCount returns the number of admitted hosts.
func hostCount(t *Table) int {
	t.Begin()
	defer t.End()
	return len(t.hosts) - 1 - len(t.free)
}

// drain drains a table, adds the result to hosts and network, and returns the slots that have counted something.
func drain(t *Table, hosts map[netip.Addr]Delta, network *Network) map[int]netip.Addr {
	slots := map[int]netip.Addr{}
	n, _ := t.Drain(func(slot int, host netip.Addr, delta *Delta) {
		slots[slot] = host
		sum := hosts[host]
		sum.Add(delta)
		hosts[host] = sum
	})
	network.Add(&n)
	return slots
}

func TestTable_Count(t *testing.T) {
	table := NewTable(NewPrefixes(prefixes("192.168.2.0/24", "fe80::/10")), 100)
	count(table, "192.168.2.7", "8.8.8.8", 100)
	count(table, "8.8.8.8", "192.168.2.7", 1000)
	count(table, "192.168.2.7", "192.168.2.8", 10)
	count(table, "192.168.2.7", "192.168.2.7", 1)
	count(table, "192.168.2.7", "192.168.2.255", 20)
	count(table, "192.168.2.8", "239.255.255.250", 30)
	count(table, "192.168.2.8", "255.255.255.255", 40)
	count(table, "0.0.0.0", "255.255.255.255", 50)
	count(table, "1.1.1.1", "8.8.8.8", 60)
	count(table, "fe80::1", "ff02::1", 70)
	count(table, "fe80::1", "2001:db8::1", 80)
	hosts, network := map[netip.Addr]Delta{}, Network{}
	drain(table, hosts, &network)
	want := map[netip.Addr]Delta{
		netip.MustParseAddr("192.168.2.7"): {
			Totals:  Totals{Out: [3]Count{{100, 1}, {11, 2}, {20, 1}}, In: [2]Count{{1000, 1}, {1, 1}}},
			OutWire: 131 + 4*14, InWire: 1001 + 2*14,
		},
		netip.MustParseAddr("192.168.2.8"): {
			Totals:  Totals{Out: [3]Count{ScopeMulticast: {70, 2}}, In: [2]Count{ScopeLAN: {10, 1}}},
			OutWire: 70 + 2*14, InWire: 10 + 14,
		},
		netip.MustParseAddr("fe80::1"): {Totals: Totals{Out: [3]Count{{80, 1}, {}, {70, 1}}}, OutWire: 150 + 2*14},
	}
	if d := cmp.Diff(want, hosts, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("hosts (-want +got):\n%s", d)
	}
	wantNetwork := Network{IPv4: {{1100, 2}, {11, 2}, {90, 3}, {110, 2}}, IPv6: {{80, 1}, {}, {70, 1}, {}}}
	if d := cmp.Diff(wantNetwork, network); d != "" {
		t.Errorf("network (-want +got):\n%s", d)
	}
	if got, want := network.Total(), (Count{1461, 11}); got != want {
		t.Errorf("total %v, want %v", got, want)
	}
	if n := hostCount(table); n != 3 {
		t.Errorf("%d hosts, want 3", n)
	}
	drain(table, hosts, &network)
	if d := cmp.Diff(wantNetwork, network); d != "" {
		t.Errorf("drained twice (-want +got):\n%s", d)
	}
}

// A model counts by the same rules, with netip and maps.
type model struct {
	prefixes []netip.Prefix
	hosts    map[netip.Addr]Delta
	network  Network
}

func (m *model) classify(a netip.Addr) (host, group bool) {
	if a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return false, true
	}
	if a.IsUnspecified() {
		return false, false
	}
	var best netip.Prefix
	for _, p := range m.prefixes {
		if p.Contains(a) && (!best.IsValid() || p.Bits() > best.Bits()) {
			best = p
		}
	}
	if !best.IsValid() {
		return false, false
	}
	if best.Addr().Is4() && best.Bits() <= 30 {
		after := a.Next()
		if a == best.Masked().Addr() || !after.IsValid() || !best.Contains(after) {
			return false, true
		}
	}
	return true, false
}

func (m *model) count(src, dst netip.Addr, bytes, wire, packets uint64) {
	from, _ := m.classify(src)
	to, group := m.classify(dst)
	scope := ScopeOther
	switch {
	case from && group:
		scope = ScopeMulticast
	case from && to:
		scope = ScopeLAN
	case from || to:
		scope = ScopeInternet
	}
	f := IPv4
	if src.Is6() {
		f = IPv6
	}
	m.network[f][scope].add(Count{bytes, packets})
	if from {
		h := m.hosts[src]
		h.Out[scope].add(Count{bytes, packets})
		h.OutWire += wire
		m.hosts[src] = h
	}
	if to {
		h := m.hosts[dst]
		h.In[scope].add(Count{bytes, packets})
		h.InWire += wire
		m.hosts[dst] = h
	}
}

// A table agrees with the model for any prefixes, however often it is drained, its prefixes change, and hosts are forgotten that
// come back. Those that have counted something since the last Drain are kept.
func TestTable_AgreesWithModel(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 7))
	pool := prefixes("192.168.0.0/16", "192.168.2.0/24", "192.168.2.16/30", "192.168.2.20/31", "10.0.0.0/8", "10.1.0.0/16",
		"0.0.0.0/0", "172.16.0.0/12", "224.0.0.0/4", "240.0.0.0/8", "fe80::/10", "2001:db8::/64", "2001:db8::/32", "::/0",
		"2001:db8::5/128", "ff00::/8")
	for round := range 40 {
		var chosen []netip.Prefix
		for range 1 + random.IntN(6) {
			chosen = append(chosen, pool[random.IntN(len(pool))])
		}
		m := &model{prefixes: chosen, hosts: map[netip.Addr]Delta{}}
		table := NewTable(NewPrefixes(chosen), 100000)
		got, network, slotOf := map[netip.Addr]Delta{}, Network{}, map[netip.Addr]int{}
		address := func(six bool) netip.Addr {
			p := pool[random.IntN(len(pool))]
			for p.Addr().Is6() != six {
				p = pool[random.IntN(len(pool))]
			}
			b := p.Addr().AsSlice()
			edge := []byte{0, 255}[random.IntN(2)]
			kind := random.IntN(4)
			for i := range b {
				if i*8 >= p.Bits() {
					switch kind {
					case 0, 1:
						b[i] = byte(random.IntN(4)) * 85
					case 2:
						b[i] = edge
					case 3:
						b[i] |= edge >> (p.Bits() % 8)
					}
				}
			}
			a, _ := netip.AddrFromSlice(b)
			return a
		}
		one := func() (src, dst netip.Addr) {
			six := random.IntN(2) == 0
			src, dst = address(six), address(six)
			// Most counts fit into the entries, some fill them up, and some never fit.
			bytes, wire, packets := random.Uint64N(1<<random.IntN(41)), 1+random.Uint64N(1<<random.IntN(41)), 1+random.Uint64N(40)
			m.count(src, dst, bytes, wire, packets)
			table.Begin()
			f := IPv4
			if six {
				f = IPv6
			}
			table.Count(f, addrFrom(src), addrFrom(dst), bytes, wire, packets, 0)
			table.End()
			return src, dst
		}
		drainAll := func() map[int]netip.Addr {
			slots := drain(table, got, &network)
			for slot, host := range slots {
				if had, ok := slotOf[host]; ok && had != slot {
					t.Fatalf("round %d: %s has the slots %d and %d", round, host, had, slot)
				}
				slotOf[host] = slot
			}
			return slots
		}
		for range 2000 {
			one()
			switch random.IntN(300) {
			case 0:
				drainAll()
			case 1:
				m.prefixes = append(m.prefixes, pool[random.IntN(len(pool))])
				table.SetPrefixes(NewPrefixes(m.prefixes))
			case 2:
				slots := drainAll()
				src, dst := one()
				kept := table.Forget(slices.Collect(maps.Keys(slots)))
				for slot, host := range slots {
					switch {
					case !slices.Contains(kept, slot):
						delete(slotOf, host)
					case host != src && host != dst:
						t.Fatalf("round %d: %s has counted nothing but is kept", round, host)
					}
				}
			}
		}
		drainAll()
		drainAll()
		if d := cmp.Diff(m.hosts, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Fatalf("round %d, prefixes %v: hosts (-want +got):\n%s", round, m.prefixes, d)
		}
		if d := cmp.Diff(m.network, network); d != "" {
			t.Fatalf("round %d, prefixes %v: network (-want +got):\n%s", round, m.prefixes, d)
		}
	}
}

// Hosts over the limit are counted together. Nothing is lost, and the table stops growing.
func TestTable_CountsOverflow(t *testing.T) {
	table := NewTable(NewPrefixes(prefixes("10.0.0.0/8", "192.168.0.0/16", "2001:db8::/32")), 1000)
	hosts, network := map[netip.Addr]Delta{}, Network{}
	const each = 30000
	for i := range each {
		count(table, fmt.Sprintf("10.%d.%d.7", i>>8, i&255), "8.8.8.8", 100)
		count(table, "8.8.8.8", fmt.Sprintf("192.168.%d.%d", i>>7, i&127+1), 10)
		count(table, fmt.Sprintf("2001:db8::%x", i+1), "2620::1", 1)
		if i%7000 == 0 {
			drain(table, hosts, &network)
		}
	}
	drain(table, hosts, &network)
	if len(hosts) != 1001 {
		t.Errorf("%d hosts, want 1000 and the overflow", len(hosts))
	}
	var out, in uint64
	for _, h := range hosts {
		out += h.Sent().Bytes
		in += h.Received().Bytes
	}
	if out != each*101 || in != each*10 || network.Total().Bytes != each*111 {
		t.Errorf("%d out, %d in, %d in all, want %d, %d, %d", out, in, network.Total().Bytes, each*101, each*10, each*111)
	}
	if n := hostCount(table); n != 1000 {
		t.Errorf("%d hosts", n)
	}
	if n := unsafe.Sizeof(entry{}); n != 64 {
		t.Errorf("an entry of %d bytes, want one cache line", n)
	}
	if n := len(table.active.entries) + len(table.spare.entries); n > 2*1001 {
		t.Errorf("%d entries for 1000 hosts", n)
	}
}

// One goroutine counts while others read: run with -race.
func TestTable_DrainsConcurrently(t *testing.T) {
	table := NewTable(NewPrefixes(prefixes("192.168.0.0/16")), 65536)
	hosts, network := map[netip.Addr]Delta{}, Network{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				mu.Lock()
				drain(table, hosts, &network)
				mu.Unlock()
				hostCount(table)
			}
		})
	}
	const n = 50000
	for i := range n {
		if i%64 == 0 {
			table.Begin()
		}
		table.Count(IPv4, addrFrom(netip.AddrFrom4([4]byte{192, 168, byte(i >> 8), byte(i)})), Addr{Lo: 8<<24 | 1}, 10, 24, 1, 0)
		if i%64 == 63 || i == n-1 {
			table.End()
		}
	}
	close(done)
	wg.Wait()
	drain(table, hosts, &network)
	if got := network.Total(); got != (Count{n * 10, n}) {
		t.Errorf("got %v, want %d packets", got, n)
	}
}

// IPv6 hosts get an eighth of the table if they have not sent, half of it if they are not known neighbors, and three quarters
// in all. The others are in the overflow, and there is room for IPv4 hosts.
func TestTable_LimitsIPv6(t *testing.T) {
	const limit = 64
	table := NewTable(NewPrefixes(prefixes("192.168.0.0/16", "2001:db8::/64")), limit)
	six := func(n int) string { return fmt.Sprintf("2001:db8::%x:%x", n>>16, n&0xffff) }
	for i := range 1000 {
		count(table, "2620::1", six(0x10000+i), 1)
	}
	if n := hostCount(table); n != limit/8 {
		t.Errorf("%d receivers, want %d", n, limit/8)
	}
	for i := range 1000 {
		count(table, six(0x20000+i), "2620::1", 1)
	}
	if n := hostCount(table); n != limit/2 {
		t.Errorf("%d with senders, want %d", n, limit/2)
	}
	for i := range 1000 {
		slot, ok := table.Admit(netip.MustParseAddr(six(0x30000 + i)))
		if want := i < limit/4; ok != want || ok && slot != limit/2+i+1 {
			t.Errorf("Admit %d: slot %d, %v", i, slot, ok)
		}
	}
	if n := hostCount(table); n != limit*3/4 {
		t.Errorf("%d with neighbors, want %d", n, limit*3/4)
	}
	for i := range 1000 {
		count(table, fmt.Sprintf("192.168.1.%d", 1+i%200), "1.1.1.1", 1)
	}
	if n := hostCount(table); n != limit {
		t.Errorf("%d with IPv4, want %d", n, limit)
	}
	for _, bad := range []string{"192.168.1.1", "2001:db9::1", "ff02::1", "::ffff:192.168.1.1"} {
		if slot, ok := table.Admit(netip.MustParseAddr(bad)); ok {
			t.Errorf("Admit(%s) = %d", bad, slot)
		}
	}
	// A receiver that has sent is a sender, so there is room for another receiver.
	count(table, six(0x10000), "2620::1", 1)
	hosts, network := map[netip.Addr]Delta{}, Network{}
	drain(table, hosts, &network)
	if n := table.counts[receiver]; n != limit/8-1 {
		t.Errorf("%d receivers, want %d", n, limit/8-1)
	}
	var sum uint64
	for _, n := range hosts {
		sum += n.Sent().Bytes + n.Received().Bytes
	}
	if sum != 3001 || network.Total().Bytes != 3001 {
		t.Errorf("%d bytes of hosts, %d in all, want 3001", sum, network.Total().Bytes)
	}
}

func TestTable_DoesNotAllocate(t *testing.T) {
	table := NewTable(NewPrefixes(prefixes("192.168.2.0/24", "10.0.0.0/8", "2001:db8::/64")), 10000)
	pairs := [][2]string{{"192.168.2.7", "8.8.8.8"}, {"10.0.0.1", "10.0.0.2"}, {"2001:db8::1", "2620::1"}, {"1.1.1.1", "8.8.8.8"}}
	all := func() {
		for _, p := range pairs {
			s, d := netip.MustParseAddr(p[0]), netip.MustParseAddr(p[1])
			f := IPv4
			if s.Is6() {
				f = IPv6
			}
			for from := range uint64(3) {
				table.Count(f, addrFrom(s), addrFrom(d), 100, 114, 1, from)
			}
		}
	}
	for range 2 { // both sets of counters
		all()
		table.Drain(func(int, netip.Addr, *Delta) {})
	}
	if n := testing.AllocsPerRun(1000, all); n != 0 {
		t.Errorf("Count: %v allocations", n)
	}
	if n := testing.AllocsPerRun(10, func() { all(); table.Drain(func(int, netip.Addr, *Delta) {}) }); n > 2 {
		t.Errorf("Drain: %v allocations", n)
	}
}

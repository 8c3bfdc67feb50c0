package device

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/traffic"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// fakeNamer is a Namer that finds what the test says.
type fakeNamer struct {
	wanted    int
	refreshed []string
	found     []answer
}

type answer struct{ addr, name string }

func (n *fakeNamer) Want(netip.Addr) { n.wanted++ }

func (n *fakeNamer) Refresh(host netip.Addr) {
	n.wanted++
	n.refreshed = append(n.refreshed, host.String())
}

func (n *fakeNamer) Drain(found func(netip.Addr, string)) {
	for _, f := range n.found {
		found(netip.MustParseAddr(f.addr), f.name)
	}
	n.found = nil
}

// testLAN is a registry with one table, and a clock.
type testLAN struct {
	*Registry
	table *traffic.Table
	namer *fakeNamer
	now   time.Time
	macs  map[netip.Addr]mac.Addr // of what announced an address last: its frames have that MAC
}

var start = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

func newTestLAN(limit int, withNames bool) *testLAN {
	lan := &testLAN{table: traffic.NewTable(testPrefixes(), limit), now: start, macs: map[netip.Addr]mac.Addr{}}
	cfg := Config{Tables: []*traffic.Table{lan.table}, Limit: limit, AwaitNames: true, Start: start.Add(-time.Minute)}
	if withNames {
		lan.namer = &fakeNamer{}
		cfg.Names = lan.namer
	}
	lan.Registry = NewRegistry(cfg)
	lan.lastUpdate = start
	return lan
}

func testPrefixes() *traffic.Prefixes {
	return traffic.NewPrefixes([]netip.Prefix{
		netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("2001:db8::/64"),
	})
}

var internet = map[traffic.Family]traffic.Addr{traffic.IPv4: {Lo: 8<<24 | 8}, traffic.IPv6: {Hi: 0x2620 << 48, Lo: 8}}

func key(a netip.Addr) (traffic.Family, traffic.Addr) {
	b := a.As16()
	n := traffic.Addr{Hi: binary.BigEndian.Uint64(b[:8]), Lo: binary.BigEndian.Uint64(b[8:])}
	if a.Is4() {
		return traffic.IPv4, traffic.Addr{Lo: n.Lo & 0xffffffff}
	}
	return traffic.IPv6, n
}

// send counts a packet of a host to the internet, or from it if bytes is below 0.
func (lan *testLAN) send(host string, bytes int) {
	f, src := key(netip.MustParseAddr(host))
	dst := internet[f]
	hw := lan.macs[netip.MustParseAddr(host)]
	if bytes < 0 {
		src, dst, bytes, hw = dst, src, -bytes, mac.Addr{}
	}
	lan.table.Begin()
	defer lan.table.End()
	from := binary.BigEndian.Uint64(append([]byte{0, 0}, hw[:]...))
	lan.table.Count(f, src, dst, uint64(bytes), uint64(14+bytes), 1, from)
}

// sendAll has each of the addresses, which spaces separate, send one byte, and updates.
func (lan *testLAN) sendAll(addrs string) {
	for addr := range strings.FieldsSeq(addrs) {
		lan.send(addr, 1)
	}
	lan.update(time.Second)
}

// update lets time pass and updates.
func (lan *testLAN) update(after time.Duration) {
	lan.now = lan.now.Add(after)
	lan.Update(lan.now)
}

// restart replaces the registry by another one, which has nothing but the records of the first.
func (lan *testLAN) restart(t *testing.T, down time.Duration) {
	t.Helper()
	lan.update(0)
	cfg := lan.cfg
	lan.now = lan.now.Add(down)
	lan.table = traffic.NewTable(testPrefixes(), cfg.Limit)
	cfg.Tables, cfg.Start, cfg.Remember, cfg.Records = []*traffic.Table{lan.table}, lan.now, true, storedRecords(t, lan.Registry)
	if n, ok := cfg.Names.(*scenarioNamer); ok {
		clear(n.known)
	}
	lan.Registry = NewRegistry(cfg)
	checkLinks(t, lan.Registry)
}

// storedRecords returns the records of a registry after they were stored.
func storedRecords(t *testing.T, r *Registry) (stored []Record) {
	t.Helper()
	text, err := json.Marshal(r.Records())
	if err == nil {
		err = json.Unmarshal(text, &stored)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(stored); i++ {
		if stored[i].ID == stored[i-1].ID {
			t.Errorf("two records have the ID %d: %s and %s", stored[i].ID, stored[i-1].Label, stored[i].Label)
		}
	}
	return stored
}

// hear notes which MAC sends from an address after it has announced it.
func (lan *testLAN) hear(facts []discovery.Fact) {
	for _, f := range facts {
		if f.Kind == discovery.Announced {
			lan.macs[f.Addr] = f.MAC
		}
	}
}

// learn learns facts at the present time. A lease without a server is one that the client has asked for.
func (lan *testLAN) learn(facts ...discovery.Fact) {
	lan.hear(facts)
	var all []discovery.Fact
	for _, f := range facts {
		switch {
		case f.Kind == discovery.Leased && !f.Server.IsValid(): // the client has asked for it
			request := f
			request.Kind = discovery.Requested
			all = append(all, request)
		}
		all = append(all, f)
	}
	lan.Learn(lan.now, all)
}

// want compares the devices, each as "name source addresses sent/received".
func (lan *testLAN) want(t *testing.T, when string, want ...string) {
	t.Helper()
	var got []string
	for _, d := range lan.Snapshot().Devices {
		got = append(got,
			fmt.Sprintf("%s %s %v %d/%d", d.Name, d.Source, d.Hosts, d.Totals.Sent().Bytes, d.Totals.Received().Bytes))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: devices (-want +got):\n%s", when, d)
	}
}

// wantMACs compares the devices, each as "name source number-of-its-MAC addresses".
func (lan *testLAN) wantMACs(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, d := range lan.Snapshot().Devices {
		got = append(got, fmt.Sprintf("%s %s %x %v", d.Name, d.Source, d.MAC[5:], d.Hosts))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("devices (-want +got):\n%s", d)
	}
}

// checkBounds fails the test if a table or list is longer than it may be.
func checkBounds(t *testing.T, r *Registry) {
	t.Helper()
	for _, table := range r.Snapshot().Tables {
		if table.Used > table.Limit {
			t.Errorf("%d %s, limit %d", table.Used, table.Name, table.Limit)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, n := range map[string]int{
		"neighbors": len(r.neighbors), "evictable": len(r.evictable), "byName": len(r.byName), "waiting": len(r.waiting),
		"renaming": len(r.renaming), "retired": len(r.retired),
	} {
		if n > 5*r.cfg.Limit {
			t.Errorf("%d in %s, the limit of hosts is %d", n, name, r.cfg.Limit)
		}
	}
}

// testMAC returns a MAC by number.
func testMAC(n byte) mac.Addr { return mac.Addr{0x00, 0x17, 0x88, 0, 0, n} }

func fact(kind discovery.Kind, n byte, addr string) discovery.Fact {
	return discovery.Fact{Kind: kind, Protocol: discovery.ARP, MAC: testMAC(n), Addr: netip.MustParseAddr(addr),
		Lifetime: time.Hour}
}

func announced(n byte, addr string) discovery.Fact { return fact(discovery.Announced, n, addr) }
func replied(n byte, addr string) discovery.Fact   { return fact(discovery.Replied, n, addr) }
func probed(n byte, addr string) discovery.Fact    { return fact(discovery.Probed, n, addr) }
func leased(n byte, addr string) discovery.Fact    { return fact(discovery.Leased, n, addr) }

func macName(n byte, name string) discovery.Fact {
	return discovery.Fact{Kind: discovery.MACName, Protocol: discovery.DHCP, MAC: testMAC(n), Name: name, Own: true}
}

func addrName(addr, name string) discovery.Fact {
	return discovery.Fact{Kind: discovery.AddrName, Protocol: discovery.MDNS, Own: true, Addr: netip.MustParseAddr(addr),
		Name: name}
}

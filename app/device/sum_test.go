package device_test

import (
	"context"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/localnet"
	"gonetmon/app/mac"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/replay"
	"gonetmon/app/traffic"
	"gonetmon/test/captures"
	"gonetmon/test/testnet"
)

// Whatever is learned and forgotten in between, in whatever order and at whatever time: what all devices have moved together is
// what all hosts have, by scope and direction, and in the end what the oracle says. No byte is lost or counted twice, and no
// series goes back.
func TestDevicesSum(t *testing.T) {
	t.Parallel()
	dir, tallies := captures.Expected(t)
	work := 200_000 // frames to count of each capture
	if testing.Short() || testnet.RaceDetector() {
		work /= 20
	}
	var seen happened
	for name, tally := range tallies {
		t.Run(name, func(t *testing.T) {
			frames := captures.Frames(t, filepath.Join(dir, name))
			rounds := min(max(work/(len(frames)+1), 4), work/300)
			h := fnv.New64a()
			_, _ = h.Write([]byte(name))
			for seed := range uint64(rounds) {
				newUpset(t, rand.New(rand.NewPCG(h.Sum64(), seed)), tally, &seen).run(frames)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
	t.Logf("%+v", seen)
	if len(tallies) > 20 && !t.Failed() && (seen.folds == 0 || seen.moved == 0 || seen.shared == 0 || seen.removed == 0 ||
		seen.overflowed == 0 || seen.waited == 0 || seen.meanwhile == 0) {
		t.Error("something that should be tried was not")
	}
}

// happened counts what the rounds were good for.
type happened struct {
	folds      int
	moved      int // devices that have lost all their hosts
	shared     int // devices of several hosts
	removed    int // series that are gone
	restarted  int // series that have begun anew
	overflowed int // rounds that had hosts beyond the limit
	waited     int // folds with bytes that waited for a name
	meanwhile  int // handfuls of frames counted during a fold
}

// A handful of frames is a meter.Source.
type handful []capture.Frame

func (h *handful) Next(batch []capture.Frame) (int, error) {
	n := copy(batch, *h)
	*h = (*h)[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (h *handful) More() bool { return false }
func (h *handful) Stop()      {}

// An upset is a registry to which something happens all the time, and a count of the same frames that nothing happens to.
type upset struct {
	*device.Registry
	*rand.Rand
	t      *testing.T
	seen   *happened
	now    time.Time
	tally  *replay.Tally
	rest   []capture.Frame // to be counted
	tables []*traffic.Table
	names  *guesser // nil: none are looked up
	mayEnd bool     // series may

	addrs []netip.Addr
	macs  []mac.Addr
	calls []string
	lans  []*traffic.Prefixes // the first is the oracle's
	moves bool                // the LAN has changed

	shadow   *traffic.Table
	hosts    map[netip.Addr]traffic.Totals // as the shadow has counted them
	all      traffic.Totals                // their sum
	network  traffic.Network
	last     map[string]traffic.Totals // series, as of the last check
	lastAll  traffic.Totals
	lastSnap *device.Snapshot
}

// A guesser is a Namer that finds any name for any address.
type guesser struct {
	*upset
	wanted []netip.Addr
}

// Want is called in the middle of a fold, so here is where frames are counted meanwhile. They belong to the next one.
func (g *guesser) Want(host netip.Addr) {
	g.wanted = append(g.wanted, host)
	if len(g.rest) > 0 && g.IntN(2) == 0 {
		g.count(g.tables[0])
		g.seen.meanwhile++
	}
}

func (g *guesser) Drain(found func(netip.Addr, string)) {
	for range g.IntN(3) {
		host := pick(g.upset, g.addrs)
		if len(g.wanted) > 0 && g.IntN(4) > 0 {
			host = pick(g.upset, g.wanted)
		}
		found(host, pick(g.upset, append(g.calls, "", "")))
	}
}

func pick[T any](u *upset, from []T) T { return from[u.IntN(len(from))] }

func newUpset(t *testing.T, random *rand.Rand, tally *replay.Tally, seen *happened) *upset {
	u := &upset{
		Rand: random, t: t, seen: seen, tally: tally, now: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC),
		hosts: map[netip.Addr]traffic.Totals{}, last: map[string]traffic.Totals{}, lastSnap: &device.Snapshot{},
		calls: []string{"tv", "tv.lan", "phone", "phone.lan", "nas.home.arpa", "79d88e83-725c-b71b-bad0-5862d5b22386"},
	}
	for _, a := range []string{"192.168.1.77", "10.10.10.99", "fe80::1", "fe80::217:88ff:fe00:1", "2001:db8::217:88ff:fe00:1", "2001:db8::7"} {
		u.addrs = append(u.addrs, netip.MustParseAddr(a))
	}
	for n := range byte(4) {
		u.macs = append(u.macs, mac.Addr{0x00, 0x17, 0x88, 0, 0, n})
	}
	for host := range tally.Hosts {
		u.addrs = append(u.addrs, host, host, host, host.Next())
	}
	slices.SortFunc(u.addrs, netip.Addr.Compare) // a map has no order, and a seed should say all
	for _, host := range u.addrs[:min(len(u.addrs), 8)] {
		u.calls = append(u.calls, "tv-"+host.String()) // what a second tv may be called
		if b := host.As16(); host.Is6() && b[11] == 0xff && b[12] == 0xfe {
			u.macs = append(u.macs, mac.Addr{b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]})
		}
	}
	u.calls = slices.DeleteFunc(u.calls, func(name string) bool { _, ok := names.Canonical(name); return !ok })
	u.lans = []*traffic.Prefixes{traffic.NewPrefixes(tally.CIDRs), traffic.NewPrefixes(append(slices.Clone(tally.CIDRs), localnet.Private...)), traffic.NewPrefixes(tally.CIDRs[:1])}

	cfg := device.Config{Limit: []int{1, 3, 8, 30, 1024, 1024}[u.IntN(6)], AwaitNames: u.IntN(3) > 0, Forget: []time.Duration{0, 0, 10 * time.Minute, time.Hour}[u.IntN(4)]}
	if u.IntN(2) == 0 {
		cfg.Start = u.now
	}
	if u.IntN(2) == 0 {
		cfg.Strip = []string{"lan", "home.arpa"}
	}
	if u.IntN(3) == 0 {
		cfg.Order = [][]string{{"mdns", "dhcp"}, {"file"}, {"ptr", "file", "mdns", "dhcp"}}[u.IntN(3)]
	}
	if u.IntN(2) == 0 {
		u.names = &guesser{upset: u}
		cfg.Names = u.names
	}
	u.mayEnd = cfg.Limit < 1024 || cfg.Forget > 0
	for range 1 + u.IntN(2) { // one interface, or two
		u.tables = append(u.tables, traffic.NewTable(u.lans[0], cfg.Limit))
	}
	cfg.Tables = u.tables
	u.shadow = traffic.NewTable(u.lans[0], 4096)
	u.Registry = device.NewRegistry(cfg)
	return u
}

// run counts frames, a handful at a time, and lets things happen in between.
func (u *upset) run(frames []capture.Frame) {
	u.rest = frames
	often := 1 + u.IntN(6)
	for len(u.rest) > 0 {
		u.count(pick(u, u.tables))
		for u.IntN(often) > 0 {
			u.happen()
		}
		if u.t.Failed() {
			return
		}
	}
	u.fold(time.Second)
	u.FlushPending()
	u.check()
	if w := u.Snapshot().Waiting; w != (traffic.Totals{}) {
		u.t.Errorf("%+v wait when all is settled", w)
	}
	if u.lastSnap.Overflow.Sent().Packets+u.lastSnap.Overflow.Received().Packets > 0 {
		u.seen.overflowed++
	}
	if u.moves {
		return // the oracle counted for another LAN
	}
	var sum replay.TallyHost
	for host, n := range u.tally.Hosts {
		n.InWireBytes, n.OutWireBytes = 0, 0 // which devices are not told
		sum = addTally(sum, n)
		if got := tallyOf(u.hosts[host]); got != n {
			u.t.Errorf("%s has moved %+v, want %+v", host, got, n)
		}
	}
	if got := tallyOf(u.sum()); got != sum {
		u.t.Errorf("all devices have moved %+v, want %+v", got, sum)
	}
	if got := u.network.Total().Bytes; got != u.tally.Totals.IPBytes {
		u.t.Errorf("the network has moved %d bytes, want %d", got, u.tally.Totals.IPBytes)
	}
}

// count counts the next frames into a table, and into the shadow.
func (u *upset) count(table *traffic.Table) {
	n := min(1+u.IntN(8), len(u.rest))
	for _, table := range []*traffic.Table{table, u.shadow} {
		source := handful(u.rest[:n])
		if err := meter.New(&source, table).Run(context.Background()); err != nil {
			u.t.Error(err)
		}
	}
	u.rest = u.rest[n:]
}

// happen lets one thing happen.
func (u *upset) happen() {
	switch u.IntN(20) {
	default:
		facts := make([]discovery.Fact, 1+u.IntN(3))
		for i := range facts {
			facts[i] = discovery.Fact{
				Kind: discovery.Kind(u.IntN(int(discovery.OnLinkPrefix) + 1)), Protocol: discovery.Protocol(u.IntN(int(discovery.NumProtocols))), Own: u.IntN(2) == 0,
				MAC: pick(u, u.macs), Addr: pick(u, u.addrs), Name: pick(u, u.calls), Lifetime: time.Duration(u.IntN(7200)) * time.Second,
			}
		}
		u.Learn(u.now, facts)
	case 0, 1, 2, 3, 4, 5:
		u.fold([]time.Duration{0, time.Millisecond, time.Second, time.Second, 4 * time.Second, -time.Minute, time.Minute, 11 * time.Minute, 2 * time.Hour}[u.IntN(9)])
	case 6:
		book := &names.Hosts{Addrs: map[netip.Addr]string{}, MACs: map[mac.Addr]string{}}
		for range u.IntN(4) {
			book.Addrs[pick(u, u.addrs)] = pick(u, u.calls)
			book.MACs[pick(u, u.macs)] = pick(u, u.calls)
		}
		u.drain()
		u.Update(u.now)
		u.SetHosts(book)
		u.check()
	case 7:
		if u.IntN(10) == 0 {
			lan := pick(u, u.lans)
			u.moves = true
			for _, table := range append(u.tables, u.shadow) {
				table.SetPrefixes(lan)
			}
		}
	}
}

// fold lets time pass, folds and checks.
func (u *upset) fold(after time.Duration) {
	u.now = u.now.Add(after)
	u.drain()
	u.Update(u.now)
	u.seen.folds++
	u.check()
}

// drain takes what the shadow has counted.
func (u *upset) drain() {
	network := u.shadow.Drain(func(_ int, host netip.Addr, n *traffic.Delta) {
		if !host.IsValid() {
			u.t.Error("the shadow is full")
		}
		sum := u.hosts[host]
		sum.Add(&n.Totals)
		u.hosts[host] = sum
		u.all.Add(&n.Totals)
	})
	u.network.Add(&network)
}

// sum is all that the registry has.
func (u *upset) sum() traffic.Totals {
	s := u.Snapshot()
	all := s.Overflow
	all.Add(&s.Waiting)
	all.Add(&s.Forgotten)
	for i := range s.Devices {
		d := &s.Devices[i]
		all.Add(&d.Totals)
	}
	return all
}

// check compares the registry with the shadow, and with itself before.
func (u *upset) check() {
	u.t.Helper()
	s := u.Snapshot()
	if got := u.sum(); got != u.all {
		u.t.Errorf("all devices have moved %+v, all hosts %+v", got, u.all)
	}
	if s.Network != u.network {
		u.t.Errorf("the network has moved %+v, want %+v", s.Network, u.network)
	}
	if !within(u.lastSnap.Overflow, s.Overflow) || !within(u.lastSnap.Forgotten, s.Forgotten) {
		u.t.Errorf("overflow or forgotten went back from %+v, %+v to %+v, %+v", u.lastSnap.Overflow, u.lastSnap.Forgotten, s.Overflow, s.Forgotten)
	}
	if s.Waiting != (traffic.Totals{}) {
		u.seen.waited++
	}
	// What a series that has begun anew can have: what was gained since, and what waited before.
	fresh := minus(u.all, u.lastAll)
	fresh.Add(&u.lastSnap.Waiting)
	var ended traffic.Totals
	now, hosts := map[string]traffic.Totals{}, map[netip.Addr]string{}
	for i := range s.Devices {
		d := &s.Devices[i]
		if _, twice := now[d.Name]; twice {
			u.t.Errorf("two devices are called %s", d.Name)
		}
		if !u.isName(d.Name) {
			u.t.Errorf("a device is called %q (%s)", d.Name, d.Source)
		}
		now[d.Name] = d.Totals
		for _, host := range d.Hosts {
			if hosts[host] != "" {
				u.t.Errorf("%s is of %s and of %s", host, hosts[host], d.Name)
			}
			hosts[host] = d.Name
		}
		if len(d.Hosts) == 0 && d.Totals != (traffic.Totals{}) {
			u.seen.moved++
		}
		if len(d.Hosts) > 1 {
			u.seen.shared++
		}
	}
	for name, was := range u.last {
		is, there := now[name]
		if there && within(was, is) || was == (traffic.Totals{}) {
			continue
		}
		ended.Add(&was)
		switch {
		case !u.mayEnd:
			u.t.Errorf("%s went back from %+v to %+v", name, was, is)
		case !within(is, fresh):
			u.t.Errorf("%s went back from %+v to %+v, and did not begin anew", name, was, is)
		case there:
			u.seen.restarted++
		default:
			u.seen.removed++
		}
	}
	if more := minus(s.Forgotten, u.lastSnap.Forgotten); !within(ended, more) {
		u.t.Errorf("series with %+v have ended, and %+v more are forgotten", ended, more)
	}
	u.last, u.lastAll, u.lastSnap = now, u.all, s
}

// isName says whether a device can be called so: by a name, an address or a MAC, maybe with something behind it.
func (u *upset) isName(text string) bool {
	begins := func(name string) bool {
		rest, ok := strings.CutPrefix(text, name)
		return ok && (rest == "" || len(rest) > 1 && rest[0] == '-')
	}
	return slices.ContainsFunc(u.calls, func(name string) bool {
		short, _, _ := strings.Cut(name, ".")
		return begins(name) || begins(short)
	}) || isAddress(text)
}

func isAddress(text string) bool {
	if _, err := net.ParseMAC(text); err == nil {
		return true
	}
	text, _, _ = strings.Cut(text, "-")
	_, err := netip.ParseAddr(text)
	return err == nil
}

// numbers are all counters of totals.
func numbers(n *traffic.Totals) []*uint64 {
	var all []*uint64
	for i := range n.Out {
		all = append(all, &n.Out[i].Bytes, &n.Out[i].Packets)
	}
	for i := range n.In {
		all = append(all, &n.In[i].Bytes, &n.In[i].Packets)
	}
	return all
}

// within says whether no counter of a is above that of b.
func within(a, b traffic.Totals) bool {
	other := numbers(&b)
	for i, n := range numbers(&a) {
		if *n > *other[i] {
			return false
		}
	}
	return true
}

// minus is a less b, of which no counter is above that of a.
func minus(a, b traffic.Totals) traffic.Totals {
	other := numbers(&b)
	for i, n := range numbers(&a) {
		*n -= *other[i]
	}
	return a
}

// tallyOf returns totals as the oracle has them.
func tallyOf(n traffic.Totals) replay.TallyHost {
	in, out := n.Received(), n.Sent()
	return replay.TallyHost{
		InBytes: in.Bytes, InPackets: in.Packets, InLANBytes: n.In[traffic.ScopeLAN].Bytes, OutBytes: out.Bytes, OutPackets: out.Packets,
		OutLANBytes: n.Out[traffic.ScopeLAN].Bytes, OutMulticastBytes: n.Out[traffic.ScopeMulticast].Bytes,
	}
}

func addTally(a, b replay.TallyHost) replay.TallyHost {
	return replay.TallyHost{
		InBytes: a.InBytes + b.InBytes, InLANBytes: a.InLANBytes + b.InLANBytes, InPackets: a.InPackets + b.InPackets,
		InWireBytes: a.InWireBytes + b.InWireBytes, OutBytes: a.OutBytes + b.OutBytes, OutLANBytes: a.OutLANBytes + b.OutLANBytes,
		OutMulticastBytes: a.OutMulticastBytes + b.OutMulticastBytes, OutPackets: a.OutPackets + b.OutPackets, OutWireBytes: a.OutWireBytes + b.OutWireBytes,
	}
}

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

// Whatever is learned and forgotten, in any order and at any time: the sum over all devices is the sum over all hosts, by scope and
// direction, and in the end what the oracle says. No byte is lost or counted twice, and no series goes back.
func TestRegistry_SumsAreExact(t *testing.T) {
	t.Parallel()
	dir, tallies := captures.Expected(t)
	work := 40_000 // frames to count of each capture
	if testing.Short() || testnet.RaceDetector() {
		work /= 4
	}
	var seen coverage
	for name, tally := range tallies {
		t.Run(name, func(t *testing.T) {
			frames := captures.Frames(t, filepath.Join(dir, name))
			rounds := min(max(work/(len(frames)+1), 4), work/200)
			h := fnv.New64a()
			_, _ = h.Write([]byte(name))
			for seed := range uint64(rounds) {
				newChurn(t, rand.New(rand.NewPCG(h.Sum64(), seed)), tally, &seen).run(frames)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
	t.Logf("%+v", seen)
	if len(tallies) > 20 && !t.Failed() && (seen.updates == 0 || seen.moved == 0 || seen.shared == 0 || seen.removed == 0 ||
		seen.overflowed == 0 || seen.waited == 0 || seen.meanwhile == 0) {
		t.Error("something that the test is about did not happen")
	}
}

// coverage counts what has happened in the rounds.
type coverage struct {
	updates    int
	moved      int // devices that have lost all their hosts
	shared     int // devices of several hosts
	removed    int // series that have ended
	restarted  int // series that have started again
	overflowed int // rounds with hosts over the limit
	waited     int // updates with bytes that waited for a name
	meanwhile  int // batches of frames counted during an update
}

// A frameSlice is a meter.Source.
type frameSlice []capture.Frame

func (s *frameSlice) Next(batch []capture.Frame) (int, error) {
	n := copy(batch, *s)
	*s = (*s)[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (s *frameSlice) More() bool { return false }
func (s *frameSlice) Stop()      {}

// A churn is a registry that is changed all the time, and a plain count of the same frames beside it.
type churn struct {
	*device.Registry
	*rand.Rand
	t      *testing.T
	seen   *coverage
	now    time.Time
	tally  *replay.Tally
	rest   []capture.Frame // to be counted
	tables []*traffic.Table
	names  *randomNamer // nil: none are looked up
	mayEnd bool         // series may

	addrs       []netip.Addr
	macs        []mac.Addr
	deviceNames []string
	lans        []*traffic.Prefixes // the first one is the oracle's
	moves       bool                // the LAN has changed

	shadow   *traffic.Table
	hosts    map[netip.Addr]traffic.Totals // as the shadow has counted them
	all      traffic.Totals                // their sum
	network  traffic.Network
	last     map[string]traffic.Totals // series, as of the last check
	lastAll  traffic.Totals
	lastSnap *device.Snapshot
}

// A randomNamer is a Namer that finds any name for any address.
type randomNamer struct {
	*churn
	wanted []netip.Addr
}

// Want is called in the middle of an update: frames that are counted here belong to the next one.
func (g *randomNamer) Want(host netip.Addr) {
	g.wanted = append(g.wanted, host)
	if len(g.rest) > 0 && g.IntN(2) == 0 {
		g.count(g.tables[0])
		g.seen.meanwhile++
	}
}

func (g *randomNamer) Drain(found func(netip.Addr, string)) {
	for range g.IntN(3) {
		host := pick(g.churn, g.addrs)
		if len(g.wanted) > 0 && g.IntN(4) > 0 {
			host = pick(g.churn, g.wanted)
		}
		found(host, pick(g.churn, append(g.deviceNames, "", "")))
	}
}

func pick[T any](c *churn, from []T) T { return from[c.IntN(len(from))] }

func newChurn(t *testing.T, random *rand.Rand, tally *replay.Tally, seen *coverage) *churn {
	c := &churn{
		Rand: random, t: t, seen: seen, tally: tally, now: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC),
		hosts: map[netip.Addr]traffic.Totals{}, last: map[string]traffic.Totals{}, lastSnap: &device.Snapshot{},
		deviceNames: []string{"tv", "tv.lan", "phone", "phone.lan", "nas.home.arpa", "79d88e83-725c-b71b-bad0-5862d5b22386"},
	}
	for _, a := range []string{"192.168.1.77", "10.10.10.99", "fe80::1", "fe80::217:88ff:fe00:1", "2001:db8::217:88ff:fe00:1", "2001:db8::7"} {
		c.addrs = append(c.addrs, netip.MustParseAddr(a))
	}
	for n := range byte(4) {
		c.macs = append(c.macs, mac.Addr{0x00, 0x17, 0x88, 0, 0, n})
	}
	for host := range tally.Hosts {
		c.addrs = append(c.addrs, host, host, host, host.Next())
	}
	slices.SortFunc(c.addrs, netip.Addr.Compare) // a map has no order, and a seed must determine the round
	for _, host := range c.addrs[:min(len(c.addrs), 8)] {
		c.deviceNames = append(c.deviceNames, "tv-"+host.String()) // what a second tv may be called
		if b := host.As16(); host.Is6() && b[11] == 0xff && b[12] == 0xfe {
			c.macs = append(c.macs, mac.Addr{b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]})
		}
	}
	c.deviceNames = slices.DeleteFunc(c.deviceNames, func(name string) bool { _, ok := names.Canonical(name); return !ok })
	c.lans = []*traffic.Prefixes{traffic.NewPrefixes(tally.CIDRs), traffic.NewPrefixes(append(slices.Clone(tally.CIDRs), localnet.Private...)), traffic.NewPrefixes(tally.CIDRs[:1])}

	cfg := device.Config{Limit: []int{1, 3, 8, 30, 1024, 1024}[c.IntN(6)], AwaitNames: c.IntN(3) > 0, Forget: []time.Duration{0, 0, 10 * time.Minute, time.Hour}[c.IntN(4)]}
	if c.IntN(2) == 0 {
		cfg.Start = c.now
	}
	if c.IntN(2) == 0 {
		cfg.Strip = []string{"lan", "home.arpa"}
	}
	if c.IntN(3) == 0 {
		cfg.Order = [][]string{{"mdns", "dhcp"}, {"file"}, {"ptr", "file", "mdns", "dhcp"}}[c.IntN(3)]
	}
	if c.IntN(2) == 0 {
		c.names = &randomNamer{churn: c}
		cfg.Names = c.names
	}
	c.mayEnd = cfg.Limit < 1024 || cfg.Forget > 0
	for range 1 + c.IntN(2) { // one interface, or two
		c.tables = append(c.tables, traffic.NewTable(c.lans[0], cfg.Limit))
	}
	cfg.Tables = c.tables
	c.shadow = traffic.NewTable(c.lans[0], 4096)
	c.Registry = device.NewRegistry(cfg)
	return c
}

// run counts frames, a few at a time, and changes things in between.
func (c *churn) run(frames []capture.Frame) {
	c.rest = frames
	often := 1 + c.IntN(6)
	for len(c.rest) > 0 {
		c.count(pick(c, c.tables))
		for c.IntN(often) > 0 {
			c.change()
		}
		if c.t.Failed() {
			return
		}
	}
	c.advance(time.Second)
	c.FlushPending()
	c.check()
	if w := c.Snapshot().Waiting; w != (traffic.Totals{}) {
		c.t.Errorf("%+v wait after the last update", w)
	}
	if c.lastSnap.Overflow.Sent().Packets+c.lastSnap.Overflow.Received().Packets > 0 {
		c.seen.overflowed++
	}
	if c.moves {
		return // the oracle counted for another LAN
	}
	var sum replay.TallyHost
	for host, n := range c.tally.Hosts {
		n.InWireBytes, n.OutWireBytes = 0, 0 // which devices do not have
		sum = addTally(sum, n)
		if got := tallyOf(c.hosts[host]); got != n {
			c.t.Errorf("%s has moved %+v, want %+v", host, got, n)
		}
	}
	if got := tallyOf(c.sum()); got != sum {
		c.t.Errorf("all devices have moved %+v, want %+v", got, sum)
	}
	if got := c.network.Total().Bytes; got != c.tally.Totals.IPBytes {
		c.t.Errorf("the network has moved %d bytes, want %d", got, c.tally.Totals.IPBytes)
	}
}

// count counts the next frames into a table, and into the shadow.
func (c *churn) count(table *traffic.Table) {
	n := min(1+c.IntN(8), len(c.rest))
	for _, table := range []*traffic.Table{table, c.shadow} {
		source := frameSlice(c.rest[:n])
		if err := meter.New(&source, table).Run(context.Background()); err != nil {
			c.t.Error(err)
		}
	}
	c.rest = c.rest[n:]
}

// change changes one thing.
func (c *churn) change() {
	switch c.IntN(20) {
	default:
		facts := make([]discovery.Fact, 1+c.IntN(3))
		for i := range facts {
			facts[i] = discovery.Fact{
				Kind: discovery.Kind(c.IntN(int(discovery.OnLinkPrefix) + 1)), Protocol: discovery.Protocol(c.IntN(int(discovery.NumProtocols))), Own: c.IntN(2) == 0,
				MAC: pick(c, c.macs), Addr: pick(c, c.addrs), Name: pick(c, c.deviceNames), Lifetime: time.Duration(c.IntN(7200)) * time.Second,
			}
		}
		c.Learn(c.now, facts)
	case 0, 1, 2, 3, 4, 5:
		c.advance([]time.Duration{0, time.Millisecond, time.Second, time.Second, 4 * time.Second, -time.Minute, time.Minute, 11 * time.Minute, 2 * time.Hour}[c.IntN(9)])
	case 6:
		hosts := &names.Hosts{Addrs: map[netip.Addr]string{}, MACs: map[mac.Addr]string{}}
		for range c.IntN(4) {
			hosts.Addrs[pick(c, c.addrs)] = pick(c, c.deviceNames)
			hosts.MACs[pick(c, c.macs)] = pick(c, c.deviceNames)
		}
		c.drain()
		c.Update(c.now)
		c.SetHosts(hosts)
		c.check()
	case 7:
		if c.IntN(10) == 0 {
			lan := pick(c, c.lans)
			c.moves = true
			for _, table := range append(c.tables, c.shadow) {
				table.SetPrefixes(lan)
			}
		}
	}
}

// advance lets time pass, updates the registry and checks it.
func (c *churn) advance(after time.Duration) {
	c.now = c.now.Add(after)
	c.drain()
	c.Update(c.now)
	c.seen.updates++
	c.check()
}

// drain takes the counts of the shadow table.
func (c *churn) drain() {
	network := c.shadow.Drain(func(_ int, host netip.Addr, n *traffic.Delta) {
		if !host.IsValid() {
			c.t.Error("the shadow is full")
		}
		sum := c.hosts[host]
		sum.Add(&n.Totals)
		c.hosts[host] = sum
		c.all.Add(&n.Totals)
	})
	c.network.Add(&network)
}

// sum returns all counts of the registry.
func (c *churn) sum() traffic.Totals {
	s := c.Snapshot()
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
func (c *churn) check() {
	c.t.Helper()
	s := c.Snapshot()
	if got := c.sum(); got != c.all {
		c.t.Errorf("all devices have moved %+v, all hosts %+v", got, c.all)
	}
	if s.Network != c.network {
		c.t.Errorf("the network has moved %+v, want %+v", s.Network, c.network)
	}
	if !within(c.lastSnap.Overflow, s.Overflow) || !within(c.lastSnap.Forgotten, s.Forgotten) {
		c.t.Errorf("overflow or forgotten went back from %+v, %+v to %+v, %+v", c.lastSnap.Overflow, c.lastSnap.Forgotten, s.Overflow, s.Forgotten)
	}
	if s.Waiting != (traffic.Totals{}) {
		c.seen.waited++
	}
	// What a series that has started again can have: what was counted since, and what waited before.
	fresh := minus(c.all, c.lastAll)
	fresh.Add(&c.lastSnap.Waiting)
	var ended traffic.Totals
	now, hosts := map[string]traffic.Totals{}, map[netip.Addr]string{}
	for i := range s.Devices {
		d := &s.Devices[i]
		if _, twice := now[d.Name]; twice {
			c.t.Errorf("two devices are called %s", d.Name)
		}
		if !c.isName(d.Name) {
			c.t.Errorf("a device is called %q (%s)", d.Name, d.Source)
		}
		now[d.Name] = d.Totals
		for _, host := range d.Hosts {
			if hosts[host] != "" {
				c.t.Errorf("%s is of %s and of %s", host, hosts[host], d.Name)
			}
			hosts[host] = d.Name
		}
		if len(d.Hosts) == 0 && d.Totals != (traffic.Totals{}) {
			c.seen.moved++
		}
		if len(d.Hosts) > 1 {
			c.seen.shared++
		}
	}
	for name, was := range c.last {
		is, there := now[name]
		if there && within(was, is) || was == (traffic.Totals{}) {
			continue
		}
		ended.Add(&was)
		switch {
		case !c.mayEnd:
			c.t.Errorf("%s went back from %+v to %+v", name, was, is)
		case !within(is, fresh):
			c.t.Errorf("%s went back from %+v to %+v, and did not start again", name, was, is)
		case there:
			c.seen.restarted++
		default:
			c.seen.removed++
		}
	}
	if more := minus(s.Forgotten, c.lastSnap.Forgotten); !within(ended, more) {
		c.t.Errorf("series with %+v have ended, and %+v more are forgotten", ended, more)
	}
	c.last, c.lastAll, c.lastSnap = now, c.all, s
}

// isName reports whether a device can have this name: a name, an address or a MAC, possibly with a suffix.
func (c *churn) isName(text string) bool {
	begins := func(name string) bool {
		rest, ok := strings.CutPrefix(text, name)
		return ok && (rest == "" || len(rest) > 1 && rest[0] == '-')
	}
	return slices.ContainsFunc(c.deviceNames, func(name string) bool {
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

// numbers returns all counters of totals.
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

// within reports whether no counter of a is above that of b.
func within(a, b traffic.Totals) bool {
	other := numbers(&b)
	for i, n := range numbers(&a) {
		if *n > *other[i] {
			return false
		}
	}
	return true
}

// minus returns a less b, of which no counter is above that of a.
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

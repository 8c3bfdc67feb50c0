package device

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/names"
	"gonetmon/app/traffic"
)

// Whatever is learned, renamed and expired, in whatever order and at whatever time: the devices and what is in no device add
// up to what all hosts have moved, by scope and direction, and no counter goes back.
func TestRegistry_LosesNothing(t *testing.T) {
	rounds := uint64(250)
	if testing.Short() {
		rounds /= 10
	}
	var seen events
	for seed := range rounds {
		newChurn(t, seed, &seen).run()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if !testing.Short() && (seen.hostless == 0 || seen.shared == 0 || seen.ended == 0 ||
		seen.overflowed == 0 || seen.waited == 0 || seen.meanwhile == 0 || seen.restarts == 0) {
		t.Errorf("something that should be tried was not: %+v", seen)
	}
}

// events counts what the rounds have tried.
type events struct {
	hostless   int // devices that have lost all their hosts
	shared     int // devices of several hosts
	ended      int // series that have ended, or ended and begun again
	overflowed int // rounds with hosts over the limit
	waited     int // updates with bytes that waited for a name
	restarts   int // that were remembered
	meanwhile  int // times that packets were counted during an update
}

// A churn is a registry that changes all the time, and a count of the same packets beside it.
type churn struct {
	*Registry
	*rand.Rand
	t      *testing.T
	seen   *events
	now    time.Time
	tables []*traffic.Table
	shadow *traffic.Table // counts what all tables count
	wanted []netip.Addr
	mayEnd bool // series may
	naming bool // in the part of an update that comes before the tables

	addrs    []netip.Addr
	macs     []mac.Addr
	texts    []string
	prefixes []*traffic.Prefixes

	all      traffic.Totals // of all hosts, by the shadow
	network  traffic.Network
	last     map[string]traffic.Totals // series, as of the last check
	lastAll  traffic.Totals
	gains    traffic.Totals // of all calls of Gains
	lastSnap *Snapshot
}

func newChurn(t *testing.T, seed uint64, seen *events) *churn {
	c := &churn{
		Rand: rand.New(rand.NewPCG(seed, seed)), t: t, seen: seen, now: start,
		last: map[string]traffic.Totals{}, lastSnap: &Snapshot{},
		texts: []string{"tv", "tv.lan", "tv-192.168.2.7", "phone", "phone.lan", "nas.home.arpa",
			"79d88e83-725c-b71b-bad0-5862d5b22386"},
	}
	for _, a := range []string{
		"192.168.2.7", "192.168.2.8", "192.168.2.9", "192.168.3.7", "10.1.2.3", "fe80::7", "fe80::217:88ff:fe00:1",
		"2001:db8::217:88ff:fe00:1", "2001:db8::7", "2001:db8:1::7", "224.0.0.251", "ff02::fb", "8.8.8.8", "2620::8",
	} {
		c.addrs = append(c.addrs, netip.MustParseAddr(a))
	}
	for n := range byte(5) {
		c.macs = append(c.macs, testMAC(n))
	}
	c.macs = append(c.macs, mac.Addr{2, 0, 0, 0, 0, 1}, mac.Addr{2, 0, 0, 0, 0, 2}, mac.Addr{0, 0, 0x5e, 0, 1, 1})
	local := []netip.Prefix{
		netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("2001:db8::/32"),
	}
	for _, list := range [][]netip.Prefix{local, local[:1], append(local, netip.MustParsePrefix("10.0.0.0/8"))} {
		c.prefixes = append(c.prefixes, traffic.NewPrefixes(list))
	}
	cfg := Config{
		Limit: pick(c, []int{1, 3, 8, 100, 100}), AwaitNames: c.IntN(3) > 0,
		Forget: pick(c, []time.Duration{0, 0, 10 * time.Minute, time.Hour}),
		Start:  pick(c, []time.Time{{}, c.now}),
		Strip:  pick(c, [][]string{nil, {"lan", "home.arpa"}}),
		Order:  pick(c, [][]string{nil, nil, nil, {"mdns", "dhcp"}, {"file"}, {"ptr", "file", "mdns", "dhcp"}}),
	}
	if c.IntN(2) == 0 {
		cfg.Names = c
	}
	for range 1 + c.IntN(2) { // one interface, or two
		cfg.Tables = append(cfg.Tables, traffic.NewTable(c.prefixes[0], cfg.Limit))
	}
	c.mayEnd = cfg.Limit < 100 || cfg.Forget > 0
	c.tables, c.shadow = cfg.Tables, traffic.NewTable(c.prefixes[0], 1000)
	c.Registry = NewRegistry(cfg)
	return c
}

func pick[T any](c *churn, from []T) T { return from[c.IntN(len(from))] }

// Want is called in the middle of an update: packets that are counted now belong to the next one.
func (c *churn) Want(host netip.Addr) {
	c.wanted = append(c.wanted, host)
	if !c.naming && c.IntN(2) == 0 {
		c.count(c.tables[0])
		c.seen.meanwhile++
	}
}

func (c *churn) Refresh(host netip.Addr) { c.Want(host) }

func (c *churn) Drain(found func(netip.Addr, string)) {
	c.naming = true
	defer func() { c.naming = false }()
	for range c.IntN(3) {
		found(pick(c, append(c.wanted, c.addrs...)), pick(c, append(c.texts, "", "")))
	}
}

func (c *churn) run() {
	for range 300 {
		c.change()
		if c.t.Failed() {
			return
		}
	}
	c.update(time.Second)
	c.FlushPending()
	c.check()
	if w := c.Snapshot().Waiting; w != (traffic.Totals{}) {
		c.t.Errorf("%+v is still waiting after FlushPending", w)
	}
	if c.lastSnap.Overflow != (traffic.Totals{}) {
		c.seen.overflowed++
	}
}

// change has one thing happen.
func (c *churn) change() {
	switch c.IntN(20) {
	default:
		c.count(pick(c, c.tables))
	case 0, 1, 2, 3, 4:
		c.Learn(c.now, c.facts())
		checkLinks(c.t, c.Registry)
	case 5, 6, 7, 8, 9:
		c.update(pick(c, []time.Duration{
			0, time.Millisecond, time.Second, time.Second, 4 * time.Second, -time.Minute,
			time.Minute, 11 * time.Minute, 2 * time.Hour,
		}))
	case 10:
		file := &names.Hosts{Addrs: map[netip.Addr]string{}, MACs: map[mac.Addr]string{}}
		for range c.IntN(4) {
			file.Addrs[pick(c, c.addrs)] = pick(c, c.texts)
			file.MACs[pick(c, c.macs)] = pick(c, c.texts)
		}
		c.update(0)
		c.SetHosts(file)
		c.check()
	case 11:
		c.update(0)
		c.SetStrip(pick(c, [][]string{nil, {"lan"}, {"lan", "home.arpa"}}))
		c.check()
	case 12:
		prefixes := pick(c, c.prefixes)
		for _, table := range append(c.tables, c.shadow) {
			table.SetPrefixes(prefixes)
		}
	case 13:
		if c.IntN(8) == 0 && !c.cfg.Start.IsZero() {
			c.restart()
		}
	}
}

// restart goes on with a registry that has only the records of the one before.
func (c *churn) restart() {
	c.update(time.Second)
	c.FlushPending()
	c.check()
	cfg := c.cfg
	cfg.Start, cfg.Remember, cfg.Records = c.now, true, storedRecords(c.t, c.Registry)
	c.seen.restarts++
	for i := range cfg.Tables {
		cfg.Tables[i] = traffic.NewTable(c.prefixes[0], cfg.Limit)
	}
	c.tables, c.shadow = cfg.Tables, traffic.NewTable(c.prefixes[0], 1000)
	c.all, c.network, c.gains, c.lastAll = traffic.Totals{}, traffic.Network{}, traffic.Totals{}, traffic.Totals{}
	c.last, c.lastSnap = map[string]traffic.Totals{}, &Snapshot{}
	c.Registry = NewRegistry(cfg)
	checkLinks(c.t, c.Registry)
	c.check()
}

// facts returns a fact of any kind, or a DHCP request and its acknowledgement.
func (c *churn) facts() []discovery.Fact {
	f := discovery.Fact{
		Kind:     discovery.Kind(c.IntN(int(discovery.OnLinkPrefix) + 1)),
		Protocol: discovery.Protocol(c.IntN(int(discovery.NumProtocols))),
		Own:      c.IntN(2) == 0, MAC: pick(c, c.macs), Addr: pick(c, c.addrs), Name: pick(c, c.texts),
		Lifetime: time.Duration(c.IntN(7200)) * time.Second, Transaction: uint32(c.IntN(2)), Server: pick(c, c.addrs[:3]),
	}
	f.Via = pick(c, []mac.Addr{{}, f.MAC, f.MAC, pick(c, c.macs)})
	f.By = pick(c, []netip.Addr{{}, f.Addr, f.Addr, pick(c, c.addrs)})
	if f.Kind != discovery.Leased || c.IntN(2) == 0 {
		return []discovery.Fact{f}
	}
	request := f
	request.Kind = discovery.Requested
	return []discovery.Fact{request, f}
}

// count counts some packets between any two addresses into a table, and into the shadow.
func (c *churn) count(table *traffic.Table) {
	for range 1 + c.IntN(4) {
		f, src := key(pick(c, c.addrs))
		g, dst := key(pick(c, c.addrs))
		if f != g {
			continue
		}
		bytes, packets := uint64(1+c.IntN(1500)), uint64(1+c.IntN(30))
		from := c.senderOf(src)
		for _, table := range []*traffic.Table{table, c.shadow} {
			table.Begin()
			table.Count(f, src, dst, bytes, bytes+14, packets, from)
			table.End()
		}
	}
}

// senderOf returns the source MAC of a frame from an address: often the same one.
func (c *churn) senderOf(src traffic.Addr) uint64 {
	hw := c.macs[src.Lo%uint64(len(c.macs))]
	switch c.IntN(8) {
	case 0, 1:
		hw = pick(c, c.macs)
	case 2:
		hw = mac.Addr{}
	}
	return binary.BigEndian.Uint64(append([]byte{0, 0}, hw[:]...))
}

// update lets time pass, updates and checks.
func (c *churn) update(after time.Duration) {
	c.now = c.now.Add(after)
	network, _ := c.shadow.Drain(func(_ int, host netip.Addr, n *traffic.Delta) {
		if !host.IsValid() {
			c.t.Error("the shadow is full")
		}
		c.all.Add(&n.Totals)
	})
	c.network.Add(&network)
	c.Update(c.now)
	c.check()
}

// check compares the registry with the shadow, and with itself before.
func (c *churn) check() {
	c.t.Helper()
	checkBounds(c.t, c.Registry)
	checkLinks(c.t, c.Registry)
	s := c.Snapshot()
	sum := s.Overflow
	sum.Add(&s.Waiting)
	sum.Add(&s.Forgotten)
	now, hosts := map[string]traffic.Totals{}, map[netip.Addr]string{}
	for _, d := range s.Devices {
		sum.Add(&d.Totals)
		if _, twice := now[d.Name]; twice || !c.isName(d.Name) {
			c.t.Errorf("a device is called %q (%s), another one too: %v", d.Name, d.Source, twice)
		}
		now[d.Name] = d.Totals
		for _, host := range d.Hosts {
			if hosts[host] != "" {
				c.t.Errorf("%s is of %s and of %s", host, hosts[host], d.Name)
			}
			hosts[host] = d.Name
		}
		if len(d.Hosts) == 0 && d.Totals != (traffic.Totals{}) {
			c.seen.hostless++
		}
		if len(d.Hosts) > 1 {
			c.seen.shared++
		}
	}
	if sum != c.all || s.Network != c.network {
		c.t.Errorf("the devices have moved %+v, all hosts %+v; the network %+v, want %+v", sum, c.all, s.Network, c.network)
	}
	c.Gains(func(_ uint64, gained *traffic.Totals) { c.gains.Add(gained) })
	if got := minus(sum, s.Waiting); got != c.gains {
		c.t.Errorf("the gains add up to %+v, want %+v", c.gains, got)
	}
	if !notAbove(c.lastSnap.Overflow, s.Overflow) || !notAbove(c.lastSnap.Forgotten, s.Forgotten) {
		c.t.Errorf("overflow or forgotten went back from %+v to %+v", c.lastSnap, s)
	}
	if s.Waiting != (traffic.Totals{}) {
		c.seen.waited++
	}
	// What a series that has begun again can have: what was gained since, and what was waiting before.
	fresh := minus(c.all, c.lastAll)
	fresh.Add(&c.lastSnap.Waiting)
	var ended traffic.Totals
	for name, was := range c.last {
		is, there := now[name]
		if there && notAbove(was, is) || was == (traffic.Totals{}) {
			continue
		}
		if !c.mayEnd || !notAbove(is, fresh) {
			c.t.Errorf("%s went back from %+v to %+v", name, was, is)
		}
		ended.Add(&was)
		c.seen.ended++
	}
	if more := minus(s.Forgotten, c.lastSnap.Forgotten); !notAbove(ended, more) {
		c.t.Errorf("series with %+v have ended, and %+v more are forgotten", ended, more)
	}
	c.last, c.lastAll, c.lastSnap = now, c.all, s
}

// isName reports whether a device can be called text: a name, an address or a MAC, maybe with a suffix.
func (c *churn) isName(text string) bool {
	text = strings.TrimPrefix(text, "behind-")
	starts := func(name string) bool {
		rest, ok := strings.CutPrefix(text, name)
		return ok && (rest == "" || len(rest) > 1 && rest[0] == '-')
	}
	if slices.ContainsFunc(c.texts, func(name string) bool {
		short, _, _ := strings.Cut(name, ".")
		return starts(name) || starts(short)
	}) {
		return true
	}
	hw, _, _ := strings.Cut(text, "-")
	_, err := net.ParseMAC(hw)
	return err == nil || slices.ContainsFunc(c.addrs, func(a netip.Addr) bool { return starts(a.String()) })
}

// counts returns all counters of totals.
func counts(n *traffic.Totals) (all []*uint64) {
	for i := range n.Out {
		all = append(all, &n.Out[i].Bytes, &n.Out[i].Packets)
	}
	for i := range n.In {
		all = append(all, &n.In[i].Bytes, &n.In[i].Packets)
	}
	return all
}

// notAbove reports whether no counter of a is above that of b.
func notAbove(a, b traffic.Totals) bool {
	other := counts(&b)
	for i, n := range counts(&a) {
		if *n > *other[i] {
			return false
		}
	}
	return true
}

// minus returns a less b, no counter of which may be above that of a.
func minus(a, b traffic.Totals) traffic.Totals {
	other := counts(&b)
	for i, n := range counts(&a) {
		*n -= *other[i]
	}
	return a
}

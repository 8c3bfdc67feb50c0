// Package home simulates the network of a home for some weeks, with the truth known: which device sent and received each frame.
// It gives the frames, which a listener at a mirror port would capture, to gonetmon's own packages, in simulated time, and
// says how much of the bytes was counted for the right device.
package home

import (
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/mac"
)

// Config says what is simulated.
type Config struct {
	Days int
	Seed uint64 // it also chooses how the router answers PTR questions, and whether gonetmon knows its prefix

	Watch string    // a device whose rows are printed each time that they change; "": none
	Log   io.Writer // where to
}

// Home is a home at one moment.
type Home struct {
	clock
	*rand.Rand
	cfg        Config
	devices    []*Device
	nics       []*nic
	router     *router
	sleepProxy *nic
	owner      map[netip.Addr]*nic      // who has an address, or had it last
	tied       map[netip.Addr]bool      // gonetmon can know whose address it is, although an extender sends
	heard      map[netip.Addr]time.Time // when its device has first said so
	named      map[netip.Addr]bool      // its device has announced it together with its other addresses
	monitor    *monitor
	prefixes   int
}

var (
	begin        = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) // a Monday
	ssdpGroup    = netip.MustParseAddr("239.255.255.250")
	multicastMAC = mac.Addr{0x01, 0x00, 0x5e, 0x7f, 0xff, 0xfa}
)

// Run simulates a home and reports what gonetmon made of it.
func Run(cfg Config) *Report {
	h := newHome(cfg)
	h.monitor = newMonitor(h)
	h.schedule()
	end := begin.Add(time.Duration(cfg.Days) * 24 * time.Hour)
	for e, ok := h.next(end); ok; e, ok = h.next(end) {
		h.monitor.advance(e.at)
		h.now = e.at
		e.do()
	}
	h.monitor.stop()
	return h.monitor.ledger.report()
}

func newHome(cfg Config) *Home {
	h := &Home{
		clock: clock{now: begin}, Rand: rand.New(rand.NewPCG(cfg.Seed, 1)), cfg: cfg,
		owner: map[netip.Addr]*nic{}, tied: map[netip.Addr]bool{}, named: map[netip.Addr]bool{}, heard: map[netip.Addr]time.Time{},
	}
	for _, s := range plans() {
		d := h.device(s.name)
		if d == nil {
			d = &Device{Name: s.name}
			h.devices = append(h.devices, d)
		}
		n := &nic{spec: s, home: h, dev: d}
		d.nics = append(d.nics, n)
		h.nics = append(h.nics, n)
		switch {
		case s.shares != "":
			n.mac = h.device(s.shares).nics[0].mac
		default:
			n.newAddress()
			if first := d.nics[0]; first != n { // the MACs of one device follow each other
				n.mac = first.mac
				n.mac[5] = first.mac[5] ^ 1
			}
		}
		if s.behind != "" {
			n.via = h.device(s.behind).nics[0]
		}
		if s.routed {
			n.via = h.nics[0]
		}
	}
	h.sleepProxy = h.device("apple-tv").nics[0]
	h.router = &router{nic: h.nics[0], net: 1, life: 24 * time.Hour, reserved: map[mac.Addr]netip.Addr{},
		dns: zone{style: style(cfg.Seed % uint64(numStyles)), given: map[mac.Addr]*given{}}}
	if h.chance(0.5) {
		h.router.life = 12 * time.Hour
	}
	h.router.prefix = h.newPrefix()
	return h
}

// newAddress gives an interface a MAC: one of its vendor, or a random one.
func (n *nic) newAddress() {
	n.mac = n.vendor
	for i := 3; i < 6; i++ {
		n.mac[i] = byte(n.home.IntN(256))
	}
	if n.random {
		for i := range 3 {
			n.mac[i] = byte(n.home.IntN(256))
		}
		n.mac[0] = n.mac[0]&^1 | 2
	}
	n.newLinkLocal = true
}

// newPrefix returns the prefix that the provider gives next.
func (h *Home) newPrefix() netip.Prefix {
	h.prefixes++
	b := [16]byte{0x20, 0x01, 0x0d, 0xb8, byte(h.cfg.Seed), byte(h.prefixes * 37), byte(h.prefixes), 0}
	return netip.PrefixFrom(netip.AddrFrom16(b), 64)
}

// schedule plans everything that happens.
func (h *Home) schedule() {
	r := h.router
	r.up, r.reached = true, map[netip.Addr]time.Time{}
	r.setLinkLocal()
	r.setV4(r.addr4(1))
	r.advertise()
	h.after(time.Minute, r.keepAdvertising)
	for _, n := range h.nics {
		if n == r.nic {
			continue
		}
		if n.life != visitor {
			h.after(h.between(0, 2*time.Minute)+n.later(), n.connect)
		} else {
			n.away = true
		}
		if n.roams {
			h.after(h.between(time.Hour, 3*time.Hour), n.roam)
		}
	}
	for day := range h.cfg.Days {
		h.after(time.Duration(day)*24*time.Hour, func() { h.planDay(day) })
	}
	// Restarts, in parts of the whole time.
	whole := time.Duration(h.cfg.Days) * 24 * time.Hour
	part := func(x float64) time.Duration { return time.Duration(x*float64(whole)) + h.between(0, 6*time.Hour) }
	for _, x := range []float64{0.17, 0.37, 0.55, 0.75, 0.9} {
		h.after(part(x), h.monitor.restart)
	}
	for _, x := range []float64{0.25, 0.65, 0.85} {
		h.after(part(x), r.restart)
	}
	h.after(part(0.45), r.renumber)
	h.after(part(0.3), func() { // people reserve an address for a device, which it gets with its next lease
		r.reserved[h.device("playstation").nics[0].mac] = r.addr4(40)
	})
	h.after(part(0.35), func() { // and change a static one
		n := h.device("solar").nics[0]
		n.static = 61
		n.disconnect()
		n.v4 = netip.Addr{}
		h.after(time.Minute, n.connect)
	})
}

// later returns how much later than others a device connects: an extender comes before its clients.
func (n *nic) later() time.Duration {
	if n.via != nil {
		return 3 * time.Minute
	}
	return 0
}

// planDay plans what happens in one day.
func (h *Home) planDay(day int) {
	today := h.now
	weekend := day%7 >= 5
	for _, n := range h.nics {
		n.plan(today)
		if n.newMAC != 0 && day > 0 && day%n.newMAC == 0 {
			h.at(today.Add(h.between(3*time.Hour, 5*time.Hour)), n.changeMAC)
		}
		if n.privacy {
			h.at(today.Add(h.between(0, 24*time.Hour)), func() {
				if n.up && !n.asleep && !n.away {
					n.renewTemp()
				}
			})
		}
		leave, back := 8*time.Hour, 17*time.Hour+30*time.Minute
		switch {
		case n.life == worker && !weekend, n.life == pupil && !weekend:
			if n.life == pupil {
				back = 14 * time.Hour
			}
			h.at(today.Add(leave+h.between(-time.Hour, time.Hour)), n.leave)
			h.at(today.Add(back+h.between(-time.Hour, time.Hour)), n.arrive)
		case n.life == visitor && (h.chance(0.15) || day == h.IntN(h.cfg.Days)):
			from := h.between(10*time.Hour, 19*time.Hour)
			h.at(today.Add(from), n.arrive)
			h.at(today.Add(from+h.between(2*time.Hour, 5*time.Hour)), n.leave)
		case n.sleeps:
			h.at(today.Add(h.between(12*time.Hour, 13*time.Hour)), n.sleep)
			h.at(today.Add(h.between(14*time.Hour, 15*time.Hour)), n.rise)
			h.at(today.Add(h.between(22*time.Hour, 24*time.Hour)), n.sleep)
			h.at(today.Add(h.between(6*time.Hour, 8*time.Hour)), n.rise)
		}
	}
}

// leave takes a device out of the home.
func (n *nic) leave() {
	n.away = true
	n.disconnect()
}

// arrive brings it back.
func (n *nic) arrive() {
	n.away = false
	n.connect()
}

// rise wakes it in the morning.
func (n *nic) rise() {
	if n.asleep || !n.up {
		n.connect()
	}
}

// changeMAC connects with a new random MAC, which makes it a stranger to the router.
func (n *nic) changeMAC() {
	up := n.up
	n.disconnect()
	n.newAddress()
	n.v4, n.leased, n.stable, n.temp = netip.Addr{}, time.Time{}, netip.Addr{}, netip.Addr{}
	if up {
		n.home.after(5*time.Second, n.connect)
	}
}

// roam connects through the extender, or directly again.
func (n *nic) roam() {
	h := n.home
	if n.via == nil {
		n.via = h.device("re450").nics[0]
	} else {
		n.via = nil
	}
	for _, a := range []netip.Addr{n.ll, n.stable, n.temp} {
		delete(h.tied, a)
		delete(h.heard, a)
	}
	if n.up {
		n.connect()
	}
	h.after(h.between(time.Hour, 5*time.Hour), n.roam)
}

// device returns the device of a name.
func (h *Home) device(name string) *Device {
	for _, d := range h.devices {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// sharing returns whether a device has a MAC that another one has, too.
func (h *Home) sharing(d *Device) bool {
	return slices.ContainsFunc(h.nics, func(n *nic) bool { return n.dev != d && n.mac == d.nics[0].mac })
}

// hear notes that an NDP message has told whose an address is, unless an extender has rewritten it. Anyone can send one such
// message, so it takes two.
func (h *Home) hear(a netip.Addr, n *nic) {
	switch first, ok := h.heard[a]; {
	case n.via != nil && !n.via.keepsOptions:
	case !ok:
		h.heard[a] = h.now
	case h.now.Sub(first) >= time.Second:
		h.tied[a] = true
	}
}

// between returns a duration between two.
func (h *Home) between(a, b time.Duration) time.Duration {
	return a + time.Duration(h.Int64N(int64(b-a)+1))
}

// chance reports true with a probability.
func (h *Home) chance(p float64) bool { return h.Float64() < p }

// vary returns about n.
func (h *Home) vary(n int) int { return max(shortest, n/4+h.IntN(n*3/2+1)) }

func (h *Home) vary64(d time.Duration) time.Duration { return h.between(d*3/4, d*5/4) }

// remote returns an address on the internet.
func (h *Home) remote(local netip.Addr) netip.Addr {
	if local.Is4() {
		return netip.AddrFrom4([4]byte{142, 250, byte(h.IntN(8)), byte(h.IntN(256))})
	}
	return netip.AddrFrom16([16]byte{0x2a, 0x00, 0x14, 0x50, 0x40, 0x01, 0x08, byte(h.IntN(64)), 14: 0x20, 15: byte(h.IntN(256))})
}

// control has the listener capture a control frame.
func (h *Home) control(frame []byte) { h.monitor.capture(frame, len(frame), true) }

// data has the listener capture a data frame.
func (h *Home) data(from, to mac.Addr, src, dst netip.Addr, bytes int) {
	header := ethernet
	if bytes = max(bytes, shortest); src.Is6() {
		bytes = max(bytes, 40+shortest)
	}
	h.monitor.capture(appendData(make([]byte, 0, 62), from, to, src, dst, bytes), header+bytes, false)
}

package home

import (
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/localnet"
	"gonetmon/app/meter"
	"gonetmon/app/traffic"
)

const (
	limit     = 4096 // of hosts, as by default
	forget    = 30 * 24 * time.Hour
	downtime  = 15 * time.Second // of a restart
	busyFor   = 12 * time.Second // how long after a frame gonetmon updates each second
	idleEvery = 10 * time.Second // how often it does otherwise, to save time
	lookEvery = 10 * time.Second // how often the rows are compared with the truth: more often than Prometheus scrapes
)

// A monitor is gonetmon at a mirror port: its own packages, put together as the daemon does.
type monitor struct {
	home     *Home
	ledger   *ledger
	queue    queue
	table    *traffic.Table
	meter    *meter.Meter
	decoder  *discovery.Decoder
	lan      *localnet.Tracker
	registry *device.Registry
	namer    *namer
	facts    []discovery.Fact
	records  []byte // that the registry had at the stop, as JSON
	down     bool
	next     time.Time // of the updates
	last     time.Time // of the frames
	looked   time.Time // at the rows
	checked  time.Time
	stopping bool
}

// A queue is a source of frames for a meter.
type queue struct{ frames []capture.Frame }

func (q *queue) Next(batch []capture.Frame) (int, error) {
	n := copy(batch, q.frames)
	if q.frames = q.frames[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (q *queue) More() bool { return len(q.frames) > 0 }
func (q *queue) Stop()      {}

func newMonitor(h *Home) *monitor {
	m := &monitor{home: h, ledger: newLedger(h)}
	m.start()
	return m
}

// start starts gonetmon, with what it has kept.
func (m *monitor) start() {
	h := m.home
	prefixes := []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}
	if m.knowsPrefix() {
		prefixes = []netip.Prefix{netip.PrefixFrom(h.router.addr4(0), 24), netip.MustParsePrefix("192.168.20.0/24")}
	}
	m.lan = localnet.NewTracker(localnet.Config{Prefixes: prefixes, Announced: localnet.LearnsIPv6(prefixes),
		PrefixesChanged: func(p *traffic.Prefixes) { m.table.SetPrefixes(p) }})
	m.table = traffic.NewTable(m.lan.Current(), limit)
	m.meter = meter.New(&m.queue, m.table)
	m.decoder = discovery.NewDecoder()
	m.meter.OnControl = func(f *capture.Frame) {
		m.decoder.Decode(f.Link, f.Data, func(f discovery.Fact) { m.facts = append(m.facts, f) })
	}
	m.namer = &namer{home: h, hosts: map[netip.Addr]*lookup{}}
	var records []device.Record
	if m.records != nil {
		if err := json.Unmarshal(m.records, &records); err != nil {
			panic("home: " + err.Error())
		}
	}
	m.registry = device.NewRegistry(device.Config{Tables: []*traffic.Table{m.table}, Names: m.namer, Strip: []string{domain},
		Limit: limit, AwaitNames: true, Forget: forget, Start: h.now, Remember: true, Records: records})
	m.lan.Announce(h.now, h.router.prefix, time.Hour) // its own machine has an address there
	if m.knowsPrefix() {
		m.namer.sweep()
	}
	m.down, m.stopping, m.looked = false, false, time.Time{}
	m.next, m.last, m.checked = h.now.Truncate(time.Second).Add(time.Second), h.now, h.now
	clear(h.tied)
	clear(h.heard)
	clear(h.named)
	m.ledger.start()
}

// knowsPrefix reports whether the user has configured the network, and so configures it again after a renumbering.
func (m *monitor) knowsPrefix() bool { return m.home.cfg.Seed%2 == 0 }

// stop stops gonetmon.
func (m *monitor) stop() {
	if m.down {
		return
	}
	m.stopping = true
	m.update()
	m.ledger.check(m.registry.Snapshot(), m.lan.Current().List())
	m.ledger.stop()
	var err error
	if m.records, err = json.Marshal(m.registry.Records()); err != nil {
		panic("home: " + err.Error())
	}
	m.down, m.namer.over = true, true
}

// restart restarts it. It keeps what the store keeps.
func (m *monitor) restart() {
	if !m.down {
		m.stop()
		m.home.after(downtime, m.start)
	}
}

// capture takes a frame from the link.
func (m *monitor) capture(frame []byte, wire int, control bool) {
	if m.down {
		return
	}
	h := m.home
	if m.last = h.now; m.next.Sub(h.now) > time.Second {
		m.next = h.now.Truncate(time.Second).Add(time.Second)
	}
	m.queue.frames = append(m.queue.frames, capture.Frame{Data: frame, Wire: wire, Link: 1})
	m.ledger.frame(frame, wire, m.lan.Current().List())
	if control {
		m.flush()
	}
}

// flush has gonetmon count the frames so far, and learn from the control frames among them.
func (m *monitor) flush() {
	if err := m.meter.Run(context.Background()); err != nil {
		panic("home: " + err.Error())
	}
	m.queue.frames = nil
	if len(m.facts) == 0 {
		return
	}
	for i := range m.facts {
		if f := &m.facts[i]; f.Kind == discovery.OnLinkPrefix {
			m.lan.Announce(m.home.now, f.Prefix, f.Lifetime)
		}
	}
	m.registry.Learn(m.home.now, m.facts)
	m.facts = m.facts[:0]
}

// advance lets gonetmon live until a time, at which something happens.
func (m *monitor) advance(to time.Time) {
	for !m.down && !m.next.After(to) {
		m.home.now = m.next
		m.update()
		if m.home.now.Sub(m.last) < busyFor {
			m.next = m.next.Add(time.Second)
		} else {
			m.next = m.next.Add(idleEvery)
		}
	}
}

// update is what gonetmon does once a second.
func (m *monitor) update() {
	now := m.home.now
	m.flush()
	m.lan.Refresh(now)
	m.registry.Update(now)
	m.ledger.endChunks()
	if now.Sub(m.looked) < lookEvery && !m.stopping {
		return
	}
	m.looked = now
	s := m.registry.Snapshot()
	m.ledger.update(s)
	if now.Sub(m.checked) >= idleEvery {
		m.checked = now
		m.ledger.check(s, m.lan.Current().List())
	}
}

package daemon

import (
	"strings"
	"sync/atomic"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/discovery"
	"gonetmon/app/localnet"
	"gonetmon/app/meter"
	"gonetmon/app/metrics"
	"gonetmon/app/traffic"
)

// A tap is one interface: all frames of its ring are counted, and facts are learned from its control frames.
type tap struct {
	ring    *capture.Ring
	table   *traffic.Table
	meter   *meter.Meter
	control *discovery.Queue
	decoder *discovery.Decoder
	watcher *discovery.Watcher
	existed atomic.Bool // the interface exists, or did since the start
}

func (d *Daemon) newTap(i capture.Interface) *tap {
	t := &tap{table: traffic.NewTable(d.lan.Current(), d.cfg.MaxHosts), decoder: discovery.NewDecoder()}
	t.ring = capture.NewRing(capture.RingConfig{Size: d.cfg.RingSize, Log: d.log})
	t.follow(i)
	t.meter = meter.New(t.ring, t.table)
	t.meter.Survey = new(meter.Survey)
	t.control = discovery.NewQueue()
	t.meter.OnControl = t.control.Put
	t.watcher = discovery.NewWatcher(t.control, t.decoder, d.learn)
	return t
}

// name returns the interface as it was configured or, with auto, as it is called now.
func (t *tap) name() string { return t.ring.Interface().Name }

// follow captures on the interface from now on.
func (t *tap) follow(i capture.Interface) {
	if !strings.HasPrefix(i.Reason, localnet.ReasonNoInterface) {
		t.existed.Store(true)
	}
	t.ring.Follow(i)
}

// setInterfaces passes on where to capture.
func (d *Daemon) setInterfaces(all []capture.Interface) {
	for i, t := range d.taps {
		t.follow(all[i])
	}
}

// learn takes the facts of a control frame.
func (d *Daemon) learn(facts []discovery.Fact) {
	now := time.Now()
	for i := range facts {
		if f := &facts[i]; f.Kind == discovery.OnLinkPrefix {
			d.lan.Announce(now, f.Prefix, f.Lifetime)
		}
	}
	d.registry.Learn(now, facts)
}

func (d *Daemon) status() []meter.Status {
	all := make([]meter.Status, len(d.taps))
	for i, t := range d.taps {
		all[i] = meter.Status{Interface: t.name(), Stats: t.ring.Stats(), Classes: t.meter.Classes(), Health: d.adviser.health(i)}
	}
	return all
}

// facts counts what control frames have told so far.
func (d *Daemon) facts() (f metrics.ControlStats) {
	for _, t := range d.taps {
		f.Add(t.decoder.Stats())
		s := t.control.Stats()
		f.Taps = append(f.Taps, metrics.ControlTap{Interface: t.name(), Frames: s.Frames, Drops: s.Drops})
	}
	return f
}

func (d *Daemon) controlDrops() (n uint64) {
	for _, t := range d.taps {
		n += t.control.Stats().Drops
	}
	return n
}

func (d *Daemon) interfaces() []string {
	all := make([]string, len(d.taps))
	for i, t := range d.taps {
		all[i] = t.name()
	}
	return all
}

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/export"
	"gonetmon/app/meter"
)

// stuck is how long a loop may show no sign of life. The rings show one a second when nothing happens.
const stuck = 10 * time.Second

// healthy says whether everything that should move does.
func (d *daemon) healthy() error {
	now := time.Now()
	for _, s := range d.status() {
		if still := now.Sub(s.Beat); still > stuck {
			return fmt.Errorf("capture on %s has stood still for %s", s.Interface, still.Round(time.Second))
		}
	}
	if still := now.Sub(d.registry.Snapshot().Time); still > stuck {
		return fmt.Errorf("counting has stood still for %s", still.Round(time.Second))
	}
	return nil
}

// ready says whether what is on the network is being counted.
func (d *daemon) ready() error {
	var errs []error
	for _, s := range d.status() {
		if !s.Up {
			errs = append(errs, fmt.Errorf("%s: %s", s.Interface, s.Why))
		}
	}
	if !slices.ContainsFunc(d.lan.current().Prefixes(), func(p netip.Prefix) bool { return p != linkLocal }) {
		errs = append(errs, errors.New("no local prefixes are known; set GONETMON_CIDR, for example GONETMON_CIDR=192.168.2.0/24"))
	}
	return errors.Join(errs...)
}

func (d *daemon) status() []meter.Status {
	all := make([]meter.Status, len(d.taps))
	for i, t := range d.taps {
		all[i] = meter.Status{Interface: t.name, Stats: t.ring.Stats(), Classes: t.meter.Classes()}
	}
	return all
}

// facts are what control frames have told so far.
func (d *daemon) facts() (f export.Facts) {
	for _, t := range d.taps {
		f.Add(t.reader.Stats())
		s := t.control.Stats()
		f.Taps = append(f.Taps, export.ControlTap{Interface: t.name, Frames: s.Frames, Drops: s.Drops})
	}
	return f
}

func (d *daemon) controlDrops() (n uint64) {
	for _, t := range d.facts().Taps {
		n += t.Drops
	}
	return n
}

func (d *daemon) interfaces() []string {
	all := make([]string, len(d.taps))
	for i, t := range d.taps {
		all[i] = t.name
	}
	return all
}

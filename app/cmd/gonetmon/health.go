package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gonetmon/app/meter"
	"gonetmon/app/metrics"
)

// stuck is how long a loop may show no sign of life. The rings show one a second when nothing happens.
const stuck = 10 * time.Second

// healthy says whether everything that should move does.
func (d *daemon) healthy() error {
	now := time.Now()
	for _, l := range d.loops() {
		if still := now.Sub(l.beat); still > stuck {
			return fmt.Errorf("%s has stood still for %s", l.name, still.Round(time.Second))
		}
	}
	return nil
}

// loops are those that everything hangs on.
func (d *daemon) loops() []loop {
	all := make([]loop, 0, 2*len(d.taps)+1)
	for _, t := range d.taps {
		all = append(all, loop{"capture on " + t.name, t.ring.Stats().LastActive}, loop{"capture of control frames on " + t.name, t.control.Stats().LastActive})
	}
	return append(all, loop{"counting", d.registry.LastUpdate()})
}

// summary says in a line what is heard.
func (d *daemon) summary() string {
	var heard, deaf []string
	for _, s := range d.status() {
		if s.Up {
			heard = append(heard, s.Interface)
		} else {
			deaf = append(deaf, s.Interface+" ("+s.Reason+")")
		}
	}
	var parts []string
	if len(heard) > 0 {
		parts = append(parts, "listening on "+strings.Join(heard, " "))
	}
	if len(deaf) > 0 {
		parts = append(parts, "hearing nothing on "+strings.Join(deaf, " "))
	}
	devices, noun := d.registry.Snapshot().NumAddressed(), "devices"
	if devices == 1 {
		noun = "device"
	}
	return fmt.Sprintf("%s, %d %s", strings.Join(parts, ", "), devices, noun)
}

// ready says whether what is on the network is being counted.
func (d *daemon) ready() error {
	var errs []error
	for _, s := range d.status() {
		if !s.Up {
			errs = append(errs, fmt.Errorf("%s: %s", s.Interface, s.Reason))
		}
	}
	if !slices.ContainsFunc(d.lan.current().List(), func(p netip.Prefix) bool { return p != linkLocal }) {
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
func (d *daemon) facts() (f metrics.ControlStats) {
	for _, t := range d.taps {
		f.Add(t.reader.Stats())
		s := t.control.Stats()
		f.Taps = append(f.Taps, metrics.ControlTap{Interface: t.name, Frames: s.Frames, Drops: s.Drops})
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

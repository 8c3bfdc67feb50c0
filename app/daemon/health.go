package daemon

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxStall is how long a loop may show no sign of life. A ring shows one per second even when nothing happens.
const maxStall = 10 * time.Second

// healthy reports a loop that is stalled.
func (d *Daemon) healthy() error {
	now := time.Now()
	for _, l := range d.loops() {
		if stall := now.Sub(l.lastBeat); stall > maxStall {
			return fmt.Errorf("%s has been stalled for %s", l.name, stall.Round(time.Second))
		}
	}
	return nil
}

// missing reports the interfaces that have not existed since the start: their names are probably wrong. One that has gone is the
// business of ready.
func (d *Daemon) missing() error {
	var errs []error
	for _, t := range d.taps {
		if !t.existed.Load() {
			errs = append(errs, fmt.Errorf("GONETMON_INTERFACE: %s: %s", t.name(), t.ring.Interface().Reason))
		}
	}
	return errors.Join(errs...)
}

// loops returns the loops that must never stall.
func (d *Daemon) loops() []loop {
	all := make([]loop, 0, 2*len(d.taps)+1)
	for _, t := range d.taps {
		all = append(all, loop{"capture on " + t.name(), t.ring.Stats().LastActive},
			loop{"capture of control frames on " + t.name(), t.control.Stats().LastActive})
	}
	return append(all, loop{"counting", d.registry.LastUpdate()})
}

// summary describes in one line what is captured.
func (d *Daemon) summary() string {
	var up, down []string
	for _, s := range d.status() {
		if s.Up {
			up = append(up, s.Interface)
		} else {
			down = append(down, s.Interface+" ("+s.Reason+")")
		}
	}
	var parts []string
	if len(up) > 0 {
		parts = append(parts, "listening on "+strings.Join(up, " "))
	}
	if len(down) > 0 {
		parts = append(parts, "waiting for "+strings.Join(down, " "))
	}
	devices, noun := d.registry.Snapshot().NumAddressed(), "devices"
	if devices == 1 {
		noun = "device"
	}
	return fmt.Sprintf("%s, %d %s", strings.Join(parts, ", "), devices, noun)
}

// ready reports why the traffic on the network is not being counted.
func (d *Daemon) ready() error {
	var errs []error
	for _, s := range d.status() {
		if !s.Up {
			errs = append(errs, fmt.Errorf("%s: %s", s.Interface, s.Reason))
		}
	}
	if !d.lan.Known() {
		const hint = "set GONETMON_CIDR, for example GONETMON_CIDR=192.168.2.0/24"
		errs = append(errs, errors.New("no local prefixes are known; "+hint))
	}
	return errors.Join(errs...)
}

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/traffic"
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
	if len(d.lan.current().Prefixes()) == 0 {
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

func (d *daemon) interfaces() []string {
	all := make([]string, len(d.taps))
	for i, t := range d.taps {
		all[i] = t.name
	}
	return all
}

// setLAN makes other addresses ours.
func (d *daemon) setLAN(lan *traffic.LAN) {
	for _, t := range d.taps {
		t.table.SetLAN(lan)
	}
	d.sweep(lan)
}

// sweep has the names of the addresses of small prefixes looked up before they are seen.
func (d *daemon) sweep(lan *traffic.LAN) {
	if d.ptr == nil {
		return
	}
	for _, p := range lan.Prefixes() {
		d.ptr.Sweep(p)
	}
}

// logTotals says what was counted in all, for the record and for those who check.
func (d *daemon) logTotals() {
	for _, s := range d.status() {
		d.log.Info("stopped", "interface", s.Interface, "frames", s.Frames, "drops", s.Drops)
	}
	total := d.registry.Snapshot().Network.Total()
	d.log.Info("counted", "bytes", total.Bytes, "packets", total.Packets)
}

func (d *daemon) close() {
	for _, t := range d.taps {
		if err := t.ring.Close(); err != nil {
			d.log.Warn("close ring", "interface", t.name, "error", err)
		}
	}
}

// nameServers are the DNS servers to ask.
func nameServers(s servers) []netip.AddrPort {
	if s.none || len(s.list) > 0 {
		return s.list
	}
	file, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return nil // then there is nobody to ask
	}
	defer func() { _ = file.Close() }()
	found, _ := names.ResolvConf(file)
	return found
}

// advise tells how to give a right that is missing.
func advise(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return wrong{fmt.Errorf("%w: CAP_NET_RAW is missing; run as root (sudo), or `sudo setcap cap_net_raw+ep PATH/TO/gonetmon`, or in a container `cap_add: [NET_RAW]`", err)}
	}
	return err
}

// explainListen says which variable makes the listener fail.
func (d *daemon) explainListen(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return wrong{fmt.Errorf("GONETMON_PORT=%d: %w; choose another, for example GONETMON_PORT=%d", d.cfg.Port, err, d.cfg.Port+1)}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return wrong{fmt.Errorf("GONETMON_ADDR=%s: %w; no interface has this address, for example GONETMON_ADDR=0.0.0.0", d.cfg.Addr, err)}
	case errors.Is(err, os.ErrPermission):
		return wrong{fmt.Errorf("GONETMON_PORT=%d: %w; ports below 1024 need CAP_NET_BIND_SERVICE, for example GONETMON_PORT=8080", d.cfg.Port, err)}
	}
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/export"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/traffic"
	"gonetmon/app/web"
)

// A tap is one interface that is listened to.
type tap struct {
	name  string
	ring  *capture.Ring
	table *traffic.Table
	meter *meter.Meter
}

// A daemon is all that runs.
type daemon struct {
	cfg      *config
	log      *slog.Logger
	taps     []tap
	lan      *lan
	ptr      *names.PTR // nil: no lookups
	registry *device.Registry
	report   *export.Report
	server   *export.Server
}

// run listens and counts until ctx ends. Then every frame that had come is counted, and the last report printed.
func run(ctx context.Context, c *config, stdout io.Writer) error {
	d := &daemon{cfg: c, log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel.Level}))}
	if err := d.open(stdout); err != nil {
		d.close()
		return err
	}
	defer d.close()
	return d.serve(ctx)
}

// open makes all that needs rights or may be refused.
func (d *daemon) open(stdout io.Writer) error {
	c := d.cfg
	interfaces, err := chooseInterfaces(c.Interface)
	if err != nil {
		return wrong{err}
	}
	d.lan = newLAN(interfaces, c.CIDR, d.log, d.setLAN)
	now := time.Now()
	registry := device.Config{Limit: int(c.MaxHosts), Start: now}
	for _, name := range interfaces {
		t := tap{name: name, table: traffic.NewTable(d.lan.current(), int(c.MaxHosts))}
		t.ring = capture.NewRing(capture.RingConfig{Interface: name, Size: int(c.RingSize), Log: d.log})
		t.meter = meter.New(t.ring, t.table)
		d.taps = append(d.taps, t)
		registry.Tables = append(registry.Tables, t.table)
	}
	if servers := nameServers(c.DNSServers); len(servers) == 0 && !c.DNSServers.none {
		d.log.Warn("no DNS server is known, devices are called by their addresses; set GONETMON_DNS_SERVERS")
	} else if len(servers) > 0 {
		d.ptr = names.NewPTR(names.Config{Servers: servers, Limit: int(c.MaxHosts), Log: d.log})
		registry.Names = d.ptr
	}
	d.registry = device.NewRegistry(registry)
	d.report = export.NewReport(stdout, time.Duration(c.ReportInterval), func() *device.Snapshot {
		d.registry.Fold(time.Now()) // to the moment, so that intervals are as long as they say
		return d.registry.Snapshot()
	})
	d.server = d.newServer()
	if err := d.server.Listen(); err != nil {
		return d.explainListen(err)
	}
	for _, t := range d.taps {
		if err := t.ring.Open(); err != nil {
			return advise(err)
		}
	}
	return nil
}

func (d *daemon) newServer() *export.Server {
	v, revision := version()
	var stats func() names.Stats
	if d.ptr != nil {
		stats = d.ptr.Stats
	}
	return export.NewServer(export.ServerConfig{
		Addr: net.JoinHostPort(d.cfg.Addr.String(), strconv.Itoa(int(d.cfg.Port))),
		Metrics: export.NewPage(export.PageConfig{
			Snapshot: d.registry.Snapshot, Meters: d.status, Names: stats, Version: v, Revision: revision,
		}),
		Web: web.NewPage(web.Config{
			Snapshot: d.registry.Snapshot, Meters: d.status, Names: stats, Prefixes: func() []netip.Prefix { return d.lan.current().Prefixes() }, Version: v,
		}),
		Healthy: d.healthy,
		Ready:   d.ready,
		Log:     d.log,
	})
}

// serve runs everything until ctx ends or a meter fails. The meters stop first; what reads their counts goes on until these
// are final.
func (d *daemon) serve(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()

	var meters, readers sync.WaitGroup
	for _, t := range d.taps {
		meters.Go(func() {
			if err := t.meter.Run(ctx); err != nil {
				fail(err)
			}
		})
	}
	runs := []func(context.Context) error{d.server.Run, d.registry.Run, d.lan.run}
	if d.cfg.ReportInterval > 0 {
		runs = append(runs, d.report.Run)
	}
	if d.ptr != nil {
		runs = append(runs, d.ptr.Run)
		d.sweep(d.lan.current())
	}
	for _, run := range runs {
		readers.Go(func() {
			if err := run(reading); err != nil {
				fail(err)
			}
		})
	}
	d.log.Info("started", "page", d.server.URL(), "interfaces", strings.Join(d.interfaces(), " "), "local", d.lan.String())

	<-ctx.Done()
	meters.Wait()
	stopReading()
	readers.Wait()
	d.registry.Fold(time.Now())
	if d.cfg.ReportInterval > 0 {
		d.report.Print(time.Now())
	}
	d.logTotals()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
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

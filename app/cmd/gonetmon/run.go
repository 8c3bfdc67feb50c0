package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/httpd"
	"gonetmon/app/meter"
	"gonetmon/app/metrics"
	"gonetmon/app/names"
	"gonetmon/app/rdns"
	"gonetmon/app/report"
	"gonetmon/app/sloglimit"
	"gonetmon/app/traffic"
	"gonetmon/app/web"
)

// A tap is one interface that is listened to: all of it is counted, and what control frames say is heard by a second ring.
type tap struct {
	name     string
	ring     *capture.Ring
	table    *traffic.Table
	meter    *meter.Meter
	control  *capture.Ring
	reader   *discovery.Decoder
	listener *discovery.Watcher
}

// A daemon is all that runs.
type daemon struct {
	cfg      *config
	log      *slog.Logger
	taps     []tap
	lan      *lan
	ptr      *rdns.Resolver   // nil: no lookups
	resolv   *rdns.ResolvFile // whose servers it asks; nil: those of the configuration
	file     *names.HostsFile // nil: none
	registry *device.Registry
	report   *report.Report
	process  *metrics.Process
	server   *httpd.Server
	notifier *notifier
}

// run listens and counts until ctx ends. Then every frame that had come is counted, and the last report printed.
func run(ctx context.Context, c *config, stdout io.Writer) error {
	boundMemory(int(c.MaxHosts))
	book := sloglimit.NewHandler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel.Level}))
	defer book.Flush()
	d := &daemon{cfg: c, log: slog.New(book)}
	log.SetFlags(0) // of the libraries that write there, whoever provokes it
	log.SetOutput(sloglimit.Writer(func(text string) { d.log.Warn("library", "error", text) }))
	defer d.close()
	if err := d.open(stdout); err != nil {
		return err
	}
	if err := d.giveUpRights(); err != nil {
		return err
	}
	if err := d.readNames(); err != nil {
		return err
	}
	return d.serve(ctx)
}

// open makes all that needs rights or may be refused.
func (d *daemon) open(stdout io.Writer) error {
	c := d.cfg
	n, err := openNotifier(d.log)
	if err != nil {
		return err
	}
	d.notifier = n
	interfaces, err := chooseInterfaces(c.Interface)
	if err != nil {
		return err // there may be one when it is tried again
	}
	d.lan = newLAN(interfaces, c.CIDR, d.log, d.setLAN)
	resolv := rdns.NewResolvFile("/etc/resolv.conf", d.log, d.setServers)
	servers, search := resolv.Load()
	own := ownNames(search)
	if len(c.DNSServers.list) > 0 {
		servers, resolv = c.DNSServers.list, nil
	}
	if c.StripDomain.none || len(c.StripDomain.list) > 0 {
		search = c.StripDomain.list
	}
	registry := device.Config{
		Order: c.Names, Strip: search, Limit: int(c.MaxHosts), AwaitNames: true, Forget: time.Duration(c.ForgetAfter), Start: time.Now(),
	}
	for _, name := range interfaces {
		d.taps = append(d.taps, d.newTap(name))
		registry.Tables = append(registry.Tables, d.taps[len(d.taps)-1].table)
	}
	if slices.Contains(c.Names, names.SourcePTR) && !c.DNSServers.none {
		d.ptr = rdns.NewResolver(rdns.Config{Servers: servers, Limit: int(c.MaxHosts), Log: d.log})
		d.resolv, registry.Names = resolv, d.ptr
		if len(servers) == 0 {
			d.log.Warn("no DNS server is known, the reverse DNS names no devices; set GONETMON_DNS_SERVERS")
		}
	}
	d.registry = device.NewRegistry(registry)
	d.report = report.NewReport(stdout, time.Duration(c.ReportInterval), func() *device.Snapshot {
		d.registry.Update(time.Now()) // to the moment, so that intervals are as long as they say
		return d.registry.Snapshot()
	})
	if d.process, err = metrics.OpenProcess(); err != nil {
		d.log.Warn("no metrics of the process", "error", err)
	}
	listener, err := passedListener()
	if err != nil {
		return err
	}
	d.server = d.newServer(listener, own)
	if err := d.server.Listen(); err != nil {
		return d.explainListen(err)
	}
	for _, t := range d.taps {
		for _, ring := range []*capture.Ring{t.ring, t.control} {
			if err := ring.Open(); err != nil {
				return advise(err)
			}
		}
	}
	return nil
}

// readNames reads the file of names, with the rights with which it will be read again when it changes.
func (d *daemon) readNames() error {
	if d.cfg.NamesFile == "" {
		return nil
	}
	d.file = names.NewHostsFile(string(d.cfg.NamesFile), d.log, d.registry.SetHosts)
	if err := d.file.Load(); err != nil {
		return explainNamesFile(d.cfg, err)
	}
	return nil
}

func (d *daemon) newTap(name string) tap {
	t := tap{name: name, table: traffic.NewTable(d.lan.current(), int(d.cfg.MaxHosts)), reader: discovery.NewDecoder()}
	t.ring = capture.NewRing(capture.RingConfig{Interface: name, Size: int(d.cfg.RingSize), Log: d.log})
	t.meter = meter.New(t.ring, t.table)
	t.control = capture.NewRing(capture.RingConfig{Interface: name, Control: true, Log: d.log})
	t.listener = discovery.NewWatcher(t.control, t.reader, d.learn)
	return t
}

// learn takes what control frames say.
func (d *daemon) learn(facts []discovery.Fact) {
	for i := range facts {
		if f := &facts[i]; f.Kind == discovery.OnLinkPrefix {
			d.lan.announce(f.Prefix, f.Lifetime)
		}
	}
	d.registry.Learn(time.Now(), facts)
}

// newServer returns the server of the page and the metrics, on the listener if there is one, under the machine's own names too.
func (d *daemon) newServer(listener net.Listener, own []string) *httpd.Server {
	if listener != nil {
		d.log.Info("serving on the socket that systemd passed; GONETMON_ADDR and GONETMON_PORT are not used", "address", listener.Addr())
	}
	v, revision := version()
	var stats func() rdns.Stats
	if d.ptr != nil {
		stats = d.ptr.Stats
	}
	var process func() (metrics.ProcessStats, error)
	if d.process != nil {
		process = d.process.Stats
	}
	return httpd.NewServer(httpd.Config{
		Addr:     net.JoinHostPort(d.cfg.Addr.String(), strconv.Itoa(int(d.cfg.Port))),
		Listener: listener,
		Metrics: metrics.NewExposition(metrics.Config{
			Snapshot: d.registry.Snapshot, LastUpdate: d.registry.LastUpdate, Meters: d.status, Names: stats, Control: d.facts, Process: process, Version: v, Revision: revision,
		}),
		Web: web.NewPage(web.Config{
			Snapshot: d.registry.Snapshot, Meters: d.status, Names: stats, Facts: func() discovery.Stats { return d.facts().Stats },
			ControlDrops: d.controlDrops, Prefixes: func() []netip.Prefix { return d.lan.current().List() }, Version: v,
		}),
		Healthy:     d.healthy,
		Ready:       d.ready,
		HostNames:   slices.Concat(d.cfg.HostNames, own),
		Connections: connections(len(d.taps)),
		Log:         d.log,
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
		meters.Go(func() {
			if err := t.listener.Run(ctx); err != nil {
				d.log.Warn("no more is learned of names and neighbours", "interface", t.name, "error", err)
			}
		})
	}
	runs := []func(context.Context) error{d.server.Run, d.registry.Run, d.lan.run}
	if d.cfg.ReportInterval > 0 {
		runs = append(runs, d.report.Run)
	}
	if d.file != nil {
		runs = append(runs, d.file.Run)
	}
	if d.resolv != nil {
		runs = append(runs, d.resolv.Run)
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
	readers.Go(func() { d.notifier.run(ctx, d.loops, d.summary) })

	<-ctx.Done()
	meters.Wait()
	stopReading()
	readers.Wait()
	d.registry.Update(time.Now())
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
func (d *daemon) setLAN(lan *traffic.Prefixes) {
	for _, t := range d.taps {
		t.table.SetPrefixes(lan)
	}
	d.sweep(lan)
}

// setServers has other DNS servers asked.
func (d *daemon) setServers(servers []netip.AddrPort) {
	d.ptr.SetServers(servers)
	d.sweep(d.lan.current())
}

// sweep has the names of the addresses of small prefixes looked up before they are seen.
func (d *daemon) sweep(lan *traffic.Prefixes) {
	if d.ptr == nil {
		return
	}
	for _, p := range lan.List() {
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
		if err := errors.Join(t.ring.Close(), t.control.Close()); err != nil {
			d.log.Warn("close ring", "interface", t.name, "error", err)
		}
	}
	if d.process != nil {
		_ = d.process.Close()
	}
	if err := d.notifier.close(); err != nil {
		d.log.Warn("close the way to systemd", "error", err)
	}
}

// advise tells how to give a right that is missing.
func advise(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return wrong{fmt.Errorf("%w: CAP_NET_RAW is missing; run as root (sudo), or `sudo setcap cap_net_raw+ep PATH/TO/gonetmon`, or in a container `cap_add: [NET_RAW, SETUID, SETGID]`", err)}
	}
	return err
}

func explainNamesFile(c *config, err error) error {
	if errors.Is(err, os.ErrPermission) {
		return wrong{fmt.Errorf("GONETMON_NAMES_FILE=%s: %w; user %d must be able to read it and to enter its folders: chmod o+r %[1]s", c.NamesFile, err, os.Geteuid())}
	}
	return wrong{fmt.Errorf("GONETMON_NAMES_FILE=%s: %w; it must be a readable file in the syntax of /etc/hosts, for example GONETMON_NAMES_FILE=/etc/hosts", c.NamesFile, err)}
}

// explainListen says which variable makes the listener fail.
func (d *daemon) explainListen(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return wrong{fmt.Errorf("GONETMON_PORT=%d: %w; choose another, for example GONETMON_PORT=%d", d.cfg.Port, err, d.cfg.Port+1)}
	case errors.Is(err, syscall.EADDRNOTAVAIL): // one may get it yet
		return fmt.Errorf("GONETMON_ADDR=%s: %w; no interface has this address, for example GONETMON_ADDR=0.0.0.0", d.cfg.Addr, err)
	case errors.Is(err, os.ErrPermission):
		return wrong{fmt.Errorf("GONETMON_PORT=%d: %w; ports below 1024 need CAP_NET_BIND_SERVICE, for example GONETMON_PORT=8080", d.cfg.Port, err)}
	}
	return err
}

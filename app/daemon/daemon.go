// Package daemon captures on interfaces and counts until it is told to stop: it opens what needs privileges, drops
// them, runs all parts beside each other, and reports how it does. It knows neither the environment nor the command
// line.
package daemon

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/httpd"
	"gonetmon/app/localnet"
	"gonetmon/app/metrics"
	"gonetmon/app/names"
	"gonetmon/app/rdns"
	"gonetmon/app/report"
	"gonetmon/app/sloglimit"
	"gonetmon/app/traffic"
)

// Config says what a Daemon does.
type Config struct {
	Interfaces     []string         // to capture on; none: the one of the default route
	Prefixes       []netip.Prefix   // local ones; none: those of the interfaces
	Addr           netip.Addr       // to serve on
	Port           uint16           // to serve on; 0: any free one
	HostNames      []string         // additional names by which the page may be requested
	Password       string           // of the page, the API and the metrics; "": none
	TLSCert        string           // PEM file; "": no TLS
	TLSKey         string           // PEM file
	GrafanaURL     string           // for links; "": none
	DNSServers     []netip.AddrPort // none: those of resolv.conf
	NoLookups      bool             // no reverse lookups at all
	Names          []string         // sources of names, best first
	NamesFile      string           // "": none
	StripDomains   []string         // to remove from names; none: the search domains of resolv.conf
	FullNames      bool             // remove no domain
	ReportInterval time.Duration    // 0: no reports
	MaxHosts       int              // addresses that are counted individually
	ForgetAfter    time.Duration    // since a device was last seen; 0: never
	BillingDay     int              // of the month: 1 to 31
	DataCap        uint64           // internet bytes in a billing period; 0: none
	RingSize       int              // bytes, per interface
	StateDir       string           // where to keep what outlives a restart; "": nowhere
	KeepPrivileges bool
	InContainer    bool // paths are those inside a container
	LogLevel       slog.Level

	Version, Revision string    // of this program
	Reports, Log      io.Writer // where the reports and the log go
}

// A Daemon holds all parts of the running program.
type Daemon struct {
	cfg        Config
	log        *slog.Logger
	taps       []*tap
	netlink    *localnet.Netlink
	lan        *localnet.Tracker
	resolver   *rdns.Resolver   // nil: no lookups
	resolvFile *rdns.ResolvFile // nil: the configuration has all that it says
	hosts      *names.HostsFile // nil: none
	registry   *device.Registry
	keep       *keeper
	report     *report.Report
	adviser    *adviser
	process    *metrics.Process
	cert       *httpd.Certificate // nil: no TLS
	server     *httpd.Server
	notifier   *notifier
}

// New returns a daemon that does nothing until Run.
func New(cfg Config) *Daemon { return &Daemon{cfg: cfg} }

// Run captures and counts until ctx ends. Then it counts every frame that has arrived, saves the state and prints the last
// report.
func (d *Daemon) Run(ctx context.Context) error {
	limitMemory(d.cfg.MaxHosts)
	writer := newLogWriter(d.cfg.Log)
	defer writer.close()
	handler := sloglimit.NewHandler(slog.NewTextHandler(writer, &slog.HandlerOptions{Level: d.cfg.LogLevel}))
	defer handler.Flush()
	d.log = slog.New(handler)
	log.SetFlags(0) // of libraries that log there
	log.SetOutput(sloglimit.Writer(func(text string) { d.log.Warn("library", "error", text) }))
	defer d.close()
	if err := d.open(); err != nil {
		return err
	}
	if err := d.dropPrivileges(); err != nil {
		return err
	}
	if d.cert != nil {
		d.cert.Check() // logs if the files cannot be read any more
	}
	if err := d.readNamesFile(); err != nil {
		return err
	}
	return d.serve(ctx)
}

// serve runs everything until ctx ends or a part fails. The meters stop first; what reads their counts goes on until
// these are final.
func (d *Daemon) serve(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()

	var meters, readers sync.WaitGroup
	meterErrs := make([]error, len(d.taps))
	for i, t := range d.taps {
		metering, counted := context.WithCancel(context.WithoutCancel(ctx))
		meters.Go(func() {
			defer counted() // then all control frames are in the queue
			if meterErrs[i] = t.meter.Run(ctx); meterErrs[i] != nil {
				fail(meterErrs[i])
			}
		})
		meters.Go(func() {
			if err := t.watcher.Run(metering); err != nil {
				d.log.Warn("neighbor discovery stopped", "interface", t.name(), "error", err)
			}
		})
	}
	runs := []func(context.Context) error{
		d.server.Run, d.registry.Run, d.keep.run, d.keep.runSaving, d.lan.Run, d.adviser.Run,
	}
	if d.cfg.ReportInterval > 0 {
		runs = append(runs, d.report.Run)
	}
	if d.hosts != nil {
		runs = append(runs, d.hosts.Run)
	}
	if d.resolvFile != nil {
		runs = append(runs, d.resolvFile.Run)
	}
	if d.resolver != nil {
		runs = append(runs, d.resolver.Run)
		d.sweep(d.lan.Current())
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
	d.keep.finish()
	if d.cfg.ReportInterval > 0 {
		d.report.Print(time.Now())
	}
	d.logTotals()
	return outcome(context.Cause(ctx), meterErrs)
}

// outcome returns why the daemon ended: the cause, unless that is only that it was told to stop, and the errors of the meters.
// These may fail at the stop itself: then not all frames were counted.
func outcome(cause error, meters []error) error {
	err := errors.Join(meters...)
	if errors.Is(cause, context.Canceled) || errors.Is(err, cause) {
		return err
	}
	return errors.Join(cause, err)
}

// setPrefixes passes on which addresses are ours.
func (d *Daemon) setPrefixes(lan *traffic.Prefixes) {
	for _, t := range d.taps {
		t.table.SetPrefixes(lan)
	}
	d.sweep(lan)
}

// setDNS changes the DNS servers and the search domains to those of resolv.conf, unless the configuration has others.
func (d *Daemon) setDNS(servers []netip.AddrPort, search []string) {
	if d.stripsSearch() {
		d.registry.SetStrip(search)
	}
	if d.resolver != nil && len(d.cfg.DNSServers) == 0 {
		d.resolver.SetServers(d.zoned(servers))
		d.sweep(d.lan.Current())
	}
}

// stripsSearch reports whether the search domains of resolv.conf are removed from names.
func (d *Daemon) stripsSearch() bool { return !d.cfg.FullNames && len(d.cfg.StripDomains) == 0 }

// zoned returns the servers with zones that the net package knows.
func (d *Daemon) zoned(servers []netip.AddrPort) []netip.AddrPort {
	all := make([]netip.AddrPort, len(servers))
	for i, s := range servers {
		all[i] = netip.AddrPortFrom(d.lan.Zone(s.Addr()), s.Port())
	}
	return all
}

// sweep looks up the names of all addresses in small prefixes, before they are seen.
func (d *Daemon) sweep(lan *traffic.Prefixes) {
	if d.resolver == nil {
		return
	}
	d.resolver.Sweep(lan.List()...)
}

// logTotals logs the final counts.
func (d *Daemon) logTotals() {
	for _, s := range d.status() {
		d.log.Info("stopped", "interface", s.Interface, "frames", s.Frames, "drops", s.Drops)
	}
	total := d.registry.Snapshot().Network.Total()
	d.log.Info("counted", "bytes", total.Bytes, "packets", total.Packets)
}

func (d *Daemon) close() {
	for _, t := range d.taps {
		if err := t.ring.Close(); err != nil {
			d.log.Warn("close ring", "interface", t.name(), "error", err)
		}
	}
	if err := d.keep.close(); err != nil {
		d.log.Warn("close the state file", "error", err)
	}
	if d.netlink != nil {
		_ = d.netlink.Close()
	}
	if d.process != nil {
		_ = d.process.Close()
	}
	if err := d.notifier.close(); err != nil {
		d.log.Warn("close notify socket", "error", err)
	}
}

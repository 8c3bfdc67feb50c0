package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"gonetmon/app/api"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/httpd"
	"gonetmon/app/localnet"
	"gonetmon/app/metrics"
	"gonetmon/app/misuse"
	"gonetmon/app/names"
	"gonetmon/app/notice"
	"gonetmon/app/privilege"
	"gonetmon/app/rdns"
	"gonetmon/app/report"
	"gonetmon/app/web"
)

// Descriptors that are not available to clients.
const (
	// Standard input, output and error, the two of the runtime, the listener, a connection that is being accepted, 8
	// DNS queries, files that are read, the state file, two netlink sockets; and some to spare.
	ownDescriptors = 32
	tapDescriptors = 1 // the ring
)

// open makes all parts, and opens what needs privileges or may be refused.
func (d *Daemon) open() error {
	n, err := openNotifier(d.log)
	if err != nil {
		return err
	}
	d.notifier = n
	if err := d.openLAN(); err != nil {
		return err
	}
	file := rdns.NewResolvFile("/etc/resolv.conf", d.log, d.setDNS)
	servers, search := file.Load()
	records, err := d.openStore()
	if err != nil {
		return err
	}
	d.makeRegistry(servers, search, records)
	if d.resolver != nil && len(d.cfg.DNSServers) == 0 || d.stripsSearch() {
		d.resolvFile = file
	}
	if d.process, err = metrics.OpenProcess(); err != nil {
		d.log.Warn("no metrics of the process", "error", err)
	}
	listener, err := passedListener()
	if err != nil {
		return err
	}
	if d.cfg.TLSCert != "" {
		if d.cert, err = httpd.LoadCertificate(d.cfg.TLSCert, d.cfg.TLSKey, d.log); err != nil {
			return misuse.Errorf("%w%s", err, d.explainPath(err))
		}
	}
	if listener == nil && !d.cfg.Addr.IsLoopback() && d.cfg.Password == "" {
		d.log.Info("without GONETMON_PASSWORD everyone who can reach the page and the metrics can read them", "address", d.cfg.Addr)
	}
	d.server = d.newServer(listener, httpd.OwnNames(search))
	if err := d.server.Listen(); err != nil {
		return d.explainListen(err)
	}
	for _, t := range d.taps {
		if err := t.ring.Open(); err != nil {
			return explainOpen(err)
		}
	}
	return nil
}

// openLAN finds out where to capture and which addresses are ours.
func (d *Daemon) openLAN() (err error) {
	if d.netlink, err = localnet.OpenNetlink(); err != nil {
		return err
	}
	d.lan = localnet.NewTracker(localnet.Config{
		Prefixes: d.cfg.Prefixes, Interfaces: d.cfg.Interfaces, Announced: localnet.LearnsIPv6(d.cfg.Prefixes), Kernel: d.netlink,
		PrefixesChanged: d.setPrefixes, InterfacesChanged: d.setInterfaces, Log: d.log,
	})
	d.adviser = &adviser{log: d.log, snapshot: d.lan.Snapshot, status: d.status, said: map[string]bool{}}
	for _, i := range d.lan.Interfaces() {
		t := d.newTap(i)
		d.taps, d.adviser.surveys = append(d.taps, t), append(d.adviser.surveys, t.meter.Survey)
		d.adviser.hearings = append(d.adviser.hearings, hearing{})
	}
	return nil
}

// makeRegistry makes the registry, with the devices of earlier runs, and what finds names for it.
func (d *Daemon) makeRegistry(servers []netip.AddrPort, search []string, records []device.Record) {
	if len(d.cfg.DNSServers) > 0 {
		servers = d.cfg.DNSServers
	}
	if !d.stripsSearch() {
		search = d.cfg.StripDomains
	}
	registry := device.Config{
		Order: d.cfg.Names, Strip: search, Limit: d.cfg.MaxHosts, AwaitNames: true, Forget: d.cfg.ForgetAfter, Start: time.Now(),
		Remember: d.keep.store != nil, Records: records, LastID: d.keep.lastID,
	}
	for _, t := range d.taps {
		registry.Tables = append(registry.Tables, t.table)
	}
	if slices.Contains(d.cfg.Names, names.SourcePTR) && !d.cfg.NoLookups {
		d.resolver = rdns.NewResolver(rdns.Config{Servers: d.zoned(servers), Limit: d.cfg.MaxHosts, Log: d.log})
		registry.Names = d.resolver
		if len(servers) == 0 {
			d.log.Warn("no DNS servers known, no reverse lookups; set GONETMON_DNS_SERVERS")
		}
	}
	d.registry = device.NewRegistry(registry)
	d.keep.registry = d.registry
	d.report = report.NewReport(d.cfg.Reports, d.cfg.ReportInterval, func() *device.Snapshot {
		d.registry.Update(time.Now()) // now, so that an interval is as long as it says
		return d.registry.Snapshot()
	})
}

// newServer returns the server of the page and the metrics: on the listener, if there is one, and under this
// machine's own names too.
func (d *Daemon) newServer(listener net.Listener, ownNames []string) *httpd.Server {
	if listener != nil {
		d.log.Info("serving on the socket passed by systemd; GONETMON_ADDR and GONETMON_PORT are not used",
			"address", listener.Addr())
	}
	var stats func() rdns.Stats
	if d.resolver != nil {
		stats = d.resolver.Stats
	}
	var process func() (metrics.ProcessStats, error)
	if d.process != nil {
		process = d.process.Stats
	}
	return httpd.NewServer(httpd.Config{
		Addr:     net.JoinHostPort(d.cfg.Addr.String(), strconv.Itoa(int(d.cfg.Port))),
		Listener: listener,
		Metrics: metrics.NewExposition(metrics.Config{
			Snapshot: d.registry.Snapshot, Meters: d.status, Names: stats, Control: d.facts, Process: process,
			Usage: d.keep.usage, Store: d.keep.status, Version: d.cfg.Version, Revision: d.cfg.Revision,
		}),
		Web: web.NewPage(web.Config{
			Snapshot: d.registry.Snapshot, Meters: d.status, Names: stats, ControlDrops: d.controlDrops, Version: d.cfg.Version,
			Facts:    func() discovery.Stats { return d.facts().Stats },
			Prefixes: func() []netip.Prefix { return d.lan.Current().List() },
			Advice:   d.advice,
			Why:      d.registry.Why,
		}),
		Assets:      web.NewAssets(),
		Devices:     report.NewDevices(d.registry.Snapshot, d.registry.Why),
		API:         d.newAPI(),
		Healthy:     d.healthy,
		Missing:     d.missing,
		Ready:       d.ready,
		HostNames:   slices.Concat(d.cfg.HostNames, ownNames),
		Password:    d.cfg.Password,
		Certificate: d.cert,
		Connections: httpd.ConnectionLimit(ownDescriptors + tapDescriptors*len(d.taps)),
		Log:         d.log,
	})
}

// newAPI returns the handler of /api/.
func (d *Daemon) newAPI() http.Handler {
	return api.New(api.Config{
		Snapshot: d.registry.Snapshot, Why: d.registry.Why, Meters: d.status, Advice: d.advice, Ready: d.ready,
		Prefixes:       func() []netip.Prefix { return d.lan.Current().List() },
		Usage:          d.keep.usage,
		History:        d.keep.book.History,
		NetworkHistory: d.keep.book.NetworkHistory,
		Recent:         d.keep.book.Recent,
		NetworkRecent:  d.keep.book.NetworkRecent,
		Store:          d.keep.status,
		Backup:         d.keep.backup(),
		Zone:           time.Local,
		BillingDay:     d.cfg.BillingDay,
		GrafanaURL:     d.cfg.GrafanaURL,
		Version:        d.cfg.Version,
	})
}

// advice says what else is wrong: where gonetmon captures, and the clock.
func (d *Daemon) advice() []notice.Notice {
	return slices.Concat(d.adviser.notices(), d.keep.notices())
}

// readNamesFile reads the file of names with the privileges with which it will be read again when it changes.
func (d *Daemon) readNamesFile() error {
	name := d.cfg.NamesFile
	if name == "" {
		d.registry.SetHosts(&names.Hosts{}) // there may have been one before the restart
		return nil
	}
	d.hosts = names.NewHostsFile(name, d.log, d.registry.SetHosts)
	switch err := d.hosts.Load(); {
	case errors.Is(err, os.ErrPermission):
		return misuse.Errorf("GONETMON_NAMES_FILE=%s: %w; user %d must be able to read it and to enter its folders:"+
			" chmod o+r %[1]s", name, err, os.Geteuid())
	case errors.Is(err, os.ErrNotExist) && d.cfg.InContainer:
		return misuse.Errorf("GONETMON_NAMES_FILE=%s: %w%s", name, err, d.explainPath(err))
	case err != nil:
		return misuse.Errorf("GONETMON_NAMES_FILE=%s: %w; it must be a readable file in the format of /etc/hosts,"+
			" for example GONETMON_NAMES_FILE=/etc/hosts", name, err)
	}
	return nil
}

// explainPath says of a file that does not exist where a container has the user's files.
func (d *Daemon) explainPath(err error) string {
	var missing *fs.PathError
	if !d.cfg.InContainer || !errors.Is(err, os.ErrNotExist) || !errors.As(err, &missing) {
		return ""
	}
	return "; that is a path inside the container, which sees the folder config/gonetmon as /etc/gonetmon:" +
		" config/gonetmon/" + filepath.Base(missing.Path) + " is /etc/gonetmon/" + filepath.Base(missing.Path)
}

// explainOpen adds to an error of a ring how to grant the privilege that it lacks.
func explainOpen(err error) error {
	switch {
	case !errors.Is(err, os.ErrPermission):
	case privilege.InUserNamespace():
		return misuse.Errorf("%w: this is a user namespace (rootless Docker or Podman, userns-remap, an unprivileged LXC container)"+
			" and has no rights in the network of the host, whatever its capabilities; run gonetmon outside of it: with"+
			" `userns_mode: host` for userns-remap, in a Docker that runs as root, or without a container", err)
	default:
		return misuse.Errorf("%w: CAP_NET_RAW is missing; run as root (sudo), or `sudo setcap cap_net_raw+ep PATH/TO/gonetmon`,"+
			" or in a container `cap_add: [NET_RAW, SETUID, SETGID]`", err)
	}
	return err
}

// explainListen adds to an error of the listener which variable to change.
func (d *Daemon) explainListen(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return misuse.Errorf("GONETMON_PORT=%d: %w; choose another, for example GONETMON_PORT=%d", d.cfg.Port, err, d.otherPort())
	case errors.Is(err, syscall.EADDRNOTAVAIL): // an interface may get it later
		return fmt.Errorf("GONETMON_ADDR=%s: %w; no interface has this address, for example GONETMON_ADDR=0.0.0.0",
			d.cfg.Addr, err)
	case errors.Is(err, os.ErrPermission):
		return misuse.Errorf("GONETMON_PORT=%d: %w; ports below 1024 need CAP_NET_BIND_SERVICE, for example GONETMON_PORT=8080",
			d.cfg.Port, err)
	}
	return fmt.Errorf("GONETMON_ADDR=%s: %w; for example GONETMON_ADDR=0.0.0.0", d.cfg.Addr, err)
}

// otherPort returns a port near the one that is taken: a free one, if there is one among the next.
func (d *Daemon) otherPort() uint16 {
	for port := int(d.cfg.Port) + 1; port <= min(int(d.cfg.Port)+20, math.MaxUint16); port++ {
		l, err := net.Listen("tcp", net.JoinHostPort(d.cfg.Addr.String(), strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return uint16(port)
		}
	}
	return d.cfg.Port - 1
}

// Package replay counts capture files as the daemon counts an interface, and prints what they hold. What a control
// frame says is valid from that frame on, except that prefixes that routers announce are local in all files from the
// beginning. All times are those of the files.
package replay

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/localnet"
	"gonetmon/app/meter"
	"gonetmon/app/metrics"
	"gonetmon/app/misuse"
	"gonetmon/app/names"
	"gonetmon/app/report"
	"gonetmon/app/traffic"
)

// A Format is what Run prints.
type Format int

// The formats. Tallies are of each file by itself; the others count all files as if one followed the other.
const (
	Table       Format = iota // the devices with their traffic
	Devices                   // every device with its addresses, MAC, vendor and kind
	DevicesJSON               // the same as JSON
	Metrics                   // the Prometheus page
	Tallies                   // all counts of each file as JSON
)

// Config says how files are counted.
type Config struct {
	Format       Format
	Why          bool           // with Devices and DevicesJSON: print which evidence gives each device its addresses
	Prefixes     []netip.Prefix // local, and no others; none: the private ranges and what routers announce
	Names        []string       // sources of names, best first
	Hosts        *names.Hosts   // the user's names; may be nil
	StripDomains []string       // to remove from names
	MaxHosts     int            // addresses that are counted individually

	Version, Revision string    // of this program
	In                io.Reader // read for the file name "-"
	Out, Warnings     io.Writer // for what is printed, and for lines about what is wrong with a file
}

// Run counts the files and prints what they hold. The file "-" is standard input.
func Run(cfg Config, files []string) error {
	r := newReplayer(cfg)
	inputs := make([]*input, len(files))
	for i, name := range files {
		inputs[i] = newInput(name, cfg.In)
		if len(cfg.Prefixes) == 0 && cfg.Format != Tallies {
			inputs[i].searchPrefixes(r.lan)
		}
	}
	r.warnFull()
	for _, i := range inputs {
		if err := r.count(i); err != nil {
			return err
		}
	}
	r.registry.Update(r.last)
	r.registry.FlushPending()
	s := r.registry.Snapshot()
	r.overflow.Add(&s.Overflow)
	if n := r.overflow.Sent().Bytes + r.overflow.Received().Bytes; n > 0 {
		_, _ = fmt.Fprintf(cfg.Warnings, "gonetmon: %d bytes belong to hosts over GONETMON_MAX_HOSTS=%d\n", n, cfg.MaxHosts)
	}
	var why map[string][]string
	if cfg.Why {
		why = r.registry.Why()
	}
	switch cfg.Format {
	case Table:
		report.WriteTable(cfg.Out, s)
	case Devices:
		report.WriteDevices(cfg.Out, s, why)
	case DevicesJSON:
		return report.WriteDevicesJSON(cfg.Out, s, why)
	case Metrics:
		metrics.NewExposition(metrics.Config{
			Snapshot: r.registry.Snapshot, Meters: func() []meter.Status { return []meter.Status{{Classes: r.classes}} },
			Control: func() metrics.ControlStats { return metrics.ControlStats{Stats: r.decoder.Stats()} },
			Version: cfg.Version, Revision: cfg.Revision, OmitGoMetrics: true,
		}).WritePrometheus(cfg.Out)
	}
	return nil
}

// A replayer holds what was counted so far.
type replayer struct {
	cfg      Config
	lan      *localnet.Tracker
	table    *traffic.Table
	decoder  *discovery.Decoder
	registry *device.Registry
	classes  meter.Classes
	overflow traffic.Totals
	last     time.Time // of the latest frame
}

func newReplayer(cfg Config) *replayer {
	r := &replayer{cfg: cfg, decoder: discovery.NewDecoder(), lan: newLAN(cfg.Prefixes)}
	r.table = traffic.NewTable(r.lan.Current(), cfg.MaxHosts)
	r.registry = device.NewRegistry(device.Config{
		Tables: []*traffic.Table{r.table}, Order: cfg.Names, Strip: cfg.StripDomains, Limit: cfg.MaxHosts,
	})
	if cfg.Hosts != nil {
		r.registry.SetHosts(cfg.Hosts)
	}
	return r
}

// newLAN returns a tracker of configured prefixes, or else of the private ranges and what routers announce.
func newLAN(prefixes []netip.Prefix) *localnet.Tracker {
	if len(prefixes) == 0 {
		return localnet.NewTracker(localnet.Config{Prefixes: localnet.Private, Announced: true})
	}
	return localnet.NewTracker(localnet.Config{Prefixes: prefixes})
}

// warnFull says so if not all announced prefixes could be kept.
func (r *replayer) warnFull() {
	if r.lan.Full() {
		_, _ = fmt.Fprintln(r.cfg.Warnings, "gonetmon: routers announce more IPv6 prefixes than are kept, so some are missing; "+
			"set GONETMON_CIDR, for example GONETMON_CIDR=192.168.2.0/24,2001:db8:1::/48")
	}
}

// count counts one file.
func (r *replayer) count(i *input) error {
	if r.cfg.Format == Tallies && len(r.cfg.Prefixes) == 0 { // each file by itself
		r.lan = newLAN(nil)
		i.searchPrefixes(r.lan)
		r.warnFull()
	}
	r.table.SetPrefixes(r.lan.Current())
	file, err := i.open()
	if err != nil {
		return misuse.Errorf("%w", err)
	}
	defer func() { _ = file.Close() }()
	if r.cfg.Format == Tallies {
		return r.tally(file, i.name)
	}
	tap := &controlTap{File: file, replayer: r, prefixesKnown: i.whole}
	_, err = r.run(file, i.name, meter.New(tap, r.table), &tap.unread)
	return err
}

// tally counts one file by itself, and prints its tally.
func (r *replayer) tally(file *capture.File, name string) error {
	tally := newTally(r.lan.Current().List())
	source := &linkCounter{File: file, links: tally.File.LinkTypes}
	m := meter.New(source, r.table)
	m.OnNonIP = tally.countNonIP
	info, err := r.run(file, name, m, &source.unread)
	if err != nil {
		return err
	}
	network, _ := r.table.Drain(func(_ int, host netip.Addr, n *traffic.Delta) {
		if !host.IsValid() {
			r.overflow.Add(&n.Totals)
			return
		}
		tally.addHost(host, n)
	})
	classes := m.Classes()
	tally.finish(info, &network, &classes)
	return tally.write(r.cfg.Out)
}

// run runs a meter to the end of the file, and says what keeps the counts from being those of all traffic.
func (r *replayer) run(file *capture.File, name string, m *meter.Meter, unread *unread) (capture.Info, error) {
	if err := m.Run(context.Background()); err != nil {
		return capture.Info{}, fmt.Errorf("%s: %w", name, err)
	}
	info := file.Info()
	if info.Damage != "" {
		_, _ = fmt.Fprintf(r.cfg.Warnings, "gonetmon: %s: %s; everything before that is counted\n", name, info.Damage)
	}
	if unread.frames == 0 {
		_, _ = fmt.Fprintf(r.cfg.Warnings, "gonetmon: %s: no packets\n", name)
	}
	unread.warn(r.cfg.Warnings, name)
	if info.Last.After(r.last) {
		r.last = info.Last
	}
	for i, n := range m.Classes() {
		r.classes[i].Frames += n.Frames
		r.classes[i].Bytes += n.Bytes
	}
	return info, nil
}

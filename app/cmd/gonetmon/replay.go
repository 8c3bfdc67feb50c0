package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/meter"
	"gonetmon/app/metrics"
	"gonetmon/app/names"
	"gonetmon/app/report"
	"gonetmon/app/traffic"
)

// privateRanges are what GONETMON_CIDR=auto means for files: nobody knows in which network they were made.
// RFC 1918, RFC 4193 and RFC 4291.
var privateRanges = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// What replay prints.
const (
	asTable       = ""
	asMetrics     = "--metrics"
	asTallies     = "--json"
	asDevices     = "--devices"
	asDevicesJSON = "--devices --json"
)

// replay counts capture files: as JSON each by itself, else together, as if one followed the other.
func replay(c *config, args []string, stdout io.Writer) error {
	files, format, err := replayArguments(args)
	if err != nil {
		return wrong{err}
	}
	r, err := newReplayed(c, format, stdout)
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := r.count(name); err != nil {
			return err
		}
	}
	r.registry.Update(r.last)
	r.registry.FlushPending()
	s := r.registry.Snapshot()
	r.overflow.Add(&s.Overflow)
	if over := r.overflow.Sent().Bytes + r.overflow.Received().Bytes; over > 0 {
		fmt.Fprintf(os.Stderr, "gonetmon: %d bytes are of hosts beyond GONETMON_MAX_HOSTS=%d\n", over, c.MaxHosts)
	}
	switch format {
	case asTable:
		report.WriteTable(stdout, s)
	case asDevices:
		report.WriteDevices(stdout, s)
	case asDevicesJSON:
		return report.WriteDevicesJSON(stdout, s)
	case asMetrics:
		v, revision := version()
		metrics.NewExposition(metrics.Config{
			Snapshot: r.registry.Snapshot, Meters: func() []meter.Status { return []meter.Status{{Classes: r.classes}} },
			Control: func() metrics.ControlStats { return metrics.ControlStats{Stats: r.reader.Stats()} }, Version: v, Revision: revision, OmitGoMetrics: true,
		}).WritePrometheus(stdout)
	}
	return nil
}

// replayArguments tells files from what is to be printed of them.
func replayArguments(args []string) (files []string, format string, err error) {
	asked := map[string]bool{}
	for _, a := range args {
		switch {
		case a == asTallies || a == asMetrics || a == asDevices:
			asked[a] = true
		case strings.HasPrefix(a, "-") && a != "-":
			return nil, "", unexpected(a)
		default:
			files = append(files, a)
		}
	}
	switch {
	case len(files) == 0:
		return nil, "", errors.New("replay: no FILE given; for example gonetmon replay capture.pcap")
	case asked[asMetrics] && len(asked) > 1:
		return nil, "", fmt.Errorf("replay: %s can't be asked for at once", strings.Join(slices.Sorted(maps.Keys(asked)), " and "))
	case asked[asDevices] && asked[asTallies]:
		return files, asDevicesJSON, nil
	}
	for a := range asked {
		format = a
	}
	return files, format, nil
}

// replayed is what was counted so far.
type replayed struct {
	lan       *traffic.Prefixes
	table     *traffic.Table
	reader    *discovery.Decoder
	registry  *device.Registry
	announced []netip.Prefix // by routers, if that makes them ours; nil if not
	classes   meter.Classes
	perFile   bool // print each file's tally
	overflow  traffic.Totals
	stdout    io.Writer
	last      time.Time // of the latest frame
}

func newReplayed(c *config, format string, stdout io.Writer) (*replayed, error) {
	r := &replayed{reader: discovery.NewDecoder(), perFile: format == asTallies, stdout: stdout}
	cidrs := []netip.Prefix(c.CIDR)
	if len(cidrs) == 0 {
		cidrs = privateRanges
		r.announced = []netip.Prefix{}
	}
	r.lan = traffic.NewPrefixes(cidrs)
	r.table = traffic.NewTable(r.lan, int(c.MaxHosts))
	r.registry = device.NewRegistry(device.Config{Tables: []*traffic.Table{r.table}, Order: c.Names, Strip: c.StripDomain.list, Limit: int(c.MaxHosts)})
	if c.NamesFile == "" {
		return r, nil
	}
	if err := names.NewHostsFile(string(c.NamesFile), slog.New(slog.NewTextHandler(os.Stderr, nil)), r.registry.SetHosts).Load(); err != nil {
		return nil, explainNamesFile(c, err)
	}
	return r, nil
}

// count counts one file.
func (r *replayed) count(name string) error {
	file, err := capture.OpenFile(name)
	if err != nil {
		return wrong{err}
	}
	defer func() { _ = file.Close() }()
	tally := report.NewTally(r.lan.List())
	var source meter.Source = &follower{File: file, replayed: r}
	if r.perFile {
		source = &linkTally{file, tally.File.LinkTypes}
	}
	m := meter.New(source, r.table)
	if r.perFile {
		m.OnNonIP = tally.CountNonIP
	}
	if err := m.Run(context.Background()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	info := file.Info()
	if info.Damage != "" {
		fmt.Fprintf(os.Stderr, "gonetmon: %s: %s; what came before is counted\n", name, info.Damage)
	}
	if info.Last.After(r.last) {
		r.last = info.Last
	}
	classes := m.Classes()
	for i, n := range classes {
		r.classes[i].Frames += n.Frames
		r.classes[i].Bytes += n.Bytes
	}
	if !r.perFile {
		return nil
	}
	network := r.table.Drain(func(_ int, host netip.Addr, n *traffic.Delta) {
		if !host.IsValid() {
			r.overflow.Add(&n.Totals)
			return
		}
		tally.Host(host, n)
	})
	tally.Finish(info, &network, &classes)
	return tally.Write(r.stdout)
}

// learn takes the facts of a frame.
func (r *replayed) learn(now time.Time, facts []discovery.Fact) {
	for i := range facts {
		f := &facts[i]
		if f.Kind != discovery.OnLinkPrefix || f.Lifetime == 0 || r.announced == nil || len(r.announced) >= mostAnnounced || slices.Contains(r.announced, f.Prefix) {
			continue
		}
		r.announced = append(r.announced, f.Prefix)
		r.lan = traffic.NewPrefixes(append(slices.Clone(privateRanges), r.announced...))
		r.table.SetPrefixes(r.lan)
	}
	r.registry.Learn(now, facts)
}

// A follower lends the frames of a file to a meter so that what a control frame says holds from that frame on, and not for what
// was counted before.
type follower struct {
	*capture.File
	*replayed
	facts  []discovery.Fact
	folded time.Time
	last   time.Time // of the frames lent so far
}

// Next lends one frame, as each has its own time. Nothing holds the table meanwhile, as More says so.
func (f *follower) Next(batch []capture.Frame) (int, error) {
	n, err := f.File.Next(batch[:1])
	if err != nil {
		return 0, err
	}
	now := f.Info().Last
	if now.Sub(f.folded) >= time.Second {
		f.fold(f.last) // what came before this frame was then
	}
	f.hear(now, &batch[0])
	f.last = now
	return n, nil
}

// More says no: the table must be free when a control frame comes.
func (f *follower) More() bool { return false }

func (f *follower) fold(now time.Time) {
	f.folded = now
	if !now.IsZero() {
		f.registry.Update(now)
	}
}

// hear takes what a frame says, if it is a control frame, after all that was counted before it.
func (f *follower) hear(now time.Time, frame *capture.Frame) {
	if !capture.Control(frame) {
		return
	}
	f.facts = f.facts[:0]
	f.reader.Decode(frame.Link, frame.Data, func(fact discovery.Fact) { f.facts = append(f.facts, fact) })
	if len(f.facts) > 0 {
		f.fold(f.last)
		f.learn(now, f.facts)
	}
}

// linkTally counts the frames of a file by link type.
type linkTally struct {
	*capture.File
	links map[uint16]uint64
}

func (l *linkTally) Next(batch []capture.Frame) (int, error) {
	n, err := l.File.Next(batch)
	for i := range batch[:n] {
		l.links[batch[i].Link]++
	}
	return n, err
}

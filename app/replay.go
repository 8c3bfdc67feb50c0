package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/export"
	"gonetmon/app/meter"
	"gonetmon/app/traffic"
)

// privateRanges are what GONETMON_CIDR=auto means for files: nobody knows in which network they were made.
// RFC 1918, RFC 4193 and RFC 4291.
var privateRanges = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
}

// replay counts capture files: as JSON each by itself, else together, as if one followed the other.
func replay(c *config, args []string, stdout io.Writer) error {
	var files []string
	format := ""
	for _, a := range args {
		switch {
		case a == "--json" || a == "--metrics":
			if format != "" && format != a {
				return wrong{fmt.Errorf("replay: %s and %s can't be asked for at once", format, a)}
			}
			format = a
		case strings.HasPrefix(a, "-") && a != "-":
			return unexpected(a)
		default:
			files = append(files, a)
		}
	}
	if len(files) == 0 {
		return wrong{errors.New("replay: no FILE given; for example gonetmon replay capture.pcap")}
	}
	cidrs := []netip.Prefix(c.CIDR)
	if len(cidrs) == 0 {
		cidrs = privateRanges
	}
	lan := traffic.NewLAN(cidrs)
	r := &replayed{lan: lan, table: traffic.NewTable(lan, int(c.MaxHosts)), perFile: format == "--json", stdout: stdout}
	for _, name := range files {
		if err := r.count(name); err != nil {
			return err
		}
	}
	registry := device.NewRegistry(device.Config{Tables: []*traffic.Table{r.table}, Limit: int(c.MaxHosts), Start: r.first})
	registry.Fold(r.last)
	s := registry.Snapshot()
	r.overflow.Add(&s.Overflow)
	if over := r.overflow.Sent().Bytes + r.overflow.Received().Bytes; over > 0 {
		fmt.Fprintf(os.Stderr, "gonetmon: %d bytes are of hosts beyond GONETMON_MAX_HOSTS=%d\n", over, c.MaxHosts)
	}
	switch format {
	case "":
		export.WriteTable(stdout, s)
	case "--metrics":
		v, revision := version()
		export.NewPage(export.PageConfig{
			Snapshot: registry.Snapshot, Meters: func() []meter.Status { return []meter.Status{{Classes: r.classes}} },
			Version: v, Revision: revision, Own: true,
		}).WritePrometheus(stdout)
	}
	return nil
}

// replayed is what was counted so far.
type replayed struct {
	lan      *traffic.LAN
	table    *traffic.Table
	classes  meter.Classes
	perFile  bool // print each file's tally
	overflow traffic.Totals
	stdout   io.Writer
	first    time.Time // of the earliest frame
	last     time.Time // of the latest
}

// count counts one file.
func (r *replayed) count(name string) error {
	file, err := capture.OpenFile(name)
	if err != nil {
		return wrong{err}
	}
	defer func() { _ = file.Close() }()
	tally := export.NewTally(r.lan.Prefixes())
	m := meter.New(&linkTally{file, tally.File.LinkTypes}, r.table)
	if r.perFile {
		m.Why = tally.Why
	}
	if err := m.Run(context.Background()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	info := file.Info()
	if info.Damage != "" {
		fmt.Fprintf(os.Stderr, "gonetmon: %s: %s; what came before is counted\n", name, info.Damage)
	}
	if r.first.IsZero() || info.First.Before(r.first) && !info.First.IsZero() {
		r.first = info.First
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
	network := r.table.Drain(func(host netip.Addr, n *traffic.Totals) {
		if !host.IsValid() {
			r.overflow.Add(n)
			return
		}
		tally.Host(host, n)
	})
	tally.Finish(info, &network, &classes)
	return tally.Write(r.stdout)
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

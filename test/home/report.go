package home

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A Report is how gonetmon did.
type Report struct {
	Style    string  // how the router answered PTR questions
	Bytes    uint64  // sent and received by all hosts
	Wrong    uint64  // that stand in a row that is mostly of another device
	Lost     uint64  // that were in no row yet when gonetmon was stopped
	Devices  int     // that were there
	Rows     int     // labels that ever were
	MostRows float64 // for each device, between two restarts
	Split    []Violation
	Merged   []Violation
	Sums     []string // that do not add up

	Mixed []Mixture // rows with bytes of others, those with most first
	Worst []Portion // of the bytes of each device, the worst first
	Extra []string  // devices with more than one row
	Other uint64    // bytes of rows that could not be followed; counted as wrong
}

// A Violation is a device that was split, or a row that was of two devices, for too long.
type Violation struct {
	What  string // the device or the row
	With  string // the rows or the devices, with their addresses, at the end
	First string // when it was first so
	Times int
	Total time.Duration
}

// A Mixture is a row with bytes that are not of its device.
type Mixture struct {
	Row, Of string // the row, and the device with most of its bytes
	From    string // whose bytes they are
	Bytes   uint64
	When    string
	Addrs   []netip.Addr // some of its addresses
}

// A Portion is how much of a device's own bytes stand in rows of other devices.
type Portion struct {
	Device       string
	Bytes, Wrong uint64
}

func (p Portion) share() float64 { return float64(p.Wrong) / float64(max(p.Bytes, 1)) }

// Share returns the share of bytes that stand under the right device.
func (r *Report) Share() float64 {
	if r.Bytes == 0 {
		return 0
	}
	return 1 - float64(r.Wrong+r.Other)/float64(r.Bytes)
}

// RowsPerDevice returns how many rows there are for each device.
func (r *Report) RowsPerDevice() float64 { return float64(r.Rows) / float64(max(r.Devices, 1)) }

func (l *ledger) report() *Report {
	h := l.home
	r := &Report{Style: h.router.dns.style.String(), Bytes: l.total, Lost: l.lost, Other: l.unexplained, Devices: len(l.ever),
		MostRows: l.mostRows, Rows: len(l.rows), Sums: l.sums}
	rowsOf := map[*Device][]string{}
	portions := map[string]*Portion{}
	for _, d := range h.devices {
		portions[d.Name] = &Portion{Device: d.Name}
	}
	for _, name := range slices.Sorted(maps.Keys(l.rows)) {
		w := l.rows[name]
		w.judge(r, rowsOf)
		for c, n := range w.bytes {
			if c.dev != nil {
				portions[c.dev.Name].Bytes += n
			}
		}
	}
	for _, m := range r.Mixed {
		if p := portions[m.From]; p != nil {
			p.Wrong += m.Bytes
		}
	}
	for _, d := range h.devices {
		r.Worst = append(r.Worst, *portions[d.Name])
	}
	slices.SortStableFunc(r.Worst, func(a, b Portion) int { return cmp.Compare(b.share(), a.share()) })
	slices.SortStableFunc(r.Mixed, func(a, b Mixture) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Row, b.Row), cmp.Compare(a.From, b.From))
	})
	for _, d := range h.devices {
		if rows := rowsOf[d]; len(rows) > 1 {
			r.Extra = append(r.Extra, fmt.Sprintf("%-18s %d: %s", d.Name, len(rows), strings.Join(rows, " ")))
		}
	}
	if rows := rowsOf[nil]; len(rows) > 0 {
		r.Extra = append(r.Extra, fmt.Sprintf("%-18s %d: %s", "(nobody)", len(rows), strings.Join(rows, " ")))
	}
	r.Split, r.Merged = l.summary("split"), l.summary("merged")
	return r
}

// judge finds out whose a row is, and what in it is not.
func (w *row) judge(r *Report, rowsOf map[*Device][]string) {
	byDevice, of := map[*Device]uint64{}, (*Device)(nil)
	isBehind := strings.HasPrefix(w.name, behind)
	for c, n := range w.bytes {
		d := c.dev
		if isBehind {
			d = c.behind
		}
		byDevice[d] += n
	}
	for d, n := range byDevice {
		if d != nil && (of == nil || n > byDevice[of] || n == byDevice[of] && d.Name < of.Name) {
			of = d
		}
	}
	if !isBehind || of == nil {
		rowsOf[of] = append(rowsOf[of], w.name)
	}
	name := "nobody"
	if of != nil {
		name = of.Name
	}
	wrong := map[*Device]uint64{}
	for c, n := range w.bytes {
		right := c.dev == of || of != nil && c.proxy == of || c.shared && of != nil && of.nics[0].mac == c.dev.nics[0].mac
		if isBehind {
			right = c.behind != nil && c.behind == of
		}
		if !right {
			wrong[c.dev] += n
		}
	}
	for d, n := range wrong {
		r.Wrong += n
		m := Mixture{Row: w.name, Of: name, From: "nobody", Bytes: n, Addrs: w.of[d].addrs,
			When: at(w.of[d].first) + " to " + at(w.of[d].last)}
		if d != nil {
			m.From = d.Name
		}
		r.Mixed = append(r.Mixed, m)
	}
}

// summary sums up the episodes of a kind, the longest first.
func (l *ledger) summary(kind string) []Violation {
	byWhat := map[string]*Violation{}
	for _, e := range l.violations {
		if e.kind != kind {
			continue
		}
		v := byWhat[e.what]
		if v == nil {
			v = &Violation{What: e.what, First: at(e.from)}
			byWhat[e.what] = v
		}
		v.With = e.with
		v.Times++
		v.Total += e.until.Sub(e.from)
	}
	var all []Violation
	for _, v := range byWhat {
		all = append(all, *v)
	}
	slices.SortFunc(all, func(a, b Violation) int { return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.What, b.What)) })
	return all
}

// Write prints the report.
func (r *Report) Write(w io.Writer) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	p("PTR names: %s", r.Style)
	p("%.4f %% of %.1f GB under the right device; wrong %.1f MB, could not be followed %.1f MB, lost at restarts %.3f MB",
		100*r.Share(), float64(r.Bytes)/1e9, float64(r.Wrong)/1e6, float64(r.Other)/1e6, float64(r.Lost)/1e6)
	p("%d rows for %d devices: %.2f each, between two restarts at most %.2f", r.Rows, r.Devices, r.RowsPerDevice(), r.MostRows)
	p("%d devices split, %d rows merged, %d sums wrong", len(r.Split), len(r.Merged), len(r.Sums))
	for _, s := range r.Sums {
		p("  SUM %s", s)
	}
	p("Bytes under the wrong device:")
	for i, m := range r.Mixed {
		if i == 40 {
			p("  and %d more", len(r.Mixed)-i)
			break
		}
		p("  %10.3f MB of %s in row %s of %s, %s, %v", float64(m.Bytes)/1e6, m.From, m.Row, m.Of, m.When, m.Addrs)
	}
	p("Devices of whose bytes most are wrong:")
	for _, d := range r.Worst {
		if d.share() > 0.001 {
			p("  %6.2f %% of %.3f MB of %s", 100*d.share(), float64(d.Bytes)/1e6, d.Device)
		}
	}
	for _, kind := range []struct {
		name string
		all  []Violation
	}{{"Split", r.Split}, {"Merged", r.Merged}} {
		p("%s:", kind.name)
		for i, v := range kind.all {
			if i == 40 {
				p("  and %d more", len(kind.all)-i)
				break
			}
			p("  %s: %d times, %s in all, first %s: %s", v.What, v.Times, v.Total, v.First, v.With)
		}
	}
	p("Devices with several rows:")
	for _, e := range r.Extra {
		p("  %.400s", e)
	}
}

package export

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/traffic"
)

const (
	widestName  = 40 // columns of a table that a name has at most
	beyondLimit = "(addresses beyond the limit)"

	// mostRows is how many devices a report lists, interval after interval: more than an ordinary network has. Forged addresses
	// would fill the disk with them otherwise.
	mostRows = 256
)

// A Report prints which devices had traffic, interval after interval.
type Report struct {
	w        io.Writer
	every    time.Duration
	snapshot func() *device.Snapshot
	last     *device.Snapshot // up to which all was printed; nil: nothing yet
}

// NewReport returns a report to w. Every 0 means that Run prints nothing.
func NewReport(w io.Writer, every time.Duration, snapshot func() *device.Snapshot) *Report {
	return &Report{w: w, every: every, snapshot: snapshot}
}

// Run prints at the end of each interval until ctx ends.
func (r *Report) Run(ctx context.Context) error {
	if r.every <= 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			r.Print(now)
		case <-ctx.Done():
			return nil
		}
	}
}

// Print prints what was counted since it last did, at first since the start of the counting, with one Write unless it is very much.
// Of more than 256 devices those that used least share a row. It is not to be called while Run runs.
func (r *Report) Print(now time.Time) {
	s := r.snapshot()
	writeTable(r.w, now, r.last, s, mostRows)
	r.last = s
}

// WriteTable writes the same table of all that was counted since the start, with a row for each device.
func WriteTable(w io.Writer, s *device.Snapshot) {
	writeTable(w, s.Time, nil, s, math.MaxInt)
}

// A row is what one device gained.
type row struct {
	name    string
	first   netip.Addr // of its addresses
	more    int        // addresses
	in, out uint64     // bytes
}

// rows returns what each device gained from one snapshot to a later one, what uses most first.
func rows(from, to *device.Snapshot) (gained []row) {
	next, stop := iter.Pull(from.Devices.All()) // sorted by name, as those of to are
	defer stop()
	was, more := next()
	for d := range to.Devices.All() {
		for more && was.Name < d.Name {
			was, more = next()
		}
		var before traffic.Totals
		if more && was.Name == d.Name && !anew(was, d) {
			before = was.Totals
		}
		if g := gain(&before, &d.Totals); g.in+g.out > 0 {
			g.name = d.Name
			if len(d.Hosts) > 0 {
				g.first, g.more = d.Hosts[0], len(d.Hosts)-1
			}
			gained = append(gained, g)
		}
	}
	slices.SortFunc(gained, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.in+b.out, a.in+a.out), cmp.Compare(a.name, b.name))
	})
	return gained
}

// anew says whether a device was forgotten since was, and has come back: then its counters began at 0 again.
func anew(was, d *device.Device) bool {
	return d.First.After(was.First) || d.Totals.Received().Bytes < was.Totals.Received().Bytes || d.Totals.Sent().Bytes < was.Totals.Sent().Bytes
}

func gain(from, to *traffic.Totals) row {
	return row{in: to.Received().Bytes - from.Received().Bytes, out: to.Sent().Bytes - from.Sent().Bytes}
}

// address is the first address of a device, and how many more there are: "192.168.1.20 +2".
func (r *row) address() string {
	switch {
	case !r.first.IsValid():
		return ""
	case r.more == 0:
		return r.first.String()
	}
	return r.first.String() + " +" + strconv.Itoa(r.more)
}

// printable returns text as it may be printed on a terminal, cut if it is wider than so many columns. Names and vendors are clean;
// this is for the case that they are not.
func printable(text string, widest int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	if len(text) > widest {
		return text[:widest-2] + ".."
	}
	return text
}

// writeTable writes what was gained from one snapshot to a later one, with so many rows of devices at most; from nil is the start,
// when all was 0.
func writeTable(w io.Writer, now time.Time, from, to *device.Snapshot, most int) {
	if from == nil {
		from = &device.Snapshot{Time: to.Start}
	}
	span := to.Time.Sub(from.Time)
	all := rows(from, to)
	count := len(all)
	if count > most {
		all = append(all[:most], together(all[most:]))
	}
	if g := gain(&from.Overflow, &to.Overflow); g.in+g.out > 0 {
		g.name = beyondLimit
		all = append(all, g)
	}

	b := bufio.NewWriterSize(w, chunk)
	_, _ = fmt.Fprintf(b, "%s  ", period(now, span))
	if len(all) == 0 {
		_, _ = b.WriteString("no traffic\n")
	} else {
		var in, out uint64
		for _, r := range all {
			in += r.in
			out += r.out
		}
		_, _ = fmt.Fprintf(b, "%s  in %s  out %s\n", devices(count), inBytes(in), inBytes(out))
		titles := []string{"device", "address", "in", "out", "in rate", "out rate"}
		columns(b, 2, titles, len(all), func(i int) []string {
			r := &all[i]
			return []string{printable(r.name, widestName), r.address(), inBytes(r.in), inBytes(r.out), rate(r.in, span), rate(r.out, span)}
		})
	}
	_ = b.Flush()
}

// together is one row for several devices.
func together(some []row) row {
	all := row{name: "(" + devices(len(some)) + " more)"}
	for _, r := range some {
		all.in += r.in
		all.out += r.out
	}
	return all
}

// period is when a table ends, and how long it is for.
func period(end time.Time, span time.Duration) string {
	return end.Format(time.DateTime) + "  " + span.Round(time.Second).String()
}

func devices(n int) string {
	if n == 1 {
		return "1 device"
	}
	return strconv.Itoa(n) + " devices"
}

// columns writes titles and rows of cells below each other, the first columns flush left, as many as left says, and the others flush
// right. It asks for each row twice, as there may be very many of them.
func columns(b *bufio.Writer, left int, titles []string, rows int, cells func(row int) []string) {
	width := make([]int, len(titles))
	widen := func(cells []string) {
		for i, c := range cells {
			width[i] = max(width[i], len(c))
		}
	}
	write := func(cells []string) {
		for i, c := range cells {
			blanks := strings.Repeat(" ", width[i]-len(c))
			if i < left {
				c, blanks = blanks, c
			}
			for _, text := range []string{"  ", blanks, c} {
				_, _ = b.WriteString(text)
			}
		}
		_ = b.WriteByte('\n')
	}
	widen(titles)
	for i := range rows {
		widen(cells(i))
	}
	write(titles)
	for i := range rows {
		write(cells(i))
	}
}

func rate(n uint64, span time.Duration) string {
	if span <= 0 {
		return "-"
	}
	return inBits(float64(n) / span.Seconds())
}

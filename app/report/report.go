// Package report prints tables for people, and the same as JSON. It knows nothing of how traffic is counted or devices are named.
package report

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonetmon/app/device"
)

const (
	widestName  = 40 // columns of a table that a name has at most
	beyondLimit = "(addresses beyond the limit)"

	// mostRows is how many devices a report lists, interval after interval: more than an ordinary network has. Forged addresses
	// would fill the disk with them otherwise.
	mostRows = 256

	likelyMark = 24 // bytes of a packed mark, mostly not that many

	outputBuffer = 64 << 10
)

// A Report prints which devices had traffic, interval after interval.
type Report struct {
	w     io.Writer
	every time.Duration
	look  func() *device.Snapshot
	last  *marks // up to which all was printed; nil: nothing yet
}

// marks are how far the counters were at one moment: less than a snapshot, as they are kept from one report to the next.
type marks struct {
	time     time.Time
	names    []string // sorted
	packed   []byte   // what follows the name of each
	overflow mark
}

type mark struct {
	name    string
	first   uint64 // when it was first seen, in nanoseconds since 1970
	in, out uint64
}

// newMarks returns marks for a snapshot whose devices are yet to be packed, most likely as many as those before, if there are.
func newMarks(s *device.Snapshot, before *marks) *marks {
	m := &marks{time: s.Time, overflow: markOf(&device.Device{Totals: s.Overflow})}
	devices, size := s.Hosts, likelyMark*s.Hosts
	if before != nil {
		devices, size = len(before.names), len(before.packed)
	}
	m.names, m.packed = make([]string, 0, devices+devices/16), make([]byte, 0, size+size/16)
	return m
}

// pack adds the mark of the next device; nobody needs marks that are nil.
func (m *marks) pack(d mark) {
	if m != nil {
		m.names = append(m.names, d.name)
		m.packed = binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(m.packed, d.first), d.in), d.out)
	}
}

// unpack takes the mark of the first of the devices off; that of none is zero.
func (m *marks) unpack() (first mark) {
	if len(m.names) == 0 {
		return first
	}
	first.name, m.names = m.names[0], m.names[1:]
	for _, n := range [...]*uint64{&first.first, &first.in, &first.out} {
		size := 0
		*n, size = binary.Uvarint(m.packed)
		m.packed = m.packed[size:]
	}
	return first
}

func markOf(d *device.Device) mark {
	return mark{d.Name, uint64(d.First.UnixNano()), d.Totals.Received().Bytes, d.Totals.Sent().Bytes}
}

// NewReport returns a report to w. Every 0 means that Run prints nothing.
func NewReport(w io.Writer, every time.Duration, look func() *device.Snapshot) *Report {
	return &Report{w: w, every: every, look: look}
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
	s := r.look()
	next := newMarks(s, r.last)
	t := tableOf(r.last, s, next, mostRows)
	r.last = next
	t.write(r.w, now)
}

// WriteTable writes the same table of all that was counted since the start, with a row for each device.
func WriteTable(w io.Writer, s *device.Snapshot) {
	t := tableOf(nil, s, nil, math.MaxInt)
	t.write(w, s.Time)
}

// A table is what was gained in a span of time.
type table struct {
	span    time.Duration
	devices int // that have gained something
	rows    []row
}

// A row is what one device gained.
type row struct {
	name    string
	first   netip.Addr // of its addresses
	more    int        // addresses
	in, out uint64     // bytes
}

// tableOf returns the table of what was gained from one moment to a later snapshot, what uses most first: so many devices at most, and then
// a row for all the others together; from nil is the start, when all was 0. The marks of all devices are packed into next, for the table
// after this one.
func tableOf(from *marks, to *device.Snapshot, next *marks, most int) table {
	if from == nil {
		from = &marks{time: to.Start}
	}
	t := table{span: to.Time.Sub(from.time)}
	t.rows, t.devices = rows(from, to.Devices, next, most)
	overflow := &device.Device{Name: beyondLimit, Totals: to.Overflow}
	if g := gain(overflow, markOf(overflow), from.overflow); g.in+g.out > 0 {
		t.rows = append(t.rows, g)
	}
	return t
}

// rows are those of the devices, and how many have gained something.
func rows(from *marks, all []device.Device, next *marks, most int) (gained []row, count int) {
	rest := row{}
	was := *from
	before := was.unpack()
	for i := range all {
		d := &all[i]
		for before.name != "" && before.name < d.Name {
			before = was.unpack()
		}
		since := mark{}
		if before.name == d.Name {
			since = before
		}
		now := markOf(d)
		next.pack(now)
		g := gain(d, now, since)
		if g.in+g.out == 0 {
			continue
		}
		gained = append(gained, g)
		if count++; len(gained)/2 >= most {
			gained = cut(gained, most, &rest)
		}
	}
	gained = cut(gained, most, &rest)
	if count > len(gained) {
		rest.name = "(" + devices(count-len(gained)) + " more)"
		gained = append(gained, rest)
	}
	return gained, count
}

// cut sorts rows, what uses most first, and adds those behind the first so many to the rest.
func cut(all []row, most int, rest *row) []row {
	slices.SortFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.in+b.out, a.in+a.out), cmp.Compare(a.name, b.name))
	})
	first := min(most, len(all))
	for _, r := range all[first:] {
		rest.in += r.in
		rest.out += r.out
	}
	return all[:first]
}

// gain is what a device has gained from one mark to another. If it was forgotten since then, and has come back, its counters began at 0
// again.
func gain(d *device.Device, now, since mark) row {
	if now.first > since.first || now.in < since.in || now.out < since.out {
		since = mark{}
	}
	r := row{name: d.Name, in: now.in - since.in, out: now.out - since.out}
	if len(d.Hosts) > 0 {
		r.first, r.more = d.Hosts[0], len(d.Hosts)-1
	}
	return r
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

// write writes a table that ends now.
func (t *table) write(w io.Writer, now time.Time) {
	b := bufio.NewWriterSize(w, outputBuffer)
	_, _ = fmt.Fprintf(b, "%s  ", period(now, t.span))
	if len(t.rows) == 0 {
		_, _ = b.WriteString("no traffic\n")
	} else {
		var in, out uint64
		for _, r := range t.rows {
			in += r.in
			out += r.out
		}
		_, _ = fmt.Fprintf(b, "%s  in %s  out %s\n", devices(t.devices), inBytes(in), inBytes(out))
		titles := []string{"device", "address", "in", "out", "in rate", "out rate"}
		columns(b, 2, titles, len(t.rows), func(i int) []string {
			r := &t.rows[i]
			return []string{printable(r.name, widestName), r.address(), inBytes(r.in), inBytes(r.out), rate(r.in, t.span), rate(r.out, t.span)}
		})
	}
	_ = b.Flush()
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

package export

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/traffic"
)

// widestName is how many columns of a table a name has at most.
const widestName = 40

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

// Print prints what was counted since it last did, at first since the start of the counting, with one Write. It is not to be
// called while Run runs.
func (r *Report) Print(now time.Time) {
	s := r.snapshot()
	_, _ = r.w.Write(table(now, r.last, s))
	r.last = s
}

// WriteTable writes the same table of all that was counted since the start, with one Write.
func WriteTable(w io.Writer, s *device.Snapshot) {
	_, _ = w.Write(table(s.Time, nil, s))
}

// A row is what one device gained.
type row struct {
	name, addr string
	in, out    uint64 // bytes
}

// rows returns what each device gained from one snapshot to a later one, what uses most first.
func rows(from, to *device.Snapshot) (gained []row) {
	was := from.Devices // sorted by name, as to.Devices are
	for i := range to.Devices {
		d := &to.Devices[i]
		for len(was) > 0 && was[0].Name < d.Name {
			was = was[1:]
		}
		var before traffic.Totals
		if len(was) > 0 && was[0].Name == d.Name {
			before = was[0].Totals
		}
		if g := gain(printable(d.Name), &before, &d.Totals); g.in+g.out > 0 {
			g.addr = address(d)
			gained = append(gained, g)
		}
	}
	slices.SortFunc(gained, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.in+b.out, a.in+a.out), cmp.Compare(a.name, b.name))
	})
	return gained
}

func gain(name string, from, to *traffic.Totals) row {
	return row{name: name, in: to.Received().Bytes - from.Received().Bytes, out: to.Sent().Bytes - from.Sent().Bytes}
}

// address is the first address of a device, and how many more there are: "192.168.1.20 +2".
func address(d *device.Device) string {
	switch len(d.Hosts) {
	case 0:
		return ""
	case 1:
		return d.Hosts[0].String()
	}
	return d.Hosts[0].String() + " +" + strconv.Itoa(len(d.Hosts)-1)
}

// printable returns name as it may be printed on a terminal, cut if it is too long. Names are clean; this is for the case that
// they are not.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
	if len(name) > widestName {
		return name[:widestName-2] + ".."
	}
	return name
}

// table is what was gained from one snapshot to a later one; from nil is the start, when all was 0.
func table(now time.Time, from, to *device.Snapshot) []byte {
	if from == nil {
		from = &device.Snapshot{Time: to.Start}
	}
	span := to.Time.Sub(from.Time)
	all := rows(from, to)
	heading := strconv.Itoa(len(all)) + " devices"
	if len(all) == 1 {
		heading = "1 device"
	}
	if g := gain("(addresses beyond the limit)", &from.Overflow, &to.Overflow); g.in+g.out > 0 {
		all = append(all, g)
	}

	var b bytes.Buffer
	fmt.Fprintf(&b, "%s  %s  ", now.Format(time.DateTime), span.Round(time.Second))
	if len(all) == 0 {
		b.WriteString("no traffic\n")
		return b.Bytes()
	}
	var in, out uint64
	cells := [][6]string{{"device", "address", "in", "out", "in rate", "out rate"}}
	for _, r := range all {
		in += r.in
		out += r.out
		cells = append(cells, [6]string{r.name, r.addr, inBytes(r.in), inBytes(r.out), rate(r.in, span), rate(r.out, span)})
	}
	fmt.Fprintf(&b, "%s  in %s  out %s\n", heading, inBytes(in), inBytes(out))

	var width [6]int
	for _, c := range cells {
		for i := range c {
			width[i] = max(width[i], len(c[i]))
		}
	}
	for _, c := range cells {
		fmt.Fprintf(&b, "  %-*s  %-*s  %*s  %*s  %*s  %*s\n",
			width[0], c[0], width[1], c[1], width[2], c[2], width[3], c[3], width[4], c[4], width[5], c[5])
	}
	return b.Bytes()
}

func rate(n uint64, span time.Duration) string {
	if span <= 0 {
		return "-"
	}
	return inBits(float64(n) / span.Seconds())
}

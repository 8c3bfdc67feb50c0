package report

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"

	"gonetmon/app/units"
)

// Maximum widths of columns.
const (
	maxName      = 40
	maxVendor    = 24
	maxAddresses = 39 // one IPv6 address fits
	maxReason    = 200
)

const overLimit = "(addresses over the limit)"

// A table is rows of cells below titles. The first columns are flush left, as many as left says; the others are flush right.
type table struct {
	titles []string
	left   int
	rows   [][]string
	notes  map[int][]string // lines below a row, by its index
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// note adds lines below the last row.
func (t *table) note(lines []string) {
	if t.notes == nil {
		t.notes = map[int][]string{}
	}
	t.notes[len(t.rows)-1] = lines
}

// write writes a heading and the table, if it has rows, with one Write.
func (t *table) write(w io.Writer, heading string) {
	var b bytes.Buffer
	b.WriteString(heading + "\n")
	if len(t.rows) > 0 {
		rows := append([][]string{t.titles}, t.rows...)
		width := make([]int, len(t.titles))
		for _, row := range rows {
			for i, cell := range row {
				width[i] = max(width[i], len(cell))
			}
		}
		for n, row := range rows {
			for i, cell := range row {
				padding := strings.Repeat(" ", width[i]-len(cell))
				if i < t.left {
					b.WriteString("  " + cell + padding)
				} else {
					b.WriteString("  " + padding + cell)
				}
			}
			b.WriteByte('\n')
			for _, line := range t.notes[n-1] { // the first row has the titles
				b.WriteString("      " + line + "\n")
			}
		}
	}
	_, _ = w.Write(b.Bytes())
}

// period returns when an interval ends, if that is known, and how long it is.
func period(end time.Time, interval time.Duration) string {
	if end.IsZero() {
		return interval.Round(time.Second).String()
	}
	return end.Format(time.DateTime) + "  " + interval.Round(time.Second).String()
}

func headingOf(devices int, in, out uint64) string {
	return countDevices(devices) + "  in " + inBytes(in) + "  out " + inBytes(out)
}

func countDevices(n int) string {
	if n == 1 {
		return "1 device"
	}
	return strconv.Itoa(n) + " devices"
}

// printable makes text safe to print on a terminal, and cuts it to maxWidth columns. Names and vendors are clean already; this
// is in case they are not.
func printable(text string, maxWidth int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	if len(text) > maxWidth {
		return text[:maxWidth-2] + ".."
	}
	return text
}

func inBytes(n uint64) string { return units.Bytes(n, " ") }

func rate(bytes uint64, interval time.Duration) string {
	if interval <= 0 {
		return "-"
	}
	return units.Bits(float64(bytes)/interval.Seconds(), " ")
}

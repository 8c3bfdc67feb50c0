package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"gonetmon/app/api"
	"gonetmon/app/units"
)

// WriteUsage writes what the devices have moved today and in the billing period, highest internet traffic of the period first.
func WriteUsage(w io.Writer, u *api.Usage) {
	p, used := &u.Period, u.Network.Period.Internet()
	left := " days left"
	if p.DaysLeft == 1 {
		left = " day left"
	}
	lines := []string{
		u.Time.Format(time.DateTime) + "  billing period " + days(p.Start, p.End) + ", " + strconv.Itoa(p.DaysLeft) + left,
		"internet today " + inBytes(u.Network.Today.Internet()) + ", in this period " + inBytes(used),
	}
	if p.CapBytes > 0 {
		lines[1] += ", " + percent(used, p.CapBytes) + " of " + inBytes(p.CapBytes)
	}
	if p.ProjectedBytes > 0 {
		lines[1] += ", projected " + inBytes(p.ProjectedBytes)
		if p.CapBytes > 0 {
			lines[1] += " (" + percent(p.ProjectedBytes, p.CapBytes) + ")"
		}
	}
	if u.Since.After(p.Start) {
		lines = append(lines, "counted since "+u.Since.Format("2006-01-02 15:04"))
	}
	t := table{titles: []string{"device", "today in", "today out", "period in", "period out", "internet", "share", "LAN"}, left: 1}
	add := func(name string, use *api.Use) {
		today, period := &use.Today, &use.Period
		t.add(name, inBytes(today.InternetIn), inBytes(today.InternetOut), inBytes(period.InternetIn), inBytes(period.InternetOut),
			inBytes(period.Internet()), percent(period.Internet(), used), inBytes(period.LANIn+period.LANOut))
	}
	for i := range u.Devices {
		add(printable(u.Devices[i].Name, maxName), &u.Devices[i].Use)
	}
	if u.Others != (api.Use{}) {
		add("(others)", &u.Others)
	}
	if len(t.rows) > 1 {
		add("(network)", &u.Network)
	}
	t.write(w, strings.Join(lines, "\n"))
}

// WriteUsageCSV writes the table of WriteUsage as CSV (RFC 4180), in bytes.
func WriteUsageCSV(w io.Writer, u *api.Usage) error {
	header := []string{"device", "id"}
	for _, span := range []string{"today", "period"} {
		for _, column := range byteColumns {
			header = append(header, span+"_"+column)
		}
	}
	rows := [][]string{header}
	add := func(name, id string, use *api.Use) {
		rows = append(rows, append(append([]string{name, id}, byteCells(&use.Today)...), byteCells(&use.Period)...))
	}
	for i := range u.Devices {
		d := &u.Devices[i]
		add(printable(d.Name, len(d.Name)), strconv.FormatUint(d.ID, 10), &d.Use)
	}
	if u.Others != (api.Use{}) {
		add("(others)", "", &u.Others)
	}
	return writeCSV(w, rows)
}

// WriteHistory writes the days or the billing periods of a history, oldest first, below a heading.
func WriteHistory(w io.Writer, heading string, slots []api.Slot) {
	t := table{titles: []string{"date", "internet in", "internet out", "internet", "LAN in", "LAN out"}, left: 1}
	for i := range slots {
		s := &slots[i]
		t.add(days(s.Start, s.End), inBytes(s.InternetIn), inBytes(s.InternetOut), inBytes(s.Internet()),
			inBytes(s.LANIn), inBytes(s.LANOut))
	}
	if len(slots) == 0 {
		heading += ": no traffic"
	}
	t.write(w, heading)
}

// WriteHistoryCSV writes the days or the billing periods of a history as CSV (RFC 4180), in bytes, oldest first.
func WriteHistoryCSV(w io.Writer, slots []api.Slot) error {
	rows := [][]string{append([]string{"first_day", "last_day"}, byteColumns...)}
	for i := range slots {
		s := &slots[i]
		rows = append(rows, append([]string{s.Start.Format(time.DateOnly), lastDay(s.End)}, byteCells(&s.Bytes)...))
	}
	return writeCSV(w, rows)
}

var byteColumns = []string{"internet_in_bytes", "internet_out_bytes", "lan_in_bytes", "lan_out_bytes"}

func byteCells(b *api.Bytes) (cells []string) {
	for _, n := range []uint64{b.InternetIn, b.InternetOut, b.LANIn, b.LANOut} {
		cells = append(cells, strconv.FormatUint(n, 10))
	}
	return cells
}

func writeCSV(w io.Writer, rows [][]string) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return c.WriteAll(rows)
}

// days returns the first and the last day between two midnights: "2026-11-15 to 2026-12-14", or only "2026-11-15".
func days(start, end time.Time) string {
	first, last := start.Format(time.DateOnly), lastDay(end)
	if first == last {
		return first
	}
	return first + " to " + last
}

// lastDay returns the last day before end, which is a midnight.
func lastDay(end time.Time) string { return end.Add(-time.Second).Format(time.DateOnly) }

// percent returns part of whole in percent: "9.9 %".
func percent(part, whole uint64) string {
	return strings.ReplaceAll(units.Percent(part, whole), "\u00a0", " ")
}

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gonetmon/app/device"
	"gonetmon/test/snapshots"
)

// FuzzReport has devices called anything: each table has a row for each of them, in printable ASCII, and the JSON is valid.
func FuzzReport(f *testing.F) {
	for i, name := range snapshots.HostileNames {
		f.Add(name, snapshots.HostileNames[(i+1)%len(snapshots.HostileNames)])
	}
	f.Fuzz(func(t *testing.T, name, other string) {
		s := snapshots.Two(name, other)
		devices := len(s.Devices)
		var report, table, list, asJSON bytes.Buffer
		NewReport(&report, time.Minute, func() *device.Snapshot { return s }).Print(s.Time)
		WriteTable(&table, s)
		WriteDevices(&list, s, nil)
		for what, c := range map[string]struct {
			text  string
			lines int
		}{
			"report": {report.String(), 3 + devices}, // heading, titles, overflow
			"table":  {table.String(), 3 + devices},
			"list":   {list.String(), 5 + devices}, // forgotten and waiting too
		} {
			if n := strings.Count(c.text, "\n"); n != c.lines || !isPrintable(c.text) {
				t.Errorf("%s of %d lines, want %d: %q", what, n, c.lines, c.text)
			}
			_, rows, _ := strings.Cut(c.text, "\n")
			if width := strings.IndexByte(rows, '\n') + 1; len(rows) != (c.lines-1)*width {
				t.Errorf("%s is not aligned:\n%s", what, c.text)
			}
		}
		var read devicesJSON
		err := WriteDevicesJSON(&asJSON, s, map[string][]string{name: {other}})
		if err = errors.Join(err, json.Unmarshal(asJSON.Bytes(), &read)); err != nil {
			t.Error(err)
		}
		if first := min(name, other); len(read.Devices) != devices || utf8.ValidString(first) && read.Devices[0].Device != first {
			t.Errorf("JSON: %s", asJSON.String())
		}
	})
}

// isPrintable reports whether text is lines of printable ASCII.
func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') })
}

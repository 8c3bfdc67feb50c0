package metrics

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/test/snapshots"
)

// FuzzExposition has devices, vendors and interfaces called anything: the page parses, plain and gzipped, and a label
// that is valid UTF-8 comes back as it was.
func FuzzExposition(f *testing.F) {
	for i, name := range snapshots.HostileNames {
		f.Add(name, snapshots.HostileNames[(i+1)%len(snapshots.HostileNames)])
	}
	f.Fuzz(func(t *testing.T, name, other string) {
		s := snapshots.Two(name, other)
		m := snapshots.Meters()[:1]
		m[0].Interface = name
		e := NewExposition(Config{Snapshot: func() *device.Snapshot { return s }, Meters: func() []meter.Status { return m },
			Names: lookups, Control: control, Usage: snapshots.Usage, Version: other, Revision: name, OmitGoMetrics: true})
		plain := text(e)
		families := parse(t, plain)
		var got []string
		for _, m := range families["node_bytes_total"].Metric {
			got = append(got, labels(m)["device"])
		}
		if got := len(got); got != len(s.Devices) {
			t.Fatalf("%d devices of %q and %q", got, name, other)
		}
		for i, name := range []string{min(name, other), max(name, other)}[:len(got)] {
			if intact(name) && !slices.Contains(got, name) || !utf8.ValidString(got[i]) {
				t.Errorf("devices %q of %q and %q", got, name, other)
			}
		}
		if info := labels(families["gonetmon_build_info"].Metric[0]); intact(other) && info["version"] != other {
			t.Errorf("version %q, want %q", info["version"], other)
		}
		if zipped := body(t, get(e, "gzip")); zipped != plain {
			t.Errorf("gzipped it is %q, plain %q", zipped, plain)
		}
	})
}

// intact reports whether a label comes back as it was.
func intact(label string) bool {
	return utf8.ValidString(label) && !strings.ContainsRune(label, utf8.RuneError)
}

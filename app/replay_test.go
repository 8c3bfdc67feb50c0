package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/export"
)

func readTally(t *testing.T, path string) *export.Tally {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tally export.Tally
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields() // every key of the oracle's is one of ours
	if err := d.Decode(&tally); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &tally
}

// What replay prints of each shared capture is, to the byte, what the oracle says.
func TestReplayIsOracle(t *testing.T) {
	dir, tallies := expected(t)
	for name, tally := range tallies {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := &config{CIDR: tally.CIDRs, MaxHosts: 65536}
			if err := replay(c, []string{"--json", filepath.Join(dir, name)}, &out); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(dir, "expected", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), out.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// The sums over the hosts of the page and of the JSON are the same.
func TestReplayMetrics(t *testing.T) {
	dir, tallies := expected(t)
	for name, tally := range tallies {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := &config{CIDR: tally.CIDRs, MaxHosts: 65536}
			if err := replay(c, []string{"--metrics", filepath.Join(dir, name)}, &out); err != nil {
				t.Fatal(err)
			}
			m := parse(t, out.String())
			for host, n := range tally.Hosts {
				if got, want := m[`node_bytes_total{device="`+host.String()+`"}`], float64(n.InBytes+n.OutBytes); got != want {
					t.Errorf("%s: %.0f bytes, want %.0f", host, got, want)
				}
			}
			if got, want := m["network_bytes_total"], float64(tally.Totals.IPBytes); got != want {
				t.Errorf("%.0f bytes in all, want %.0f", got, want)
			}
			if strings.Contains(out.String(), "process_") || strings.Contains(out.String(), "gonetmon_capture") {
				t.Error("the page of a file tells of a process or an interface")
			}
		})
	}
}

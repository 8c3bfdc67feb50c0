package replay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/replay"
	"gonetmon/test/captures"
	"gonetmon/test/testnet"
)

// output returns what replay prints of files.
func output(t *testing.T, c replay.Config, files ...string) string {
	t.Helper()
	var out bytes.Buffer
	c.Out, c.Warnings = &out, io.Discard
	if err := replay.Run(c, files); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// What replay prints of each shared capture is, to the byte, what the oracle says.
func TestReplayIsOracle(t *testing.T) {
	t.Parallel()
	dir, tallies := captures.Expected(t)
	for name, tally := range tallies {
		t.Run(name, func(t *testing.T) {
			got := output(t, replay.Config{Format: replay.Tallies, Prefixes: tally.CIDRs, MaxHosts: 4096}, filepath.Join(dir, name))
			want, err := os.ReadFile(filepath.Join(dir, "expected", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// With changed bytes and random prefixes the counts are still the oracle's: the rules agree beyond what real captures
// hold.
func TestReplayIsOracleMutated(t *testing.T) {
	t.Parallel()
	dir, tallies := captures.Expected(t)
	random := rand.New(rand.NewPCG(11, 13))
	var asked []captures.Question
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		whole, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		whole = whole[:min(len(whole), 40000)]
		for i := range 40 {
			b := bytes.Clone(whole)
			for range random.IntN(60) {
				b[40+random.IntN(len(b)-40)] = []byte{0, 1, 0x45, 0x60, 0x81, 0x88, 8, 6, 255, byte(random.IntN(256))}[random.IntN(10)]
			}
			q := captures.Question{Path: filepath.Join(t.TempDir(), fmt.Sprintf("%d-%s", i, name))}
			if err := os.WriteFile(q.Path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, p := range []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")} {
				if random.IntN(8) == 0 {
					q.CIDRs = append(q.CIDRs, p.String())
				}
			}
			for _, host := range slices.SortedFunc(maps.Keys(tallies[name].Hosts), netip.Addr.Compare) {
				if random.IntN(2) == 0 {
					p, err := host.Prefix(random.IntN(host.BitLen() + 1))
					if err == nil && !slices.Contains(q.CIDRs, p.String()) {
						q.CIDRs = append(q.CIDRs, p.String())
					}
				}
			}
			if len(q.CIDRs) > 0 { // none is auto, which the oracle doesn't know
				asked = append(asked, q)
			}
		}
	}
	same := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	samePrefix := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	packets := uint64(0)
	for i, want := range captures.Oracle(t, dir, asked) {
		var out bytes.Buffer
		c := replay.Config{Format: replay.Tallies, Prefixes: want.CIDRs, MaxHosts: 4096, Out: &out, Warnings: io.Discard}
		if err := replay.Run(c, []string{asked[i].Path}); err != nil {
			if want.File.Status != "bad" {
				t.Errorf("%v: %v, the oracle says %s", asked[i], err, want.File.Status)
			}
			continue
		}
		var got replay.Tally
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, &got, same, samePrefix); d != "" {
			t.Errorf("%v (-want +got):\n%s", asked[i], d)
		}
		packets += got.Totals.Packets
	}
	t.Logf("%d files, %d frames", len(asked), packets)
}

// The sums over the hosts of the page and of the JSON are the same.
func TestReplayMetrics(t *testing.T) {
	t.Parallel()
	dir, tallies := captures.Expected(t)
	for name, tally := range tallies {
		t.Run(name, func(t *testing.T) {
			page := output(t, replay.Config{Format: replay.Metrics, Prefixes: tally.CIDRs, MaxHosts: 4096}, filepath.Join(dir, name))
			m := testnet.ParseMetrics(t, page)
			var devices, hosts float64
			for series, v := range m {
				if strings.HasPrefix(series, "node_bytes_total{") {
					devices += v
				}
			}
			for _, n := range tally.Hosts {
				hosts += float64(n.InBytes + n.OutBytes)
			}
			if devices != hosts {
				t.Errorf("%.0f bytes of devices, want %.0f", devices, hosts)
			}
			if got, want := m["network_bytes_total"], float64(tally.Totals.IPBytes); got != want {
				t.Errorf("%.0f bytes in all, want %.0f", got, want)
			}
			if strings.Contains(page, "process_") || strings.Contains(page, "gonetmon_capture") {
				t.Error("the page of a file tells of a process or an interface")
			}
		})
	}
}

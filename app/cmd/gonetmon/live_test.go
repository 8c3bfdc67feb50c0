package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"gonetmon/app/names"
	"gonetmon/app/replay"
	"gonetmon/app/traffic"
	"gonetmon/test/captures"
	"gonetmon/test/testnet"
)

// differences returns where the page does not show exactly what was wanted, or shows another device.
func differences(got, want map[string]float64) (all []string) {
	for series, v := range want {
		if got[series] != v {
			all = append(all, fmt.Sprintf("%s is %.0f, want %.0f", series, got[series], v))
		}
	}
	for series, v := range got {
		if _, ok := want[series]; !ok && strings.HasPrefix(series, "node_bytes_total{") {
			all = append(all, fmt.Sprintf("%s is %.0f, want none", series, v))
		}
	}
	return all
}

// replayFrames returns the metrics of the frames as a file that was captured at 50,000 frames a second.
func replayFrames(t *testing.T, frames [][]byte, cidrs []netip.Prefix) map[string]float64 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "frames.pcap")
	writePcap(t, file, frames, time.Second/50000)
	var out bytes.Buffer
	c := replay.Config{Format: replay.Metrics, Prefixes: cidrs, MaxHosts: 4096, Names: names.Sources, Out: &out, Warnings: os.Stderr}
	if err := replay.Run(c, []string{file}); err != nil {
		t.Fatal(err)
	}
	return testnet.ParseMetrics(t, out.String())
}

// writePcap makes a capture file of Ethernet frames that came one after the other.
func writePcap(t *testing.T, path string, frames [][]byte, apart time.Duration) {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	if err := w.WriteFileHeader(262144, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	for _, f := range frames {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(f), Length: len(f)}, f); err != nil {
			t.Fatal(err)
		}
		at = at.Add(apart)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// liveFamilies are the families that depend on the frames alone, and not on when they came.
var liveFamilies = regexp.MustCompile(`^(node_bytes_total|network_bytes_total|` +
	`gonetmon_(device_(bytes_total|packets_total|info)|network_(bytes|packets)_total|` +
	`(frames|frame_bytes|facts|facts_malformed)_total))\b`)

// wanted returns the metrics that the daemon must show of the frames of a file. An IPv6 address that only received
// something, and is no known neighbor, is no device to the daemon; its bytes wait.
func wanted(file map[string]float64) map[string]float64 {
	want := map[string]float64{"gonetmon_waiting_bytes": 0}
	silent := map[string]bool{}
	for series := range file {
		if m := regexp.MustCompile(`^gonetmon_device_info\{device="([0-9a-f:]*:[0-9a-f:]*)",`).FindStringSubmatch(series); m != nil {
			out := 0.0
			for scope := range traffic.ScopeOther {
				out += file[fmt.Sprintf(`gonetmon_device_packets_total{device="%s",direction="out",scope="%s"}`, m[1], scope)]
			}
			silent[m[1]] = out == 0
		}
	}
	device := regexp.MustCompile(`device="([^"]*)"`)
	for series, v := range file {
		if !liveFamilies.MatchString(series) {
			continue
		}
		if m := device.FindStringSubmatch(series); m != nil && silent[m[1]] {
			if strings.HasPrefix(series, "node_") {
				want["gonetmon_waiting_bytes"] += v
			}
			continue
		}
		want[series] = v
	}
	return want
}

// together adds up the values of all devices.
func together(m map[string]float64) map[string]float64 {
	sums := map[string]float64{}
	for series, v := range m {
		if strings.HasPrefix(series, "gonetmon_device_info") || strings.HasPrefix(series, "gonetmon_facts") {
			continue
		}
		sums[regexp.MustCompile(`device="[^"]*"`).ReplaceAllString(series, "device")] += v
	}
	return sums
}

// Each capture replayed into a real interface at 50,000 frames a second gives the figures that the file gives.
func TestDaemon_LiveIsFile(t *testing.T) {
	testnet.NeedKernel(t)
	t.Parallel()
	dir, tallies := captures.Expected(t)
	var replayed atomic.Int64
	t.Cleanup(func() { // when all have run
		if n := replayed.Load(); len(tallies) == 27 && n < 21 && !raceDetector() {
			t.Errorf("only %d captures were replayed", n)
		}
	})
	for i, name := range slices.Sorted(maps.Keys(tallies)) {
		if raceDetector() && i%4 > 0 {
			continue // the same goroutines run in each; without the detector all captures are replayed
		}
		tally := tallies[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			frames, others := captures.Ethernet(t, filepath.Join(dir, name))
			if len(frames) == 0 {
				t.Logf("no Ethernet frames that an interface takes, %d others", others)
				return
			}
			replayed.Add(1)
			here, there := testnet.NewPair(t)
			// A list with an IPv6 prefix is used exactly as it is.
			cidrs := append(slices.Clone(tally.CIDRs), netip.MustParsePrefix("2001:db8:ffff:ffff::/64"))
			var list []string
			for _, p := range cidrs {
				list = append(list, p.String())
			}
			p := start(t, here, "GONETMON_CIDR="+strings.Join(list, ","))
			s := testnet.NewSender(there, "in0")
			s.SendAll(frames, 50000)
			want := wanted(replayFrames(t, frames, cidrs))
			if others == 0 && want["network_bytes_total"] != float64(tally.Totals.IPBytes) {
				t.Errorf("the frames have %.0f bytes, the file %d", want["network_bytes_total"], tally.Totals.IPBytes)
			}
			want[`gonetmon_capture_packets_total{interface="mon0"}`] = float64(s.Sent)
			view := func(m map[string]float64) map[string]float64 { return m }
			if name == "malformed.pcap" {
				// Its ARP gives one address to many MACs within a millisecond, which the daemon tells apart only by
				// the second.
				view = together
			}
			var wrong []string
			if !testnet.Within(20*time.Second, func() bool {
				time.Sleep(200 * time.Millisecond)
				wrong = differences(view(p.Metrics()), view(want))
				return len(wrong) == 0
			}) {
				t.Error(strings.Join(wrong, "\n"))
			}
		})
	}
}

// raceDetector reports whether the test was built with -race.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" && s.Value == "true" {
			return true
		}
	}
	return false
}

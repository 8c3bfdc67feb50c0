package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"gonetmon/app/capture"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/packet"
	"gonetmon/app/traffic"
	"gonetmon/test/captures"
	"gonetmon/test/testnet"
)

// sent is a source of frames from memory: what the file says of them, as opposed to what the wire does.
type sent struct{ frames [][]byte }

func (s *sent) Next(batch []capture.Frame) (int, error) {
	if len(s.frames) == 0 {
		return 0, io.EOF
	}
	batch[0] = capture.Frame{Data: s.frames[0], Wire: len(s.frames[0]), Link: packet.LinkEthernet}
	s.frames = s.frames[1:]
	return 1, nil
}

func (s *sent) More() bool { return false }

func (s *sent) Stop() {}

// counted is what the frames come to, as the metrics that must show it, and in all.
func counted(t *testing.T, frames [][]byte, cidrs []netip.Prefix) map[string]float64 {
	t.Helper()
	table := traffic.NewTable(traffic.NewPrefixes(cidrs), 65536)
	m := meter.New(&sent{frames}, table)
	if err := m.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{}
	network := table.Drain(func(_ int, host netip.Addr, n *traffic.Delta) {
		for s, c := range n.Out {
			labels := fmt.Sprintf(`{device="%s",direction="out",scope="%s"}`, host, traffic.Scope(s))
			want["gonetmon_device_bytes_total"+labels] = float64(c.Bytes)
			want["gonetmon_device_packets_total"+labels] = float64(c.Packets)
		}
		for s, c := range n.In {
			labels := fmt.Sprintf(`{device="%s",direction="in",scope="%s"}`, host, traffic.Scope(s))
			want["gonetmon_device_bytes_total"+labels] = float64(c.Bytes)
			want["gonetmon_device_packets_total"+labels] = float64(c.Packets)
		}
		want[fmt.Sprintf(`node_bytes_total{device="%s"}`, host)] = float64(n.Sent().Bytes + n.Received().Bytes)
	})
	for f := range network {
		for s, c := range network[f] {
			want[fmt.Sprintf(`gonetmon_network_bytes_total{family="%s",scope="%s"}`, traffic.Family(f), traffic.Scope(s))] = float64(c.Bytes)
		}
	}
	for i, c := range m.Classes() {
		want[fmt.Sprintf(`gonetmon_frames_total{class="%s"}`, packet.Class(i))] = float64(c.Frames)
		want[fmt.Sprintf(`gonetmon_frame_bytes_total{class="%s"}`, packet.Class(i))] = float64(c.Bytes)
	}
	want["network_bytes_total"] = float64(network.Total().Bytes)
	return want
}

// same fails the test where the page does not show exactly what was wanted, or shows a device that was not.
func same(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for series, v := range want {
		if got[series] != v {
			t.Errorf("%s is %.0f, want %.0f", series, got[series], v)
		}
	}
	for series, v := range got {
		if _, ok := want[series]; !ok && strings.HasPrefix(series, "node_bytes_total{") {
			t.Errorf("%s is %.0f, want none", series, v)
		}
	}
}

// replayedFrames are the metrics of the frames as those of a file that was captured at 50,000 frames a second.
func replayedFrames(t *testing.T, frames [][]byte, cidrs []netip.Prefix) map[string]float64 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "frames.pcap")
	writePcap(t, file, frames, time.Second/50000)
	var out bytes.Buffer
	c := &config{CIDR: cidrs, MaxHosts: 65536, Names: names.Sources}
	if err := replay(c, []string{"--metrics", file}, &out); err != nil {
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

// liveFamilies are the families that frames alone decide, and not when they came.
var liveFamilies = regexp.MustCompile(`^(node_bytes_total|gonetmon_device_(bytes_total|packets_total|info)|network_bytes_total|gonetmon_network_(bytes|packets)_total|gonetmon_(frames|frame_bytes|facts|facts_malformed)_total)\b`)

// wanted are the metrics of a file that the daemon must show of the same frames. Who was only sent something over IPv6, and is no known
// neighbour, is no device to it, but waits.
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

// together adds up what the devices have.
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
func TestLiveIsFile(t *testing.T) {
	testnet.NeedKernel(t)
	t.Parallel()
	dir, tallies := captures.Expected(t)
	replayed := 0
	for i, name := range slices.Sorted(maps.Keys(tallies)) {
		if raceDetector() && i%4 > 0 {
			continue // the same goroutines run in each; without the detector all captures are replayed
		}
		tally := tallies[name]
		t.Run(name, func(t *testing.T) {
			frames, others := captures.Ethernet(t, filepath.Join(dir, name))
			if len(frames) == 0 {
				t.Logf("no Ethernet frames that an interface takes, %d others", others)
				return
			}
			replayed++
			here, there := testnet.NewPair(t)
			// With an IPv6 prefix in the list it holds as it is.
			cidrs := append(slices.Clone(tally.CIDRs), netip.MustParsePrefix("2001:db8:ffff:ffff::/64"))
			p := start(t, here, "GONETMON_CIDR="+prefixes(cidrs).String())
			s := testnet.NewSender(there, "in0")
			s.SendAll(frames, 50000)
			got := p.WaitFrames(s.Sent)
			if n := got[`gonetmon_capture_packets_total{interface="mon0"}`]; n != float64(s.Sent) {
				t.Errorf("%.0f frames counted, %d sent", n, s.Sent)
			}
			want := wanted(replayedFrames(t, frames, cidrs))
			if name == "malformed.pcap" {
				// Its ARP gives one address to many MACs within a millisecond. What an address moves to the daemon tells apart by the second.
				got, want = together(got), together(want)
			}
			if others == 0 && want["network_bytes_total"] != float64(tally.Totals.IPBytes) {
				t.Errorf("the frames have %.0f bytes, the file %d", want["network_bytes_total"], tally.Totals.IPBytes)
			}
			same(t, got, want)
		})
	}
	if len(tallies) == 27 && replayed < 21 && !raceDetector() {
		t.Errorf("only %d captures were replayed", replayed)
	}
}

// Tagged frames count as they were on the wire, whatever of the tags the kernel takes out.
func TestLiveTags(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	p := start(t, here, "GONETMON_CIDR=192.168.2.0/24,fe80::/10")
	home, away := netip.MustParseAddr("192.168.2.7"), netip.MustParseAddr("198.51.100.1")
	var frames [][]byte
	for i := range 1000 {
		for depth := range 5 {
			var tags []uint16
			for d := range depth {
				tags = append(tags, uint16(d+1))
			}
			frames = append(frames, testnet.UDP(home, away, i, tags...), testnet.UDP(away, home, i, tags...),
				testnet.UDP(netip.MustParseAddr("fe80::7"), netip.MustParseAddr("ff02::1"), i, tags...))
		}
	}
	s := testnet.NewSender(there, "in0")
	s.SendAll(frames, 50000)
	same(t, p.WaitFrames(s.Sent), counted(t, frames, []netip.Prefix{netip.MustParsePrefix("192.168.2.0/24"), netip.MustParsePrefix("fe80::/10")}))
}

// A daemon that stands still loses frames, but not the count of them.
func TestLiveOverflow(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	p := start(t, here, "GONETMON_RING_SIZE=512KiB")
	s := testnet.NewSender(there, "in0")
	frames := testnet.Conversation(20000)
	s.SendAll(frames, 50000)
	if err := p.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.SendAll(frames, 0)
	if err := p.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.SendAll(frames, 50000)
	m := p.WaitFrames(s.Sent)
	read, dropped := uint64(m[`gonetmon_capture_packets_total{interface="mon0"}`]), uint64(m[`gonetmon_capture_drops_total{interface="mon0"}`])
	if read+dropped != s.Sent || dropped == 0 {
		t.Errorf("%d read + %d dropped = %d, %d sent", read, dropped, read+dropped, s.Sent)
	}
	if status, body := p.Get("healthz"); status != 200 {
		t.Errorf("healthz: %d %s", status, body)
	}
}

// stops is how often the daemon is stopped. With the race detector each takes a second and more.
func stops() int {
	if raceDetector() {
		return 20
	}
	return 100
}

// SIGTERM while frames come: each that was sent before it is counted or is a drop, and the process ends at once and well.
func TestLiveStop(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	s := testnet.NewSender(there, "in0")
	frames := testnet.Conversation(5000)
	var longest time.Duration
	for run := range stops() {
		p := start(t, here, "GONETMON_REPORT_INTERVAL=0")
		before, bytes := s.Sent, uint64(0)
		for _, f := range frames[:1+rand.IntN(len(frames))] {
			s.Send(f)
			bytes += testnet.IPBytes(f)
		}
		status, took := p.Stop()
		longest = max(longest, took)
		read, dropped := p.LogValue("stopped", "frames"), p.LogValue("stopped", "drops")
		if sent := s.Sent - before; status != 0 || read+dropped != sent || dropped == 0 && p.LogValue("counted", "bytes") != bytes {
			t.Errorf("run %d: status %d, %d read + %d dropped, %d sent; %d bytes counted, %d sent", run, status, read, dropped, sent, p.LogValue("counted", "bytes"), bytes)
		}
	}
	t.Logf("%d stops, the longest %v", stops(), longest)
}

// SIGTERM while frames keep coming: no frame that was sent before it is missing from the account, and none is in it that was not sent.
func TestLiveStopUnderLoad(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	s := testnet.NewSender(there, "in0")
	frames := testnet.Conversation(5000)
	var longest time.Duration
	for run := range stops() {
		p := start(t, here, "GONETMON_REPORT_INTERVAL=0")
		var sent atomic.Uint64
		var load sync.WaitGroup
		stop := make(chan struct{})
		load.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				s.Send(frames[i%len(frames)])
				sent.Add(1)
				if i%50 == 49 {
					time.Sleep(500 * time.Microsecond)
				}
			}
		})
		time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
		before := sent.Load()
		status, took := p.Stop()
		close(stop)
		load.Wait()
		longest = max(longest, took)
		read, dropped := p.LogValue("stopped", "frames"), p.LogValue("stopped", "drops")
		if status != 0 || read+dropped < before || read+dropped > sent.Load() {
			t.Errorf("run %d: status %d, %d read + %d dropped, %d sent before the signal, %d after the end", run, status, read, dropped, before, sent.Load())
		}
	}
	t.Logf("%d stops under load, the longest %v", stops(), longest)
}

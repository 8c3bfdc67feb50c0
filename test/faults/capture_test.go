package faults

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"gonetmon/app/capture"
	"gonetmon/app/packet"
	"gonetmon/app/replay"
	"gonetmon/test/captures"
	"gonetmon/test/testnet"
)

const maxCut = 120

func captureRows() []row {
	return []row{
		{name: "captures-file", run: capturesFromFile, parallel: true, fault: "all captures, from file",
			expected: "byte for byte the oracle's counts"},
		{name: "captures-wire", run: capturesFromWire, parallel: true, fault: "all captures, sent at 50,000 frames/s",
			expected: "the oracle's frames, classes and bytes"},
		{name: "captures-cut", run: cutFrames, parallel: true,
			fault:    "every capture's frames cut at each length up to 120, from file and sent",
			expected: "each frame in one class, from file the oracle's; no panic"},
		{name: "captures-bits", run: bitErrors, parallel: true,
			fault:    "bit errors in every capture's frames, from file and sent",
			expected: "each frame in one class, from file the oracle's; no panic"},
		{name: "captures-ends", run: cutFiles, parallel: true,
			fault:    "every capture file cut at each length up to 120 bytes, and anywhere",
			expected: "counted up to the cut, or refused in one line; no panic"},
	}
}

// replay runs `gonetmon replay --json`.
func (b *bench) replay(path string, cidrs []string) (status int, out, log string) {
	b.Helper()
	return testnet.Run(b, b.command(nil, []string{"GONETMON_CIDR=" + strings.Join(cidrs, ",")}, nil, "replay", "--json", path))
}

// prefixesOf returns the prefixes that a capture is counted with.
func prefixesOf(tally *replay.Tally) (text []string) {
	for _, p := range tally.CIDRs {
		text = append(text, p.String())
	}
	return text
}

func capturesFromFile(b *bench) string {
	dir, tallies := captures.Expected(b)
	var frames uint64
	for name, tally := range tallies {
		status, out, log := b.replay(filepath.Join(dir, name), prefixesOf(tally))
		want, err := os.ReadFile(filepath.Join(dir, "expected", name+".json"))
		if d := cmp.Diff(string(want), out); err != nil || status != 0 || d != "" {
			b.Errorf("%s: status %d, %s%v (-want +got):\n%s", name, status, log, err, d)
		}
		frames += tally.Totals.Packets
	}
	return fmt.Sprintf("%d captures, %d frames", len(tallies), frames)
}

func capturesFromWire(b *bench) string {
	dir, tallies := captures.Expected(b)
	var frames, files uint64
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		sent, others := captures.Ethernet(b, filepath.Join(dir, name))
		if len(sent) == 0 {
			continue // of link types that no interface here has
		}
		files++
		tally := tallies[name]
		here, there := testnet.NewPair(b)
		// An IPv6 prefix in the list keeps the announced ones out.
		d := b.start(here, "GONETMON_CIDR="+strings.Join(append(prefixesOf(tally), "2001:db8:ffff:ffff::/64"), ","))
		s := testnet.NewSender(there, "in0")
		s.SendAll(sent, 50000)
		d.waitCounted(s.Sent)
		if others == 0 {
			b.compare(d, name, tally)
		}
		d.stopWatching()
		if f := d.stop(); f.frames+f.drops != s.Sent || f.drops == 0 && others == 0 && f.bytes != tally.Totals.IPBytes {
			b.Errorf("%s: %+v, %d frames sent", name, f, s.Sent)
		}
		frames += s.Sent
	}
	return fmt.Sprintf("%d captures with Ethernet frames, %d frames", files, frames)
}

// compare compares the page with what the oracle says of the same frames.
func (b *bench) compare(d *daemon, name string, tally *replay.Tally) {
	b.Helper()
	m := d.Metrics()
	classes := func(names ...string) (n uint64) {
		for _, class := range names {
			n += uint64(m[fmt.Sprintf(`gonetmon_frames_total{class="%s"}`, class)])
		}
		return n
	}
	var hosts uint64
	for _, h := range tally.Hosts {
		hosts += h.InBytes + h.OutBytes
	}
	accounted, _ := testnet.AccountedBytes(m)
	t := &tally.Totals
	got := []uint64{classes("ipv4"), classes("ipv6"), classes("arp", "other"), classes("malformed"),
		uint64(m["network_bytes_total"]), uint64(accounted)}
	want := []uint64{t.IPv4Packets, t.IPv6Packets, t.NonIPPackets, t.MalformedPackets, t.IPBytes, hosts}
	if d := cmp.Diff(want, got); d != "" {
		b.Errorf("%s: frames of IPv4, IPv6, not IP, malformed; bytes of the network, of the hosts (-want +got):\n%s", name, d)
	}
}

// samples returns up to n frames of every capture, all of one link type.
func (b *bench) samples(n int) map[string][]capture.Frame {
	dir, tallies := captures.Expected(b)
	all := map[string][]capture.Frame{}
	for name := range tallies {
		frames := captures.Frames(b, filepath.Join(dir, name))
		if len(frames) == 0 {
			continue
		}
		frames = slices.DeleteFunc(frames, func(f capture.Frame) bool { return f.Link != frames[0].Link })
		if step := len(frames) / n; step > 1 {
			for i := range n {
				frames[i] = frames[i*step]
			}
			frames = frames[:n]
		}
		all[name] = frames
	}
	return all
}

// save writes frames to a capture file, each with the length that it had on the wire.
func (b *bench) save(path string, frames []capture.Frame) {
	b.Helper()
	var out bytes.Buffer
	w := pcapgo.NewWriter(&out)
	if err := w.WriteFileHeader(262144, layers.LinkType(frames[0].Link)); err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	for _, f := range frames {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(f.Data), Length: f.Wire}, f.Data); err != nil {
			b.Fatal(err)
		}
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
}

// compareOracle counts frames of captures, and compares the counts with the oracle's.
func (b *bench) compareOracle(frames map[string][]capture.Frame) (total uint64) {
	b.Helper()
	dir, tallies := captures.Expected(b)
	scratch := b.TempDir()
	var questions []captures.Question
	for name, some := range frames {
		q := captures.Question{Path: filepath.Join(scratch, name), CIDRs: prefixesOf(tallies[name])}
		b.save(q.Path, some)
		questions = append(questions, q)
	}
	same := []cmp.Option{
		cmp.Comparer(func(x, y netip.Addr) bool { return x == y }), cmp.Comparer(func(x, y netip.Prefix) bool { return x == y }),
	}
	for i, want := range captures.Oracle(b, dir, questions) {
		name := filepath.Base(questions[i].Path)
		status, out, log := b.replay(questions[i].Path, questions[i].CIDRs)
		var got replay.Tally
		if err := json.Unmarshal([]byte(out), &got); err != nil || status != 0 {
			b.Errorf("%s: status %d, %s", name, status, log)
			continue
		}
		t := &got.Totals
		if t.IPPackets+t.NonIPPackets+t.MalformedPackets != t.Packets {
			b.Errorf("%s: not each frame is in one class: %+v", name, t)
		}
		if d := cmp.Diff(want, &got, same...); d != "" {
			b.Errorf("%s (-oracle +got):\n%s", name, d)
		}
		total += t.Packets
	}
	return total
}

// deliverable reports whether an interface hands a frame to its listeners. The kernel drops a tagged frame that ends before the
// type behind its tag (skb_vlan_untag).
func deliverable(frame []byte) bool {
	const header, tag, longest = 14, 6, 65535 + 14
	if len(frame) < header || len(frame) > longest {
		return false
	}
	typ := binary.BigEndian.Uint16(frame[12:])
	return typ != 0x8100 && typ != 0x88a8 || len(frame) >= header+tag
}

// sendClassified sends the frames that an interface delivers, checks that each is in one class, and returns how many they were.
func (b *bench) sendClassified(frames [][]byte) uint64 {
	b.Helper()
	frames = slices.DeleteFunc(frames, func(f []byte) bool { return !deliverable(f) })
	here, there := testnet.NewPair(b)
	d := b.start(here)
	s := testnet.NewSender(there, "in0")
	s.SendAll(frames, 50000)
	d.waitCounted(s.Sent)
	var classes uint64
	for series, v := range d.Metrics() {
		if strings.HasPrefix(series, "gonetmon_frames_total{") {
			classes += uint64(v)
		}
	}
	if read, dropped := d.captured(); classes != read || read+dropped != s.Sent {
		b.Errorf("%d frames sent, %d read, %d dropped, %d in classes", s.Sent, read, dropped, classes)
	}
	d.finish(s.Sent)
	return s.Sent
}

func cutFrames(b *bench) string {
	cut := map[string][]capture.Frame{}
	var wire [][]byte
	for name, frames := range b.samples(b.of(15, 400)) {
		for i, f := range frames {
			for n := range min(maxCut, len(f.Data)) + 1 {
				short := f
				short.Data = f.Data[:n]
				cut[name] = append(cut[name], short)
				if f.Link == packet.LinkEthernet && i < b.of(15, 200) {
					wire = append(wire, short.Data)
				}
			}
		}
	}
	return fmt.Sprintf("%d captures; %d frames from file, %d sent", len(cut), b.compareOracle(cut), b.sendClassified(wire))
}

// flipBits returns a copy of a frame with some bits inverted.
func flipBits(random *rand.Rand, frame []byte) []byte {
	frame = bytes.Clone(frame)
	for range 1 + random.IntN(8) {
		if n := min(len(frame), 128); n > 0 {
			frame[random.IntN(n)] ^= 1 << random.IntN(8)
		}
	}
	return frame
}

func bitErrors(b *bench) string {
	random := b.random()
	samples := b.samples(b.of(300, 5000))
	var wire [][]byte
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		for i, f := range samples[name] {
			samples[name][i].Data = flipBits(random, f.Data)
			wire = append(wire, samples[name][i].Data)
		}
	}
	return fmt.Sprintf("%d captures; %d frames from file, %d sent", len(samples), b.compareOracle(samples), b.sendClassified(wire))
}

func cutFiles(b *bench) string {
	dir, tallies := captures.Expected(b)
	random := b.random()
	files, counted := 0, 0
	path := filepath.Join(b.TempDir(), "cut")
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		whole, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		var at []int
		for n := 0; n <= maxCut; n += b.of(8, 1) {
			at = append(at, n)
		}
		for range b.of(2, 20) {
			at = append(at, random.IntN(len(whole)))
		}
		for _, n := range at {
			if err := os.WriteFile(path, whole[:min(n, len(whole))], 0o600); err != nil {
				b.Fatal(err)
			}
			files++
			status, out, log := b.replay(path, prefixesOf(tallies[name]))
			var tally replay.Tally
			switch {
			case status == 2 && out == "" && strings.HasPrefix(log, "gonetmon: ") && strings.Count(log, "\n") == 1:
			case status == 0 && json.Unmarshal([]byte(out), &tally) == nil && strings.Count(log, "\n") <= 1:
				counted++
			default:
				b.Errorf("%s cut at %d: status %d, output %.200q, log %.500q", name, n, status, out, log)
			}
		}
	}
	return fmt.Sprintf("%d files, %d counted up to the cut, %d refused", files, counted, files-counted)
}

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
	"gonetmon/app/report"
	"gonetmon/test/captures"
	"gonetmon/test/testnet"
)

const longestCut = 120

func captureRows() []row {
	return []row{
		{name: "captures-file", fault: "all captures, by file", holds: "to the byte what the oracle says", run: capturesByFile, beside: true},
		{name: "captures-wire", fault: "all captures, by wire at 50,000 frames/s", holds: "frames, classes and bytes that the oracle says", run: capturesByWire, beside: true},
		{name: "captures-cut", fault: "every capture's frames cut at each length from 0 to 120, by file", holds: "each frame in one class, as the oracle says; no panic", run: cutByFile, beside: true},
		{name: "captures-cut-wire", fault: "every capture's frames cut at each length from 14 to 120, by wire", holds: "each frame in one class; no panic", run: cutByWire, beside: true},
		{name: "captures-bits", fault: "bit errors in every capture's frames, by file and by wire", holds: "each frame in one class, by file as the oracle says; no panic", run: bitErrors, beside: true},
		{name: "captures-ends", fault: "every capture file cut at each length from 0 to 120 bytes, and anywhere", holds: "counted up to there, or refused in one line; no panic", run: cutFiles, beside: true},
	}
}

// replay runs `gonetmon replay --json`.
func (b *bench) replay(path string, cidrs []netip.Prefix) (status int, out, log string) {
	b.Helper()
	var text []string
	for _, p := range cidrs {
		text = append(text, p.String())
	}
	return testnet.Run(b, b.command(nil, []string{"GONETMON_CIDR=" + strings.Join(text, ",")}, nil, "replay", "--json", path))
}

func capturesByFile(b *bench) string {
	dir, tallies := captures.Expected(b)
	var frames uint64
	for name, tally := range tallies {
		status, out, log := b.replay(filepath.Join(dir, name), tally.CIDRs)
		want, err := os.ReadFile(filepath.Join(dir, "expected", name+".json"))
		if d := cmp.Diff(string(want), out); err != nil || status != 0 || d != "" {
			b.Errorf("%s: status %d, %s%v (-want +got):\n%s", name, status, log, err, d)
		}
		frames += tally.Totals.Packets
	}
	return fmt.Sprintf("%d captures, %d frames", len(tallies), frames)
}

func capturesByWire(b *bench) string {
	dir, tallies := captures.Expected(b)
	var all, replayed uint64
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		frames, others := captures.Ethernet(b, filepath.Join(dir, name))
		if len(frames) == 0 {
			continue // of link types that no interface here has
		}
		replayed++
		all += uint64(len(frames))
		tally := tallies[name]
		here, there := testnet.NewPair(b)
		// With an IPv6 prefix in the list it holds as it is.
		cidrs := []string{"2001:db8:ffff:ffff::/64"}
		for _, p := range tally.CIDRs {
			cidrs = append(cidrs, p.String())
		}
		d := b.start(here, "GONETMON_CIDR="+strings.Join(cidrs, ","))
		s := testnet.NewSender(there, "in0")
		s.SendAll(frames, 50000)
		d.settled(s.Sent)
		if others == 0 {
			b.compare(d, name, tally)
		}
		d.watch.end()
		if f := d.stop(); f.frames+f.drops != s.Sent || f.drops == 0 && others == 0 && f.bytes != tally.Totals.IPBytes {
			b.Errorf("%s: %+v, %d frames sent", name, f, s.Sent)
		}
	}
	return fmt.Sprintf("%d captures with Ethernet frames, %d frames", replayed, all)
}

// compare compares the page with what the oracle says of the same frames.
func (b *bench) compare(d *daemon, name string, tally *report.Tally) {
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
	devices, _ := testnet.AccountedBytes(m)
	t := &tally.Totals
	got := []uint64{classes("ipv4"), classes("ipv6"), classes("arp", "other"), classes("malformed"), uint64(m["network_bytes_total"]), uint64(devices)}
	want := []uint64{t.IPv4Packets, t.IPv6Packets, t.NonIPPackets, t.MalformedPackets, t.IPBytes, hosts}
	if d := cmp.Diff(want, got); d != "" {
		b.Errorf("%s: frames of IPv4, IPv6, no IP, malformed; bytes of the network, of the hosts (-want +got):\n%s", name, d)
	}
}

// samples are frames of every capture, some of each, all of one link type.
func (b *bench) samples(most int) map[string][]capture.Frame {
	dir, tallies := captures.Expected(b)
	all := map[string][]capture.Frame{}
	for name := range tallies {
		frames := captures.Frames(b, filepath.Join(dir, name))
		if len(frames) == 0 {
			continue
		}
		frames = slices.DeleteFunc(frames, func(f capture.Frame) bool { return f.Link != frames[0].Link })
		if step := len(frames) / most; step > 1 {
			for i := range most {
				frames[i] = frames[i*step]
			}
			frames = frames[:most]
		}
		all[name] = frames
	}
	return all
}

// save makes a capture file of frames, each with the length that it had on the wire.
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

// asks compares what gonetmon says of files with what the oracle says.
func (b *bench) asks(asked []captures.Question) (frames uint64) {
	b.Helper()
	dir, _ := captures.Expected(b)
	same := []cmp.Option{cmp.Comparer(func(x, y netip.Addr) bool { return x == y }), cmp.Comparer(func(x, y netip.Prefix) bool { return x == y })}
	for i, want := range captures.Oracle(b, dir, asked) {
		status, out, log := b.replay(asked[i].Path, want.CIDRs)
		var got report.Tally
		if err := json.Unmarshal([]byte(out), &got); err != nil || status != 0 {
			b.Errorf("%s: status %d, %s", filepath.Base(asked[i].Path), status, log)
			continue
		}
		t := &got.Totals
		if t.IPPackets+t.NonIPPackets+t.MalformedPackets != t.Packets {
			b.Errorf("%s: the classes have not each frame once: %+v", filepath.Base(asked[i].Path), t)
		}
		if d := cmp.Diff(want, &got, same...); d != "" {
			b.Errorf("%s (-oracle +got):\n%s", filepath.Base(asked[i].Path), d)
		}
		frames += t.Packets
	}
	return frames
}

func cutByFile(b *bench) string {
	_, tallies := captures.Expected(b)
	dir := b.TempDir()
	var asked []captures.Question
	for name, frames := range b.samples(b.of(40, 400)) {
		var cut []capture.Frame
		for _, f := range frames {
			for n := range longestCut + 1 {
				if n <= len(f.Data) {
					f := f
					f.Data = f.Data[:n]
					cut = append(cut, f)
				}
			}
		}
		q := captures.Question{Path: filepath.Join(dir, name)}
		for _, p := range tallies[name].CIDRs {
			q.CIDRs = append(q.CIDRs, p.String())
		}
		b.save(q.Path, cut)
		asked = append(asked, q)
	}
	return fmt.Sprintf("%d captures, %d frames", len(asked), b.asks(asked))
}

// carried says whether an interface hands a frame to those who listen. The kernel throws away a tagged frame that ends before the type
// behind its tag, before anybody hears it (skb_vlan_untag).
func carried(frame []byte) bool {
	const header, tag, longest = 14, 6, 65535 + 14
	if len(frame) < header || len(frame) > longest {
		return false
	}
	typ := binary.BigEndian.Uint16(frame[12:])
	return typ != 0x8100 && typ != 0x88a8 || len(frame) >= header+tag
}

// byWire sends the frames that an interface carries, checks that each is in one class, and returns how many they were.
func (b *bench) byWire(frames [][]byte) uint64 {
	b.Helper()
	frames = slices.DeleteFunc(frames, func(f []byte) bool { return !carried(f) })
	here, there := testnet.NewPair(b)
	d := b.start(here)
	s := testnet.NewSender(there, "in0")
	s.SendAll(frames, 50000)
	d.settled(s.Sent)
	var classes uint64
	for series, v := range d.Metrics() {
		if strings.HasPrefix(series, "gonetmon_frames_total{") {
			classes += uint64(v)
		}
	}
	if packets, drops := d.captured(); classes != packets || packets+drops != s.Sent {
		b.Errorf("%d frames in the classes, %d read, %d lost, %d sent", classes, packets, drops, s.Sent)
	}
	d.end(s.Sent)
	return s.Sent
}

func cutByWire(b *bench) string {
	var cut [][]byte
	samples := b.samples(b.of(20, 200))
	for _, frames := range samples {
		for _, f := range frames {
			if f.Link != packet.LinkEthernet {
				continue
			}
			for n := 14; n <= min(longestCut, len(f.Data)); n++ {
				cut = append(cut, f.Data[:n])
			}
		}
	}
	return fmt.Sprintf("%d captures, %d frames", len(samples), b.byWire(cut))
}

// flip is a frame with some bits the other way round.
func flip(random *rand.Rand, frame []byte) []byte {
	frame = bytes.Clone(frame)
	for range 1 + random.IntN(8) {
		if n := min(len(frame), 128); n > 0 {
			frame[random.IntN(n)] ^= 1 << random.IntN(8)
		}
	}
	return frame
}

func bitErrors(b *bench) string {
	_, tallies := captures.Expected(b)
	random, dir := b.random(), b.TempDir()
	var asked []captures.Question
	var wire [][]byte
	samples := b.samples(b.of(300, 5000))
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		bad := slices.Clone(samples[name])
		for i, f := range bad {
			bad[i].Data = flip(random, f.Data)
			wire = append(wire, bad[i].Data)
		}
		q := captures.Question{Path: filepath.Join(dir, name)}
		for _, p := range tallies[name].CIDRs {
			q.CIDRs = append(q.CIDRs, p.String())
		}
		b.save(q.Path, bad)
		asked = append(asked, q)
	}
	return fmt.Sprintf("%d captures; %d frames by file, %d by wire", len(asked), b.asks(asked), b.byWire(wire))
}

func cutFiles(b *bench) string {
	dir, tallies := captures.Expected(b)
	random := b.random()
	files, good := 0, 0
	path := filepath.Join(b.TempDir(), "cut")
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		whole, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		var at []int
		for n := 0; n <= longestCut; n += b.of(8, 1) {
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
			status, out, log := b.replay(path, tallies[name].CIDRs)
			log = withoutLibrary(log)
			var tally report.Tally
			switch {
			case status == 2 && out == "" && strings.HasPrefix(log, "gonetmon: ") && strings.Count(log, "\n") == 1:
			case status == 0 && json.Unmarshal([]byte(out), &tally) == nil && strings.Count(log, "\n") <= 1:
				good++
			default:
				b.Errorf("%s cut at %d: status %d, output %.200q, said %.500q", name, n, status, out, log)
			}
		}
	}
	return fmt.Sprintf("%d files, %d of them counted as far as they went, %d refused", files, good, files-good)
}

// withoutLibrary is what a command has said, but for what the metrics library may say at the start.
func withoutLibrary(log string) string {
	if libraryLine.MatchString(log) {
		_, log, _ = strings.Cut(log, "\n")
	}
	return log
}

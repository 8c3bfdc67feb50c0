package faults

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"gonetmon/test/captures"
	"gonetmon/test/testnet"
)

// samples returns up to n Ethernet frames of each capture that an interface delivers.
func (b *bench) samples(n int) (all [][]byte) {
	b.Helper()
	dir, tallies := captures.Expected(b)
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		frames, _ := captures.Ethernet(b, filepath.Join(dir, name))
		frames = slices.DeleteFunc(frames, func(f []byte) bool { return !deliverable(f) })
		for i := range min(n, len(frames)) {
			all = append(all, frames[i*len(frames)/min(n, len(frames))])
		}
	}
	return all
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

var frameClasses = []string{"ipv4", "ipv6", "arp", "other", "malformed"}

// flipBits returns a copy of a frame with some bits inverted.
func flipBits(random *rand.Rand, frame []byte) []byte {
	frame = bytes.Clone(frame)
	for range 1 + random.IntN(8) {
		frame[random.IntN(min(len(frame), 128))] ^= 1 << random.IntN(8)
	}
	return frame
}

func captureFrames(b *bench) string {
	const maxCut = 120
	random := b.random()
	var frames [][]byte
	for _, f := range b.samples(b.of(15, 200)) {
		for n := range min(maxCut, len(f)) + 1 {
			frames = append(frames, f[:n])
		}
	}
	for _, f := range b.samples(b.of(300, 5000)) {
		frames = append(frames, f, flipBits(random, f))
	}
	here, there := testnet.NewPair(b)
	d := b.start(here)
	s := testnet.NewSender(there, "in0")
	s.SendAll(slices.DeleteFunc(frames, func(f []byte) bool { return !deliverable(f) }), 50000)
	d.waitCounted(s.Sent)
	read, dropped := d.captured()
	var classified uint64
	m := d.Metrics()
	for _, class := range frameClasses {
		classified += uint64(m[fmt.Sprintf(`gonetmon_frames_total{class="%s"}`, class)])
	}
	if classified != read || read+dropped != s.Sent {
		b.Errorf("%d frames sent, %d read, %d dropped, %d in classes", s.Sent, read, dropped, classified)
	}
	return d.finish(s.Sent).String()
}

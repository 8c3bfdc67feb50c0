package capture_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gzipWays packs a file in all ways that are whole.
func gzipWays(b []byte) map[string][]byte {
	half := len(b) / 2
	return map[string][]byte{
		" in one member": gzipped(b),
		" in members":    gzipped(b[:half], b[half:half+1], nil, b[half+1:]),
	}
}

func TestFileGzip(t *testing.T) {
	for name, file := range smallFiles() {
		want := reference(file.b)
		for way, b := range gzipWays(file.b) {
			if d := cmp.Diff(want, readBytes(t, b)); d != "" {
				t.Errorf("%s%s (-want +got):\n%s", name, way, d)
			}
		}
	}
}

func TestFileGzipDamage(t *testing.T) {
	pcap := littleFile().pcap(0xa1b2c3d4, 1).record("first", 5).record("second", 6)
	whole := gzipped(pcap.b)
	first := gzipped(pcap.b[:50])
	sum := bytes.Clone(whole)
	sum[len(sum)-8] ^= 1
	for _, c := range []struct {
		name, status, damage string
		packets              int
		b                    []byte
	}{
		{"cut in the trailer", "cut", "gzip data is cut short, in record 3 at byte 67", 2, whole[:len(whole)-1]},
		{"wrong sum", "corrupt", "gzip data is corrupt, near record 3 at byte 67: gzip: invalid checksum", 2, sum},
		{"something behind", "corrupt", "gzip data is corrupt, near record 3 at byte 67: gzip: invalid header", 2, append(bytes.Clone(whole), "behind"...)},
		{"ends with its first member", "cut", "record 2 at byte 45 is cut short", 1, first},
		{"second member cut", "cut", "gzip data is cut short, in record 2 at byte 45", 1, append(bytes.Clone(first), 0x1f)},
		{"second member corrupt", "corrupt", "gzip data is corrupt, near record 2 at byte 45: gzip: invalid header", 1, append(bytes.Clone(first), 0x1f, 0x8c)},
		{"the capture corrupt", "corrupt", "record 1 at byte 24: captured length 4294967295 is above 262144", 0,
			gzipped(littleFile().pcap(0xa1b2c3d4, 1).u32(1, 1, 0xffffffff, 1).b)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, damage := readCapture(t, bytes.NewReader(c.b), 8)
			if got.Status != c.status || damage != c.damage || got.Packets != c.packets {
				t.Errorf("got %s, %q, %d packets; want %s, %q, %d", got.Status, damage, got.Packets, c.status, c.damage, c.packets)
			}
		})
	}
}

// TestFileGzipCuts cuts packed files at each byte, and changes each byte: what counts is always a beginning of the
// whole, and nothing passes for "ok" that is not whole.
func TestFileGzipCuts(t *testing.T) {
	for name, file := range smallFiles() {
		want := map[int]uint32{} // the sum of so many packets
		for _, m := range file.marks {
			want[m.packets] = reference(file.b[:m.length]).Sum
		}
		whole := gzipped(file.b)
		for n := range whole {
			got := readBytes(t, whole[:n])
			if got.Status == "ok" || got.Status == "corrupt" || got.Sum != want[got.Packets] {
				t.Errorf("%s, %d of %d packed bytes: %+v", name, n, len(whole), got)
			}
			for _, to := range changes(whole[n]) {
				b := bytes.Clone(whole)
				b[n] = to
				got := readBytes(t, b)
				last := file.marks[len(file.marks)-1].packets
				if got.Status == "ok" && (got.Packets != last || got.Sum != want[last]) {
					t.Errorf("%s, packed byte %d is %#x: %+v", name, n, to, got)
				}
			}
		}
	}
}

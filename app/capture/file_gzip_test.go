package capture_test

import (
	"bytes"
	"testing"
)

func TestFile_ReportsGzipDamage(t *testing.T) {
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
		{"something behind", "corrupt", "gzip data is corrupt, near record 3 at byte 67: gzip: invalid header", 2,
			append(bytes.Clone(whole), "something else"...)},
		{"ends with its first member", "cut", "record 2 at byte 45 is cut short", 1, first},
		{"second member cut", "cut", "gzip data is cut short, in record 2 at byte 45", 1, append(bytes.Clone(first), 0x1f)},
		{"second member corrupt", "corrupt", "gzip data is corrupt, near record 2 at byte 45: gzip: invalid header", 1,
			append(bytes.Clone(first), "\x1f\x8c12345678"...)},
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

// Compressed files are cut at each byte, and each byte is changed: the frames are always the first ones of the file, and the
// status is never "ok" if some are missing.
func TestFile_DamagedGzipIsNeverOK(t *testing.T) {
	all := smallFiles()
	for _, name := range []string{"us little", "pcapng little"} {
		file := all[name]
		want := map[int]uint32{} // the sum of so many packets
		for n := range len(file.b) + 1 {
			r := readBytes(t, file.b[:n])
			want[r.Packets] = r.Sum
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
				if got.Status == "ok" && got != readBytes(t, file.b) {
					t.Errorf("%s, packed byte %d is %#x: %+v", name, n, to, got)
				}
			}
		}
	}
}

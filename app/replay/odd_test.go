package replay_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/app/misuse"
	"gonetmon/app/replay"
	"gonetmon/test/testnet"
)

// pcapOf returns a capture file of a link type with these frames.
func pcapOf(link uint32, frames ...[]byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0)
	b = binary.LittleEndian.AppendUint32(b, link)
	for _, f := range frames {
		for _, n := range []uint32{1700000000, 0, uint32(len(f)), uint32(len(f))} {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		b = append(b, f...)
	}
	return b
}

// What a file holds that is not counted, or that it holds nothing, is said.
func TestRun_SaysWhatIsNotCounted(t *testing.T) {
	packet := testnet.UDP(netip.MustParseAddr("192.168.1.50"), netip.MustParseAddr("192.168.1.9"), 972)
	tagged := append(bytes.Clone(packet[:12]), append([]byte{0x89, 0x3f, 0, 0, 0, 0, 0, 0}, packet[12:]...)...)
	tzsp := bytes.Clone(packet)
	copy(tzsp[34:], []byte{0x90, 0x90, 0x90, 0x90, 3, 0xd4, 0, 0, 1, 0, 0, 1, 1})
	arp := append(bytes.Repeat([]byte{2}, 12), append([]byte{8, 6}, make([]byte, 28)...)...)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(pcapOf(1, packet))
	_ = z.Close()
	for _, tt := range []struct {
		name   string
		file   []byte
		stdout string
		stderr []string // parts of it; none: it is empty
	}{
		{"ordinary", pcapOf(1, packet, arp, arp, arp), "192.168.1.50", nil},
		{"gzip", zipped.Bytes(), "192.168.1.50", nil},
		{"no packets", pcapOf(1), "no traffic", []string{"no packets"}},
		{"a link type", pcapOf(258, packet, packet), "no traffic", []string{"2 of 2 frames", "link type 258 (Apple PKTAP)"}},
		{"a tag", pcapOf(1, tagged, tagged, packet), "192.168.1.50", []string{"2 of 3 frames", "0x893f (802.1BR E-tag)"}},
		{"some with a tag", pcapOf(1, tagged, packet), "192.168.1.50", nil},
		{"a mirror", pcapOf(1, tzsp, packet, packet), "192.168.1.50", []string{"1 of 3 frames", "TZSP"}},
		{"cut", pcapOf(1, packet, packet)[:1500], "192.168.1.50", []string{"record 2", "cut short"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.pcap")
			if err := os.WriteFile(path, tt.file, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{path, "-"} {
				var out, warnings bytes.Buffer
				err := replay.Run(replay.Config{
					Prefixes: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}, MaxHosts: 100,
					In: bytes.NewReader(tt.file), Out: &out, Warnings: &warnings,
				}, []string{name})
				if err != nil || !strings.Contains(out.String(), tt.stdout) || strings.Contains(out.String(), "0001-01-01") {
					t.Errorf("%s: %v, %q, want %q", name, err, out.String(), tt.stdout)
				}
				for _, want := range tt.stderr {
					if !strings.Contains(warnings.String(), want) {
						t.Errorf("%s: warnings %q, want %q", name, warnings.String(), want)
					}
				}
				if len(tt.stderr) == 0 && warnings.Len() > 0 {
					t.Errorf("%s: warnings %q", name, warnings.String())
				}
			}
		})
	}
	for _, name := range []string{"-", t.TempDir()} {
		_, ok := errors.AsType[misuse.Error](replay.Run(replay.Config{In: strings.NewReader(""), MaxHosts: 100}, []string{name}))
		if !ok {
			t.Errorf("%s: no error of usage for an empty file or a folder", name)
		}
	}
}

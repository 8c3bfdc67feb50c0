package capture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"gonetmon/app/capture"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// captures lists the capture files of the folder that TEST_CAPTURES names.
func captures(t *testing.T) (folder string, paths []string) {
	t.Helper()
	folder = os.Getenv("TEST_CAPTURES")
	for _, pattern := range []string{"*.pcap", "*.pcapng"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if folder == "" || len(paths) == 0 {
		lacking(t, "set TEST_CAPTURES to the folder of captures (27 real ones, see README)")
	}
	return folder, paths
}

// lacking skips a test, or fails it with TEST_KERNEL=1.
func lacking(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("TEST_KERNEL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// The headers, packets and bytes of each capture are those that the oracle found.
func TestFile_AgreesWithOracle(t *testing.T) {
	folder, paths := captures(t)
	for _, path := range paths {
		b, err := os.ReadFile(filepath.Join(folder, "expected", filepath.Base(path)+".json"))
		if err != nil {
			t.Error(err)
			continue
		}
		var expected struct {
			File   reading
			Totals reading
		}
		if err := json.Unmarshal(b, &expected); err != nil {
			t.Fatal(err)
		}
		want := expected.File
		want.Packets, want.WireBytes = expected.Totals.Packets, expected.Totals.WireBytes
		got := readPath(t, path)
		got.Sum = 0
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", path, d)
		}
	}
}

func readPath(t *testing.T, path string) reading {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return readBytes(t, b)
}

// Each frame of each capture is the one that gopacket reads.
func TestFile_AgreesWithPcapgo(t *testing.T) {
	_, paths := captures(t)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := openPcapgo(b)
		if err != nil {
			t.Errorf("pcapgo: %s: %v", path, err)
			continue
		}
		got, err := capture.OpenFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if n, err := sameFrames(got, want); err != nil {
			t.Errorf("%s, frame %d: %v", path, n, err)
		}
		if err := got.Close(); err != nil {
			t.Error(err)
		}
	}
}

type pcapgoPackets func() (data []byte, wire int, link layers.LinkType, err error)

func openPcapgo(b []byte) (pcapgoPackets, error) {
	if bytes.HasPrefix(b, []byte("\x0a\x0d\x0d\x0a")) {
		r, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.NgReaderOptions{WantMixedLinkType: true})
		return func() ([]byte, int, layers.LinkType, error) {
			data, ci, err := r.ReadPacketData()
			if err != nil {
				return nil, 0, 0, err
			}
			return data, ci.Length, ci.AncillaryData[0].(layers.LinkType), nil
		}, err
	}
	r, err := pcapgo.NewReader(bytes.NewReader(b))
	return func() ([]byte, int, layers.LinkType, error) {
		data, ci, err := r.ReadPacketData()
		return data, ci.Length, r.LinkType(), err
	}, err
}

// sameFrames compares all frames and returns their number. The link types of gopacket have only eight bits.
func sameFrames(got *capture.File, want pcapgoPackets) (n int, err error) {
	batch := make([]capture.Frame, 16)
	for {
		frames, err := got.Next(batch)
		for _, f := range batch[:frames] {
			data, wire, link, err := want()
			if err != nil {
				return n, fmt.Errorf("pcapgo: %w", err)
			}
			if !bytes.Equal(f.Data, data) || f.Wire != wire || layers.LinkType(f.Link) != link {
				return n, fmt.Errorf("got %x, wire %d, link %d; want %x, %d, %d", f.Data, f.Wire, f.Link, data, wire, link)
			}
			n++
		}
		if err == nil {
			continue
		}
		if _, _, _, end := want(); !errors.Is(end, io.EOF) {
			return n, fmt.Errorf("the file ends with %w, pcapgo's with %w", err, end)
		}
		return n, nil
	}
}

package capture_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
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

// lacking skips a test, which in CI has to run.
func lacking(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("TEST_KERNEL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// TestFileExpected compares with the expectations that lie beside the captures.
func TestFileExpected(t *testing.T) {
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

// TestFilePcapgoCaptures compares each frame of each capture with what gopacket reads.
func TestFilePcapgoCaptures(t *testing.T) {
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

// sameFrames compares all frames and says how many it saw. The link types of gopacket have only eight bits.
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

// A question to the oracle is a file, cut to some length or changed in some bytes.
type question struct {
	Path string `json:"path"`
	Cut  int    `json:"cut"`
	At   []int  `json:"at"`
	To   []int  `json:"to"`
}

func (q question) bytes(whole []byte) []byte {
	b := bytes.Clone(whole[:q.Cut])
	for i, at := range q.At {
		b[at] = byte(q.To[i])
	}
	return b
}

// askOracle answers each question with oracle.py, all in one process.
const askOracle = `
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import json, oracle, struct, zlib
files = {}
for line in sys.stdin:
    q = json.loads(line)
    if q["path"] not in files:
        with open(q["path"], "rb") as f:
            files[q["path"]] = f.read()
    b = bytearray(files[q["path"]][:q["cut"]])
    for at, to in zip(q["at"] or [], q["to"] or []):
        b[at] = to
    r, links, packets, total, crc = oracle.Reader(bytes(b)), {}, 0, 0, 0
    for link, data, wire in r:
        links[link] = links.get(link, 0) + 1
        packets += 1
        total += wire
        crc = zlib.crc32(data, zlib.crc32(struct.pack("<HII", link, wire, len(data)), crc))
    json.dump({"format": r.format, "status": r.status, "interfaces": r.interfaces, "linktypes": links or None,
               "packets": packets, "wire_bytes": total, "sum": crc}, sys.stdout)
    print()
`

// TestFileOracle compares with the oracle on the captures and the small files, whole, cut and changed.
func TestFileOracle(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		lacking(t, "a wire length of 2 GiB and more needs an int of 64 bits: run it on a 64-bit machine")
	}
	folder, paths := captures(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		lacking(t, "install python3 to compare with tools/oracle.py")
	}
	files := map[string][]byte{}
	var questions []question
	random := rand.New(rand.NewPCG(1, 2))
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = b
		questions = append(questions, question{Path: path, Cut: len(b)})
		starts := recordStarts(b)
		for range 50 {
			header := min(starts[random.IntN(len(starts))]+random.IntN(32), len(b)-1)
			questions = append(questions,
				question{Path: path, Cut: random.IntN(len(b))},
				question{path, len(b), []int{random.IntN(len(b))}, []int{random.IntN(256)}},
				question{path, len(b), []int{header}, []int{random.IntN(256)}},
				question{path, len(b), []int{header}, []int{int(b[header]) ^ 1<<random.IntN(8)}})
		}
	}
	dir := t.TempDir()
	for name, file := range smallFiles() {
		path := filepath.Join(dir, name)
		files[path] = file.b
		for n := range file.b {
			questions = append(questions, question{Path: path, Cut: n})
			for _, to := range changes(file.b[n]) {
				questions = append(questions, question{path, len(file.b), []int{n}, []int{int(to)}})
			}
		}
		for way, packed := range gzipWays(file.b) {
			files[path+way] = packed
			questions = append(questions, question{Path: path + way, Cut: len(packed)})
		}
	}
	for path, b := range files {
		if filepath.Dir(path) != dir {
			continue
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	answers := ask(t, python, filepath.Join(folder, "tools"), questions)
	status := map[string]int{}
	for i, q := range questions {
		want := answers[i]
		if want.Status == "bad" {
			want = reading{Format: "unknown", Status: "bad"} // The oracle names the format of a pcap header cut short.
		}
		status[want.Status]++
		if d := cmp.Diff(want, readBytes(t, q.bytes(files[q.Path]))); d != "" {
			t.Errorf("%+v (-oracle +got):\n%s", q, d)
		}
	}
	t.Logf("%d files: %v", len(questions), status)
}

func ask(t *testing.T, python, tools string, questions []question) []reading {
	t.Helper()
	var in, out, stderr bytes.Buffer
	encoder := json.NewEncoder(&in)
	for _, q := range questions {
		if err := encoder.Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", askOracle, tools)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("oracle.py: %v\n%s", err, &stderr)
	}
	answers := make([]reading, len(questions))
	decoder := json.NewDecoder(&out)
	for i := range answers {
		if err := decoder.Decode(&answers[i]); err != nil {
			t.Fatal(err)
		}
	}
	return answers
}

// recordStarts finds the records or blocks of a capture that is whole.
func recordStarts(b []byte) (starts []int) {
	ng := b[0] == 0x0a
	order := binary.ByteOrder(binary.LittleEndian)
	if b[0] == 0xa1 || ng && b[8] == 0x1a {
		order = binary.BigEndian
	}
	at := 24
	if ng {
		at = 0
	}
	for at < len(b) {
		starts = append(starts, at)
		if ng {
			at += int(order.Uint32(b[at+4:]))
		} else {
			at += 16 + int(order.Uint32(b[at+8:]))
		}
	}
	return starts
}

// Package captures reads capture files and the oracle's counts for tests. Only tests import it.
package captures

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/app/capture"
	"gonetmon/app/packet"
	"gonetmon/app/replay"
	"gonetmon/test/testnet"
)

// Expected returns the directory of captures, TEST_CAPTURES, and the oracle's counts of each. Without it the test is skipped,
// or fails with TEST_KERNEL=1.
func Expected(tb testing.TB) (dir string, tallies map[string]*replay.Tally) {
	tb.Helper()
	dir = os.Getenv("TEST_CAPTURES")
	files, err := filepath.Glob(filepath.Join(dir, "expected", "*.json"))
	if err != nil {
		tb.Fatal(err)
	}
	if dir == "" || len(files) == 0 {
		if os.Getenv("TEST_KERNEL") == "1" {
			tb.Fatalf("TEST_CAPTURES=%q: no captures with expected counts there", dir)
		}
		tb.Skip("set TEST_CAPTURES to a directory of capture files with expected/NAME.json beside them")
	}
	tallies = map[string]*replay.Tally{}
	for _, f := range files {
		tallies[strings.TrimSuffix(filepath.Base(f), ".json")] = ReadTally(tb, f)
	}
	return dir, tallies
}

// ReadTally reads counts that the oracle has written.
func ReadTally(tb testing.TB, path string) *replay.Tally {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var tally replay.Tally
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields() // every key of the oracle's is one of ours
	if err := d.Decode(&tally); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return &tally
}

// Frames returns all frames of a capture file, each with memory of its own.
func Frames(tb testing.TB, path string) (all []capture.Frame) {
	tb.Helper()
	file, err := capture.OpenFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var batch [1]capture.Frame
	for {
		if _, err := file.Next(batch[:]); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			tb.Fatal(err)
		}
		f := batch[0]
		f.Data = bytes.Clone(f.Data)
		all = append(all, f)
	}
}

// Ethernet returns the Ethernet frames of a capture that an interface can send, at their length on the wire, and the number of
// others.
func Ethernet(tb testing.TB, path string) (frames [][]byte, others int) {
	tb.Helper()
	const longest = 65535 + 14 // of a veth's MTU
	for _, f := range Frames(tb, path) {
		if f.Link != packet.LinkEthernet || f.Wire > longest {
			others++
			continue
		}
		frames = append(frames, append(f.Data, make([]byte, f.Wire-len(f.Data))...))
	}
	return frames, others
}

// Oracle returns the oracle's counts of capture files, all in one run of Python.
func Oracle(tb testing.TB, dir string, asked []Question) []*replay.Tally {
	tb.Helper()
	testnet.NeedCommand(tb, "python3", "to run the oracle of the captures, install python3")
	in, err := json.Marshal(asked)
	if err != nil {
		tb.Fatal(err)
	}
	const program = `import sys, json
sys.path.insert(0, sys.argv[1])
import oracle
for q in json.load(sys.stdin):
    print(json.dumps(oracle.count(open(q["Path"], "rb").read(), oracle.parse_cidrs(q["CIDRs"]))))`
	cmd := exec.Command("python3", "-c", program, filepath.Join(dir, "tools"))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin = bytes.NewReader(in)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("oracle: %v\n%s", err, complaints.String())
	}
	var tallies []*replay.Tally
	for line := range bytes.Lines(out) {
		var tally replay.Tally
		if err := json.Unmarshal(line, &tally); err != nil {
			tb.Fatal(err)
		}
		tallies = append(tallies, &tally)
	}
	return tallies
}

// A Question is a file and the local prefixes to count it with.
type Question struct {
	Path  string
	CIDRs []string
}

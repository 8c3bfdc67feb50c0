// Package faults injects faults into a running gonetmon, in network namespaces of its own, and checks all the while that what
// gonetmon reports is true. `make faults` runs it.
package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

var (
	seed  = flag.Uint64("seed", 0, "seed of everything random; 0: a new one for each run")
	write = flag.String("write", "", "file to write the results to, when all rows have run")
)

// A row is one fault.
type row struct {
	name     string // picks the row: -run TestFaults/NAME
	fault    string
	expected string
	run      func(b *bench) (measured string)
	parallel bool // it waits more than it works: other rows may run at the same time
}

// rows returns all faults, in the order of the table.
func rows() []row {
	return slices.Concat(captureRows(), interfaceRows(), processRows(), floodRows(), wireRows(), dnsRows(), nameRows(), httpRows(),
		limitRows(), clockRows(), changeRows(), configRows(), privilegeRows(), soakRows())
}

// TestFaults runs the rows and prints the table.
func TestFaults(t *testing.T) {
	form := os.Getenv("TEST_FAULTS")
	switch form {
	case "short", "long":
	case "":
		t.Skip("the fault bench takes long: run `make faults` (an hour) or `make faults FAULTS=short` (some minutes) as root")
	default:
		t.Fatalf("TEST_FAULTS=%q: neither short nor long; for example TEST_FAULTS=short", form)
	}
	testnet.NeedKernel(t)
	if os.Getenv("TEST_CAPTURES") == "" {
		t.Log("TEST_CAPTURES is not set: rows with captures are skipped, the soak runs without them, and no document is written")
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	res := &results{form: form, seed: *seed, begin: time.Now()}
	t.Cleanup(func() { res.finish(t) })
	binary := build(t)
	for _, r := range rows() {
		res.total++
		t.Run(r.name, func(t *testing.T) {
			if r.parallel {
				t.Parallel()
			}
			o := res.add(r)
			begin := time.Now()
			t.Cleanup(func() { o.failed, o.skipped, o.took = t.Failed(), t.Skipped(), time.Since(begin) })
			o.measured = r.run(&bench{T: t, long: form == "long", seed: *seed, binary: binary})
			t.Log(o.measured)
		})
	}
}

// build builds the program.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(testnet.PublicDir(t), "gonetmon")
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, "gonetmon/app/cmd/gonetmon")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// An outcome is the result of one row.
type outcome struct {
	row
	measured        string
	failed, skipped bool
	took            time.Duration
}

// results collects outcomes for the table.
type results struct {
	form  string
	seed  uint64
	begin time.Time
	total int // rows started, those that -run leaves out included

	mu       sync.Mutex // guards outcomes
	outcomes []*outcome
}

func (r *results) add(row row) *outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := &outcome{row: row}
	r.outcomes = append(r.outcomes, o)
	return o
}

// finish prints the table, and writes the document if that was asked for and no row was left out.
func (r *results) finish(t *testing.T) {
	table := r.table()
	fmt.Print("\n", table)
	if *write == "" {
		return
	}
	if n := len(r.outcomes) - r.count(func(o *outcome) bool { return o.skipped }); n < r.total {
		t.Errorf("-write: only %d of %d rows have run", n, r.total)
		return
	}
	if err := os.WriteFile(*write, []byte(r.document(table)), 0o644); err != nil {
		t.Error(err)
	}
}

func (r *results) count(is func(*outcome) bool) (n int) {
	for _, o := range r.outcomes {
		if is(o) {
			n++
		}
	}
	return n
}

func (r *results) table() string {
	var b strings.Builder
	b.WriteString("| Fault | Expected | Measured | Result |\n|---|---|---|---|\n")
	for _, row := range rows() {
		for _, o := range r.outcomes {
			if o.name != row.name {
				continue
			}
			verdict := "pass"
			switch {
			case o.skipped:
				verdict, o.measured = "skipped", "the log above says why"
			case o.failed:
				verdict = "**FAIL**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", o.fault, o.expected, tableCell(o.measured), verdict)
		}
	}
	fmt.Fprintf(&b, "\n%d rows, %d failed, %d skipped; %s form, seed %d, %s.\n", len(r.outcomes),
		r.count(func(o *outcome) bool { return o.failed }), r.count(func(o *outcome) bool { return o.skipped }),
		r.form, r.seed, time.Since(r.begin).Round(time.Second))
	return b.String()
}

// tableCell escapes text for a cell of the table.
func tableCell(text string) string {
	if text == "" {
		return "aborted"
	}
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

// document returns the page for people, docs/faults.md.
func (r *results) document(table string) string {
	return fmt.Sprintf(`# Fault-injection results

Each row injects one kind of fault into a running gonetmon. `+"`make faults`"+` repeats all of them on any
Linux machine, as root; the code is in [test/faults](../test/faults).

During every row a watcher polls /metrics, /healthz and /readyz, up to five times a second:

- No counter decreases, and no series appears twice.
- Device counters plus the overflow, pending and expired counters add up to the network total.
- Memory stays below the ring buffer plus 64 MiB. Goroutines and file descriptors stay bounded.
- /healthz and /readyz agree with the metrics.

At the end of every row, left alone, gonetmon uses less than 1 %% of a core (5 %% while it resolves
names). Its page is valid HTML, every log line is complete, and it exits within three seconds.
Frames read plus frames dropped equal the frames sent (the identity error is the difference).

Last run: %s, %s.

%s`, r.begin.UTC().Format(time.DateOnly), machine(), table)
}

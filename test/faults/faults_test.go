// Package faults injects faults into a running gonetmon, in network namespaces of its own, and checks all the while that what
// gonetmon reports is true. `make faults` runs it.
package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	name     string // picks the row: make faults RUN=NAME
	fault    string
	expected string
	run      func(b *bench) (measured string)
	alone    bool // it measures times, or loads the machine: no other row runs at the same time
}

// An outcome is the result of a row, empty if -run leaves it out.
type outcome struct{ verdict, measured string }

func TestMain(m *testing.M) { testnet.Main(m) }

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
		t.Log("TEST_CAPTURES is not set: the row with captures is skipped, the soak runs without them, and no document is written")
	}
	begin := time.Now()
	if *seed == 0 {
		*seed = uint64(begin.UnixNano())
	}
	binary := build(t)
	outcomes := make([]outcome, len(rows))
	t.Cleanup(func() {
		table, complete := table(outcomes)
		table += fmt.Sprintf("%s form, seed %d, %s.\n", form, *seed, time.Since(begin).Round(time.Second))
		fmt.Print("\n", table)
		switch {
		case *write == "":
		case !complete:
			t.Error("-write: not all rows have run")
		default:
			if err := os.WriteFile(*write, []byte(document(begin, table)), 0o644); err != nil {
				t.Error(err)
			}
		}
	})
	for i, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if !r.alone {
				t.Parallel()
			}
			measured := "aborted"
			t.Cleanup(func() {
				verdict := "pass"
				if t.Skipped() {
					verdict, measured = "skipped", "the log above says why"
				} else if t.Failed() {
					verdict = "**FAIL**"
				}
				outcomes[i] = outcome{verdict, measured}
			})
			measured = r.run(&bench{T: t, long: form == "long", seed: *seed, binary: binary})
			t.Log(measured)
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

// table returns the results as a table, and whether all rows have run.
func table(outcomes []outcome) (text string, complete bool) {
	var b strings.Builder
	b.WriteString("| Fault | Expected | Measured | Result |\n|---|---|---|---|\n")
	verdicts := map[string]int{}
	for i, o := range outcomes {
		verdicts[o.verdict]++
		if o.verdict != "" {
			measured := strings.NewReplacer("|", `\|`, "\n", " ").Replace(o.measured)
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", rows[i].fault, rows[i].expected, measured, o.verdict)
		}
	}
	fmt.Fprintf(&b, "\n%d rows, %d failed, %d skipped; ", len(rows)-verdicts[""], verdicts["**FAIL**"], verdicts["skipped"])
	return b.String(), verdicts[""]+verdicts["skipped"] == 0
}

// document returns the page for people, docs/faults.md.
func document(begin time.Time, table string) string {
	return fmt.Sprintf(`# Fault-injection results

Each row injects one kind of fault into a running gonetmon. `+"`make faults`"+` repeats all of them on any
Linux machine, as root; the code is in [test/faults](../test/faults).

During every row a watcher polls /metrics, /healthz and /readyz, up to five times a second:

- No counter decreases, and no series appears twice.
- Device counters plus the overflow, pending and expired counters add up to the network total.
- Memory stays below the ring buffer plus 64 MiB. Goroutines and file descriptors stay bounded.
- /healthz and /readyz agree with the metrics, and no capability is left.

At the end of every row, left alone, gonetmon uses less than 1 %% of a core (5 %% while it resolves
names). Its page is complete and runs no script, every log line is complete, and it exits within
three seconds.
Frames read plus frames dropped equal the frames sent (the identity error is the difference).

Last run: %s, %s.

%s`, begin.UTC().Format(time.DateOnly), machine(), table)
}

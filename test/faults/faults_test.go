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
	write = flag.String("write", "", "document whose results to replace, when all rows have run")
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
		if *write != "" && !complete {
			t.Error("-write: not all rows have run")
		} else if *write != "" {
			page, err := os.ReadFile(*write)
			head, _, ok := strings.Cut(string(page), "Last run:")
			if !ok {
				t.Fatalf("-write %s: no line that begins with \"Last run:\", %v", *write, err)
			}
			page = fmt.Appendf(nil, "%sLast run: %s, %s.\n\n%s", head, begin.UTC().Format(time.DateOnly), machine(), table)
			if err := os.WriteFile(*write, page, 0o644); err != nil {
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

// Package faults is the fault bench: it does to a running gonetmon what can happen to one, in network namespaces of its own, and
// watches all the while that what it says is true. `make faults` runs it.
package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

var (
	seed  = flag.Uint64("seed", 0, "of what happens at random; 0: another one each time")
	write = flag.String("write", "", "file to write the table to, when all rows have run")
)

// A row is one fault.
type row struct {
	name   string // to pick it: -run TestFaults/NAME
	fault  string
	holds  string // what must hold
	run    func(b *bench) (figure string)
	beside bool // it waits more than it works: other rows may run at the same time
}

// rows are all faults, in the order of the table.
func rows() []row {
	var all []row
	for _, some := range [][]row{captureRows(), interfaceRows(), processRows(), floodRows(), wireRows(), dnsRows(), nameRows(), httpRows(),
		limitRows(), clockRows(), changeRows(), configRows(), rightRows(), soakRows()} {
		all = append(all, some...)
	}
	return all
}

// TestFaults runs the rows and prints the table.
func TestFaults(t *testing.T) {
	form := os.Getenv("TEST_FAULTS")
	switch form {
	case "short", "long":
	case "":
		t.Skip("the fault bench takes long: run it with `make faults` (an hour), or `make faults FAULTS=short` (some minutes), as root")
	default:
		t.Fatalf("TEST_FAULTS=%q: neither short nor long; for example TEST_FAULTS=short", form)
	}
	testnet.NeedKernel(t)
	if os.Getenv("TEST_CAPTURES") == "" {
		t.Log("TEST_CAPTURES is not set: rows with captures are skipped, the soak goes without them, and no document is written")
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	c := &collector{form: form, seed: *seed, begin: time.Now()}
	t.Cleanup(func() { c.end(t) })
	binary := build(t)
	for _, r := range rows() {
		c.all++
		t.Run(r.name, func(t *testing.T) {
			if r.beside {
				t.Parallel()
			}
			b := &bench{T: t, long: form == "long", seed: *seed, binary: binary}
			o := &outcome{row: r}
			c.add(o)
			t.Cleanup(func() { o.failed, o.skipped = t.Failed(), t.Skipped() })
			o.figure = r.run(b)
			t.Log(o.figure)
		})
	}
}

// build makes the daemon's binary.
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

// An outcome is what became of a row.
type outcome struct {
	row
	figure          string
	failed, skipped bool
}

// A collector makes the table.
type collector struct {
	form  string
	seed  uint64
	begin time.Time
	all   int // rows that there are

	mu       sync.Mutex // guards outcomes
	outcomes []*outcome
}

func (c *collector) add(o *outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes = append(c.outcomes, o)
}

// end prints the table, and writes it if that was asked for and no row was left out.
func (c *collector) end(t *testing.T) {
	table := c.table()
	fmt.Print("\n", table)
	if *write == "" {
		return
	}
	run := 0
	for _, o := range c.outcomes {
		if !o.skipped {
			run++
		}
	}
	if run < c.all {
		t.Errorf("-write: %d of %d rows have run", run, c.all)
		return
	}
	if err := os.WriteFile(*write, []byte(c.document(table)), 0o644); err != nil {
		t.Error(err)
	}
}

func (c *collector) table() string {
	var b strings.Builder
	failed, skipped := 0, 0
	b.WriteString("| fault | what must hold | figure | verdict |\n|---|---|---|---|\n")
	for _, r := range rows() {
		for _, o := range c.outcomes {
			if o.name != r.name {
				continue
			}
			verdict := "holds"
			switch {
			case o.skipped:
				verdict, o.figure = "skipped", "it says why above"
				skipped++
			case o.failed:
				verdict = "**fails**"
				failed++
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", o.fault, o.holds, cell(o.figure), verdict)
		}
	}
	fmt.Fprintf(&b, "\n%d rows, %d fail, %d are skipped; %s form, seed %d, %s.\n", len(c.outcomes), failed, skipped, c.form, c.seed, time.Since(c.begin).Round(time.Second))
	return b.String()
}

// cell is text as it may stand in a table.
func cell(text string) string {
	if text == "" {
		return "none: it broke off"
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", `\|`), "\n", " ")
}

// document is the page for people.
func (c *collector) document(table string) string {
	return fmt.Sprintf(`# What gonetmon stands

What was done to a running gonetmon, what had to hold, and what came out. `+"`make faults`"+` does it all again, on any Linux machine with root; see [test/faults](../test/faults).

Beside each row that has a daemon a watcher reads /metrics, /healthz and /readyz all the time, five times a second where the page is small: no counter goes back, no series
is there twice, the devices and what is no device's add up to what was on the network, memory, goroutines and descriptors stay within bounds (memory: the ring, 64 MiB
and 512 bytes for each host of the limit), /healthz and /readyz tell the truth. At the end the daemon, left alone, uses less than 1 %% of a core (5 %% while it asks for
names, 50 a second, and prints a report of a /16 every two seconds), the page is proper HTML, it ends well within three seconds, each line of its log is whole, and frames read and lost are together those that were sent: to the frame, in every row.

The last run, %s, on %s:

%s`, c.begin.UTC().Format(time.DateOnly), machine(), table)
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

const manual = "../../../docs/gonetmon.8"

// The manual's list of variables is what the program says of itself; -update writes it.
func TestManualDocumented(t *testing.T) {
	const head, tail = ".\\\" The list of variables is written by make env.\n", ".\\\" The end of the list.\n"
	page, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := bytes.Index(page, []byte(head))+len(head), bytes.Index(page, []byte(tail))
	if begin < len(head) || end < begin {
		t.Fatalf("%s has no list between %q and %q", manual, head, tail)
	}
	environment(t)
	c, err := loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	want := manualList(c)
	if *update {
		if err := os.WriteFile(manual, slices.Concat(page[:begin], []byte(want), page[end:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, string(page[begin:end])); d != "" {
		t.Errorf("the list of %s is not current, run go test ./app/cmd/gonetmon -run Documented -update (-want +got):\n%s", manual, d)
	}
}

// manualList is the variables as mdoc(7) has them: each sentence on a line of its own, or on several.
func manualList(c *config) string {
	var b strings.Builder
	plain := strings.NewReplacer("\\", "\\e", "\n.", "\n\\&.", "\n'", "\n\\&'") // a line that begins with one of these would be a request
	for _, v := range c.variables() {
		fmt.Fprintf(&b, ".It Ev %s", v.name)
		for sentence := range strings.SplitSeq(v.desc, ". ") {
			_, _ = plain.WriteString(&b, "\n"+wrap(strings.TrimSuffix(sentence, ".")+".", 78, "\n"))
		}
		b.WriteByte('\n')
		fmt.Fprintf(&b, "Default:\n.Ql %s .\nExample:\n.Ql %s .\n", v.standard, v.example)
	}
	return b.String()
}

// The manual names every command, and formats without a complaint.
func TestManual(t *testing.T) {
	page, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^ +(?:gonetmon )?-*(\w+)`).FindAllStringSubmatch(usage, -1)
	if len(names) < 9 {
		t.Errorf("%d commands and flags", len(names))
	}
	for _, name := range names {
		if !bytes.Contains(page, []byte(name[1])) {
			t.Errorf("%s does not tell of %s", manual, name[1])
		}
	}
	t.Run("mandoc", func(t *testing.T) {
		testnet.NeedCommand(t, "mandoc", "apt-get install mandoc")
		out, _ := exec.Command("mandoc", "-T", "lint", "-W", "style", manual).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, manual) { // others are of the machine's own manuals, to which it refers
				t.Error(line)
			}
		}
	})
	t.Run("groff", func(t *testing.T) {
		testnet.NeedCommand(t, "groff", "apt-get install groff-base")
		var complaints bytes.Buffer
		cmd := exec.Command("groff", "-mdoc", "-ww", "-z", manual)
		cmd.Stderr = &complaints
		if err := cmd.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("groff: %v\n%s", err, &complaints)
		}
	})
}

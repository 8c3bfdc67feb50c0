package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

const manual = "../../../docs/gonetmon.8"

// The manual names every command, and formats without a complaint.
func TestManual(t *testing.T) {
	page, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^ +(?:gonetmon )?-*(\w+)`).FindAllStringSubmatch(help, -1)
	if len(names) < 9 {
		t.Errorf("%d commands and flags", len(names))
	}
	for _, name := range names {
		if !bytes.Contains(page, []byte(name[1])) {
			t.Errorf("%s does not describe %s", manual, name[1])
		}
	}
	t.Run("mandoc", func(t *testing.T) {
		testnet.NeedCommand(t, "mandoc", "apt-get install mandoc")
		out, _ := exec.Command("mandoc", "-T", "lint", "-W", "style", manual).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			// Other lines are about manuals that it refers to, or whether they are installed.
			if strings.Contains(line, manual) && !strings.Contains(line, "referenced manual not found") {
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

package dashboards

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write docs/dashboard.svg anew")

// The picture in README is of the home page as it is.
func TestLayoutCurrent(t *testing.T) {
	const file = "../../docs/dashboard.svg"
	for _, d := range load(t) {
		if d.File != "home.json" {
			continue
		}
		want := Layout(d)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not of the dashboard as it is (%v): go test -run Layout -update", file, err)
		}
	}
}

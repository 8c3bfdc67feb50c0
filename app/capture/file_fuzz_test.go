package capture_test

import (
	"bytes"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// FuzzFile reads anything: the status is valid, and the result does not depend on how the bytes arrive or how large the batches
// are. That it is right is shown by the tests of app/replay, which compare files with changed bytes with an oracle.
func FuzzFile(f *testing.F) {
	for _, file := range smallFiles() {
		f.Add(file.b)
		f.Add(file.b[:len(file.b)-1])
		f.Add(gzipped(file.b[:len(file.b)/2], file.b[len(file.b)/2:]))
	}
	f.Add(bigFile().section(1, 0).iface(1, 0).enhanced(0, "long", 4, make([]byte, 600_000)...).simple("x", 1).b)
	f.Fuzz(func(t *testing.T, b []byte) {
		got := readBytes(t, b)
		if !slices.Contains([]string{"ok", "cut", "corrupt", "bad"}, got.Status) {
			t.Fatalf("status %q", got.Status)
		}
		if len(b) < 1<<16 {
			slow, _ := readCapture(t, iotest.OneByteReader(bytes.NewReader(b)), 1)
			if d := cmp.Diff(got, slow); d != "" {
				t.Errorf("byte by byte (-want +got):\n%s", d)
			}
		}
	})
}

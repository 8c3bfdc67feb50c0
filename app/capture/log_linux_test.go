package capture

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"gonetmon/app/sloglimit"
)

// However often an interface comes and goes, the log has a few lines of it, and its last ones say how it is.
func TestRingLogIsBounded(t *testing.T) {
	var out bytes.Buffer
	book := sloglimit.NewHandler(slog.NewTextHandler(&out, nil))
	r := NewRing(RingConfig{Interface: "mon0", Log: slog.New(book)})
	for range 10_000 {
		r.because("no such interface")
		r.because("interface is down")
		r.because("interface has no carrier (is the cable plugged in?)")
		r.because("")
	}
	book.Flush()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) > 3*13 || !strings.Contains(out.String(), "skipped=9987") {
		t.Errorf("%d lines:\n%s", len(lines), out.String())
	}
}

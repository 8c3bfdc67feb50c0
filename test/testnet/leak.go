package testnet

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// ExitLeak is how a process ends that has left goroutines behind.
const ExitLeak = 97

// Main runs the tests of a package, and fails if one of them has left a goroutine behind. It does not return.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 && !fuzzing() {
		code = FindLeaks()
	}
	os.Exit(code)
}

// FindLeaks says on standard error which goroutines are left beside the one that asks. The exit status is 0 if there are none.
func FindLeaks() int {
	if err := goleak.Find(); err != nil {
		fmt.Fprintf(os.Stderr, "goroutines are left behind: %v\n", err)
		return ExitLeak
	}
	return 0
}

// fuzzing says whether inputs are tried: that has goroutines of its own.
func fuzzing() bool {
	for _, name := range []string{"test.fuzz", "test.fuzzworker"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" && f.Value.String() != "false" {
			return true
		}
	}
	return false
}

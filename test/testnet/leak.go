package testnet

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package, and fails if one of them leaks a goroutine. It does not return.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 && !fuzzing() {
		code = FindLeaks()
	}
	os.Exit(code)
}

// FindLeaks prints the goroutines beside the calling one to standard error. It returns an exit status, 0 if there
// are none.
func FindLeaks() int {
	if err := goleak.Find(); err != nil {
		fmt.Fprintf(os.Stderr, "leaked goroutines: %v\n", err)
		return 97
	}
	return 0
}

// fuzzing reports whether this is a fuzzing process, which has goroutines of its own.
func fuzzing() bool {
	for _, name := range []string{"test.fuzz", "test.fuzzworker"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" && f.Value.String() != "false" {
			return true
		}
	}
	return false
}

// Package testnet builds networks and hostile peers for tests: network namespaces connected by veth pairs, senders that know
// exactly what they sent, and a DNS server with fault modes. Only tests import it. All traffic stays inside these namespaces.
package testnet

import (
	"os"
	"os/exec"
	"testing"
)

// NeedKernel skips the test if it can't make network namespaces here, which needs root and iproute2. With TEST_KERNEL=1 it fails
// instead, so that no skip goes unnoticed.
func NeedKernel(tb testing.TB) {
	tb.Helper()
	missing := ""
	if os.Geteuid() != 0 {
		missing = "root"
	} else if _, err := exec.LookPath("ip"); err != nil {
		missing = "the command ip (package iproute2)"
	}
	need(tb, missing, "to run the tests of the kernel: sudo -E make test, with iproute2 installed")
}

// NeedRoot skips the test unless it runs as root, or fails as NeedKernel does.
func NeedRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		need(tb, "root", "to run the tests of the kernel: sudo -E make test")
	}
}

// NeedCommand skips the test if a program is missing, or fails as NeedKernel does.
func NeedCommand(tb testing.TB, name, how string) {
	tb.Helper()
	if _, err := exec.LookPath(name); err != nil {
		need(tb, "the command "+name, how)
	}
}

func need(tb testing.TB, missing, how string) {
	tb.Helper()
	switch {
	case missing == "":
	case os.Getenv("TEST_KERNEL") == "1":
		tb.Fatalf("TEST_KERNEL=1, but %s is missing; %s", missing, how)
	default:
		tb.Skipf("needs %s; %s", missing, how)
	}
}

package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gonetmon/test/testnet"
)

// The test binary is gonetmon itself when this is set: so the tests run the whole program, race detector included.
const beGonetmon = "TEST_BE_GONETMON"

// And so many descriptors it has then, if this is set.
const descriptors = "TEST_DESCRIPTORS"

func TestMain(m *testing.M) {
	if os.Getenv(beGonetmon) == "1" {
		if n, err := strconv.ParseUint(os.Getenv(descriptors), 10, 64); err == nil {
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
				panic(err)
			}
		}
		main()
		os.Exit(testnet.FindLeaks())
	}
	testnet.Main(m)
}

// gonetmon is the command that runs gonetmon with these variables and no other of its own, in the namespace if there is one.
func gonetmon(n *testnet.Namespace, variables []string, args ...string) *exec.Cmd {
	args = append([]string{os.Args[0]}, args...)
	cmd := exec.Command(args[0], args[1:]...)
	if n != nil {
		cmd = n.Command(args...)
	}
	cmd.Env = testnet.Environ(append([]string{beGonetmon + "=1"}, variables...)...)
	return cmd
}

// start starts the daemon in a namespace and waits until it has said where its page is. It is killed at the end of the test.
func start(t *testing.T, n *testnet.Namespace, variables ...string) *testnet.Daemon {
	t.Helper()
	return testnet.StartDaemon(t, n, gonetmon(n, append(usual(), variables...)))
}

// usual are the variables of most tests. The last of several wins, so that a test may choose others.
func usual() []string {
	return []string{"GONETMON_PORT=0", "GONETMON_INTERFACE=mon0", "GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=none"}
}

// promtool has a page checked by Prometheus's own tool.
func promtool(t *testing.T, page string) {
	t.Helper()
	testnet.NeedCommand(t, "promtool", "go install the promtool of Prometheus 3")
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

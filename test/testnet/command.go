package testnet

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// Run runs a command, and returns its exit status and what it wrote.
func Run(tb testing.TB, cmd *exec.Cmd) (status int, out, log string) {
	tb.Helper()
	var o, l bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &l
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tb.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), l.String()
}

// RequireUsageError checks that a command fails with status 2 and one line that contains want.
func RequireUsageError(tb testing.TB, cmd *exec.Cmd, want string) {
	tb.Helper()
	status, out, log := Run(tb, cmd)
	if status != 2 || out != "" || !strings.HasPrefix(log, "gonetmon: ") || strings.Count(log, "\n") != 1 ||
		!strings.Contains(log, want) {
		tb.Errorf("status %d, output %q, log %q, want one line with %q", status, out, log, want)
	}
}

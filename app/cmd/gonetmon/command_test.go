package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/app/misuse"
	"gonetmon/test/testnet"
)

// A mistake in the command line or in a file is reported as one that a person has to correct, and names what is
// wrong.
func TestRun_UsageErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("these are notes, not packets"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GONETMON_NAMES_FILE", "")
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"unknown command", []string{"relay"}, `"relay": no such command`},
		{"a flag in place of a variable", []string{"--interface=eth0"}, "for example GONETMON_INTERFACE=eth1"},
		{"extra argument", []string{"config", "all"}, `"all": no such command or argument`},
		{"unknown flag", []string{"replay", "--yaml", text}, `"--yaml": no such`},
		{"two formats", []string{"replay", "--json", "--metrics", text}, "--metrics"},
		{"two other formats", []string{"replay", "--devices", "--metrics", text}, "--metrics"},
		{"evidence without devices", []string{"replay", "--json", "--why", text}, "--why needs --devices"},
		{"standard input twice", []string{"replay", "-", "-"}, "only once"},
		{"no file", []string{"replay"}, "for example gonetmon replay capture.pcap"},
		{"a file that is not a capture", []string{"replay", text}, "notes.txt: not a pcap or pcapng file"},
		{"a missing file", []string{"replay", filepath.Join(dir, "none.pcap")}, "none.pcap: no such file or directory"},
		{"a folder", []string{"replay", dir}, "is a directory"},
		{"a backup to nowhere", []string{"backup"}, "for example gonetmon backup gonetmon.backup"},
		{"a backup with an unknown flag", []string{"backup", "--now"}, `"--now": no such command or argument`},
		{"a backup over a device", []string{"backup", "/dev/null"}, "/dev/null: not a regular file"},
		{"two backups", []string{"restore", "a", "b"}, "restore: 2 arguments"},
		{"nowhere to restore", []string{"restore", text}, "GONETMON_STATE_DIR is not set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(tt.args, &out)
			var m misuse.Error
			if !errors.As(err, &m) || !strings.Contains(err.Error(), tt.want) || out.Len() > 0 {
				t.Errorf("error %v, output %q, want %s", err, &out, tt.want)
			}
		})
	}
	for state, want := range map[string]string{
		filepath.Join(dir, "state"): "only a file of this or an older `gonetmon backup`",
		"/does/not/exist":           "GONETMON_STATE_DIR=/does/not/exist: ",
		text:                        "it must be a folder that you may write to",
	} {
		t.Run("restore to "+state, func(t *testing.T) {
			t.Setenv("GONETMON_STATE_DIR", state)
			var m misuse.Error
			if err := run([]string{"restore", text}, nil); !errors.As(err, &m) || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
	t.Run("a missing names file", func(t *testing.T) {
		t.Setenv("GONETMON_NAMES_FILE", "/does/not/exist")
		var m misuse.Error
		if err := run([]string{"replay", text}, nil); !errors.As(err, &m) ||
			!strings.Contains(err.Error(), "GONETMON_NAMES_FILE=/does/not/exist: ") {
			t.Errorf("error %v", err)
		}
	})
}

// A mistake that only a person can correct has another exit status than what may succeed at the next try.
func TestExitStatus(t *testing.T) {
	n := testnet.NewNamespace(t)
	testnet.RequireUsageError(t, gonetmon(n, []string{"GONETMON_PORT=eighty"}), `GONETMON_PORT="eighty": not a port number`)
	const want = "GONETMON_ADDR=192.0.2.1: "
	cmd := gonetmon(n, []string{"GONETMON_INTERFACE=lo", want[:len(want)-2]})
	if status, _, log := testnet.Run(t, cmd); status != exitFailed || !strings.Contains(log, want) {
		t.Errorf("status %d, said %q, want %q", status, log, want)
	}
}

// Without CAP_NET_RAW the program says so and how to get it.
func TestMissingPrivilege(t *testing.T) {
	testnet.WithoutCapabilities(t, func() {
		cmd := gonetmon(nil, []string{"GONETMON_INTERFACE=lo", "GONETMON_PORT=0"})
		testnet.RequireUsageError(t, cmd, "open ring on lo: socket: operation not permitted: CAP_NET_RAW is missing")
	})
}

func TestRun_Prints(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"help", "gonetmon replay FILE..."},
		{"replay --help", "gonetmon replay FILE..."},
		{"config -h", "gonetmon replay FILE..."},
		{"version", "gonetmon "},
		{"config", "\nGONETMON_CIDR=auto\n"},
		{"config --markdown", "| `GONETMON_CIDR` | `auto` |"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			var out bytes.Buffer
			if err := run(strings.Fields(tt.args), &out); err != nil || !strings.Contains(out.String(), tt.want) {
				t.Errorf("error %v, output %q, want %q", err, &out, tt.want)
			}
		})
	}
}

func TestHealthcheck_Fails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	t.Setenv("GONETMON_PORT", port)
	if err := run([]string{"healthcheck"}, nil); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
}

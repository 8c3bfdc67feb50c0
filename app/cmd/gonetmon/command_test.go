package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

func TestWrongInput(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("these are notes, not packets"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.pcap")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		variable string
		args     []string
		want     string
	}{
		{"unknown variable", "GONETMON_PROT=80", nil, "did you mean GONETMON_PORT?"},
		{"bad value", "GONETMON_PORT=eighty", nil, `GONETMON_PORT="eighty": not a port number`},
		{"bad CIDR", "GONETMON_CIDR=192.168.2", nil, `GONETMON_CIDR="192.168.2": "192.168.2" has no prefix length; for example`},
		{"contradiction", "GONETMON_DNS_SERVERS=none,192.168.2.1", nil, `"none" can't stand beside others`},
		{"bad value for replay", "GONETMON_CIDR=x", []string{"replay", empty}, "GONETMON_CIDR="},
		{"unknown command", "", []string{"relay"}, `"relay": no such command`},
		{"argument too many", "", []string{"config", "all"}, `"all": no such command or argument`},
		{"unknown flag", "", []string{"replay", "--yaml", empty}, `"--yaml": no such`},
		{"two formats", "", []string{"replay", "--json", "--metrics", empty}, "--json and --metrics can't be asked for at once"},
		{"two other formats", "", []string{"replay", "--devices", "--metrics", empty}, "--devices and --metrics can't be asked for at once"},
		{"hosts file that is not there", "GONETMON_NAMES_FILE=/does/not/exist", []string{"replay", empty}, "GONETMON_NAMES_FILE=/does/not/exist: "},
		{"no file", "", []string{"replay"}, "no FILE given; for example gonetmon replay capture.pcap"},
		{"file that is no capture", "", []string{"replay", text}, "notes.txt: not a pcap or pcapng file"},
		{"empty file", "", []string{"replay", empty}, "empty.pcap: not a pcap or pcapng file"},
		{"file that is not there", "", []string{"replay", filepath.Join(dir, "none.pcap")}, "none.pcap: no such file or directory"},
		{"a folder", "", []string{"replay", dir}, "is a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			testnet.RequireUsageError(t, gonetmon(nil, []string{tt.variable}, tt.args...), tt.want)
		})
	}
}

// On this machine's loopback the address is taken, so that the start ends before anything is listened to.
func TestWrongListener(t *testing.T) {
	n := testnet.NewNamespace(t)
	var listener net.Listener
	n.Do(func() {
		var err error
		if listener, err = net.Listen("tcp", "127.0.0.1:8080"); err != nil {
			t.Error(err)
		}
	})
	if listener == nil {
		return
	}
	defer func() { _ = listener.Close() }()
	testnet.RequireUsageError(t, gonetmon(n, []string{"GONETMON_INTERFACE=lo"}), "GONETMON_PORT=8080: ")
	testnet.RequireUsageError(t, gonetmon(n, []string{"GONETMON_INTERFACE=lo"}), "address already in use; choose another, for example GONETMON_PORT=8081")
}

// What may come yet, as at the start of the machine, has another status: whoever started the daemon shall try again.
func TestNotYet(t *testing.T) {
	n := testnet.NewNamespace(t)
	for want, variables := range map[string][]string{
		"no interface has this address, for example":                                 {"GONETMON_INTERFACE=lo", "GONETMON_ADDR=192.0.2.1"},
		"GONETMON_INTERFACE=auto: there is no default route, and no interface is up": nil,
	} {
		if status, _, log := testnet.Run(t, gonetmon(n, variables)); status != 1 || !strings.Contains(log, want) {
			t.Errorf("status %d, said %q, want %q", status, log, want)
		}
	}
}

// Without CAP_NET_RAW the program says so and how to get it. As root the test gives the right up first.
func TestNoRights(t *testing.T) {
	testnet.WithoutCapabilities(t, func() {
		cmd := gonetmon(nil, []string{"GONETMON_INTERFACE=lo", "GONETMON_PORT=0"})
		testnet.RequireUsageError(t, cmd, "open ring on lo: socket: operation not permitted: CAP_NET_RAW is missing; run as root")
	})
}

func TestInformation(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"help":    {[]string{"help"}, "gonetmon replay FILE..."},
		"version": {[]string{"version"}, "gonetmon "},
		"config":  {[]string{"config"}, "\nGONETMON_CIDR=auto\n"},
		"table":   {[]string{"config", "--markdown"}, "| `GONETMON_CIDR` | `auto` |"},
	} {
		t.Run(name, func(t *testing.T) {
			if status, out, _ := testnet.Run(t, gonetmon(nil, nil, tt.args...)); status != 0 || !strings.Contains(out, tt.want) {
				t.Errorf("status %d, output %q, want %q", status, out, tt.want)
			}
		})
	}
}

// A daemon that is not there is not well.
func TestHealthcheckFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	if status, _, log := testnet.Run(t, gonetmon(nil, []string{"GONETMON_PORT=" + port}, "healthcheck")); status != 1 || !strings.Contains(log, "connection refused") {
		t.Errorf("status %d, said %q", status, log)
	}
}

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gonetmon/app/api"
	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/misuse"
	"gonetmon/app/notice"
	"gonetmon/app/usage"
	"gonetmon/test/snapshots"
)

// serveAPI serves the API of a small network on the address of the environment.
func serveAPI(t *testing.T) {
	t.Helper()
	s := snapshots.Home()
	s.Devices[2].Name = "tv.lan" // another tv
	server := httptest.NewServer(api.New(api.Config{
		Snapshot: func() *device.Snapshot { return s }, Meters: func() []meter.Status { return nil },
		Prefixes: func() []netip.Prefix { return nil }, Advice: func() []notice.Notice { return nil },
		Usage: snapshots.Usage, History: snapshots.History, NetworkHistory: func() usage.History { return snapshots.History(0) },
		Recent: snapshots.Recent, NetworkRecent: func() usage.Recent { return snapshots.Recent(0) }, Zone: time.UTC,
	}))
	t.Cleanup(server.Close)
	addr, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GONETMON_ADDR", addr)
	t.Setenv("GONETMON_PORT", port)
}

func TestUsage(t *testing.T) {
	serveAPI(t)
	for _, tt := range []struct {
		args string
		want []string // in this order
	}{
		{"", []string{"23 % of 1.00 TB", "802 GB", "tv.fritz.box", "nas.fritz.box", "(others)", "(network)"}},
		{"--days", []string{"days of the network", "2026-11-22", "2026-11-23", "8.40 GB"}},
		{"--periods", []string{"billing periods of the network", "2026-11-15 to 2026-12-14", "222 GB"}},
		{"--days --device nas", []string{"days of nas.fritz.box", "2026-11-23", "2.40 MB"}},
		{"--device=TV.fritz.box --periods", []string{"billing periods of tv.fritz.box", "212 GB"}},
		{"--days --device 2001:db8::30", []string{"days of tv.fritz.box", "612 MB"}},
		{"--days --device printer", []string{"days of printer.fritz.box: no traffic"}},
		{"--csv", []string{"device,id,", "tv.fritz.box,5,612000000,"}},
		{"--days --csv", []string{"first_day,last_day,internet_in_bytes", "2026-11-23,2026-11-23,614400000,"}},
		{"--json", []string{`"today":{"start":"2026-11-23T00:00:00Z"`, `"others"`}},
		{"--periods --device nas --json", []string{`{"hours":[`, `"periods":[{"start":"2026-11-15T00:00:00Z"`}},
	} {
		var out bytes.Buffer
		if err := run(append([]string{"usage"}, strings.Fields(tt.args)...), &out); err != nil {
			t.Errorf("usage %s: %v", tt.args, err)
		}
		rest := out.String()
		for _, want := range tt.want {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("usage %s: no %q in its place in\n%s", tt.args, want, &out)
				break
			}
			rest = after
		}
		if strings.Contains(tt.args, "--json") && !json.Valid(out.Bytes()) {
			t.Errorf("usage %s: not JSON", tt.args)
		}
		if strings.Contains(tt.args, "--csv") {
			if rows, err := csv.NewReader(&out).ReadAll(); err != nil || len(rows) < 2 {
				t.Errorf("usage %s: %d rows, %v", tt.args, len(rows), err)
			}
		}
	}
}

func TestUsage_Refuses(t *testing.T) {
	serveAPI(t)
	for args, want := range map[string]string{
		"--days --periods":         "--days cannot be combined with --periods",
		"--json --csv":             "--json cannot be combined with --csv",
		"--device tv":              "for example gonetmon usage --days --device tv",
		"--days --device":          "--device needs a name, for example",
		"--days --device=":         "--device needs a name, for example",
		"--weeks":                  `"--weeks": no such`,
		"--days --device nobody":   "nobody: there is no such device",
		"--days --device tv":       "tv: there are several, for example",
		"--days --device 10.9.9.9": "10.9.9.9: there is no such device",
	} {
		var out bytes.Buffer
		err := run(append([]string{"usage"}, strings.Fields(args)...), &out)
		var m misuse.Error
		if !errors.As(err, &m) || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("usage %s: error %v, output %q, want %s", args, err, &out, want)
		}
	}
}

// Without a daemon, the error names the address, and where it comes from.
func TestUsage_NoDaemon(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	t.Setenv("GONETMON_PORT", port)
	err = run([]string{"usage"}, &bytes.Buffer{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"GONETMON_ADDR=127.0.0.1", "GONETMON_PORT=" + port, "connection refused", "is it running"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

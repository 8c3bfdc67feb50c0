package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gonetmon/app/misuse"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// Each loop of a daemon shows signs of life when it runs, and none when it does not.
func TestDaemon_Loops(t *testing.T) {
	a, b := testnet.NewNamespace(t), testnet.NewNamespace(t)
	testnet.Veth(a, "mon0", b, "peer0")
	d := New(Config{
		Interfaces: []string{"mon0"}, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.168.2.0/24")}, Addr: netip.MustParseAddr("127.0.0.1"),
		NoLookups: true, MaxHosts: 100, RingSize: 1 << 20,
	})
	d.log = slog.New(slog.DiscardHandler)
	var err error
	a.Do(func() { err = d.open() })
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		running.Wait()
		d.close()
	}()
	runs := []func(context.Context) error{d.taps[0].meter.Run, d.taps[0].watcher.Run, d.registry.Run}
	for i, want := range []string{"capture on mon0", "capture of control frames on mon0", "counting", ""} {
		before := d.loops()
		testnet.Until(t, fmt.Sprintf("with %d of %d running %q is the first that is stalled", i, len(runs), want), func() bool {
			return stalled(before, d.loops()) == want // a sign comes once a second
		})
		if i < len(runs) {
			running.Go(func() {
				if err := runs[i](ctx); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if err := d.healthy(); err != nil {
		t.Error(err)
	}
}

// A failure of a meter at the stop is not lost.
func TestOutcome(t *testing.T) {
	server, lost := errors.New("server"), errors.New("frames lost")
	tests := []struct {
		name   string
		cause  error
		meters []error
		want   string
	}{
		{"told to stop", context.Canceled, []error{nil, nil}, ""},
		{"a part failed", server, []error{nil, nil}, "server"},
		{"a meter failed", lost, []error{nil, lost}, "frames lost"},
		{"a meter failed at the stop", context.Canceled, []error{lost, nil}, "frames lost"},
		{"both", server, []error{lost, nil}, "server\nframes lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := outcome(tt.cause, tt.meters); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// An error of the listener says which variable to change, and whether the same start may succeed later.
func TestDaemon_ExplainsListenErrors(t *testing.T) {
	d := New(Config{Addr: netip.MustParseAddr("192.0.2.1"), Port: 80})
	for cause, want := range map[error]struct {
		text  string
		usage bool
	}{
		syscall.EADDRINUSE:    {"GONETMON_PORT=80: address already in use; choose another, for example GONETMON_PORT=81", true},
		syscall.EADDRNOTAVAIL: {"GONETMON_ADDR=192.0.2.1: cannot assign requested address", false},
		os.ErrPermission:      {"GONETMON_PORT=80: permission denied", true},
		syscall.EINVAL:        {"GONETMON_ADDR=192.0.2.1: invalid argument", false}, // for example a zone that does not exist
	} {
		err := d.explainListen(cause)
		var m misuse.Error
		if errors.As(err, &m) != want.usage || !strings.HasPrefix(err.Error(), want.text) ||
			!strings.Contains(err.Error(), "for example GONETMON_") {
			t.Errorf("%v: %v, want %s", cause, err, want.text)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := uint16(taken.Addr().(*net.TCPAddr).Port)
	busy := New(Config{Addr: netip.MustParseAddr("127.0.0.1"), Port: port - 1})
	if got := busy.otherPort(); got == port || got <= port-1 || got > port+19 {
		t.Errorf("with port %d taken, %d is called free", port, got)
	}
	last := New(Config{Port: 65535})
	if err := last.explainListen(syscall.EADDRINUSE); !strings.HasSuffix(err.Error(), "for example GONETMON_PORT=65534") {
		t.Errorf("got %v", err)
	}
}

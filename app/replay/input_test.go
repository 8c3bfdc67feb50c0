package replay_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/app/replay"
	"gonetmon/test/testnet"
)

// A prefix that a router announces is local from the beginning of each file, wherever it is announced, and from the beginning of
// a stream if it is announced in its first 32 MiB. With --json each file is counted by itself.
func TestRun_PrefixesOfWholeFile(t *testing.T) {
	host := netip.MustParseAddr("2001:db8:5::7")
	advertises := func(p *tape) {
		p.add(testnet.RouterAdvert([6]byte{2}, netip.MustParseAddr("fe80::1"),
			testnet.PrefixInfo(netip.MustParsePrefix("2001:db8:5::/64"), time.Hour)))
	}
	early, late, none := newTape(t), newTape(t), newTape(t)
	none.data(host.String(), 1000)
	early.data(host.String(), 1000)
	advertises(early)
	early.data(host.String(), 1000)
	late.data(host.String(), 1000)
	for range 1200 {
		late.data("192.168.2.7", 60000)
	}
	advertises(late)
	late.data(host.String(), 1000)

	fifo := t.TempDir() + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		files []string
		in    *tape // standard input and the FIFO
		want  uint64
	}{
		{"file", []string{early.path}, none, 2000},
		{"long file", []string{late.path}, none, 2000},
		{"a file before", []string{none.path, early.path}, none, 3000},
		{"standard input", []string{"-"}, early, 2000},
		{"standard input and a file", []string{none.path, "-"}, early, 3000},
		{"standard input, announced late", []string{"-"}, late, 1000},
		{"a pipe", []string{fifo}, early, 2000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := os.Open(tt.in.path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = in.Close() }()
			if tt.files[0] == fifo {
				content, err := os.ReadFile(tt.in.path)
				if err != nil {
					t.Fatal(err)
				}
				go func() { _ = os.WriteFile(fifo, content, 0) }()
			}
			c := devicesConfig()
			c.In = in
			var sent uint64
			for _, d := range replayDevices(t, c, tt.files...) {
				if d.Hosts[0] == host.String() {
					sent = d.OutBytes
				}
			}
			if sent != tt.want {
				t.Errorf("%d bytes, want %d", sent, tt.want)
			}
		})
	}
	c := devicesConfig()
	c.Format = replay.Tallies
	d := json.NewDecoder(strings.NewReader(output(t, c, early.path, none.path)))
	for _, want := range []uint64{2000, 0} {
		var tally replay.Tally
		if err := d.Decode(&tally); err != nil || tally.Hosts[host].OutBytes != want {
			t.Errorf("%v, %d bytes, want %d", err, tally.Hosts[host].OutBytes, want)
		}
	}
}

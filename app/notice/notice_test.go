package notice_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/localnet"
	"gonetmon/app/meter"
	"gonetmon/app/notice"
	"gonetmon/app/traffic"
	"gonetmon/test/snapshots"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

func lan() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")} }

// empty returns a snapshot of nothing.
func empty() *device.Snapshot {
	return &device.Snapshot{Time: snapshots.Start.Add(time.Hour), Start: snapshots.Start, Limit: 10}
}

func TestAll(t *testing.T) {
	up := func(frames uint64) []meter.Status {
		return []meter.Status{{Interface: "eth1", Stats: capture.Stats{Up: true, Frames: frames}}}
	}
	down := func(reason string) []meter.Status {
		return []meter.Status{{Interface: "eth1", Stats: capture.Stats{Reason: reason}}}
	}
	with := func(scope traffic.Scope) *device.Snapshot {
		s := empty()
		s.Network[traffic.IPv4][scope].Bytes = 1000
		return s
	}
	full := with(traffic.ScopeLAN)
	full.Hosts = full.Limit
	for _, c := range []struct {
		name     string
		snapshot *device.Snapshot
		meters   []meter.Status
		prefixes []netip.Prefix
		want     string // "" for no notice
	}{
		{"all well", with(traffic.ScopeInternet), up(5), lan(), ""},
		{"no interface", empty(), down(localnet.ReasonNoInterface), lan(), "Nothing is captured on eth1: no such interface."},
		{"down", empty(), down(localnet.ReasonDown), lan(), "CAP_NET_ADMIN"},
		{"frames that are not read", empty(), down(capture.ReasonNotRead + " (radiotap)"), lan(), "only counted as other"},
		{"no carrier", empty(), down(localnet.ReasonNoCarrier), lan(), "when the link is back"},
		{"no prefix", with(traffic.ScopeLAN), up(5), nil, "GONETMON_CIDR"},
		{"no frames", empty(), up(0), lan(), "No traffic has been seen on eth1 yet."},
		{"no IP", empty(), up(5), lan(), "none of it is IP."},
		{"not ours", with(traffic.ScopeOther), up(5), lan(), "none to or from your addresses."},
		{"drops", snapshots.Home(), snapshots.Meters()[:1], lan(), "GONETMON_RING_SIZE"},
		{"full", full, up(5), lan(), "The limit of 10 addresses"},
	} {
		got := ""
		for _, n := range notice.All(c.snapshot, c.meters, c.prefixes, nil) {
			got += n.Text + " " + n.Hint
		}
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

package device

import (
	"net/netip"
	"testing"
	"time"

	"gonetmon/app/discovery"
)

// A lease that runs is not replaced by that of another client while its own client sends, nor by one that nobody has asked for.
func TestRegistry_KeepsLeaseOfActiveClient(t *testing.T) {
	const addr = "192.168.2.7"
	lease := func(n byte, transaction uint32, request bool) (facts []discovery.Fact) {
		f := leased(n, addr)
		f.Lifetime, f.Transaction, f.Server = 24*time.Hour, transaction, netip.MustParseAddr("192.168.2.1")
		if request {
			asks := f
			asks.Kind = discovery.Requested
			facts = append(facts, asks)
		}
		return append(facts, f)
	}
	for _, tt := range []struct {
		name   string
		silent time.Duration
		asked  bool
		want   byte
	}{
		{"asked for, while the client sends", 0, true, 7},
		{"asked for, while it pauses", 9 * time.Minute, true, 7},
		{"asked for, after it has left", 11 * time.Minute, true, 9},
		{"not asked for, while it sleeps", 2 * time.Hour, false, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lan := newTestLAN(100, false)
			lan.Learn(lan.now, lease(7, 1, true))
			lan.learn(macName(7, "victim"))
			lan.sendFrom(7, addr)
			lan.update(tt.silent)
			lan.Learn(lan.now, lease(9, 2, tt.asked))
			lan.send(addr, -100)
			lan.update(time.Second)
			lan.update(5 * time.Second)
			for _, d := range lan.Snapshot().Devices {
				if len(d.Hosts) > 0 {
					if d.MAC != testMAC(tt.want) {
						t.Errorf("%s is of %s, want %s", addr, d.MAC, testMAC(tt.want))
					}
					return
				}
			}
			t.Errorf("no device has %s", addr)
		})
	}
}

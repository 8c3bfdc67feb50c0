package device

import (
	"net/netip"
	"testing"
	"time"

	"gonetmon/app/discovery"
)

// A lease that runs is replaced by one that another client has asked for, unless its own client goes on sending. One that nobody
// has asked for does not replace it.
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
		name    string
		silent  time.Duration
		asked   bool
		sendsOn bool
		want    byte
	}{
		{"asked for, while the client sends", 0, true, true, 7},
		{"asked for, while it pauses", 9 * time.Minute, true, true, 7},
		{"asked for, after it has left", 0, true, false, 9},
		{"not asked for, while it sleeps", 2 * time.Hour, false, false, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lan := newTestLAN(100, false)
			lan.Learn(lan.now, lease(7, 1, true))
			lan.learn(macName(7, "victim"))
			lan.sendFrom(7, addr)
			lan.update(tt.silent)
			lan.Learn(lan.now, lease(9, 2, tt.asked))
			for range 3 {
				lan.update(time.Second)
				if tt.sendsOn {
					lan.sendFrom(7, addr)
				}
			}
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

// The MACs of devices that were forgotten make room: new devices have theirs, however many came before.
func TestRegistry_ForgetsMACs(t *testing.T) {
	lan := newTestLAN(64, false)
	lan.cfg.Forget = time.Hour
	for i := range 400 {
		a := netip.AddrFrom4([4]byte{192, 168, 3, byte(i%200 + 1)})
		lan.sendAs(a, macOf(i))
		lan.update(time.Second)
		lan.update(5 * time.Second)
		lan.update(10 * time.Minute)
	}
	last := netip.MustParseAddr("192.168.3.200")
	for _, d := range lan.Snapshot().Devices {
		if len(d.Hosts) == 1 && d.Hosts[0] == last {
			if d.MAC != macOf(399) {
				t.Errorf("the last device has MAC %s, want %s", d.MAC, macOf(399))
			}
			return
		}
	}
	t.Errorf("no device has %s", last)
}

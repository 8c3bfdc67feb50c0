package device

import (
	"net/netip"
	"strings"
	"testing"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/names"
)

// The hosts file comes first, applies at once, and joins devices.
func TestRegistry_UsesHostsFile(t *testing.T) {
	lan := newTestLAN(100, true)
	lan.SetHosts(&names.Hosts{
		Addrs: map[netip.Addr]string{netip.MustParseAddr("192.168.2.7"): "laptop"},
		MACs:  map[mac.Addr]string{testMAC(2): "laptop", testMAC(3): "printer"},
	})
	lan.learn(announced(1, "192.168.2.7"), announced(1, "fe80::7"), announced(2, "192.168.2.8"),
		announced(3, "192.168.2.9"), macName(3, "brother"))
	lan.sendAll("192.168.2.7 fe80::7 192.168.2.8 192.168.2.9")
	lan.want(t, "from the file", "laptop file [192.168.2.7 192.168.2.8 fe80::7] 3/0", "printer file [192.168.2.9] 1/0")
	lan.SetHosts(&names.Hosts{MACs: map[mac.Addr]string{testMAC(1): "macbook", testMAC(3): "laser"}})
	lan.want(t, "changed, before an update", "laptop file [] 3/0", "laser file [192.168.2.9] 0/0",
		"macbook file [192.168.2.7 fe80::7] 0/0", "printer file [] 1/0")
	lan.sendAll("192.168.2.7 192.168.2.8 192.168.2.9")
	lan.update(lookupGrace)
	lan.want(t, "changed", "192.168.2.8 address [192.168.2.8] 1/0", "laptop file [] 3/0", "laser file [192.168.2.9] 1/0",
		"macbook file [192.168.2.7 fe80::7] 1/0", "printer file [] 1/0")
	lan.SetHosts(&names.Hosts{})
	lan.sendAll("192.168.2.7 192.168.2.9")
	lan.update(lookupGrace)
	lan.want(t, "the last good name is kept where there is no other", "192.168.2.8 address [192.168.2.8] 1/0",
		"brother dhcp [192.168.2.9] 1/0", "laptop file [] 3/0", "laser file [] 1/0",
		"macbook file [192.168.2.7 fe80::7] 2/0", "printer file [] 1/0")
}

// A name in the hosts file is that of the whole device, whichever of its addresses is listed, and in whatever order they come.
func TestRegistry_HostsFileNamesWholeDevice(t *testing.T) {
	for _, senders := range []string{"fe80::7 192.168.2.7 2001:db8::7", "192.168.2.7 fe80::7 2001:db8::7",
		"2001:db8::7 fe80::7 192.168.2.7"} {
		for _, early := range []bool{true, false} {
			for _, await := range []bool{true, false} {
				lan := newTestLAN(100, false)
				lan.cfg.AwaitNames = await
				lan.SetHosts(&names.Hosts{Addrs: map[netip.Addr]string{netip.MustParseAddr("192.168.2.7"): "laptop"}})
				var facts []discovery.Fact
				for _, addr := range strings.Fields(senders) {
					facts = append(facts, announced(1, addr))
				}
				if !early {
					lan.sendAll(senders)
				}
				for _, f := range facts {
					lan.learn(f)
				}
				lan.sendAll(senders)
				lan.update(lookupGrace)
				lan.FlushPending()
				lan.wantMACs(t, "laptop file 01 [192.168.2.7 2001:db8::7 fe80::7]")
			}
		}
	}
}

package main

import (
	"testing"

	"gonetmon/test/testnet"
)

// What the interface and the kernel merge on the way to the tap (TSO, GSO, GRO, BIG TCP) counts as it was on the wire: as many
// frames and bytes as an interface without any offload says that it has passed on.
func TestLiveOffloads(t *testing.T) {
	testnet.NeedKernel(t)
	t.Parallel()
	for _, m := range testnet.OffloadCases() {
		t.Run(m.Name, func(t *testing.T) {
			n := testnet.NewOffloadNet(t, m, true)
			p := n.Bulk(t, start(t, n.Here, "GONETMON_CIDR=192.168.2.0/24,2001:db8::/64,fe80::/10"), 64<<20)
			t.Logf("%d frames and %d bytes on the wire, from %d frames at the tap", p.Frames, p.Bytes, p.Tap)
		})
	}
}

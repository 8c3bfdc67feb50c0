package main

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"gonetmon/app/testnet"
)

// What the interface and the kernel merge on the way to the tap (TSO, GSO, GRO, BIG TCP) counts as it was on the wire: as many
// frames and bytes as an interface without any offload says that it has passed on.
//
//	a ── r0 bridge r1 ── mon0 (here)
//
// r0 is the wire: all of its offloads are off, and so are a's. mon0 has them on, and there the daemon listens.
func TestLiveOffloads(t *testing.T) {
	testnet.NeedKernel(t)
	testnet.NeedCommand(t, "ethtool", "install ethtool")
	for _, tt := range []struct {
		name string
		big  bool // packets above 64 KiB
		six  bool
		mtu  int
	}{{"ipv4", false, false, 1500}, {"ipv6", false, true, 1500}, {"ipv6 big tcp", true, true, 1500}, {"ipv4 jumbo frames", false, false, 9000}} {
		t.Run(tt.name, func(t *testing.T) {
			a, bridge, here := testnet.NewNamespace(t), testnet.NewNamespace(t), testnet.NewNamespace(t)
			testnet.Veth(a, "a0", bridge, "r0")
			testnet.Veth(bridge, "r1", here, "mon0")
			bridge.IP("link add br0 type bridge mcast_snooping 0")
			for _, r := range []string{"r0", "r1"} {
				bridge.IP("link set " + r + " master br0")
			}
			bridge.IP("link set br0 up")
			a.Run("ethtool -K a0 tso off gso off gro off")
			bridge.Run("ethtool -K r0 tso off gso off gro off")
			bridge.Run("ethtool -K r1 gro off")
			here.Run("ethtool -K mon0 tso on gso on gro on")
			for n, i := range map[*testnet.Namespace]string{a: "a0", bridge: "r0", here: "mon0"} {
				n.IP(fmt.Sprintf("link set %s mtu %d", i, tt.mtu))
			}
			bridge.IP(fmt.Sprintf("link set r1 mtu %d", tt.mtu))
			if tt.big {
				here.IP("link set mon0 gso_max_size 180000 gro_max_size 180000")
				bridge.IP("link set r1 gso_max_size 180000 gro_max_size 180000")
			}
			addr := "192.168.2.7"
			if tt.six {
				addr = "2001:db8::7"
				for n, i := range map[*testnet.Namespace]string{a: "a0", here: "mon0"} {
					n.Sysctl("net/ipv6/conf/"+i+"/accept_dad", "0")
					n.Sysctl("net/ipv6/conf/"+i+"/disable_ipv6", "0")
				}
				a.IP("addr add 2001:db8::1/64 dev a0 nodad")
				here.IP("addr add 2001:db8::7/64 dev mon0 nodad")
			} else {
				a.IP("addr add 192.168.2.1/24 dev a0")
				here.IP("addr add 192.168.2.7/24 dev mon0")
			}
			time.Sleep(300 * time.Millisecond) // what interfaces say when they come up
			p := start(t, here, "GONETMON_CIDR=192.168.2.0/24,2001:db8::/64,fe80::/10")
			before := p.Heard(0)
			framesBefore, bytesBefore := bridge.Crossed("r0")

			testnet.Bulk(t, a, here, net.JoinHostPort(addr, "5001"), 64<<20)

			time.Sleep(300 * time.Millisecond)
			frames, bytes := bridge.Crossed("r0")
			frames, bytes = frames-framesBefore, bytes-bytesBefore
			after := p.Heard(0)
			var gotFrames, gotBytes, ipBytes, overhead uint64
			for _, class := range []string{"ipv4", "ipv6", "arp", "other", "malformed"} {
				n := uint64(after[`gonetmon_frames_total{class="`+class+`"}`] - before[`gonetmon_frames_total{class="`+class+`"}`])
				b := uint64(after[`gonetmon_frame_bytes_total{class="`+class+`"}`] - before[`gonetmon_frame_bytes_total{class="`+class+`"}`])
				gotFrames += n
				gotBytes += b
				if strings.HasPrefix(class, "ip") {
					ipBytes += b
					overhead += 14 * n
				}
			}
			tap := uint64(after[`gonetmon_capture_packets_total{interface="mon0"}`] - before[`gonetmon_capture_packets_total{interface="mon0"}`])
			if drops := after[`gonetmon_capture_drops_total{interface="mon0"}`]; drops != 0 {
				t.Errorf("%.0f drops", drops)
			}
			if gotFrames != frames || gotBytes != bytes {
				t.Errorf("counted %d frames of %d bytes, the wire had %d of %d", gotFrames, gotBytes, frames, bytes)
			}
			if got, want := uint64(after["network_bytes_total"]-before["network_bytes_total"]), ipBytes-overhead; got != want {
				t.Errorf("%d bytes of IP, the wire had %d", got, want)
			}
			if tap*10 > frames*9 {
				t.Errorf("the tap saw %d frames for %d: nothing was merged, so this test shows nothing", tap, frames)
			}
			t.Logf("%d frames and %d bytes on the wire, from %d frames at the tap", frames, bytes, tap)
		})
	}
}

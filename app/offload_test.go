package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gonetmon/app/testnet"
)

// crossed is what an interface says that it has sent and received in all, frames and bytes.
func crossed(t *testing.T, n *testnet.Namespace, name string) (frames, bytes uint64) {
	t.Helper()
	out, err := n.Command("cat", "/sys/class/net/"+name+"/statistics/rx_packets", "/sys/class/net/"+name+"/statistics/tx_packets",
		"/sys/class/net/"+name+"/statistics/rx_bytes", "/sys/class/net/"+name+"/statistics/tx_bytes").Output()
	if err != nil {
		t.Fatal(err)
	}
	var v [4]uint64
	for i, f := range strings.Fields(string(out)) {
		if v[i], err = strconv.ParseUint(f, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return v[0] + v[1], v[2] + v[3]
}

// bulk moves n bytes from one namespace to the other and as many back, over TCP.
func bulk(t *testing.T, from, to *testnet.Namespace, addr string, n int64) {
	t.Helper()
	var listener net.Listener
	var client net.Conn
	var err error
	to.Do(func() { listener, err = net.Listen("tcp", addr) })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	from.Do(func() { client, err = net.DialTimeout("tcp", addr, 10*time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = zero.Close() }()
	var wg sync.WaitGroup
	for _, c := range [][2]net.Conn{{client, server}, {server, client}} {
		wg.Go(func() {
			if _, err := io.Copy(c[0], io.LimitReader(struct{ io.Reader }{zero}, n)); err != nil {
				t.Error(err)
			}
			_ = c[0].(*net.TCPConn).CloseWrite()
		})
		wg.Go(func() {
			if got, err := io.Copy(io.Discard, c[1]); err != nil || got != n {
				t.Errorf("%d bytes came of %d: %v", got, n, err)
			}
		})
	}
	wg.Wait()
	_, _ = client.Close(), server.Close()
}

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
			before := p.heard(0)
			framesBefore, bytesBefore := crossed(t, bridge, "r0")

			bulk(t, a, here, net.JoinHostPort(addr, "5001"), 64<<20)

			time.Sleep(300 * time.Millisecond)
			frames, bytes := crossed(t, bridge, "r0")
			frames, bytes = frames-framesBefore, bytes-bytesBefore
			after := p.heard(0)
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

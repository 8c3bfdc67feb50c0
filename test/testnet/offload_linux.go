package testnet

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// An OffloadCase is a kind of traffic that interfaces and the kernel merge into fewer frames than there are on the wire.
type OffloadCase struct {
	Name string
	Big  bool // packets above 64 KiB
	Six  bool
	MTU  int
}

// OffloadCases returns all kinds.
func OffloadCases() []OffloadCase {
	return []OffloadCase{{"ipv4", false, false, 1500}, {"ipv6", false, true, 1500}, {"ipv6 big tcp", true, true, 1500},
		{"ipv4 jumbo frames", false, false, 9000}}
}

// An OffloadNet is a network in which frames are merged before they are captured (TSO, GSO, GRO, BIG TCP):
//
//	a ── r0 bridge r1 ── mon0 (Here)
//
// r0 is the wire: all of its offloads are off, and so are a's. mon0 may have them on.
type OffloadNet struct {
	Here      *Namespace
	a, bridge *Namespace
	addr      string
	merges    bool
}

// NewOffloadNet makes a network for a kind of traffic, with the offloads of mon0 on or off.
func NewOffloadNet(tb testing.TB, m OffloadCase, merges bool) *OffloadNet {
	tb.Helper()
	NeedCommand(tb, "ethtool", "install ethtool")
	a, bridge, here := NewNamespace(tb), NewNamespace(tb), NewNamespace(tb)
	Veth(a, "a0", bridge, "r0")
	Veth(bridge, "r1", here, "mon0")
	bridge.IP("link add br0 type bridge mcast_snooping 0")
	for _, r := range []string{"r0", "r1"} {
		bridge.IP("link set " + r + " master br0")
	}
	bridge.IP("link set br0 up")
	a.Run("ethtool -K a0 tso off gso off gro off")
	bridge.Run("ethtool -K r0 tso off gso off gro off")
	bridge.Run("ethtool -K r1 gro off")
	is := map[bool]string{true: "on", false: "off"}[merges]
	here.Run(fmt.Sprintf("ethtool -K mon0 tso %[1]s gso %[1]s gro %[1]s", is))
	if !merges {
		bridge.Run("ethtool -K r1 tso off gso off")
	}
	for n, i := range map[*Namespace]string{a: "a0", bridge: "r0", here: "mon0"} {
		n.IP(fmt.Sprintf("link set %s mtu %d", i, m.MTU))
	}
	bridge.IP(fmt.Sprintf("link set r1 mtu %d", m.MTU))
	if m.Big {
		here.IP("link set mon0 gso_max_size 180000 gro_max_size 180000")
		bridge.IP("link set r1 gso_max_size 180000 gro_max_size 180000")
	}
	addr := "192.168.2.7"
	if m.Six {
		addr = "2001:db8::7"
		for n, i := range map[*Namespace]string{a: "a0", here: "mon0"} {
			n.Sysctl("net/ipv6/conf/"+i+"/accept_dad", "0")
			n.Sysctl("net/ipv6/conf/"+i+"/router_solicitations", "0") // one could come between two readings of the counters
			n.Sysctl("net/ipv6/conf/"+i+"/disable_ipv6", "0")
		}
		a.IP("addr add 2001:db8::1/64 dev a0 nodad")
		here.IP("addr add 2001:db8::7/64 dev mon0 nodad")
	} else {
		a.IP("addr add 192.168.2.1/24 dev a0")
		here.IP("addr add 192.168.2.7/24 dev mon0")
	}
	time.Sleep(300 * time.Millisecond) // for what interfaces send when they come up
	return &OffloadNet{Here: here, a: a, bridge: bridge, addr: net.JoinHostPort(addr, "5001"), merges: merges}
}

// A Transfer is what has passed the wire, and as how many frames it was captured.
type Transfer struct{ Frames, Bytes, Captured uint64 }

// Bulk sends n bytes each way, and checks that the daemon on mon0 counts what the wire does.
func (m *OffloadNet) Bulk(tb testing.TB, d *Daemon, n int64) (p Transfer) {
	tb.Helper()
	before := d.WaitFrames(0)
	framesBefore, bytesBefore := m.bridge.LinkCounters("r0")

	Bulk(tb, m.a, m.Here, m.addr, n)

	// The last acknowledgments and retransmissions may come late.
	var after map[string]float64
	for begin := time.Now(); ; {
		frames, bytes := m.bridge.LinkCounters("r0")
		p.Frames, p.Bytes = frames-framesBefore, bytes-bytesBefore
		time.Sleep(500 * time.Millisecond)
		after = d.WaitFrames(0)
		if now, _ := m.bridge.LinkCounters("r0"); now == frames {
			break
		}
		if time.Since(begin) > 30*time.Second {
			tb.Error("the wire does not become quiet")
			break
		}
	}
	gained := func(series string) uint64 { return uint64(after[series] - before[series]) }
	var frames, bytes, ip uint64
	for _, class := range []string{"ipv4", "ipv6", "arp", "other", "malformed"} {
		f, b := gained(`gonetmon_frames_total{class="`+class+`"}`), gained(`gonetmon_frame_bytes_total{class="`+class+`"}`)
		frames, bytes = frames+f, bytes+b
		if strings.HasPrefix(class, "ip") {
			ip += b - 14*f
		}
	}
	p.Captured = gained(`gonetmon_capture_packets_total{interface="mon0"}`)
	if drops := after[`gonetmon_capture_drops_total{interface="mon0"}`]; drops != 0 {
		tb.Errorf("%.0f drops", drops)
	}
	if frames != p.Frames || bytes != p.Bytes {
		tb.Errorf("counted %d frames of %d bytes, the wire had %d of %d", frames, bytes, p.Frames, p.Bytes)
	}
	if got := gained("network_bytes_total"); got != ip {
		tb.Errorf("%d bytes of IP, the wire had %d", got, ip)
	}
	if m.merges && p.Captured*10 > p.Frames*9 {
		tb.Errorf("%d frames captured for %d: nothing was merged, so this test shows nothing", p.Captured, p.Frames)
	}
	if !m.merges && p.Captured != p.Frames {
		tb.Errorf("%d frames captured for %d: something was merged", p.Captured, p.Frames)
	}
	return p
}

package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

// A bulk is a kind of traffic that interfaces and the kernel merge into fewer frames than there are on the wire.
type bulk struct {
	name string
	addr string // of mon0
	mtu  int
	big  bool // packets above 64 KiB
}

var bulks = []bulk{
	{"ipv4", "192.168.2.7", 1500, false},
	{"ipv6", "2001:db8::7", 1500, false},
	{"ipv6 big tcp", "2001:db8::7", 1500, true},
	{"ipv4 jumbo frames", "192.168.2.7", 9000, false},
}

func offloads(b *bench) string {
	var names []string
	for _, k := range bulks {
		names = append(names, k.name)
	}
	return b.each(names, func(b *bench, i int) string { return b.bulk(bulks[i]) })
}

// bulk sends TCP in bulk, and checks that the daemon counts what the wire, r0, has carried. The offloads of mon0 are on, those of
// r0 and a0 off:
//
//	a0 ── r0 bridge r1 ── mon0
func (b *bench) bulk(k bulk) string {
	testnet.NeedCommand(b, "ethtool", "install ethtool")
	peer, bridge, here := testnet.NewNamespace(b), testnet.NewNamespace(b), testnet.NewNamespace(b)
	testnet.Veth(peer, "a0", bridge, "r0")
	testnet.Veth(bridge, "r1", here, "mon0")
	bridge.IP("link add br0 type bridge mcast_snooping 0")
	bridge.IP("link set r0 master br0")
	bridge.IP("link set r1 master br0")
	bridge.IP("link set br0 up")
	peer.Run("ethtool -K a0 tso off gso off gro off")
	bridge.Run("ethtool -K r0 tso off gso off gro off")
	bridge.Run("ethtool -K r1 tso on gso on gro off")
	here.Run("ethtool -K mon0 tso on gso on gro on")
	for n, ifaces := range map[*testnet.Namespace][]string{peer: {"a0"}, bridge: {"r0", "r1"}, here: {"mon0"}} {
		for _, iface := range ifaces {
			n.IP(fmt.Sprintf("link set %s mtu %d", iface, k.mtu))
		}
	}
	if strings.Contains(k.addr, ":") {
		for n, iface := range map[*testnet.Namespace]string{peer: "a0", here: "mon0"} {
			for _, name := range []string{"accept_dad", "router_solicitations", "disable_ipv6"} {
				n.Sysctl("net/ipv6/conf/"+iface+"/"+name, "0")
			}
		}
		peer.IP("addr add 2001:db8::1/64 dev a0 nodad")
		here.IP("addr add " + k.addr + "/64 dev mon0 nodad")
	} else {
		peer.IP("addr add 192.168.2.1/24 dev a0")
		here.IP("addr add " + k.addr + "/24 dev mon0")
	}
	if k.big {
		bridge.IP("link set r1 gso_max_size 180000 gro_max_size 180000")
		here.IP("link set mon0 gso_max_size 180000 gro_max_size 180000")
	}
	d := b.start(here, "GONETMON_CIDR=192.168.2.0/24,2001:db8::/64,fe80::/10", "GONETMON_RING_SIZE=64MiB")
	quiet := func() (frames, bytes uint64, page map[string]float64) {
		d.Until("the wire is quiet", func() bool { // acknowledgments, and reports of multicast groups, may come late
			frames, bytes = linkCounters(b, bridge, "r0")
			time.Sleep(1200 * time.Millisecond) // the registry is updated once a second
			page = d.Metrics()
			now, _ := linkCounters(b, bridge, "r0")
			return now == frames
		})
		return frames, bytes, page
	}
	framesBefore, bytesBefore, before := quiet()
	b.transfer(peer, here, net.JoinHostPort(k.addr, "5001"), int64(b.of(16, 1024))<<20)
	frames, bytes, after := quiet()
	frames, bytes = frames-framesBefore, bytes-bytesBefore
	gained := func(series string) uint64 { return uint64(after[series] - before[series]) }
	var counted, countedBytes, ip uint64
	for _, class := range frameClasses {
		f, b := gained(`gonetmon_frames_total{class="`+class+`"}`), gained(`gonetmon_frame_bytes_total{class="`+class+`"}`)
		counted, countedBytes = counted+f, countedBytes+b
		if strings.HasPrefix(class, "ip") {
			ip += b - 14*f
		}
	}
	if counted != frames || countedBytes != bytes {
		b.Errorf("counted %d frames of %d bytes, the wire had %d of %d", counted, countedBytes, frames, bytes)
	}
	if got := gained("network_bytes_total"); got != ip {
		b.Errorf("%d bytes of IP, the wire had %d", got, ip)
	}
	captured := gained(`gonetmon_capture_packets_total{interface="mon0"}`)
	if captured*10 > frames*9 {
		b.Errorf("%d frames were captured as %d, so this shows nothing", frames, captured)
	}
	total, dropped := d.captured()
	d.finishPartial(total)
	return fmt.Sprintf("%d frames with %d bytes on the wire, captured as %d, %d dropped", frames, bytes, captured, dropped)
}

// linkCounters returns the frames and bytes that an interface has sent and received in total.
func linkCounters(b *bench, n *testnet.Namespace, iface string) (frames, bytes uint64) {
	b.Helper()
	dir := "/sys/class/net/" + iface + "/statistics/"
	out, err := n.Command("cat", dir+"rx_packets", dir+"tx_packets", dir+"rx_bytes", dir+"tx_bytes").Output()
	if err != nil {
		b.Fatal(err)
	}
	var v [4]uint64
	for i, text := range strings.Fields(string(out)) {
		if v[i], err = strconv.ParseUint(text, 10, 64); err != nil {
			b.Fatal(err)
		}
	}
	return v[0] + v[1], v[2] + v[3]
}

// transfer sends n bytes from one namespace to the other over HTTP, and as many back.
func (b *bench) transfer(from, to *testnet.Namespace, addr string, n int64) {
	b.Helper()
	zero, err := os.Open("/dev/zero")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = zero.Close() }()
	zeros := func() io.Reader { return io.LimitReader(struct{ io.Reader }{zero}, n) }
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, err := io.Copy(io.Discard, r.Body); err != nil || got != n {
			b.Errorf("%d of %d bytes arrived: %v", got, n, err)
		}
		_, _ = io.Copy(w, zeros())
	}))
	_ = server.Listener.Close()
	to.Do(func() { server.Listener, err = net.Listen("tcp", addr) })
	if err != nil {
		b.Fatal(err)
	}
	server.Start()
	defer server.Close()
	client := from.HTTP()
	client.Timeout = time.Minute
	answer, err := client.Post(server.URL, "", zeros())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if got, err := io.Copy(io.Discard, answer.Body); err != nil || got != n {
		b.Errorf("%d of %d bytes arrived: %v", got, n, err)
	}
}

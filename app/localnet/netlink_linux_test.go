package localnet

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/capture"
	"gonetmon/test/testnet"
)

func open(t *testing.T, n *testnet.Namespace) (k *Netlink) {
	t.Helper()
	var err error
	n.Do(func() { k, err = OpenNetlink() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// The kernel's links, addresses and routes are read as ip(8) has set them. Reject routes and those of other tables are left out.
func TestNetlink_Snapshot(t *testing.T) {
	n, other := testnet.NewNamespace(t), testnet.NewNamespace(t)
	n.Sysctl("net/ipv6/conf/all/disable_ipv6", "0")
	for _, line := range []string{
		"link add br0 index 20 type bridge", "link add eth0 index 21 type veth peer name p0 index 31 netns " + other.Name,
		"link add eth1 index 22 type veth peer name p1 index 32", "link add mac0 index 23 link eth0 type macvlan",
		"link add mac1 index 33 link p1 type macvlan mode passthru", "link set eth1 master br0", "link set eth1 addrgenmode none",
		"link property add dev eth0 altname enp3s0 altname a-name-that-is-longer-than-fifteen", "link set lo down",
		"link set eth0 addrgenmode none", "link set eth0 up", "link set br0 addrgenmode none", "link set br0 up",
		"addr add 192.168.1.5/24 dev eth0", "addr add 10.0.0.1 peer 10.0.0.2/32 dev eth0",
		"addr add 2001:db8::5/64 dev eth0 nodad", "addr add 192.168.2.5/24 dev br0",
		"route add default via 192.168.1.1 dev eth0 metric 100",
		"route add default metric 200 nexthop via 192.168.1.1 dev eth0 nexthop via 192.168.2.1 dev br0",
		"route add unreachable default metric 1", "route add blackhole default metric 2", "route add prohibit default metric 3",
		"route add throw default metric 4", "route add default via 192.168.1.1 dev eth0 table 51820",
		"route add 128.0.0.0/1 via 192.168.1.1 dev eth0", "route add 198.51.100.0/24 via 192.168.1.1 dev eth0",
		"-6 route add default via 2001:db8::1 dev eth0 metric 1024", "-6 route add unreachable default metric 1",
		"-6 route add blackhole default metric 2",
		"-6 route add prohibit default metric 3", "-6 route add throw default metric 4", "-6 route add default dev eth0 table 51820",
	} {
		n.IP(line)
	}
	s, err := open(t, n).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Links {
		slices.Sort(s.Links[i].AltNames)
		s.Links[i].Flags = 0 // they depend on the moment
	}
	slices.SortFunc(s.Links, func(a, b Link) int { return a.Index - b.Index })
	const ethernet, loopback = 1, 772
	want := []Link{
		{Index: 1, Name: "lo", Hardware: loopback},
		{Index: 20, Name: "br0", Kind: "bridge", Hardware: ethernet},
		{Index: 21, Name: "eth0", Kind: "veth", Hardware: ethernet, AltNames: []string{"a-name-that-is-longer-than-fifteen", "enp3s0"}},
		{Index: 22, Name: "eth1", Kind: "veth", Hardware: ethernet, Master: 20, Parent: 32},
		{Index: 23, Name: "mac0", Kind: "macvlan", Hardware: ethernet, Parent: 21},
		{Index: 32, Name: "p1", Kind: "veth", Hardware: ethernet, Parent: 22},
		{Index: 33, Name: "mac1", Kind: "macvlan", Hardware: ethernet, Passthru: true, Parent: 32},
	}
	if diff := cmp.Diff(want, s.Links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	var addresses []string
	for _, a := range s.Addresses {
		if !a.Prefix.Addr().IsLoopback() {
			addresses = append(addresses, s.link(a.Link).Name+" "+a.Prefix.String())
		}
	}
	slices.Sort(addresses)
	const wantAddresses = "br0 192.168.2.5/24, eth0 10.0.0.1/32, eth0 192.168.1.5/24, eth0 2001:db8::5/64"
	if got := strings.Join(addresses, ", "); got != wantAddresses {
		t.Errorf("addresses %s, want %s", got, wantAddresses)
	}
	slices.SortFunc(s.Routes, func(a, b Route) int {
		return a.Destination.Compare(b.Destination)*1000 + int(a.Metric) - int(b.Metric)
	})
	routes := []Route{
		{Destination: netip.MustParsePrefix("0.0.0.0/0"), Metric: 100, Gateway: true, Links: []int{21}},
		{Destination: netip.MustParsePrefix("0.0.0.0/0"), Metric: 200, Links: []int{21, 20}},
		{Destination: netip.MustParsePrefix("128.0.0.0/1"), Gateway: true, Links: []int{21}},
		{Destination: netip.MustParsePrefix("::/0"), Metric: 1024, Gateway: true, Links: []int{21}},
		{Destination: netip.MustParsePrefix("2001:db8::/64"), Metric: 256, Links: []int{21}},
	}
	if diff := cmp.Diff(routes, s.Routes, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}

// A tracker follows an interface of the kernel that comes down, is brought up, is renamed, loses its carrier and is recreated, and
// sees a new address and a new default route.
func TestTracker_FollowsKernel(t *testing.T) {
	n, other := testnet.NewNamespace(t), testnet.NewNamespace(t)
	k := open(t, n)
	n.IP("link add mon0 type veth peer name in0 netns " + other.Name)
	other.IP("link set in0 up")
	named, chosen := NewTracker(Config{Interfaces: []string{"mon0"}, Kernel: k}), NewTracker(Config{Kernel: open(t, n)})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for _, tracker := range []*Tracker{named, chosen} {
		running.Go(func() { _ = tracker.Run(ctx) })
	}
	wait := func(what string, tracker *Tracker, ok func(i capture.Interface) bool) {
		t.Helper()
		testnet.Until(t, what, func() bool { return ok(tracker.Interfaces()[0]) })
	}
	reason := func(want string) func(capture.Interface) bool {
		return func(i capture.Interface) bool { return i.Reason == want }
	}
	wait("brought up", named, reason(""))
	other.IP("link set in0 down")
	wait("no carrier", named, reason(ReasonNoCarrier))
	other.IP("link set in0 up")
	n.IP("link set mon0 name mon7")
	n.IP("link set mon7 down")
	wait("down under another name", named, reason(ReasonDown))
	n.IP("link set mon7 up")
	wait("up under another name", named, reason(""))
	first := named.Interfaces()[0].Index
	n.IP("link delete mon7")
	wait("gone", named, reason(ReasonNoInterface))
	testnet.Veth(other, "in0", n, "mon0")
	wait("recreated", named, func(i capture.Interface) bool { return i.Reason == "" && i.Index != first })
	wait("no default route", chosen, func(i capture.Interface) bool { return i.Name == auto && i.Index == 0 })
	n.IP("addr add 192.168.1.5/24 dev mon0")
	n.IP("route add default via 192.168.1.1 metric 300")
	wait("a default route", chosen, func(i capture.Interface) bool { return i.Name == "mon0" && i.Reason == "" })
	testnet.Until(t, "its prefix", func() bool { return chosen.String() == "192.168.1.0/24" && named.String() == "192.168.1.0/24" })
}

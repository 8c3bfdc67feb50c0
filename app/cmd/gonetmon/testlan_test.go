package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

const livePort = 4001 // the port of all traffic in this test

var (
	livePrefix4 = netip.MustParsePrefix("192.168.2.0/24")
	livePrefix6 = netip.MustParsePrefix("2001:db8:2::/64")
	router4     = netip.MustParseAddr("192.168.2.1")
	router6     = netip.MustParseAddr("2001:db8:2::1")
	internet4   = netip.MustParseAddr("198.51.100.1")
	internet6   = netip.MustParseAddr("2001:db8:ffff::1")
)

// A testLAN is a LAN of kernels: a bridge that floods every frame to all ports, and a router.
type testLAN struct {
	t      *testing.T
	bridge *testnet.Namespace
	ports  int
	router *machine
	dhcp   atomic.Int64 // DHCP messages on mon0
}

// A machine is a kernel with one interface, eth0, in the LAN.
type machine struct {
	*testnet.Namespace
	t     *testing.T
	mac   [6]byte
	index int    // of eth0
	port  string // of the bridge
	four  netip.Addr
	six   map[string]netip.Addr // link, stable, temporary
	sent  uint64                // bytes of IP packets to livePort
}

// newTestLAN makes a LAN with a router that is still off. The namespace receives all frames on mon0.
func newTestLAN(t *testing.T) (*testLAN, *testnet.Namespace) {
	t.Helper()
	lan := &testLAN{t: t, bridge: testnet.NewNamespace(t)}
	lan.bridge.IP("link add br0 type bridge ageing_time 0 mcast_snooping 0") //nolint:misspell // a name of iproute2
	lan.bridge.IP("link set br0 up")
	here := testnet.NewNamespace(t)
	lan.plug(here, "mon0")
	here.IP("link set mon0 up")
	testnet.Tap(here, "mon0", func(frame []byte) {
		// The magic cookie is that of RFC 2131, section 3.
		if len(frame) > 282 && frame[23] == 17 && [4]byte(frame[278:]) == [4]byte{99, 130, 83, 99} {
			lan.dhcp.Add(1)
		}
	})
	lan.router = lan.machine(0)
	r := lan.router
	r.Sysctl("net/ipv4/ip_forward", "1")
	r.Sysctl("net/ipv6/conf/all/forwarding", "1")
	r.four = router4
	r.IP("addr add 192.168.2.1/24 dev eth0")
	r.IP("addr add 198.51.100.1/32 dev lo")
	r.IP("addr add 2001:db8:ffff::1/128 dev lo nodad")
	return lan, here
}

// plug joins a namespace to the bridge by an interface that is still down there. It returns the port of the bridge.
func (lan *testLAN) plug(n *testnet.Namespace, iface string) string {
	lan.t.Helper()
	lan.ports++
	port := fmt.Sprint("port", lan.ports)
	lan.bridge.IP(fmt.Sprintf("link add %s type veth peer name %s netns %s", port, iface, n.Name))
	lan.bridge.IP(fmt.Sprintf("link set %s master br0 up", port))
	return port
}

// machine plugs in a new machine, which is still off, and has no IPv6. addr_gen_mode says how it generates IPv6 addresses: 0
// from the MAC, 3 from a secret (RFC 7217). It has temporary addresses too, and waits less than usual before it uses them.
func (lan *testLAN) machine(mode int) *machine {
	lan.t.Helper()
	m := &machine{Namespace: testnet.NewNamespace(lan.t), t: lan.t, six: map[string]netip.Addr{}}
	m.Sysctl("net/ipv6/conf/all/disable_ipv6", "0")
	m.port = lan.plug(m.Namespace, "eth0")
	for name, value := range map[string]string{
		// Or packets to an interface without an address are dropped.
		"net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/eth0/rp_filter": "0",
		"net/ipv6/conf/eth0/disable_ipv6": "1", "net/ipv6/conf/eth0/accept_ra": "1", "net/ipv6/conf/eth0/use_tempaddr": "2",
		"net/ipv6/conf/eth0/addr_gen_mode":             fmt.Sprint(mode),
		"net/ipv6/conf/eth0/router_solicitation_delay": "0",
		"net/ipv6/neigh/eth0/retrans_time_ms":          "200", // of duplicate address detection
	} {
		m.Sysctl(name, value)
	}
	var eth0 *net.Interface
	var sink net.PacketConn
	var err error
	m.Do(func() {
		if eth0, err = net.InterfaceByName("eth0"); err == nil {
			sink, err = net.ListenPacket("udp", fmt.Sprintf(":%d", livePort)) // so that the kernel does not reject datagrams
		}
	})
	if err != nil {
		lan.t.Fatal(err)
	}
	lan.t.Cleanup(func() { _ = sink.Close() })
	m.mac, m.index = [6]byte(eth0.HardwareAddr), eth0.Index
	return m
}

// turnOn turns a machine on, and waits until the bridge forwards its frames (ip-link(8), -details).
func (lan *testLAN) turnOn(m *machine) {
	lan.t.Helper()
	m.IP("link set eth0 up")
	lan.until("the bridge forwards frames of "+m.port, func() bool {
		out, err := exec.Command("ip", "-n", lan.bridge.Name, "-details", "link", "show", "dev", m.port).CombinedOutput()
		if err != nil {
			lan.t.Fatalf("ip link show: %v: %s", err, out)
		}
		return bytes.Contains(out, []byte(" bridge_slave state forwarding "))
	})
}

// start turns the router on, without IPv6. It announces its address.
func (lan *testLAN) start() {
	lan.t.Helper()
	r := lan.router
	lan.turnOn(r)
	testnet.NewSender(r.Namespace, "eth0").Send(testnet.ARPRequest(r.mac, r.four, r.four))
}

// startIPv6 gives IPv6 to the router and to machines that are on.
func (lan *testLAN) startIPv6(machines ...*machine) {
	lan.t.Helper()
	r := lan.router
	for _, m := range append(machines, r) {
		m.Sysctl("net/ipv6/conf/eth0/disable_ipv6", "0")
	}
	r.IP("addr add 2001:db8:2::1/64 dev eth0 nodad")
	lan.until("the router has an address", func() bool { return r.readAddrs() == 2 })
}

// advertise lets the router advertise itself until ok. It is silent afterwards, so that bytes can be compared.
func (lan *testLAN) advertise(what string, ok func() bool) {
	lan.t.Helper()
	r := lan.router
	advert := testnet.RouterAdvert(r.mac, r.six["link"], testnet.SourceMAC(r.mac), testnet.PrefixInfo(livePrefix6, time.Hour))
	wire := testnet.NewSender(r.Namespace, "eth0")
	lan.until(what, func() bool {
		wire.Send(advert)
		return ok()
	})
}

// advertiseTo lets the router advertise itself until each machine has a link-local, a stable and a temporary address.
func (lan *testLAN) advertiseTo(machines ...*machine) {
	lan.t.Helper()
	lan.advertise("addresses by SLAAC", func() bool {
		return !slices.ContainsFunc(machines, func(m *machine) bool { return m.readAddrs() < 3 })
	})
}

// readAddrs reads the IPv6 addresses of the kernel (ip-address(8), -json), and returns how many there are.
func (m *machine) readAddrs() int {
	m.t.Helper()
	out, err := exec.Command("ip", "-n", m.Name, "-json", "-6", "address", "show", "dev", "eth0").Output()
	var links []struct {
		All []struct {
			Addr                 netip.Addr `json:"local"`
			Temporary, Tentative bool
		} `json:"addr_info"`
	}
	if err = errors.Join(err, json.Unmarshal(out, &links)); err != nil {
		m.t.Fatalf("ip address show: %v: %s", err, out)
	}
	for _, link := range links {
		for _, a := range link.All {
			switch {
			case a.Tentative: // duplicate address detection has not finished with it
			case a.Addr.IsLinkLocalUnicast():
				m.six["link"] = a.Addr
			case a.Temporary:
				m.six["temporary"] = a.Addr
			default:
				m.six["stable"] = a.Addr
			}
		}
	}
	return len(m.six)
}

// lease gives the machine, which is on, an IPv4 address by DHCP: it and the router send all four messages. Each is awaited on
// mon0: frames of two kernels may overtake each other, and a server answers only what it has received.
func (lan *testLAN) lease(m *machine, addr netip.Addr, name string) {
	lan.t.Helper()
	client, server := testnet.NewSender(m.Namespace, "eth0"), testnet.NewSender(lan.router.Namespace, "eth0")
	all := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	answer := testnet.DHCP{MAC: m.mac, Your: addr, Life: time.Hour,
		Ends: testnet.Ends{SrcMAC: lan.router.mac, DstMAC: testnet.Broadcast, Src: router4, Dst: all}}
	send := func(from *testnet.Sender, message testnet.DHCP) {
		n := lan.dhcp.Load()
		from.Send(message.Frame())
		lan.until("the DHCP message is on the wire", func() bool { return lan.dhcp.Load() > n })
	}
	send(client, testnet.DHCP{Type: testnet.Discover, MAC: m.mac, Name: name})
	answer.Type = testnet.Offer
	send(server, answer)
	send(client, testnet.DHCP{Type: testnet.Request, MAC: m.mac, Name: name, Asked: addr})
	answer.Type = testnet.Ack
	send(server, answer)
	m.four = addr
	m.IP("addr add " + addr.String() + "/24 dev eth0")
	m.IP("route add default via " + router4.String())
}

// announce announces all addresses of the machine by mDNS, over IPv4, and over IPv6 if it has that.
func (m *machine) announce(name string) {
	m.t.Helper()
	var records []testnet.Record
	for _, a := range m.addrs() {
		records = append(records, testnet.Record{Name: name, Addr: a})
	}
	wire := testnet.NewSender(m.Namespace, "eth0")
	wire.Send(testnet.MDNSResponse(m.mac, m.four, 120, true, records...))
	if link, ok := m.six["link"]; ok {
		wire.Send(testnet.MDNSResponse(m.mac, link, 120, true, records...))
	}
}

// addrs returns all addresses that the machine should have, sorted.
func (m *machine) addrs() []netip.Addr {
	return slices.SortedFunc(func(yield func(netip.Addr) bool) {
		if m.four.IsValid() && !yield(m.four) {
			return
		}
		maps.Values(m.six)(yield)
	}, netip.Addr.Compare)
}

// send sends datagrams of size bytes of payload through the kernel.
func (m *machine) send(from, to netip.Addr, count, size int) {
	m.t.Helper()
	udp := func(a netip.Addr, port uint16) *net.UDPAddr {
		if a.Is6() && a.IsLinkLocalUnicast() {
			a = a.WithZone(fmt.Sprint(m.index))
		}
		return net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, port))
	}
	var conn *net.UDPConn
	var err error
	m.Do(func() { conn, err = net.DialUDP("udp", udp(from, 0), udp(to, livePort)) })
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for range count {
		if _, err := conn.Write(make([]byte, size)); err != nil {
			m.t.Fatal(err)
		}
	}
	header := 28
	if from.Is6() {
		header = 48
	}
	m.sent += uint64(count * (size + header))
}

func (lan *testLAN) until(what string, ok func() bool) {
	lan.t.Helper()
	testnet.Until(lan.t, what, ok)
}

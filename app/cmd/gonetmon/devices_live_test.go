package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
}

// A machine is a kernel with one interface, eth0, in the LAN.
type machine struct {
	*testnet.Namespace
	t     *testing.T
	mac   [6]byte
	index int // of eth0
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

// plug joins a namespace to the bridge by an interface that is still down there.
func (lan *testLAN) plug(n *testnet.Namespace, iface string) {
	lan.t.Helper()
	lan.ports++
	lan.bridge.IP(fmt.Sprintf("link add port%d type veth peer name %s netns %s", lan.ports, iface, n.Name))
	lan.bridge.IP(fmt.Sprintf("link set port%d master br0 up", lan.ports))
}

// machine plugs in a new machine, which is still off. addr_gen_mode says how it generates IPv6 addresses: 0 from the
// MAC, 3 from a secret (RFC 7217). It has temporary addresses too, and waits less than usual before it uses them.
func (lan *testLAN) machine(mode int) *machine {
	lan.t.Helper()
	m := &machine{Namespace: testnet.NewNamespace(lan.t), t: lan.t, six: map[string]netip.Addr{}}
	m.Sysctl("net/ipv6/conf/all/disable_ipv6", "0")
	lan.plug(m.Namespace, "eth0")
	for name, value := range map[string]string{
		"net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/eth0/rp_filter": "0", // or packets to an interface without an address are dropped
		"net/ipv6/conf/eth0/disable_ipv6": "0", "net/ipv6/conf/eth0/accept_ra": "1", "net/ipv6/conf/eth0/use_tempaddr": "2",
		"net/ipv6/conf/eth0/addr_gen_mode":             fmt.Sprint(mode),
		"net/ipv6/conf/eth0/router_solicitation_delay": "0", "net/ipv6/neigh/eth0/retrans_time_ms": "200", // of duplicate address detection
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

// start turns the router on.
func (lan *testLAN) start() {
	lan.t.Helper()
	r := lan.router
	r.IP("link set eth0 up")
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

// lease gives the machine, which is on, an IPv4 address by DHCP: it and the router send all four messages.
func (lan *testLAN) lease(m *machine, addr netip.Addr, name string) {
	lan.t.Helper()
	client, server := testnet.NewSender(m.Namespace, "eth0"), testnet.NewSender(lan.router.Namespace, "eth0")
	all := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	answer := testnet.DHCP{MAC: m.mac, Your: addr, Life: time.Hour,
		Ends: testnet.Ends{SrcMAC: lan.router.mac, DstMAC: testnet.Broadcast, Src: router4, Dst: all}}
	client.Send(testnet.DHCP{Type: testnet.Discover, MAC: m.mac, Name: name}.Frame())
	answer.Type = testnet.Offer
	server.Send(answer.Frame())
	client.Send(testnet.DHCP{Type: testnet.Request, MAC: m.mac, Name: name, Asked: addr}.Frame())
	answer.Type = testnet.Ack
	server.Send(answer.Frame())
	m.four = addr
	m.IP("addr add " + addr.String() + "/24 dev eth0")
	m.IP("route add default via " + router4.String())
}

// announce announces all addresses of the machine by mDNS, over IPv4 and IPv6.
func (m *machine) announce(name string) {
	m.t.Helper()
	var records []testnet.Record
	for _, a := range m.addrs() {
		records = append(records, testnet.Record{Name: name, Addr: a})
	}
	wire := testnet.NewSender(m.Namespace, "eth0")
	wire.Send(testnet.MDNSResponse(m.mac, m.four, 120, true, records...))
	wire.Send(testnet.MDNSResponse(m.mac, m.six["link"], 120, true, records...))
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

// A sniffer counts what is on the wire by MAC, of which each kernel here has one.
type sniffer struct {
	mu    sync.Mutex
	bytes map[[6]byte]uint64 // that the machine's addresses in the LAN have sent and received
	udp   map[[6]byte]uint64 // that it has sent to livePort
}

func (s *sniffer) count(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to, from := [6]byte(frame), [6]byte(frame[6:])
	var src, dst netip.Addr
	var size uint64
	var port []byte
	switch typ, ip := binary.BigEndian.Uint16(frame[12:]), frame[14:]; typ {
	case 0x0800:
		src, dst, size = netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:])), uint64(binary.BigEndian.Uint16(ip[2:]))
		if ip[9] == 17 {
			port = ip[22:24]
		}
	case 0x86dd:
		src, dst, size = netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:])), 40+uint64(binary.BigEndian.Uint16(ip[4:]))
		if ip[6] == 17 {
			port = ip[42:44]
		}
	default:
		return
	}
	if inLAN(src) {
		s.bytes[from] += size
	}
	if inLAN(dst) {
		s.bytes[to] += size
	}
	if len(port) == 2 && binary.BigEndian.Uint16(port) == livePort {
		s.udp[from] += size
	}
}

func inLAN(a netip.Addr) bool {
	return livePrefix4.Contains(a) && a.As4()[3] != 0 && a.As4()[3] != 255 || livePrefix6.Contains(a) || a.Is6() && a.IsLinkLocalUnicast()
}

// shown is a device as the page shows it.
type shown struct {
	bytes  float64
	mac    string
	source string
	addrs  []netip.Addr
}

// devicesOf returns the devices on the page, and all series.
func devicesOf(t *testing.T, p *testnet.Daemon) (map[string]*shown, map[string]float64) {
	t.Helper()
	_, body := p.Get("metrics")
	page := testnet.ParseMetrics(t, body)
	all := map[string]*shown{}
	for series, v := range page {
		name, labels := testnet.SplitSeries(series)
		if name == "node_bytes_total" {
			all[labels["device"]] = &shown{bytes: v}
		}
	}
	for series := range page {
		name, labels := testnet.SplitSeries(series)
		if name != "gonetmon_device_info" {
			continue
		}
		d := all[labels["device"]]
		if d == nil || len(d.addrs) > 0 && (d.mac != labels["mac"] || d.source != labels["source"]) {
			t.Fatalf("%s does not fit the rest of its device:\n%s", series, body)
		}
		d.mac, d.source = labels["mac"], labels["source"]
		d.addrs = append(d.addrs, netip.MustParseAddr(labels["ip"]))
	}
	for _, d := range all {
		slices.SortFunc(d.addrs, netip.Addr.Compare)
	}
	return all, page
}

func macText(mac [6]byte) string { return net.HardwareAddr(mac[:]).String() }

// Kernels with all the addresses that kernels have, and real ARP, NDP, SLAAC, DHCP and mDNS: each is one device under
// its right name, with every byte of the wire. Then another machine gets the address of one that left.
func TestDaemon_DevicesOfKernels(t *testing.T) {
	t.Parallel()
	lan, here := newTestLAN(t)
	wire := &sniffer{bytes: map[[6]byte]uint64{}, udp: map[[6]byte]uint64{}}
	testnet.Tap(here, "mon0", wire.count)
	p := start(t, here)
	lan.start()
	lan.advertise("the prefix of the router is in the log", func() bool {
		return strings.Contains(p.Log.String(), `msg="local prefixes changed" local=192.168.2.0/24,fe80::/10,2001:db8:2::/64`)
	})

	machines := map[string]*machine{"192.168.2.1": lan.router, "alexakitchen": lan.machine(0), "roku-tv": lan.machine(3), "printer": lan.machine(3)}
	alexa, roku, printer := machines["alexakitchen"], machines["roku-tv"], machines["printer"]
	newcomers := []*machine{alexa, roku, printer}
	for _, m := range newcomers {
		m.IP("link set eth0 up")
	}
	first := netip.MustParseAddr("192.168.2.50")
	lan.lease(alexa, first, "AlexaKitchen")
	lan.lease(roku, first.Next(), "Roku-TV")
	lan.lease(printer, first.Next().Next(), "")
	lan.advertiseTo(newcomers...)
	alexa.announce("alexakitchen.local")
	printer.announce("Printer.local")
	lan.talk(newcomers...)
	lan.requireShown(p, wire, machines)

	before, _ := devicesOf(t, p)
	for name, source := range map[string]string{"192.168.2.1": "address", "alexakitchen": "dhcp", "roku-tv": "dhcp", "printer": "mdns"} {
		if got := before[name].source; got != source {
			t.Errorf("%s has its name from %s, want %s", name, got, source)
		}
	}
	alexa.IP("link set eth0 down")
	alexa.four = netip.Addr{}
	laptop := lan.machine(0)
	machines["laptop"] = laptop
	laptop.IP("link set eth0 up")
	lan.lease(laptop, first, "Laptop")
	lan.advertiseTo(laptop)
	// Each address of the laptop is announced before the traffic; the router asks again whose the old one is.
	p.Until("the address is the laptop's", func() bool {
		all, _ := devicesOf(t, p)
		return all["laptop"] != nil && slices.Contains(all["laptop"].addrs, first)
	})
	lan.router.IP("neigh flush dev eth0")
	lan.talk(laptop)
	lan.requireShown(p, wire, machines)
	if status, _ := p.Stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// talk sends from each address of the machines to the router, to the internet and back, and from one machine to the
// next.
func (lan *testLAN) talk(machines ...*machine) {
	lan.t.Helper()
	r := lan.router
	for i, m := range machines {
		m.send(m.four, r.four, 10, 1000+i)
		m.send(m.six["link"], r.six["link"], 10, 900+i)
		m.send(m.six["stable"], router6, 10, 800+i)
		m.send(m.six["temporary"], router6, 10, 700+i)
		m.send(m.four, internet4, 20, 600+i)
		m.send(m.six["stable"], internet6, 20, 500+i)
		m.send(m.six["temporary"], internet6, 20, 400+i)
		r.send(internet4, m.four, 30, 1400+i)
		r.send(internet6, m.six["temporary"], 30, 1300+i)
		if to := machines[(i+1)%len(machines)]; to != m {
			m.send(m.four, to.four, 5, 300+i)
			m.send(m.six["link"], to.six["link"], 5, 200+i)
			m.send(m.six["temporary"], to.six["stable"], 5, 100+i)
		}
	}
}

// requireShown waits until the page shows these machines and no other device, each under its name with its addresses
// and the bytes of the wire.
func (lan *testLAN) requireShown(p *testnet.Daemon, wire *sniffer, machines map[string]*machine) {
	lan.t.Helper()
	wrong := ""
	defer func() {
		if lan.t.Failed() {
			lan.t.Log(wrong)
		}
	}()
	p.Until("the page shows what was on the wire", func() bool {
		all, page := devicesOf(lan.t, p)
		requireAccounted(lan.t, page)
		wire.mu.Lock()
		defer wire.mu.Unlock()
		var b bytes.Buffer
		for name, d := range all {
			if machines[name] == nil {
				fmt.Fprintf(&b, "%s is unexpected: %+v\n", name, *d)
			}
		}
		for name, m := range machines {
			d := all[name]
			if d == nil {
				fmt.Fprintf(&b, "%s is missing\n", name)
				continue
			}
			diff := cmp.Diff(m.addrs(), d.addrs, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
			if d.mac != macText(m.mac) {
				diff += fmt.Sprintf("mac is %s, want %s\n", d.mac, macText(m.mac))
			}
			if got, want := uint64(d.bytes), wire.bytes[m.mac]; got != want {
				diff += fmt.Sprintf("%d bytes, want %d\n", got, want)
			}
			if got, want := wire.udp[m.mac], m.sent; got != want {
				diff += fmt.Sprintf("%d bytes of datagrams on the wire, want %d\n", got, want)
			}
			if diff != "" {
				fmt.Fprintf(&b, "%s: %s", name, diff)
			}
		}
		wrong = b.String()
		return wrong == ""
	})
}

// requireAccounted fails the test unless the counters of devices and the rest add up to what was on the network.
func requireAccounted(t *testing.T, page map[string]float64) {
	t.Helper()
	if have, want := testnet.AccountedBytes(page); have != want {
		t.Fatalf("the devices and the rest have %.0f bytes, the network says %.0f", have, want)
	}
}

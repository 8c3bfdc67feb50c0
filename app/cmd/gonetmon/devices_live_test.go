package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

const livePort = 4001 // that all traffic of this test goes to

var (
	livePrefix4 = netip.MustParsePrefix("192.168.2.0/24")
	livePrefix6 = netip.MustParsePrefix("2001:db8:2::/64")
	router4     = netip.MustParseAddr("192.168.2.1")
	router6     = netip.MustParseAddr("2001:db8:2::1")
	internet4   = netip.MustParseAddr("198.51.100.1")
	internet6   = netip.MustParseAddr("2001:db8:ffff::1")
)

// A house is a LAN of kernels: a bridge that gives every frame to everybody, as a hub does, and a router.
type house struct {
	t      *testing.T
	bridge *testnet.Namespace
	ports  int
	router *machine
	dhcp   *testnet.DHCPServer
}

// A machine is a kernel with one interface, eth0, in the house.
type machine struct {
	*testnet.Namespace
	t        *testing.T
	mac      [6]byte
	four     netip.Addr
	six      map[string]netip.Addr // link, stable, temporary
	sent     uint64                // bytes of IP packets to livePort
	complete time.Duration         // from its first frame until the page shows all of it; 0: not yet
}

// newHouse makes a house with nobody but the router in it, which says nothing yet. The namespace hears all on mon0.
func newHouse(t *testing.T) (*house, *testnet.Namespace) {
	t.Helper()
	h := &house{t: t, bridge: testnet.NewNamespace(t)}
	h.bridge.IP("link add br0 type bridge ageing_time 0 mcast_snooping 0")
	h.bridge.IP("link set br0 up")
	here := testnet.NewNamespace(t)
	h.plug(here, "mon0")
	here.IP("link set mon0 up")
	h.router = h.machine(0)
	r := h.router
	r.Sysctl("net/ipv4/ip_forward", "1")
	r.Sysctl("net/ipv6/conf/all/forwarding", "1")
	r.four = router4
	r.IP("addr add 192.168.2.1/24 dev eth0")
	r.IP("addr add 198.51.100.1/32 dev lo")
	r.IP("addr add 2001:db8:ffff::1/128 dev lo nodad")
	return h, here
}

// plug joins a namespace to the bridge by an interface that is still down there.
func (h *house) plug(n *testnet.Namespace, iface string) {
	h.t.Helper()
	h.ports++
	h.bridge.IP(fmt.Sprintf("link add port%d type veth peer name %s netns %s", h.ports, iface, n.Name))
	h.bridge.IP(fmt.Sprintf("link set port%d master br0 up", h.ports))
}

// machine plugs a new machine in, which is still off. Its IPv6 addresses are made as addr_gen_mode says: 0 of the MAC, 3 of a
// secret (RFC 7217). It has temporary ones besides, and waits less than a machine would before it uses them.
func (h *house) machine(mode int) *machine {
	h.t.Helper()
	m := &machine{Namespace: testnet.NewNamespace(h.t), t: h.t, six: map[string]netip.Addr{}}
	m.Sysctl("net/ipv6/conf/all/disable_ipv6", "0")
	h.plug(m.Namespace, "eth0")
	for name, value := range map[string]string{
		"net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/eth0/rp_filter": "0", // else what comes without an address is dropped
		"net/ipv6/conf/eth0/disable_ipv6": "0", "net/ipv6/conf/eth0/accept_ra": "1", "net/ipv6/conf/eth0/use_tempaddr": "2",
		"net/ipv6/conf/eth0/addr_gen_mode":             fmt.Sprint(mode),
		"net/ipv6/conf/eth0/router_solicitation_delay": "0", "net/ipv6/neigh/eth0/retrans_time_ms": "200", // of duplicate address detection
	} {
		m.Sysctl(name, value)
	}
	m.mac = m.MAC("eth0")
	m.DiscardUDP(livePort)
	return m
}

// open turns the router on, which gives addresses away and advertises itself until the test ends.
func (h *house) open(pool ...netip.Addr) {
	h.t.Helper()
	r := h.router
	r.IP("link set eth0 up")
	r.IP("addr add 2001:db8:2::1/64 dev eth0 nodad")
	h.until("the router has an address", func() bool { return r.learn() == 2 })
	h.dhcp = testnet.ServeDHCP(r.Namespace, "eth0", router4, pool...)
	advert := testnet.RouterAdvert(r.mac, r.six["link"], testnet.SourceMAC(r.mac), testnet.PrefixInfo(livePrefix6, time.Hour))
	wire := testnet.NewSender(r.Namespace, "eth0")
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(200 * time.Millisecond); ; {
			wire.Send(advert)
			select {
			case <-ended:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	h.t.Cleanup(func() {
		close(ended)
		<-done
	})
}

// learn notes which IPv6 addresses the kernel has, and returns how many.
func (m *machine) learn() int {
	m.t.Helper()
	for _, a := range m.Addrs6("eth0") {
		switch {
		case a.Addr.IsLinkLocalUnicast():
			m.six["link"] = a.Addr
		case a.Temporary:
			m.six["temporary"] = a.Addr
		default:
			m.six["stable"] = a.Addr
		}
	}
	return len(m.six)
}

// lease has the machine, which is on, get its IPv4 address by DHCP.
func (m *machine) lease(name string) {
	m.t.Helper()
	m.four = testnet.RequestLease(m.Namespace, "eth0", name)
	m.IP("addr add " + m.four.String() + "/24 dev eth0")
	m.IP("route add default via " + router4.String())
}

// addrs are all addresses that the machine should have, sorted.
func (m *machine) addrs() []netip.Addr {
	return slices.SortedFunc(func(yield func(netip.Addr) bool) {
		if m.four.IsValid() && !yield(m.four) {
			return
		}
		maps.Values(m.six)(yield)
	}, netip.Addr.Compare)
}

// send sends datagrams of size bytes of payload.
func (m *machine) send(from, to netip.Addr, count, size int) {
	m.t.Helper()
	m.SendUDP("eth0", from, to, livePort, count, size)
	header := 28
	if from.Is6() {
		header = 48
	}
	m.sent += uint64(count * (size + header))
}

func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	testnet.Until(h.t, what, ok)
}

// An ear is what was heard on the wire. It knows whose a packet is by the MAC, of which each kernel has one: gonetmon can't,
// behind a router or an extender.
type ear struct {
	mu    sync.Mutex
	first map[[6]byte]time.Time // the first frame of each machine
	bytes map[[6]byte]uint64    // that its addresses in the LAN have sent and received
	udp   map[[6]byte]uint64    // what it has sent to livePort
}

func (e *ear) hear(frame []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	to, from := [6]byte(frame), [6]byte(frame[6:])
	if e.first[from].IsZero() {
		e.first[from] = time.Now()
	}
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
	if inHouse(src) {
		e.bytes[from] += size
	}
	if inHouse(dst) {
		e.bytes[to] += size
	}
	if len(port) == 2 && binary.BigEndian.Uint16(port) == livePort {
		e.udp[from] += size
	}
}

func inHouse(a netip.Addr) bool {
	return livePrefix4.Contains(a) && a.As4()[3] != 0 && a.As4()[3] != 255 || livePrefix6.Contains(a) || a.Is6() && a.IsLinkLocalUnicast()
}

// shown is what the page says of a device.
type shown struct {
	bytes  float64
	mac    string
	source string
	addrs  []netip.Addr
}

// devicesOf reads the devices off a page, and what is on it for those that can't be read.
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

// Kernels that have all the addresses that kernels have, real ARP, NDP, SLAAC, DHCP and mDNS: a device each, by its right name,
// with every byte that the wire says, within 5 s of its first frame. Then another machine gets the address of one that left.
func TestLiveDevices(t *testing.T) {
	t.Parallel()
	h, here := newHouse(t)
	ear := &ear{first: map[[6]byte]time.Time{}, bytes: map[[6]byte]uint64{}, udp: map[[6]byte]uint64{}}
	testnet.Tap(here, "mon0", ear.hear)
	p := start(t, here)
	first := netip.MustParseAddr("192.168.2.50")
	h.open(first, first.Next(), first.Next().Next(), netip.MustParseAddr("192.168.2.99"))
	p.Until("the prefix of the router is in the log", func() bool {
		return strings.Contains(p.Log.String(), `msg="local prefixes changed" local=192.168.2.0/24,fe80::/10,2001:db8:2::/64`)
	})

	machines := map[string]*machine{"192.168.2.1": h.router, "alexakitchen": h.machine(0), "roku-tv": h.machine(3), "printer": h.machine(3)}
	alexa, roku, printer := machines["alexakitchen"], machines["roku-tv"], machines["printer"]
	newcomers := []*machine{alexa, roku, printer}
	for _, m := range newcomers {
		m.IP("link set eth0 up")
	}
	alexa.lease("AlexaKitchen")
	roku.lease("Roku-TV")
	printer.lease("")
	h.until("addresses by SLAAC", func() bool {
		return !slices.ContainsFunc(newcomers, func(m *machine) bool { return m.learn() < 3 })
	})
	testnet.AnnounceMDNS(alexa.Namespace, "eth0", "alexakitchen.local", alexa.addrs()...)
	testnet.AnnounceMDNS(printer.Namespace, "eth0", "Printer.local", printer.addrs()...)
	h.talk(newcomers...)
	h.shows(p, ear, machines)
	for name, m := range machines {
		if m == h.router {
			continue
		}
		t.Logf("%s was on the page with all its addresses %v after its first frame", name, m.complete.Round(time.Millisecond))
		if m.complete > 5*time.Second {
			t.Errorf("%s was on the page with all its addresses only %v after its first frame", name, m.complete)
		}
	}

	before, _ := devicesOf(t, p)
	for name, source := range map[string]string{"192.168.2.1": "address", "alexakitchen": "dhcp", "roku-tv": "dhcp", "printer": "mdns"} {
		if got := before[name].source; got != source {
			t.Errorf("%s has its name from %s, want %s", name, got, source)
		}
	}
	alexa.IP("link set eth0 down")
	gone := alexa.four
	alexa.four = netip.Addr{}
	h.dhcp.Expire(gone)
	laptop := h.machine(0)
	machines["laptop"] = laptop
	laptop.IP("link set eth0 up")
	laptop.lease("Laptop")
	if laptop.four != gone {
		t.Fatalf("the laptop got %s", laptop.four)
	}
	h.until("addresses by SLAAC", func() bool { return laptop.learn() == 3 })
	// Each address of the laptop says what it must before the traffic; the router asks anew whose the old one is.
	p.Until("the address is the laptop's", func() bool {
		all, _ := devicesOf(t, p)
		return all["laptop"] != nil && slices.Contains(all["laptop"].addrs, gone)
	})
	h.router.IP("neigh flush dev eth0")
	h.talk(laptop)
	h.shows(p, ear, machines)
	t.Logf("laptop: %v", laptop.complete.Round(time.Millisecond))
	after, _ := devicesOf(t, p)
	// Neighbours may still have asked whether it is there.
	if was, is := before["alexakitchen"].bytes, after["alexakitchen"].bytes; is < was || is > was+2000 {
		t.Errorf("alexakitchen had %.0f bytes when it left, and has %.0f", was, is)
	}
	if status, _ := p.Stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// talk has machines talk from each of their addresses to the router, to the internet and back, and to one another.
func (h *house) talk(machines ...*machine) {
	h.t.Helper()
	r := h.router
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

// shows waits until the page shows these machines, each by its name with its addresses and the bytes that the ear has heard.
// Never may it show another device.
func (h *house) shows(p *testnet.Daemon, e *ear, machines map[string]*machine) {
	h.t.Helper()
	wrong := ""
	defer func() {
		if h.t.Failed() {
			h.t.Log(wrong)
		}
	}()
	p.Until("what the ear heard is what the page shows", func() bool {
		all, page := devicesOf(h.t, p)
		for name := range all {
			if machines[name] == nil {
				h.t.Fatalf("an unexpected device: %s %+v", name, *all[name])
			}
		}
		h.adds(page)
		e.mu.Lock()
		defer e.mu.Unlock()
		var b bytes.Buffer
		for name, m := range machines {
			d := all[name]
			if d == nil {
				fmt.Fprintf(&b, "%s is not there\n", name)
				continue
			}
			whole := cmp.Diff(m.addrs(), d.addrs, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
			if d.mac != macText(m.mac) {
				whole += fmt.Sprintf("mac is %s, want %s\n", d.mac, macText(m.mac))
			}
			if whole == "" && m.complete == 0 {
				m.complete = time.Since(e.first[m.mac])
			}
			if got, want := uint64(d.bytes), e.bytes[m.mac]; got != want {
				whole += fmt.Sprintf("%d bytes, want %d\n", got, want)
			}
			if got, want := e.udp[m.mac], m.sent; got != want {
				whole += fmt.Sprintf("%d bytes of datagrams on the wire, want %d\n", got, want)
			}
			if whole != "" {
				fmt.Fprintf(&b, "%s: %s", name, whole)
			}
		}
		wrong = b.String()
		return wrong == ""
	})
}

// adds fails the test unless the devices and those that are none add up to what was on the network.
func (h *house) adds(page map[string]float64) {
	h.t.Helper()
	if have, want := testnet.AccountedBytes(page); have != want {
		h.t.Fatalf("the devices and the rest have %.0f bytes, the network says %.0f", have, want)
	}
}

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

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
		src, dst = netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:]))
		size = uint64(binary.BigEndian.Uint16(ip[2:]))
		if ip[9] == 17 {
			port = ip[22:24]
		}
	case 0x86dd:
		src, dst = netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:]))
		size = 40 + uint64(binary.BigEndian.Uint16(ip[4:]))
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
	return livePrefix4.Contains(a) && a.As4()[3] != 0 && a.As4()[3] != 255 ||
		livePrefix6.Contains(a) || a.Is6() && a.IsLinkLocalUnicast()
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

	alexa, roku, printer := lan.machine(0), lan.machine(3), lan.machine(3)
	machines := map[string]*machine{"192.168.2.1": lan.router, "alexakitchen": alexa, "roku-tv": roku, "printer": printer}
	newcomers := []*machine{alexa, roku, printer}
	for _, m := range newcomers {
		lan.turnOn(m)
	}
	// Without IPv6 a machine is silent until it has a name. One that has spoken, and has none some seconds later, is shown
	// under its address, and the page keeps what it has counted under it.
	first := netip.MustParseAddr("192.168.2.50")
	lan.lease(alexa, first, "AlexaKitchen")
	lan.lease(roku, first.Next(), "Roku-TV")
	lan.lease(printer, first.Next().Next(), "")
	printer.announce("Printer.local")
	lan.startIPv6(newcomers...)
	lan.advertise("the prefix of the router is in the log", func() bool {
		return strings.Contains(p.Log.String(), `msg="local prefixes changed" local=192.168.2.0/24,fe80::/10,2001:db8:2::/64`)
	})
	lan.advertiseTo(newcomers...)
	alexa.announce("alexakitchen.local")
	printer.announce("Printer.local")
	lan.talk(newcomers...)
	lan.requireShown(p, wire, machines)

	before, _ := devicesOf(t, p)
	sources := map[string]string{"192.168.2.1": "address", "alexakitchen": "dhcp", "roku-tv": "dhcp", "printer": "mdns"}
	for name, source := range sources {
		if got := before[name].source; got != source {
			t.Errorf("%s has its name from %s, want %s", name, got, source)
		}
	}
	alexa.IP("link set eth0 down")
	alexa.four = netip.Addr{}
	laptop := lan.machine(0)
	machines["laptop"] = laptop
	lan.turnOn(laptop)
	lan.lease(laptop, first, "Laptop")
	laptop.Sysctl("net/ipv6/conf/eth0/disable_ipv6", "0")
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

package device

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
)

// A scenarioLAN counts what it lets hosts move.
type scenarioLAN struct {
	*testLAN
	moved uint64
}

// A scenarioNamer answers as DNS at once, and again when it is asked anew.
type scenarioNamer struct {
	lan   *testLAN
	lines []string
	asked []netip.Addr
	known map[netip.Addr]bool
}

func (n *scenarioNamer) Want(a netip.Addr) {
	if !n.known[a] {
		n.Refresh(a)
	}
}

func (n *scenarioNamer) Refresh(a netip.Addr) {
	n.known[a] = true
	n.asked = append(n.asked, a)
}

func (n *scenarioNamer) Drain(found func(netip.Addr, string)) {
	for _, a := range n.asked {
		name := ""
		for _, line := range n.lines {
			f := strings.Fields(line)
			if len(f) < 2 || f[0] != "*" && scenarioAddr(f[0]) != a {
				continue
			}
			if from, _ := time.ParseDuration(strings.Join(f[2:], "")); n.lan.now.Sub(start) >= from {
				name = f[1]
			}
		}
		found(a, name)
	}
	n.asked = nil
}

func scenarioAddr(s string) netip.Addr {
	if strings.HasPrefix(s, ".") {
		s = "192.168.2" + s
	} else if strings.HasPrefix(s, "::") {
		s = "2001:db8" + s
	}
	return netip.MustParseAddr(s)
}

// play lets the time pass until the step, and does it.
func (lan *scenarioLAN) play(t *testing.T, s step) {
	arp := discovery.ARP
	addr := func(i int) netip.Addr { return scenarioAddr(s.args[i]) }
	num := func(i int) int {
		n, err := strconv.Atoi(s.args[i])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	fact := func(kind discovery.Kind, p discovery.Protocol, a netip.Addr, name string) discovery.Fact {
		if p == arp && a.Is6() {
			p = discovery.NDP
		}
		return discovery.Fact{Kind: kind, Protocol: p, MAC: s.who, Addr: a, Name: name, Lifetime: time.Hour}
	}
	switch s.verb {
	case "ann", "asks": // addresses that it announces, or as which it asks for others
		for i := range s.args {
			f := fact(discovery.Announced, arp, addr(i), "")
			f.Own = s.verb == "ann"
			lan.learn(f)
		}
	case "reply": // that the address is here
		lan.learn(fact(discovery.Replied, arp, addr(0), ""))
	case "probe":
		lan.learn(fact(discovery.Probed, arp, addr(0), ""))
	case "router":
		lan.learn(fact(discovery.Router, discovery.NDP, addr(0), ""))
	case "lease": // ADDR [NAME]: the exchange with the server, for a day
		ask := fact(discovery.Requested, discovery.DHCP, addr(0), "")
		ack := fact(discovery.Leased, discovery.DHCP, addr(0), "")
		ack.Lifetime, ack.Server = 24*time.Hour, scenarioAddr(".1")
		ask.Transaction = uint32(len(lan.Snapshot().Devices))<<8 | uint32(s.who[5])
		ack.Transaction = ask.Transaction
		if len(s.args) > 1 {
			name := fact(discovery.MACName, discovery.DHCP, netip.Addr{}, s.args[1])
			name.Own = true
			lan.learn(name)
		}
		lan.learn(ask)
		lan.learn(ack)
	case "ack": // ADDR: the acknowledgment alone, of a transaction that nobody began
		f := fact(discovery.Leased, discovery.DHCP, addr(0), "")
		f.Transaction, f.Server, f.Lifetime = 0xbad, scenarioAddr(".66"), 24*time.Hour
		lan.learn(f)
	case "named": // NAME, said by DHCP
		f := fact(discovery.MACName, discovery.DHCP, netip.Addr{}, s.args[0])
		f.Own = true
		lan.learn(f)
	case "mdns", "bye": // NAME BY [ADDR...]: what BY says about itself, or about other addresses
		kind := discovery.AddrName
		if s.verb == "bye" {
			kind = discovery.NameGone
		}
		of := s.args[2:]
		if len(of) == 0 {
			of = s.args[1:2]
		}
		for _, a := range of {
			f := fact(kind, discovery.MDNS, scenarioAddr(a), s.args[0])
			f.By, f.Own = addr(1), true
			lan.learn(f)
		}
	case "send": // ADDR BYTES
		lan.move(addr(0), num(1), s.who)
	case "send-": // ADDR BYTES, over a link without MACs
		lan.move(addr(0), num(1), mac.Addr{})
	case "recv":
		lan.move(addr(0), -num(1), s.who)
	case "restart": // DOWNTIME
		down, err := time.ParseDuration(s.args[0])
		if err != nil {
			t.Fatal(err)
		}
		lan.restart(t, down)
		lan.moved = 0
	default:
		t.Fatalf("unknown verb %q", s.verb)
	}
}

// move counts a packet of a host to the internet in a frame of a MAC, or from the internet if bytes is below 0.
func (lan *scenarioLAN) move(host netip.Addr, bytes int, from mac.Addr) {
	f, src := key(host)
	dst := internet[f]
	if bytes < 0 {
		src, dst, bytes = dst, src, -bytes
	}
	var number uint64
	for _, b := range from {
		number = number<<8 | uint64(b)
	}
	lan.table.Begin()
	defer lan.table.End()
	lan.moved += uint64(bytes)
	lan.table.Count(f, src, dst, uint64(bytes), uint64(14+bytes), 1, number)
}

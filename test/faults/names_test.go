package faults

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

func nameRows() []row {
	const fault = " names with quotes, newlines, NUL, bidi, <script>, {{, %s, escape sequences, 10 kB, invalid UTF-8"
	const expected = "none of them on page, metrics, log or terminal; refused and counted; counts exact; a good name is shown"
	return []row{
		{name: "names-ptr", fault: "PTR" + fault, expected: expected, run: hostilePTR, parallel: true},
		{name: "names-dhcp", fault: "DHCP and DHCPv6" + fault, expected: expected, run: hostileDHCP, parallel: true},
		{name: "names-mdns", fault: "mDNS" + fault, expected: expected, run: hostileMDNS, parallel: true},
	}
}

// hostileMark begins every hostile name that has room for it: where it is seen, one of them is shown.
const hostileMark = "qzx"

// hostileNames are names that must be refused.
func hostileNames() []string {
	names := []string{
		`a"b`, `it's`, "a\nb", "a\r\nb", "a\x00b", "a\tb", "\u202eexe.nal", "\u2066x\u2069", "<script>alert(1)</script>",
		`"><img src=x onerror=alert(1)>`, "{{7*7}}", "{{.}}", "%s%s%n", "%!s(MISSING)", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07",
		"\x9b31m", "\x08\x08\x08", "\x7f", "\xff\xfe\xfd", "\xc3\x28", "caf\u00e9", "\u0430pple", `a\b`, `a\`, "a b", " ",
		"x\"} 1\nnode_bytes_total{device=\"x", "time=2026 level=INFO msg=x", "a,b=c", "a;b", "$(reboot)", "`reboot`",
		"../../etc/passwd", strings.Repeat("y", 61), strings.Repeat("z", 200), strings.Repeat("long-", 2000),
	}
	for i := range names {
		names[i] = hostileMark + names[i]
	}
	return append(names, "192.168.2.1", "::1", "localhost", strings.Repeat("x", 63)+"!")
}

const goodName = "good-name"

var validName = regexp.MustCompile(`^[a-z0-9._:-]+$`)

// A namer gives names to hosts of a network with a daemon.
type namer struct {
	b *bench
	d *daemon
	s *testnet.Sender
}

func (b *bench) newNamer(handler func(netip.Addr) testnet.Answer) *namer {
	b.Helper()
	here, there := testnet.NewPair(b)
	variables := []string{"GONETMON_LOG_LEVEL=debug", "GONETMON_CIDR=192.168.2.0/24,2001:db8:2::/64"}
	if handler != nil {
		testnet.NamespaceDNS(b, here, true, handler)
		variables = append(variables, "GONETMON_DNS_SERVERS=127.0.0.1")
	}
	return &namer{b: b, d: b.start(here, variables...), s: testnet.NewSender(there, "in0")}
}

// host has the nth host talk.
func (n *namer) host(i int) (mac [6]byte, addr netip.Addr) {
	mac, addr = [6]byte{2, 0, 0, 0, 1, byte(i)}, netip.AddrFrom4([4]byte{192, 168, 2, byte(i)})
	n.s.Send(testnet.Datagram(testnet.Ends{SrcMAC: mac, DstMAC: testnet.ServerMAC, Src: addr, Dst: away}, 4000, 4001, 64,
		make([]byte, 72)))
	return mac, addr
}

// check checks everything that can be read, once names of these sources are refused.
func (n *namer) check(sources ...string) string {
	n.b.Helper()
	d := n.d
	d.Until("the good name is shown", func() bool {
		return d.values(fmt.Sprintf(`node_bytes_total{device="%s"}`, goodName))[0] > 0
	})
	var refused uint64
	d.Until("names are refused", func() bool {
		refused = 0
		for _, s := range sources {
			v := d.values(fmt.Sprintf(`gonetmon_names_refused_total{source="%s"}`, s),
				fmt.Sprintf(`gonetmon_facts_malformed_total{source="%s"}`, s))
			if v[0]+v[1] == 0 {
				return false
			}
			refused += v[0] + v[1]
		}
		return true
	})
	time.Sleep(4 * time.Second) // devices without names are shown after three
	devices := 0
	for series := range d.Metrics() {
		if name, labels := testnet.SplitSeries(series); name == "node_bytes_total" {
			devices++
			if !validName.MatchString(labels["device"]) {
				n.b.Errorf("a device is called %q", labels["device"])
			}
		}
	}
	_, metrics := d.Get("metrics")
	_, page := d.Get("")
	f := d.finish(n.s.Sent) // which checks page, log and output for what a terminal or browser can't take
	for where, text := range map[string]string{"metrics": metrics, "page": page, "log": d.Log.String(), "terminal": d.Out.String()} {
		if i := strings.Index(text, hostileMark); i >= 0 {
			n.b.Errorf("a name is on the %s: %.200q", where, text[max(0, i-80):])
		}
	}
	if !strings.Contains(d.Out.String(), goodName) || !strings.Contains(page, goodName) {
		n.b.Error("the good name is not on the page or the terminal, so this shows nothing")
	}
	return fmt.Sprintf("%d names, %d refused or malformed, %d devices, none with such a name; %s", len(hostileNames()),
		refused, devices, f)
}

func hostilePTR(b *bench) string {
	bad := hostileNames()
	n := b.newNamer(func(addr netip.Addr) testnet.Answer {
		i := int(addr.As4()[3]) - 1
		switch {
		case i < len(bad) && len(bad[i]) > 255:
			return testnet.Answer{Mode: testnet.Huge, TTL: 3600}
		case i < len(bad):
			return testnet.Answer{Mode: testnet.RawName, RData: testnet.WireName(bad[i]), TTL: 3600}
		case i == len(bad):
			return testnet.Answer{Names: []string{goodName + "."}, TTL: 3600}
		}
		return testnet.Answer{Mode: testnet.NXDomain, TTL: 3600}
	})
	for i := range len(bad) + 1 {
		n.host(i + 1)
	}
	return n.check("ptr")
}

func hostileDHCP(b *bench) string {
	n := b.newNamer(nil)
	for i, name := range append(hostileNames(), goodName) {
		mac, addr := n.host(i + 1)
		n.s.Send(testnet.DHCP{Type: testnet.Request, MAC: mac, Name: name, Asked: addr}.Frame())
		n.s.Send(testnet.DHCP{Type: testnet.Ack, MAC: mac, Your: addr, Life: time.Hour}.Frame())
		if name == goodName {
			continue
		}
		link := netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(i + 1)})
		raw := testnet.Option6(39, []byte{0}, []byte{byte(min(len(name), 63))}, []byte(name))
		duid := append([]byte{0, 3, 0, 1}, mac[:]...)
		n.s.Send(testnet.DHCP6{Type: testnet.Request6, DUID: duid, Options: [][]byte{raw},
			Ends: testnet.Ends{SrcMAC: mac, Src: link}}.Frame())
	}
	return n.check("dhcp", "dhcpv6")
}

func hostileMDNS(b *bench) string {
	n := b.newNamer(nil)
	group := netip.MustParseAddr("224.0.0.251")
	for i, name := range hostileNames() {
		mac, addr := n.host(i + 1)
		owner := append(testnet.WireName(name), testnet.WireName("local")...)
		if len(name) < 256 {
			owner = append(owner[:len(name)+1], testnet.WireName("local")...)
		}
		payload := []byte{0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0}
		payload = append(append(payload, owner...), 0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4)
		payload = append(payload, addr.AsSlice()...)
		n.s.Send(testnet.Datagram(testnet.Ends{SrcMAC: mac, Src: addr, Dst: group}, 5353, 5353, 255, payload))
	}
	mac, addr := n.host(len(hostileNames()) + 1)
	n.s.Send(testnet.MDNSResponse(mac, addr, 120, true, testnet.Record{Name: goodName + ".local", Addr: addr}))
	return n.check("mdns")
}

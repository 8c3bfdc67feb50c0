package faults

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

// hostileMark begins every hostile name that has room for it. Those of DNS have a mark of their own: where it is seen, one of
// them is shown.
const hostileMark, hostileDNSMark = "qzx", "qzy"

// badNames are names that must not be shown as they are. Those of DNS are refused; what devices call themselves is cleaned, or
// refused.
func badNames() []string {
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

var validName = regexp.MustCompile(`^[a-z0-9._:-]+$`)

// named is a station in one of three subnets, by the way in which its name comes.
type named struct {
	mac  [6]byte
	addr netip.Addr
}

const byDNS, byDHCP, byMDNS = byte(1), byte(2), byte(3) // the third byte of the address

// dhcp returns frames with which a station asks for an address by DHCP and DHCPv6, with its name, and gets the former.
func (n named) dhcp(name string) [][]byte {
	raw := testnet.Option6(39, []byte{0}, []byte{byte(min(len(name), 63))}, []byte(name))
	link := netip.AddrFrom16([16]byte{0xfe, 0x80, 15: n.mac[5]})
	return [][]byte{
		testnet.DHCP{Type: testnet.Request, MAC: n.mac, Name: name, Asked: n.addr}.Frame(),
		testnet.DHCP{Type: testnet.Ack, MAC: n.mac, Your: n.addr, Life: time.Hour}.Frame(),
		testnet.DHCP6{Type: testnet.Request6, DUID: append([]byte{0, 3, 0, 1}, n.mac[:]...), Options: [][]byte{raw},
			Ends: testnet.Ends{SrcMAC: n.mac, Src: link}}.Frame(),
	}
}

// mdns returns a frame by which a station announces NAME.local, whatever is in the name and however long it is.
func (n named) mdns(name string) []byte {
	owner := testnet.WireName(name)
	if len(name) < 256 {
		owner = testnet.WireName(name, "local")
	}
	payload := []byte{0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0}
	payload = append(append(payload, owner...), 0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4)
	payload = append(payload, n.addr.AsSlice()...)
	ends := testnet.Ends{SrcMAC: n.mac, Src: n.addr, Dst: netip.MustParseAddr("224.0.0.251")}
	return testnet.Datagram(ends, 5353, 5353, 255, payload)
}

// ptr returns a DNS answer with any name.
func ptr(name string) testnet.Answer {
	if len(name) > 255 {
		return testnet.Answer{Mode: testnet.Huge, TTL: 3600}
	}
	return testnet.Answer{Mode: testnet.RawName, RData: testnet.WireName(name), TTL: 3600}
}

func hostileNames(b *bench) string {
	bad, good := badNames(), map[byte]string{byDNS: "good-dns", byDHCP: "good-dhcp", byMDNS: "good-mdns"}
	name := func(way byte, i int) string {
		if i < len(bad) {
			return bad[i]
		}
		return good[way]
	}
	here, there := testnet.NewPair(b)
	testnet.NamespaceDNS(b, here, true, func(addr netip.Addr) testnet.Answer {
		if a := addr.As4(); a[2] == byDNS {
			return ptr(strings.Replace(name(byDNS, int(a[3])-1), hostileMark, hostileDNSMark, 1))
		}
		return testnet.Answer{Mode: testnet.NXDomain, TTL: 3600}
	})
	d := b.start(here, "GONETMON_LOG_LEVEL=debug", "GONETMON_CIDR=192.168.0.0/16,2001:db8:2::/64", "GONETMON_DNS_SERVERS=127.0.0.1")
	s := testnet.NewSender(there, "in0")
	for i := range len(bad) + 1 {
		for way := range good {
			n := named{[6]byte{2, 0, 0, 0, way, byte(i + 1)}, netip.AddrFrom4([4]byte{192, 168, way, byte(i + 1)})}
			ends := testnet.Ends{SrcMAC: n.mac, DstMAC: testnet.ServerMAC, Src: n.addr, Dst: away}
			s.Send(testnet.Datagram(ends, 4000, 4001, 64, make([]byte, 72)))
			switch way {
			case byDHCP:
				s.SendAll(n.dhcp(name(way, i)), 0)
			case byMDNS:
				s.Send(n.mdns(name(way, i)))
			}
		}
	}
	var refused uint64
	d.Until("the good names are shown, and others of each source refused", func() bool {
		_, body := d.Get("metrics")
		refused = 0
		for _, source := range []string{"ptr", "dhcp", "dhcpv6", "mdns"} {
			v := find(body, fmt.Sprintf(`gonetmon_names_refused_total{source="%s"}`, source),
				fmt.Sprintf(`gonetmon_facts_malformed_total{source="%s"}`, source))
			if v[0]+v[1] == 0 {
				return false
			}
			refused += v[0] + v[1]
		}
		for _, name := range good {
			if !strings.Contains(body, `node_bytes_total{device="`+name) {
				return false
			}
		}
		return true
	})
	time.Sleep(4 * time.Second) // devices without names are shown after three
	devices := 0
	for series := range d.Metrics() {
		if name, labels := testnet.SplitSeries(series); name == "node_bytes_total" {
			devices++
			if !validName.MatchString(labels["device"]) {
				b.Errorf("a device is called %q", labels["device"])
			}
		}
	}
	_, metrics := d.Get("metrics")
	_, page := d.Get("")
	f := d.finish(s.Sent) // which checks page, log and output for what a terminal or browser can't take
	for where, text := range map[string]string{"metrics": metrics, "page": page, "log": d.Log.String(), "terminal": d.Out.String()} {
		if i := strings.Index(text, hostileDNSMark); i >= 0 {
			b.Errorf("a name of DNS is on the %s: %.200q", where, text[max(0, i-80):])
		}
		for _, name := range bad {
			if i := strings.Index(text, name); i >= 0 && strings.HasPrefix(name, hostileMark) && name != hostileMark+" " {
				b.Errorf("a name is on the %s: %.200q", where, text[max(0, i-80):])
			}
		}
		for _, name := range good {
			if where != "log" && !strings.Contains(text, name) {
				b.Errorf("%s is not on the %s, so this shows nothing", name, where)
			}
		}
	}
	return fmt.Sprintf("%d names of each source, %d refused or malformed, %d devices, none with such a name; %s", len(bad), refused,
		devices, f)
}

package main

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/meter"
	"gonetmon/app/metrics"
	"gonetmon/app/names"
	"gonetmon/app/notice"
	"gonetmon/app/report"
	"gonetmon/app/traffic"
	"gonetmon/app/web"
	"gonetmon/test/testnet"
)

var (
	namedMAC   = [6]byte{0xa0, 0, 0, 0, 0, 7}
	namedAddr  = netip.MustParseAddr("192.168.2.7")
	namedRoute = netip.MustParseAddr("fe80::7")
	someTime   = time.Date(2026, 11, 23, 14, 3, 0, 0, time.UTC)
)

// arrivals are the ways by which the name of a device arrives. Each puts raw bytes into a frame or a file, and lets
// the registry learn it. What is to be logged is returned.
var arrivals = []func(r *device.Registry, raw []byte) []error{
	func(r *device.Registry, raw []byte) []error {
		return learn(r, testnet.DHCP{Type: testnet.Request, MAC: namedMAC, Client: namedAddr, Name: string(raw)}.Frame())
	},
	func(r *device.Registry, raw []byte) []error { // option 81 of DHCP: flags, two codes, the name (RFC 4702)
		options := map[byte][]byte{81: append([]byte{0, 0, 0}, raw...)}
		return learn(r, testnet.DHCP{Type: testnet.Request, MAC: namedMAC, Client: namedAddr, Options: options}.Frame())
	},
	func(r *device.Registry, raw []byte) []error {
		return learn(r, testnet.DHCP6{Type: testnet.Request6, DUID: append([]byte{0, 3, 0, 1}, namedMAC[:]...),
			Options: [][]byte{testnet.Option6(39, append([]byte{0}, raw...))},
			Ends:    testnet.Ends{SrcMAC: namedMAC, Src: namedRoute}}.Frame())
	},
	func(r *device.Registry, raw []byte) []error {
		b := []byte{0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0}
		b = append(b, testnet.WireName(string(raw[:min(len(raw), 63)]), "local")...)
		b = append(b, 0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4)
		b = append(b, namedAddr.AsSlice()...)
		ends := testnet.Ends{SrcMAC: namedMAC, Src: namedAddr, Dst: netip.MustParseAddr("224.0.0.251")}
		return learn(r, testnet.Datagram(ends, 5353, 5353, 255, b))
	},
	func(r *device.Registry, raw []byte) []error { // a service instance, whose host is not under .local
		host := testnet.WireName("host")
		b := []byte{0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0}
		b = append(b, testnet.WireName(string(raw[:min(len(raw), 63)]), "_airplay", "_tcp", "local")...)
		b = append(b, 0, 33, 0, 1, 0, 0, 0, 120, 0, byte(6+len(host)), 0, 0, 0, 0, 0, 80)
		b = append(append(append(b, host...), host...), 0, 1, 0, 1, 0, 0, 0, 120, 0, 4)
		b = append(b, namedAddr.AsSlice()...)
		ends := testnet.Ends{SrcMAC: namedMAC, Src: namedAddr, Dst: netip.MustParseAddr("224.0.0.251")}
		return learn(r, testnet.Datagram(ends, 5353, 5353, 255, b))
	},
	func(r *device.Registry, raw []byte) []error { // LLMNR
		b := append([]byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, testnet.WireName(string(raw[:min(len(raw), 63)]))...)
		ends := testnet.Ends{SrcMAC: namedMAC, Src: namedAddr, Dst: netip.MustParseAddr("224.0.0.252")}
		return learn(r, testnet.Datagram(ends, 50000, 5355, 1, append(b, 0, 255, 0, 1)))
	},
	func(r *device.Registry, raw []byte) []error {
		name := testnet.NetBIOSName(string(raw[:min(len(raw), 15)]), 0)
		return learn(r, testnet.NetBIOSRegistration(namedMAC, namedAddr, name, 0, namedAddr))
	},
	func(r *device.Registry, raw []byte) []error {
		hosts, bad := names.ParseHosts(bytes.NewReader(append([]byte("192.168.2.7 "), raw...)))
		r.SetHosts(hosts)
		return bad
	},
}

func learn(r *device.Registry, frame []byte) []error {
	var facts []discovery.Fact
	discovery.NewDecoder().Decode(1, frame, func(f discovery.Fact) { facts = append(facts, f) })
	r.Learn(someTime, facts)
	return nil
}

// arrive returns what a registry knows of a device that has sent 1,000 bytes, and whose name arrives in one of the ways, and what
// is to be logged.
func arrive(way int, raw []byte) (*device.Registry, []error) {
	lan := traffic.NewPrefixes([]netip.Prefix{netip.MustParsePrefix("192.168.2.0/24"), netip.MustParsePrefix("fe80::/10")})
	table := traffic.NewTable(lan, 100)
	registry := device.NewRegistry(device.Config{Tables: []*traffic.Table{table}, Limit: 100})
	learn(registry, testnet.ARPRequest(namedMAC, namedAddr, netip.MustParseAddr("192.168.2.1")))
	learn(registry, testnet.NeighborAdvert(namedMAC, namedRoute, namedRoute, testnet.TargetMAC(namedMAC)))
	bad := arrivals[way](registry, raw)
	table.Begin()
	src := traffic.Addr{Lo: uint64(binary.BigEndian.Uint32(namedAddr.AsSlice()))}
	table.Count(traffic.IPv4, src, traffic.Addr{Lo: 8<<24 | 8<<16 | 8<<8 | 8}, 1000, 1014, 1, 0)
	table.End()
	registry.Update(someTime.Add(time.Second))
	registry.FlushPending()
	return registry, bad
}

// nameOf returns the name of the device that has sent 1,000 bytes.
func nameOf(s *device.Snapshot) (name string) {
	for i := range s.Devices {
		if d := &s.Devices[i]; d.Totals.Sent().Bytes == 1000 {
			name = d.Name
		}
	}
	return name
}

// A good name arrives in each of the ways.
func TestArrivals(t *testing.T) {
	for way := range arrivals {
		if registry, _ := arrive(way, []byte("Nas")); nameOf(registry.Snapshot()) != "nas" {
			t.Errorf("way %d: %q, want nas", way, nameOf(registry.Snapshot()))
		}
	}
}

// FuzzArrivingName lets anything arrive as the name of a device, in each way there is. The name that is shown is
// canonical, the same in the metrics, on the page and in the report, and nothing raw is in any of them.
func FuzzArrivingName(f *testing.F) {
	for way := range arrivals {
		for _, raw := range []string{"nas", "Roku.Lan.", "alexa-kitchen", "a\"b", "a\nb", "<script>alert(1)</script>", "{{7*7}}",
			"%s%n", "\x1b[31mred", "\xff\xfe", "a\x00b", "\u202eexe.nal", "192.168.2.1", `a\b`,
			"x=\"1\"} 2\nnode_bytes_total{device=\"y", "localhost", "nas # <b>", "\x03nas\x03lan\x00"} {
			f.Add(uint8(way), []byte(raw))
		}
	}
	clean := regexp.MustCompile(`^[a-z0-9._-]{1,253}$`)
	f.Fuzz(func(t *testing.T, way uint8, raw []byte) {
		raw = raw[:min(len(raw), 1200)]
		registry, bad := arrive(int(way)%len(arrivals), raw)
		snapshot := registry.Snapshot()
		name := nameOf(snapshot)
		if name != namedAddr.String() && (!clean.MatchString(name) || !isCanonical(name)) {
			t.Fatalf("a device is called %q", name)
		}
		var exposition bytes.Buffer
		metrics.NewExposition(metrics.Config{Snapshot: registry.Snapshot, OmitGoMetrics: true}).WritePrometheus(&exposition)
		if got := testnet.ParseMetrics(t, exposition.String())[`node_bytes_total{device="`+name+`"}`]; got != 1000 {
			t.Errorf("%q has %v bytes in the metrics, want 1,000:\n%s", name, got, exposition.String())
		}
		w := httptest.NewRecorder()
		web.NewPage(web.Config{
			Snapshot: registry.Snapshot, Meters: func() []meter.Status { return nil }, ControlDrops: func() uint64 { return 0 },
			Facts: func() (s discovery.Stats) { return s }, Prefixes: func() []netip.Prefix { return nil },
			Advice: func() []notice.Notice { return nil }, Why: registry.Why,
		}).ServeHTTP(w, httptest.NewRequest("GET", "/?why", nil))
		page := w.Body.String()
		if short, _, _ := strings.Cut(name, "."); name != namedAddr.String() && !strings.Contains(page, ">"+short+"<") {
			t.Errorf("%q is not on the page:\n%s", short, page)
		}
		var list, log bytes.Buffer
		report.WriteTable(&list, snapshot)
		for _, err := range bad {
			slog.New(slog.NewTextHandler(&log, nil)).Warn("bad line in hosts file", "error", err)
		}
		if n := strings.Count(log.String(), "\n"); n != len(bad) {
			t.Errorf("%d lines in the log, want %d: %q", n, len(bad), log.String())
		}
		all := map[string]string{"metrics": exposition.String(), "page": page, "report": list.String(), "log": log.String()}
		for what, text := range all {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }) {
				t.Errorf("something raw is in the %s: %q", what, text)
			}
		}
		if strings.Count(page, "<script") > 0 || strings.Contains(page, "ZgotmplZ") {
			t.Errorf("a script is on the page: %s", page)
		}
	})
}

func isCanonical(name string) bool {
	again, ok := names.Canonical(name)
	return ok && again == name
}

package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// The main job: frames on a wire, names from a DNS server, and what is scraped says which device moved how much.
func TestNamedDevices(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	dns := testnet.NamespaceDNS(t, here, true, nil)
	name := func(addr, name string) {
		dns.Set(netip.MustParseAddr(addr), testnet.Answer{Names: []string{name}, TTL: 3600})
	}
	name("192.168.2.7", "alexakitchen.")
	name("192.168.2.8", "Roku.Lan.")
	name("192.168.2.9", "unseen.lan.")
	p := start(t, here, "GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_REPORT_INTERVAL=1s")
	away := netip.MustParseAddr("198.51.100.1")
	s := testnet.NewSender(there, "in0")
	for i := range 3 {
		host := netip.AddrFrom4([4]byte{192, 168, 2, byte(7 + i*3%5)}) // .7, .10, .8
		for range 100 {
			s.Send(testnet.UDP(host, away, 972))
			s.Send(testnet.UDP(away, host, 72))
		}
	}
	var m map[string]float64
	p.Until("three devices and the unseen one on the page", func() bool {
		m = p.Metrics()
		_, ok := m[`node_bytes_total{device="unseen.lan"}`]
		return ok && m[`node_bytes_total{device="192.168.2.10"}`] > 0
	})
	for series, want := range map[string]float64{
		`node_bytes_total{device="alexakitchen"}`: 110000, `node_bytes_total{device="roku.lan"}`: 110000,
		`node_bytes_total{device="192.168.2.10"}`: 110000, `node_bytes_total{device="unseen.lan"}`: 0,
		`gonetmon_device_bytes_total{device="alexakitchen",direction="out",scope="internet"}`: 100000,
		`gonetmon_device_bytes_total{device="alexakitchen",direction="in",scope="internet"}`:  10000,
		`gonetmon_device_packets_total{device="alexakitchen",direction="in",scope="lan"}`:     0,
		`gonetmon_hosts_limit`: 65536, `gonetmon_capture_up{interface="mon0"}`: 1,
	} {
		if got, ok := m[series]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", series, got, ok, want)
		}
	}
	for device := range m {
		if strings.HasPrefix(device, "node_bytes_total") && !strings.Contains(`alexakitchen roku.lan 192.168.2.10 unseen.lan`, strings.Split(device, `"`)[1]) {
			t.Errorf("an unexpected device: %s", device)
		}
	}
	if _, page := p.Get(""); !strings.Contains(page, "alexakitchen") || !strings.Contains(page, "192.168.2.7") {
		t.Error("the page does not show alexakitchen and its address")
	}
	p.Until("a report with alexakitchen", func() bool { return strings.Contains(p.Out.String(), "alexakitchen") })
	if status, out, log := testnet.Run(t, gonetmon(here, []string{"GONETMON_PORT=" + p.Port()}, "healthcheck")); status != 0 {
		t.Errorf("healthcheck: status %d, %s%s", status, out, log)
	}
	if status, body := p.Get("readyz"); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}
}

// Without configuration the DNS servers are those of resolv.conf, and other ones when that changes. As long as there is none in it the last
// ones hold.
func TestChangedDNS(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	dns := testnet.NamespaceDNS(t, here, true, func(netip.Addr) testnet.Answer { return testnet.Answer{Names: []string{"tv."}, TTL: 60} })
	here.Etc("resolv.conf", "# none yet\n")
	p := start(t, here, "GONETMON_DNS_SERVERS=")
	s := testnet.NewSender(there, "in0")
	host, away := netip.MustParseAddr("192.168.2.7"), netip.MustParseAddr("198.51.100.1")
	s.Send(testnet.UDP(host, away, 72))
	p.Until("the device is shown by its address", func() bool { return p.Metrics()[`node_bytes_total{device="192.168.2.7"}`] == 100 })
	if log := p.Log.String(); !strings.Contains(log, "no DNS server is known") {
		t.Errorf("the log does not say that there is no server:\n%s", log)
	}
	here.Etc("resolv.conf", "nameserver 127.0.0.1\n")
	p.Until("a server is asked", func() bool { return dns.Queries() > 0 })
	here.Etc("resolv.conf", "")
	if before := dns.Queries(); !testnet.Within(15*time.Second, func() bool { return dns.Queries() > before+10 }) {
		t.Error("with an empty file nobody is asked any more")
	}
	if log := p.Log.String(); strings.Count(log, "dns servers changed") != 1 || !strings.Contains(log, "servers=[127.0.0.1:53]") {
		t.Errorf("the log does not say once that the servers have changed:\n%s", log)
	}
}

// A dead server and a /16 of hosts: counting starts at once, and what is asked stays bounded.
func TestDeadDNS(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	dns := testnet.NamespaceDNS(t, here, true, func(netip.Addr) testnet.Answer {
		return testnet.Answer{Mode: testnet.BlackHole, Delay: 1500 * time.Millisecond}
	})
	begin := time.Now()
	p := start(t, here, "GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_CIDR=192.168.0.0/16")
	s := testnet.NewSender(there, "in0")
	away := netip.MustParseAddr("198.51.100.1")
	s.Send(testnet.UDP(netip.MustParseAddr("192.168.2.7"), away, 72))
	p.Until("the first frame counted", func() bool { return p.Metrics()["network_bytes_total"] > 0 })
	// Counting starts at once; what was counted is handed over 60 ms later at most, and folded once a second.
	first := time.Since(begin)
	if first > 2500*time.Millisecond {
		t.Errorf("the first frame was on the page %v after the start of the process", first)
	}
	var frames [][]byte
	for i := 1; i < 65535; i++ {
		frames = append(frames, testnet.UDP(netip.AddrFrom4([4]byte{192, 168, byte(i >> 8), byte(i)}), away, 72))
	}
	s.SendAll(frames, 50000)
	p.Until("all hosts on the page", func() bool {
		_, page := p.Get("metrics")
		return strings.Count(page, "\nnode_bytes_total{") == 65534
	})
	// Parsing a page of this size takes seconds; its few numbers are looked up in the text.
	value := func(name string) (v float64) {
		_, page := p.Get("metrics")
		_, page, _ = strings.Cut(page, "\n"+name+" ")
		if _, err := fmt.Sscan(page, &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v
	}
	early := value("process_resident_memory_bytes")
	time.Sleep(10 * time.Second)
	s.SendAll(frames, 50000)
	p.Until("all frames counted", func() bool { return value("network_bytes_total") >= float64(s.Sent*100) })
	late := value("process_resident_memory_bytes")
	t.Logf("the first frame on the page %v after the start of the process; all hosts shown; at most %d queries in flight, %d in all; %.0f MB resident, %.0f MB later", first, dns.MaxInFlight(), dns.Queries(), early/1e6, late/1e6)
	if n := dns.MaxInFlight(); n > 8 {
		t.Errorf("%d queries in flight", n)
	}
	if n := dns.Queries(); n > 200 {
		t.Errorf("%d queries to a dead server", n)
	}
	if late > 1.5*early {
		t.Errorf("memory grew from %.0f to %.0f bytes", early, late)
	}
	if got, want := value("network_bytes_total"), float64(s.Sent*100); got != want {
		t.Errorf("%.0f bytes counted, want %.0f", got, want)
	}
}

func countDevices(m map[string]float64) (n int) {
	for series := range m {
		if strings.HasPrefix(series, "node_bytes_total{") {
			n++
		}
	}
	return n
}

// Whatever a DNS server answers, the page can be read, nothing of it is on it raw, and what was refused is counted.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	hostile := []string{"a\"b.lan", "a\nb.lan", "<script>alert(1)</script>", "{{7*7}}", "%s%n", "\x1b[31mred", "\xff\xfe\xfd", "a\x00b", "\u202eexe.nal", "192.168.2.1", "a b", `a\b`, "x=\"1\"} 2\nnode_bytes_total{device=\"y", strings.Repeat("x", 63) + "\"", "caf\u00e9.lan"}
	modes := []testnet.Mode{testnet.WrongID, testnet.WrongQuestion, testnet.WrongOwner, testnet.NotResponse, testnet.Loop, testnet.TruncatedNoTCP,
		testnet.Garbage, testnet.CompressionLoop, testnet.Huge}
	dns := testnet.NamespaceDNS(t, here, true, func(addr netip.Addr) testnet.Answer {
		i := int(addr.As4()[3]) - 1
		if i < len(hostile) {
			return testnet.Answer{Mode: testnet.RawName, RData: testnet.WireName(hostile[i]), TTL: 3600}
		}
		return testnet.Answer{Mode: modes[i%len(modes)], Names: []string{"lie.lan."}, TTL: 3600}
	})
	p := start(t, here, "GONETMON_DNS_SERVERS=127.0.0.1")
	s := testnet.NewSender(there, "in0")
	const hosts = 40
	for i := range hosts {
		s.Send(testnet.UDP(netip.AddrFrom4([4]byte{192, 168, 2, byte(i + 1)}), netip.MustParseAddr("198.51.100.1"), 72))
	}
	var m map[string]float64
	p.Until("all hosts on the page", func() bool { m = p.Metrics(); return countDevices(m) == hosts })
	p.Until("names refused", func() bool { return p.Metrics()[`gonetmon_names_refused_total{source="ptr"}`] >= float64(len(hostile)) })
	for series := range m {
		if strings.HasPrefix(series, "node_bytes_total{") && !strings.HasPrefix(series, `node_bytes_total{device="192.168.2.`) {
			t.Errorf("an unexpected device: %s", series)
		}
	}
	for i := range hosts {
		series := fmt.Sprintf(`node_bytes_total{device="192.168.2.%d"}`, i+1)
		if m[series] != 100 {
			t.Errorf("%s is %v, want 100", series, m[series])
		}
	}
	_, page := p.Get("")
	for _, bad := range []string{"<script>alert", "lie.lan", "\x1b", "\x00"} {
		if strings.Contains(page, bad) || strings.Contains(p.Log.String(), bad) {
			t.Errorf("%q is on the page or in the log", bad)
		}
	}
	_, body := p.Get("metrics")
	var ours []string
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "go_") && !strings.HasPrefix(line, "process_") { // those of the metrics library have no help
			ours = append(ours, line)
		}
	}
	promtool(t, strings.Join(ours, ""))
	if dns.MaxInFlight() > 8 {
		t.Errorf("%d queries in flight", dns.MaxInFlight())
	}
}

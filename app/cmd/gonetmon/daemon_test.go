package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// The test binary is gonetmon itself when this is set: so the tests run the whole program, race detector included.
const beGonetmon = "TEST_BE_GONETMON"

func TestMain(m *testing.M) {
	if os.Getenv(beGonetmon) == "1" {
		main()
		os.Exit(testnet.FindLeaks())
	}
	testnet.Main(m)
}

// gonetmon returns the command that runs gonetmon with these variables and no others of its own, in the namespace if
// there is one.
func gonetmon(n *testnet.Namespace, variables []string, args ...string) *exec.Cmd {
	args = append([]string{os.Args[0]}, args...)
	cmd := exec.Command(args[0], args[1:]...)
	if n != nil {
		cmd = n.Command(args...)
	}
	cmd.Env = testnet.Environ(append([]string{beGonetmon + "=1"}, variables...)...)
	return cmd
}

// start starts the daemon in a namespace and waits until it has said where its page is. It is killed at the end of
// the test.
func start(t *testing.T, n *testnet.Namespace, variables ...string) *testnet.Daemon {
	t.Helper()
	return testnet.StartDaemon(t, n, gonetmon(n, append(usual(), variables...)))
}

// usual returns the variables of most tests. The last of several values of a variable counts, so that a test may
// choose others.
func usual() []string {
	return []string{"GONETMON_PORT=0", "GONETMON_INTERFACE=mon0", "GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=none"}
}

// The main job: frames on a wire, names from a DNS server, and the page says which device moved how much.
func TestDaemon_NamesDevices(t *testing.T) {
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
	for _, last := range []byte{7, 8, 10} {
		host := netip.AddrFrom4([4]byte{192, 168, 2, last})
		for range 100 {
			s.Send(testnet.UDP(host, away, 972))
			s.Send(testnet.UDP(away, host, 72))
		}
	}
	p.Until("all devices under their names with all their bytes", func() bool {
		m := p.Metrics()
		for series, want := range map[string]float64{
			`node_bytes_total{device="alexakitchen"}`: 110000,
			`node_bytes_total{device="roku.lan"}`:     110000,
			`node_bytes_total{device="192.168.2.10"}`: 110000,
			`node_bytes_total{device="unseen.lan"}`:   0,

			`gonetmon_device_bytes_total{device="alexakitchen",direction="out",scope="internet"}`: 100000,
			`gonetmon_device_bytes_total{device="alexakitchen",direction="in",scope="internet"}`:  10000,
			`gonetmon_device_packets_total{device="alexakitchen",direction="in",scope="lan"}`:     0,

			`gonetmon_hosts_limit`:                  4096,
			`gonetmon_capture_up{interface="mon0"}`: 1,
		} {
			if got, ok := m[series]; !ok || got != want {
				return false
			}
		}
		return true
	})
	if _, page := p.Get(""); !strings.Contains(page, "alexakitchen") || !strings.Contains(page, "192.168.2.7") {
		t.Error("the page does not show alexakitchen and its address")
	}
	_, list := p.Get("debug/devices")
	if !strings.Contains(list, `"device": "alexakitchen"`) || !strings.Contains(list, `"192.168.2.7: `) {
		t.Errorf("/debug/devices does not say why 192.168.2.7 is of alexakitchen:\n%s", list)
	}
	p.Until("a report with alexakitchen", func() bool { return strings.Contains(p.Out.String(), "alexakitchen") })
	if status, out, log := testnet.Run(t, gonetmon(here, []string{"GONETMON_PORT=" + p.Port()}, "healthcheck")); status != 0 {
		t.Errorf("healthcheck: status %d, %s%s", status, out, log)
	}
	if status, body := p.Get("readyz"); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}
}

// Without configuration the interface and the prefixes are those of the default route, also if that comes after the start.
// Prefixes that change are followed.
func TestDaemon_ChoosesInterfaceAndPrefixes(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	p := start(t, here, "GONETMON_INTERFACE=", "GONETMON_CIDR=")
	status, body := p.Get("readyz")
	if status != 503 || !strings.Contains(body, "no default route yet") || !strings.Contains(body, "mon0") {
		t.Errorf("without a default route: %d %s", status, body)
	}
	here.IP("addr add 192.168.7.2/24 dev mon0")
	here.IP("route add default via 192.168.7.1")
	away := netip.MustParseAddr("198.51.100.1")
	s := testnet.NewSender(there, "in0")
	counts := func(host string) func() bool {
		return func() bool {
			s.Send(testnet.UDP(netip.MustParseAddr(host), away, 100))
			return p.Metrics()[fmt.Sprintf(`node_bytes_total{device="%s"}`, host)] > 0
		}
	}
	p.Until("a host of the interface's prefix counted", counts("192.168.7.9"))
	if up := p.Metrics()[`gonetmon_capture_up{interface="mon0"}`]; up != 1 {
		t.Errorf("gonetmon_capture_up of mon0 is %v", up)
	}
	here.IP("addr add 10.9.0.2/16 dev mon0")
	p.Until("a host of the new prefix counted", counts("10.9.1.1"))
	if p.Metrics()[`node_bytes_total{device="192.168.7.9"}`] == 0 {
		t.Error("what was counted before is gone")
	}
}

// Each interface of a list counts into the same devices.
func TestDaemon_TwoInterfaces(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	testnet.Veth(there, "in1", here, "mon1")
	p := start(t, here, "GONETMON_INTERFACE=mon0,mon1")
	home, away := netip.MustParseAddr("192.168.2.7"), netip.MustParseAddr("198.51.100.1")
	for i, in := range []string{"in0", "in1"} {
		s := testnet.NewSender(there, in)
		for range 100 * (i + 1) {
			s.Send(testnet.UDP(home, away, 72))
		}
	}
	p.Until("both counted into one device", func() bool { return p.Metrics()[`node_bytes_total{device="192.168.2.7"}`] == 30000 })
	m := p.Metrics()
	if a, b := m[`gonetmon_capture_packets_total{interface="mon0"}`], m[`gonetmon_capture_packets_total{interface="mon1"}`]; a != 100 || b != 200 {
		t.Errorf("%v and %v frames, want 100 and 200", a, b)
	}
}

// A name that no interface has had makes gonetmon unhealthy, with the names that there are, and nothing else ends or changes. An
// interface that was there and is gone is no mistake in the configuration.
func TestHealthcheck_MissingInterface(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	p := start(t, here, "GONETMON_INTERFACE=mon0,mon7")
	healthcheck := func() (int, string) {
		status, _, log := testnet.Run(t, gonetmon(here, []string{"GONETMON_PORT=" + p.Port()}, "healthcheck"))
		return status, log
	}
	const want = "GONETMON_INTERFACE: mon7: no such interface; those that exist: mon0"
	if status, log := healthcheck(); status != exitFailed || !strings.Contains(log, want) {
		t.Errorf("healthcheck: status %d, %s, want %s", status, log, want)
	}
	if status, body := p.Get("readyz"); status != 503 || body != "mon7: no such interface; those that exist: mon0\n" {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, body := p.Get("healthz"); status != 200 {
		t.Errorf("healthz: %d %s", status, body)
	}
	testnet.Veth(there, "in7", here, "mon7")
	p.Until("healthcheck succeeds", func() bool { status, _ := healthcheck(); return status == 0 })
	there.IP("link del in7")
	p.Until("readyz says that mon7 is gone", func() bool {
		_, body := p.Get("readyz")
		return strings.HasPrefix(body, "mon7: no such")
	})
	if status, log := healthcheck(); status != 0 {
		t.Errorf("healthcheck without the interface that was there: status %d, %s", status, log)
	}
}

// All times that people see are in the zone of TZ: in the log, the report, the page and the API.
func TestDaemon_TimeZone(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	p := start(t, here, "TZ=Asia/Kathmandu", "GONETMON_REPORT_INTERVAL=1s")
	testnet.NewSender(there, "in0").Send(testnet.UDP(netip.MustParseAddr("192.168.2.7"), netip.MustParseAddr("198.51.100.1"), 100))
	p.Until("a report with a device", func() bool { return strings.Contains(p.Out.String(), "192.168.2.7") })
	kathmandu := time.FixedZone("", (5*60+45)*60)
	near := func(where, layout, text string) {
		t.Helper()
		now := time.Now().In(kathmandu)
		at, err := time.ParseInLocation(layout, text, kathmandu)
		if layout == time.TimeOnly {
			at = at.AddDate(now.Year(), int(now.Month())-1, now.Day()-1)
		}
		if off := now.Sub(at).Abs() % (24 * time.Hour); err != nil || min(off, 24*time.Hour-off) > time.Minute {
			t.Errorf("%s: %s is not the time in Kathmandu, %s (%v)", where, text, now, err)
		}
	}
	line, _, _ := strings.Cut(p.Log.String(), "+05:45 ")
	near("log", "time=2006-01-02T15:04:05.000", line)
	near("report", time.DateTime, p.Out.String()[:len(time.DateTime)])
	_, page := p.Get("?sort=now")
	clock := regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`).FindString(page)
	near("page", time.TimeOnly, clock)
	_, status := p.Get("api/v1/status")
	if !strings.Contains(status, `"timezone":"Asia/Kathmandu"`) || strings.Count(status, "+05:45") < 2 {
		t.Errorf("status: %s", status)
	}
}

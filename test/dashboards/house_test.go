package dashboards

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// rateWindow is what stands for $__rate_interval: Grafana has it four scrapes long at least.
const rateWindow = 20 * time.Second

// rounds are how often in a second every device says what it has to say.
const rounds = 25

// A flow is how many bytes of IP a device receives and sends in a round.
type flow struct{ inInternet, inLAN, outInternet, outLAN, outMulticast float64 }

func (f flow) in() float64  { return f.inInternet + f.inLAN }
func (f flow) out() float64 { return f.outInternet + f.outLAN + f.outMulticast }

// A tap is a gonetmon and what it hears.
type tap struct {
	instance string
	flows    map[string]flow
	hosts    map[string]byte // the last byte of the address
	frames   [][]byte
}

// A house is a network of two taps with devices that talk steadily, two gonetmons, and a Prometheus that asks them.
type house struct {
	t              *testing.T
	here, there    *testnet.Namespace
	taps           []*tap
	prometheus     string
	started, begun time.Time // the daemons, the traffic
}

// newcomer is who comes later than the others.
const newcomer = "newcomer"

var peer = netip.MustParseAddr("198.51.100.1")

func newHouse(t *testing.T) *house {
	h := &house{t: t, here: testnet.NewNamespace(t), there: testnet.NewNamespace(t), prometheus: "http://127.0.0.1:9090/"}
	for i := range 2 {
		testnet.Veth(h.there, fmt.Sprintf("in%d", i), h.here, fmt.Sprintf("mon%d", i))
		h.taps = append(h.taps, &tap{instance: fmt.Sprintf("127.0.0.1:%d", 8101+i), flows: map[string]flow{}, hosts: map[string]byte{}})
	}
	first, second := h.taps[0], h.taps[1]
	first.add("alexakitchen", 7, flow{inInternet: 1000, outInternet: 200})
	first.add("roku-tv", 9, flow{inInternet: 1400, outInternet: 100})
	first.add("phone", 10, flow{inInternet: 500, outInternet: 400, inLAN: 800, outMulticast: 120})
	first.add("nas", 11, flow{outLAN: 800})
	first.add("192.168.2.12", 12, flow{inInternet: 300, outInternet: 300})
	first.add("doorbell", 14, flow{inInternet: 100, outInternet: 900})
	first.add("kid-tablet", 15, flow{inInternet: 600, outInternet: 100})
	second.add("phone", 10, flow{inInternet: 700, outInternet: 100})
	second.add("laptop", 20, flow{inInternet: 400, outInternet: 100})
	return h
}

// add has a device talk on the tap.
func (p *tap) add(name string, last byte, f flow) (frames [][]byte) {
	at := func(b byte) (netip.Addr, [6]byte) {
		return netip.AddrFrom4([4]byte{192, 168, 2, b}), [6]byte{2, 0, 0, 0, 1, b}
	}
	addr, mac := at(last)
	say := func(bytes float64, e testnet.Ends) {
		if bytes > 0 {
			frames = append(frames, testnet.Datagram(e, 4000, 4001, 64, make([]byte, int(bytes)-28)))
		}
	}
	say(f.inInternet, testnet.Ends{SrcMAC: testnet.ServerMAC, DstMAC: mac, Src: peer, Dst: addr})
	say(f.outInternet, testnet.Ends{SrcMAC: mac, DstMAC: testnet.ServerMAC, Src: addr, Dst: peer})
	if f.outLAN > 0 { // it is the phone that gets it
		phone, phoneMAC := at(10)
		say(f.outLAN, testnet.Ends{SrcMAC: mac, DstMAC: phoneMAC, Src: addr, Dst: phone})
	}
	say(f.outMulticast, testnet.Ends{SrcMAC: mac, DstMAC: [6]byte{1, 0, 0x5e, 1, 1, 1}, Src: addr, Dst: netip.MustParseAddr("239.1.1.1")})
	p.flows[name], p.hosts[name] = f, last
	p.frames = append(p.frames, frames...)
	return frames
}

// run has all begin, and returns when enough has been counted.
func (h *house) run() {
	h.serveNames()
	binary := filepath.Join(h.t.TempDir(), "gonetmon")
	build := exec.Command("go", "build", "-o", binary, "./app/cmd/gonetmon")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
	h.started = time.Now()
	for i, p := range h.taps {
		_, port, _ := net.SplitHostPort(p.instance)
		h.start(binary, []string{fmt.Sprintf("GONETMON_INTERFACE=mon%d", i), "GONETMON_PORT=" + port, "GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_STRIP_DOMAIN=none", "GONETMON_REPORT_INTERVAL=0"})
		h.answers("http://" + p.instance + "/readyz")
	}
	h.startPrometheus()
	h.begun = time.Now()
	for i, p := range h.taps {
		h.talk(testnet.NewSender(h.there, fmt.Sprintf("in%d", i)), p.frames)
	}
	time.Sleep(20 * time.Second)
	h.talk(testnet.NewSender(h.there, "in0"), (&tap{flows: map[string]flow{}, hosts: map[string]byte{}}).add(newcomer, 30, flow{outInternet: 100}))
	time.Sleep(40 * time.Second)
}

func (h *house) serveNames() {
	var packets net.PacketConn
	var listener net.Listener
	var err error
	h.here.Do(func() {
		if packets, err = net.ListenPacket("udp", "127.0.0.1:53"); err == nil {
			listener, err = net.Listen("tcp", "127.0.0.1:53")
		}
	})
	if err != nil {
		h.t.Fatal(err)
	}
	dns := testnet.ServeDNS(h.t, packets, listener, nil)
	name := func(last byte, name string) {
		dns.Set(netip.AddrFrom4([4]byte{192, 168, 2, last}), testnet.Answer{Names: []string{name + "."}, TTL: 3600})
	}
	for _, p := range h.taps {
		for device, last := range p.hosts {
			if !strings.HasPrefix(device, "192.") {
				name(last, device)
			}
		}
	}
	name(30, newcomer)
}

// start runs a program in the namespace until the test ends.
func (h *house) start(program string, env []string, args ...string) {
	h.t.Helper()
	var log strings.Builder
	cmd := h.here.Command(append([]string{program}, args...)...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GONETMON_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if h.t.Failed() {
			h.t.Logf("log of %s:\n%s", program, log.String())
		}
	})
}

// answers waits for a page.
func (h *house) answers(url string) {
	h.t.Helper()
	client := h.here.HTTP()
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(50 * time.Millisecond) {
		if answer, err := client.Get(url); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
	}
	h.t.Fatalf("%s does not answer", url)
}

// ruleWindow is what the test has the recording rule look back, and how often: five minutes are too long.
const ruleWindow = "10s"

func (h *house) startPrometheus() {
	h.t.Helper()
	const name = "gonetmon:device_bytes:increase5m"
	rule, ok := recorded(h.t)[name]
	expr := strings.NewReplacer("5m", ruleWindow, "6m", "12s").Replace(rule.Expr)
	if !ok || expr == rule.Expr || rule.interval != "5m" {
		h.t.Fatalf("prometheus/ has no rule %s that looks back five minutes every five minutes: %+v", name, rule)
	}
	dir := h.t.TempDir()
	write := func(file, text string) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			h.t.Fatal(err)
		}
		return path
	}
	rules := write("rules.yml", fmt.Sprintf("groups: [{name: usage, interval: %s, rules: [{record: %q, expr: %q}]}]\n", ruleWindow, name, expr))
	config := write("prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: gonetmon
    static_configs: [{targets: [%q, %q]}]
  - job_name: prometheus
    static_configs: [{targets: ["127.0.0.1:9090"]}]
`, rules, h.taps[0].instance, h.taps[1].instance))
	h.start("prometheus", nil, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:9090")
	h.answers(h.prometheus + "-/ready")
}

// talk sends the frames again and again until the test ends.
func (h *house) talk(s *testnet.Sender, round [][]byte) {
	ended, done := make(chan struct{}), make(chan struct{})
	h.t.Cleanup(func() {
		close(ended)
		<-done
	})
	go func() {
		defer close(done)
		for n, begin := 0, time.Now(); ; n++ {
			select {
			case <-ended:
				return
			case <-time.After(time.Until(begin.Add(time.Duration(n) * time.Second / rounds))):
			}
			s.SendAll(round, 0)
		}
	}()
}

func (h *house) instances() (all []string) {
	for _, p := range h.taps {
		all = append(all, p.instance)
	}
	return all
}

// flows are those of all devices on one tap, or on all, in bytes a second.
func (h *house) flows(instance string) map[string]flow {
	all := map[string]flow{}
	for _, p := range h.taps {
		if instance != "" && instance != p.instance {
			continue
		}
		for name, f := range p.flows {
			g := all[name]
			all[name] = flow{g.inInternet + rounds*f.inInternet, g.inLAN + rounds*f.inLAN, g.outInternet + rounds*f.outInternet, g.outLAN + rounds*f.outLAN, g.outMulticast + rounds*f.outMulticast}
		}
	}
	return all
}

// devices are the names of all that are shown, whoever talks: those that the DNS server names are, from the start.
func (h *house) devices() (all []string) {
	for name := range h.flows("") {
		all = append(all, name)
	}
	all = append(all, newcomer)
	slices.Sort(all)
	return all
}

package dashboards

import (
	"fmt"
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

const (
	rateWindow = 20 * time.Second // $__rate_interval; Grafana makes it at least four scrapes
	rounds     = 25               // per second; in each, every device sends its frames
	newcomer   = "newcomer"       // appears later than the others
	prometheus = "http://127.0.0.1:9090/"
	// victoriaMetrics gets everything from Prometheus by remote write.
	victoriaMetrics = "http://127.0.0.1:8428/"
	// Instead of five minutes: how far the recording rule looks back, and its interval.
	ruleWindow = "10s"
)

var remote = netip.MustParseAddr("198.51.100.1")

// A flow is the number of IP bytes that a device receives and sends in a round.
type flow struct{ inInternet, inLAN, outInternet, outLAN, outMulticast float64 }

func (f flow) internet() float64 { return f.inInternet + f.outInternet }

// An instance is a gonetmon with its network.
type instance struct {
	name   string          // address and port
	flows  map[string]flow // by device
	hosts  map[string]byte // last byte of the address
	frames [][]byte
}

// A lab is two networks of devices with steady traffic, two gonetmons, a Prometheus that scrapes them, and a VictoriaMetrics that
// it forwards to.
type lab struct {
	t              *testing.T
	here, there    *testnet.Namespace
	instances      []*instance
	started, begun time.Time // daemons, traffic
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, here: testnet.NewNamespace(t), there: testnet.NewNamespace(t)}
	for i := range 2 {
		testnet.Veth(l.there, fmt.Sprintf("in%d", i), l.here, fmt.Sprintf("mon%d", i))
		name := fmt.Sprintf("127.0.0.1:%d", 8101+i)
		l.instances = append(l.instances, &instance{name: name, flows: map[string]flow{}, hosts: map[string]byte{}})
	}
	first, second := l.instances[0], l.instances[1]
	first.add("alexakitchen", 7, flow{inInternet: 1000, outInternet: 200})
	first.add("roku-tv", 9, flow{inInternet: 1400, outInternet: 100})
	first.add("phone", 10, flow{inInternet: 500, outInternet: 400, inLAN: 800, outMulticast: 120})
	first.add("nas", 11, flow{outLAN: 800})
	first.add("192.168.2.12", 12, flow{inInternet: 300, outInternet: 300})
	first.add("doorbell", 14, flow{inInternet: 100, outInternet: 900})
	first.add("kid-tablet", 15, flow{inInternet: 600, outInternet: 100})
	second.add("phone", 10, flow{inInternet: 700, outInternet: 100})
	second.add("laptop", 20, flow{inInternet: 400, outInternet: 100})
	return l
}

func address(last byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 168, 2, last}) }

// add adds a device, and returns its frames of a round.
func (p *instance) add(name string, last byte, f flow) (frames [][]byte) {
	addr, mac := address(last), [6]byte{2, 0, 0, 0, 1, last}
	send := func(bytes float64, e testnet.Ends) {
		if bytes > 0 {
			frames = append(frames, testnet.Datagram(e, 4000, 4001, 64, make([]byte, int(bytes)-28)))
		}
	}
	send(f.inInternet, testnet.Ends{SrcMAC: testnet.ServerMAC, DstMAC: mac, Src: remote, Dst: addr})
	send(f.outInternet, testnet.Ends{SrcMAC: mac, DstMAC: testnet.ServerMAC, Src: addr, Dst: remote})
	send(f.outLAN, testnet.Ends{SrcMAC: mac, DstMAC: [6]byte{2, 0, 0, 0, 1, 10}, Src: addr, Dst: address(10)}) // to phone
	group := netip.MustParseAddr("239.1.1.1")
	send(f.outMulticast, testnet.Ends{SrcMAC: mac, DstMAC: [6]byte{1, 0, 0x5e, 1, 1, 1}, Src: addr, Dst: group})
	p.flows[name], p.hosts[name] = f, last
	p.frames = append(p.frames, frames...)
	return frames
}

// run starts everything, and returns when there is enough data.
func (l *lab) run() {
	dns := testnet.NamespaceDNS(l.t, l.here, true, nil)
	for _, p := range l.instances {
		for device, last := range p.hosts {
			if !strings.HasPrefix(device, "192.") {
				dns.Set(address(last), testnet.Answer{Names: []string{device + "."}, TTL: 3600})
			}
		}
	}
	dns.Set(address(30), testnet.Answer{Names: []string{newcomer + "."}, TTL: 3600})
	binary := filepath.Join(l.t.TempDir(), "gonetmon")
	build := exec.Command("go", "build", "-o", binary, "./app/cmd/gonetmon")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		l.t.Fatalf("%v\n%s", err, out)
	}
	l.started = time.Now()
	for i, p := range l.instances {
		_, port, _ := strings.Cut(p.name, ":")
		l.start(binary, testnet.Environ(fmt.Sprintf("GONETMON_INTERFACE=mon%d", i), "GONETMON_PORT="+port,
			"GONETMON_CIDR=192.168.2.0/24", "GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_STRIP_DOMAIN=none", "GONETMON_REPORT_INTERVAL=0",
			"GONETMON_DATA_CAP=1TB"))
		l.await("http://" + p.name + "/readyz")
	}
	l.startVictoriaMetrics()
	l.startPrometheus()
	l.begun = time.Now()
	for i, p := range l.instances {
		l.send(testnet.NewSender(l.there, fmt.Sprintf("in%d", i)), p.frames)
	}
	time.Sleep(15 * time.Second)
	late := instance{flows: map[string]flow{}, hosts: map[string]byte{}}
	l.send(testnet.NewSender(l.there, "in0"), late.add(newcomer, 30, flow{outInternet: 100}))
	time.Sleep(35 * time.Second)
}

// start runs a program in the namespace until the test ends.
func (l *lab) start(program string, env []string, args ...string) {
	l.t.Helper()
	cmd := l.here.Command(append([]string{program}, args...)...)
	cmd.Env = env
	testnet.LaunchDaemon(l.t, l.here, cmd)
}

// await waits for a page.
func (l *lab) await(url string) {
	l.t.Helper()
	client := l.here.HTTP()
	testnet.Until(l.t, url, func() bool { status, _ := testnet.Get(client, url); return status == http.StatusOK })
}

func (l *lab) startPrometheus() {
	l.t.Helper()
	const name = "gonetmon:device_bytes:increase5m"
	rule := recorded(l.t)[name]
	expr := strings.NewReplacer("10m", "20s", "5m", ruleWindow).Replace(rule.Expr)
	if expr == rule.Expr || rule.interval != "5m" {
		l.t.Fatalf("prometheus/rules has no %s over 5m: %+v", name, rule)
	}
	dir := l.t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	for file, text := range map[string]string{
		filepath.Join(dir, "rules.yml"): fmt.Sprintf("groups: [{name: usage, interval: %s, rules: [{record: %q, expr: %q}]}]\n",
			ruleWindow, name, expr),
		config: fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: gonetmon
    static_configs: [{targets: [%q, %q]}]
  - job_name: prometheus
    static_configs: [{targets: ["127.0.0.1:9090"]}]
remote_write: [{url: %sapi/v1/write, queue_config: {batch_send_deadline: 1s}}]
`, l.instances[0].name, l.instances[1].name, victoriaMetrics)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
	l.start("prometheus", os.Environ(), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:9090")
	l.await(prometheus + "-/ready")
}

// startVictoriaMetrics starts it so that it shows new samples at once, and not after half a minute.
func (l *lab) startVictoriaMetrics() {
	l.t.Helper()
	l.start("victoria-metrics", os.Environ(), "-storageDataPath="+l.t.TempDir(), "-httpListenAddr=127.0.0.1:8428",
		"-search.latencyOffset=0s", "-search.disableCache", "-retentionPeriod=1y", "-loggerLevel=WARN")
	l.await(victoriaMetrics + "health")
}

// send sends the frames in every round until the test ends.
func (l *lab) send(s *testnet.Sender, frames [][]byte) {
	stop, done := make(chan struct{}), make(chan struct{})
	l.t.Cleanup(func() {
		close(stop)
		<-done
	})
	go func() {
		defer close(done)
		for n, begin := 0, time.Now(); ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Until(begin.Add(time.Duration(n) * time.Second / rounds))):
			}
			s.SendAll(frames, 0)
		}
	}()
}

// flows returns the bytes per second of all devices of one instance, or of all.
func (l *lab) flows(name string) map[string]flow {
	all := map[string]flow{}
	for _, p := range l.instances {
		if name != "" && name != p.name {
			continue
		}
		for device, f := range p.flows {
			g := all[device]
			all[device] = flow{
				g.inInternet + rounds*f.inInternet, g.inLAN + rounds*f.inLAN,
				g.outInternet + rounds*f.outInternet, g.outLAN + rounds*f.outLAN, g.outMulticast + rounds*f.outMulticast,
			}
		}
	}
	return all
}

// choices returns what a template variable offers.
func (l *lab) choices(variable string) (all []string) {
	switch variable {
	case "job":
		return []string{"gonetmon"}
	case "instance":
		return []string{l.instances[0].name, l.instances[1].name}
	case "series":
		return []string{"total"}
	}
	for device := range l.flows("") { // DNS names all devices from the start
		all = append(all, device)
	}
	all = append(all, newcomer)
	slices.Sort(all)
	return all
}

package stack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"

	"gonetmon/test/testnet"
)

const (
	maxImage  = 15e6
	maxMemory = 64 << 20
	ring      = 8 << 20 // GONETMON_RING_SIZE as it is without a line in .env
	media     = `rate(node_bytes_total{device=~"alexa.*|roku.*"}[5m])`
)

// TestStack runs the product as its user does: `docker compose up -d` in a copy of the repository.
func TestStack(t *testing.T) {
	needDocker(t)
	dir := captures(t)
	e := newEngine(t)
	e.images()

	step(t, e, "the classic builder makes the image", func() {
		e.env = append(e.env, "DOCKER_BUILDKIT=0")
		e.must("docker", "build", "-f", "docker/Dockerfile", "-t", "gonetmon:classic", "--build-arg", "VERSION=v1.2.3", "--build-arg", "REVISION=abc", ".")
		e.env = e.env[:len(e.env)-1]
		e.smallImage("gonetmon:classic")
		if got := e.must("docker", "run", "--rm", "--network=none", "gonetmon:classic", "version"); !strings.Contains(got, "gonetmon v1.2.3 ") {
			e.t.Errorf("version: %s", got)
		}
		if got := e.must("docker", "inspect", "-f", `{{index .Config.Labels "org.opencontainers.image.version"}} {{index .Config.Labels "org.opencontainers.image.revision"}}`, "gonetmon:classic"); got != "v1.2.3 abc" {
			e.t.Errorf("labels: %s", got)
		}
	})
	step(t, e, "without .env, Prometheus first", func() {
		e.compose("up", "-d", "prometheus")
		e.t.Logf("healthy after %.1f s", e.healthy("prometheus").Seconds())
		e.compose("up", "-d")
		e.t.Logf("healthy after %.1f s", e.healthy("gonetmon", "prometheus", "grafana").Seconds())
		e.smallImage("gonetmon:local")
		if log := e.must("docker", "compose", "logs", "gonetmon"); !strings.Contains(log, "interfaces=lan0") || !strings.Contains(log, "192.168.2.0/24") {
			e.t.Errorf("gonetmon listens elsewhere than to the interface of the default route:\n%s", log)
		}
		e.eventually(30*time.Second, "scrape", func() (string, bool) {
			v, err := e.query(9090, `up{job="gonetmon"}`)
			return fmt.Sprint(v, err), err == nil && len(v) == 1 && slices.Equal(slices.Collect(maps.Values(v)), []float64{1})
		})
		e.listening("127.0.0.1:8080 127.0.0.1:9090 127.0.0.1:3000")
	})
	step(t, e, "a misspelt name", func() {
		e.dotenv("GONETMON_INTERFAC=mon0")
		e.compose("up", "-d", "gonetmon")
		e.eventually(30*time.Second, "log", func() (string, bool) {
			log := e.must("docker", "compose", "logs", "gonetmon")
			return log, strings.Contains(log, `GONETMON_INTERFAC="mon0": no such variable; did you mean GONETMON_INTERFACE?`)
		})
		e.eventually(30*time.Second, "stop", func() (string, bool) {
			c := e.container("gonetmon")
			return fmt.Sprintf("%+v", c), c.State.ExitCode == 2 && c.State.Status != "running"
		})
	})
	step(t, e, "open Grafana without a password", func() {
		e.dotenv("GRAFANA_ADDR=0.0.0.0")
		e.compose("up", "-d", "grafana")
		e.eventually(30*time.Second, "log", func() (string, bool) {
			log := e.must("docker", "compose", "logs", "grafana")
			return log, strings.Contains(log, "GRAFANA_ADDR=0.0.0.0, GRAFANA_PASSWORD: other machines can reach Grafana, so set a password; for example, in .env, GRAFANA_PASSWORD=")
		})
	})

	// What the rest needs: a DNS server, and captures replayed steadily into the interface that .env names.
	e.names(map[string]string{"172.16.42.216": "alexa-kitchen", "10.0.0.151": "roku-living", "10.0.0.227": "laptop", "10.0.0.149": "tv", "172.16.42.1": "router"})
	e.dotenv("GONETMON_INTERFACE=mon0", "GONETMON_CIDR=172.16.42.0/24,10.0.0.0/24,192.168.2.0/24", "GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_STRIP_DOMAIN=home.test",
		"GONETMON_PORT=18080", "PROMETHEUS_PORT=19090", "GRAFANA_PORT=13000", "GRAFANA_ADDR=0.0.0.0", "GRAFANA_PASSWORD=b1-c2 d3", "ALERTMANAGER_PORT=19093",
		"PROMETHEUS_RETENTION_TIME=30d", "COMPOSE_PROFILES=alerts")
	step(t, e, "with .env", func() {
		e.compose("up", "-d", "--build", "--wait")
		e.t.Logf("healthy after %.1f s", e.healthy("gonetmon", "prometheus", "grafana", "alertmanager").Seconds())
		e.listening("127.0.0.1:18080 127.0.0.1:19090 0.0.0.0:13000 127.0.0.1:19093")
		if flags, err := e.get("http://127.0.0.1:19090/api/v1/status/flags"); err != nil || !strings.Contains(flags, `"storage.tsdb.retention.time":"30d"`) || !strings.Contains(flags, `"storage.tsdb.retention.size":"4GiB"`) {
			e.t.Errorf("flags: %v %s", err, flags)
		}
		if rules, err := e.get("http://127.0.0.1:19090/api/v1/rules"); err != nil || !strings.Contains(rules, "GonetmonDown") {
			e.t.Errorf("rules: %v %s", err, rules)
		}
	})
	sent := e.replay(dir, time.Second, "alexa.pcapng", "home-roku-ra.pcap")
	step(t, e, "rights", e.rights)
	step(t, e, "only NET_RAW, and without", e.fewerRights)
	step(t, e, "memory", e.memory)
	step(t, e, "other processors", func() { e.otherProcessors(dir) })
	step(t, e, "the media query", func() {
		want := map[string]float64{
			"alexa-kitchen": sent.rate("172.16.42.216", "fe80::7af8:82ff:fed3:fbc2"),
			"roku-living":   sent.rate("10.0.0.151"),
		}
		time.Sleep(time.Until(sent.begun.Add(85 * time.Second))) // five scrapes
		sent.steady(65 * time.Second)                            // what the rate below is taken of
		got, err := e.query(19090, media)
		if err != nil || !slices.Equal(sorted(got), sorted(want)) {
			e.t.Fatalf("%s: %v, %v", media, got, err)
		}
		now := strings.Replace(media, "[5m]", "[1m]", 1)
		got, err = e.query(19090, now)
		if err != nil {
			e.t.Fatal(err)
		}
		for device, rate := range want {
			if off := got[device]/rate - 1; math.Abs(off) > 0.02 {
				e.t.Errorf("%s of %s: %.0f B/s; %.0f are sent", now, device, got[device], rate)
			} else {
				e.t.Logf("%s: %.0f B/s of %.0f, off by %+.2f %%", device, got[device], rate, 100*off)
			}
		}
		if others, err := e.query(19090, `rate(node_bytes_total[1m]) > 0`); err != nil || len(others) <= len(want) {
			e.t.Errorf("there are no other devices to leave out: %v, %v", others, err)
		}
	})
	sent.stop()
	step(t, e, "killed", func() {
		for _, service := range []string{"gonetmon", "prometheus"} {
			before := e.container(service)
			if err := syscall.Kill(before.State.Pid, syscall.SIGKILL); err != nil {
				e.t.Fatal(err)
			}
			start := time.Now()
			e.eventually(60*time.Second, service+" is there again", func() (string, bool) {
				c := e.container(service)
				return fmt.Sprintf("%+v", c), c.State.Pid != 0 && c.State.Pid != before.State.Pid && c.RestartCount > before.RestartCount && c.State.Health.Status == "healthy"
			})
			e.t.Logf("%s: healthy %.1f s after it was killed", service, time.Since(start).Seconds())
		}
		e.eventually(60*time.Second, "scrape", func() (string, bool) {
			v, err := e.query(19090, `up == 1`)
			return fmt.Sprint(v, err), err == nil && len(v) == 2
		})
	})
	step(t, e, "down", func() {
		e.compose("down", "--volumes")
		if left := e.must("docker", "ps", "-aq"); left != "" {
			e.t.Errorf("left: %s", left)
		}
	})
}

// step runs a part of the test under its name. One that fails ends all, as the next build on it.
func step(t *testing.T, e *engine, name string, fn func()) {
	t.Helper()
	start := time.Now()
	if !t.Run(name, func(t *testing.T) {
		whole := e.t
		defer func() { e.t = whole }()
		e.t = t
		fn()
		t.Logf("%.1f s in all", time.Since(start).Seconds())
	}) {
		t.FailNow()
	}
}

func captures(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TEST_CAPTURES")
	if dir == "" {
		t.Fatal("TEST_DOCKER=1, but TEST_CAPTURES does not name the folder of captures")
	}
	return dir
}

func (e *engine) smallImage(image string) {
	e.t.Helper()
	size, err := strconv.ParseFloat(e.must("docker", "image", "inspect", "-f", "{{.Size}}", image), 64)
	if err != nil || size >= maxImage {
		e.t.Errorf("%s: %.1f MB, %v", image, size/1e6, err)
	}
	e.t.Logf("%s: %.1f MB", image, size/1e6)
}

// listening holds that the host listens on these addresses for TCP and on no others but those of the engine and the DNS server.
func (e *engine) listening(want string) {
	e.t.Helper()
	var got []string
	e.host.Do(func() {
		for _, table := range []string{"tcp", "tcp6"} {
			b, err := os.ReadFile("/proc/thread-self/net/" + table)
			if err != nil && table == "tcp" {
				e.t.Error(err)
			}
			for line := range strings.Lines(string(b)) {
				f := strings.Fields(line)
				if len(f) < 4 || f[3] != "0A" {
					continue
				}
				if addr := hexAddr(f[1]); addr.Port() != 53 {
					got = append(got, addr.String())
				}
			}
		}
	})
	all := strings.Fields(want)
	slices.Sort(all)
	slices.Sort(got)
	if !slices.Equal(got, all) {
		e.t.Errorf("listening on %v; want %v", got, all)
	}
}

// hexAddr reads an address of /proc/net/tcp of a little-endian machine (proc_net_tcp(5)).
func hexAddr(s string) netip.AddrPort {
	host, port, _ := strings.Cut(s, ":")
	var b []byte
	for i := 0; i+8 <= len(host); i += 8 {
		word, _ := strconv.ParseUint(host[i:i+8], 16, 32)
		b = append(b, byte(word), byte(word>>8), byte(word>>16), byte(word>>24))
	}
	addr, _ := netip.AddrFromSlice(b)
	p, _ := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(p))
}

// query asks Prometheus for an instant vector, by device or else by instance.
func (e *engine) query(port int, promql string) (map[string]float64, error) {
	text, err := e.get(fmt.Sprintf("http://127.0.0.1:%d/api/v1/query?query=%s", port, url.QueryEscape(promql)))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	values := map[string]float64{}
	for _, r := range answer.Data.Result {
		name := r.Metric["device"]
		if name == "" {
			name = r.Metric["instance"]
		}
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("%s twice in %s", name, text)
		}
		if values[name], err = strconv.ParseFloat(r.Value[1].(string), 64); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func sorted(m map[string]float64) []string { return slices.Sorted(maps.Keys(m)) }

// names starts a DNS server on port 53 of the host that knows these names in home.test.
func (e *engine) names(known map[string]string) {
	e.t.Helper()
	var packets net.PacketConn
	var err error
	e.host.Do(func() { packets, err = net.ListenPacket("udp", "127.0.0.1:53") })
	if err != nil {
		e.t.Fatal(err)
	}
	server := testnet.ServeDNS(e.t, packets, nil, nil)
	for addr, name := range known {
		server.Set(netip.MustParseAddr(addr), testnet.Answer{Names: []string{name + ".home.test."}, TTL: 3600})
	}
}

// frames reads a capture of Ethernet frames.
func frames(t *testing.T, name string) (all [][]byte) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	next := func() ([]byte, error) { return nil, io.EOF }
	if strings.HasSuffix(name, ".pcapng") {
		r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}
		next = func() ([]byte, error) { data, _, err := r.ReadPacketData(); return data, err }
	} else {
		r, err := pcapgo.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		next = func() ([]byte, error) { data, _, err := r.ReadPacketData(); return data, err }
	}
	for {
		data, err := next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
}

// An oracle is what expected/NAME.json says of a capture.
type oracle struct {
	CIDRs []string
	Hosts map[string]struct {
		In  float64 `json:"in_bytes"`
		Out float64 `json:"out_bytes"`
	}
}

// A replay sends the frames of captures again and again.
type replay struct {
	e      *engine
	period time.Duration
	bytes  map[string]float64 // of each address, once
	stop   func()
	begun  time.Time
	late   atomic.Int64 // when it last was behind, in nanoseconds since it began
}

// replay sends all frames of the captures into mon0 once a period, evenly, until it is stopped.
func (e *engine) replay(dir string, period time.Duration, names ...string) *replay {
	e.t.Helper()
	r := &replay{e: e, period: period, bytes: map[string]float64{}, begun: time.Now()}
	var all [][]byte
	for _, name := range names {
		all = append(all, frames(e.t, filepath.Join(dir, name))...)
		var o oracle
		if b, err := os.ReadFile(filepath.Join(dir, "expected", name+".json")); err != nil || json.Unmarshal(b, &o) != nil {
			e.t.Fatalf("expected of %s: %v", name, err)
		}
		for addr, h := range o.Hosts {
			r.bytes[addr] += h.In + h.Out
		}
	}
	sender := testnet.NewSender(e.lan, "mon1")
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for next := time.Now(); ctx.Err() == nil; next = next.Add(period) {
			time.Sleep(time.Until(next))
			if time.Since(next) > period/10 {
				r.late.Store(int64(time.Since(r.begun)))
			}
			sender.SendAll(all, int(1.05*float64(len(all))/period.Seconds()))
		}
	})
	r.stop = func() { cancel(); running.Wait() }
	e.t.Cleanup(r.stop)
	return r
}

// rate tells from what is expected of the captures how many bytes these addresses move in a second.
func (r *replay) rate(addrs ...string) (sum float64) {
	for _, a := range addrs {
		sum += r.bytes[a]
	}
	return sum / r.period.Seconds()
}

// steady waits until the replay has kept its pace for so long. Where a machine is too busy for it, it sends less, and then more.
func (r *replay) steady(long time.Duration) {
	r.e.t.Helper()
	r.e.eventually(5*time.Minute, "a steady replay", func() (string, bool) {
		late := time.Duration(r.late.Load())
		return fmt.Sprintf("%v after its begin it was behind, and now it is %v", late, time.Since(r.begun)), time.Since(r.begun)-late >= long
	})
}

var statusLine = regexp.MustCompile(`(?m)^(\w+):\s*(\S+)`)

// status reads /proc/PID/status.
func (e *engine) status(pid int) map[string]string {
	e.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		e.t.Fatal(err)
	}
	m := map[string]string{}
	for _, line := range statusLine.FindAllStringSubmatch(string(b), -1) {
		m[line[1]] = line[2]
	}
	return m
}

// rights holds that containers have those that were promised and no more.
func (e *engine) rights() {
	const setGID, setUID, netAdmin, netRaw = 1 << 6, 1 << 7, 1 << 12, 1 << 13
	// What gonetmon was given at its start stays in the bounding set only, from which nothing comes back.
	for service, bounding := range map[string]uint64{"gonetmon": setGID | setUID | netAdmin | netRaw, "prometheus": 0, "grafana": 0, "alertmanager": 0} {
		pid := e.container(service).State.Pid
		s := e.status(pid)
		for set, want := range map[string]uint64{"CapEff": 0, "CapPrm": 0, "CapBnd": bounding} {
			if got, err := strconv.ParseUint(s[set], 16, 64); err != nil || got != want {
				e.t.Errorf("%s: %s %s; want %x", service, set, s[set], want)
			}
		}
		if service == "gonetmon" && (s["Uid"] != "65534" || s["CapInh"] != "0000000000000000" || s["CapAmb"] != "0000000000000000") {
			e.t.Errorf("gonetmon: uid %s, CapInh %s, CapAmb %s", s["Uid"], s["CapInh"], s["CapAmb"])
		}
		if s["NoNewPrivs"] != "1" || s["Seccomp"] != "2" {
			e.t.Errorf("%s: NoNewPrivs %s, Seccomp %s", service, s["NoNewPrivs"], s["Seccomp"])
		}
		mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", pid))
		if err != nil || !regexp.MustCompile(`(?m)^\S+ / \S+ ro[, ]`).Match(mounts) {
			e.t.Errorf("%s: the root is writable: %v\n%s", service, err, mounts)
		}
		e.t.Logf("%s: uid %s, CapEff %s", service, s["Uid"], s["CapEff"])
	}
}

// fewerRights starts gonetmon with NET_RAW only, which suffices for an interface that is up, and without it.
func (e *engine) fewerRights() {
	args := func(more ...string) []string {
		return append(append([]string{"run", "--network=host", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges",
			"-e", "GONETMON_INTERFACE=mon0", "-e", "GONETMON_CIDR=172.16.42.0/24", "-e", "GONETMON_PORT=18081", "-e", "GONETMON_DNS_SERVERS=none"}, more...), "gonetmon:local")
	}
	e.must("docker", args("-d", "--name=raw", "--cap-add=NET_RAW")...)
	e.eventually(20*time.Second, "counts", func() (string, bool) {
		page, err := e.get("http://127.0.0.1:18081/metrics")
		return fmt.Sprint(err, page), err == nil && regexp.MustCompile(`(?m)^network_bytes_total [1-9]`).MatchString(page)
	})
	e.must("docker", "exec", "raw", "/gonetmon", "healthcheck")
	// Without SETUID and SETGID it stays root in name, and says so.
	if s := e.status(e.pid("raw")); s["CapEff"] != "0000000000000000" || s["CapPrm"] != "0000000000000000" || s["CapBnd"] != "0000000000002000" || s["Uid"] != "0" {
		e.t.Errorf("uid %s, CapEff %s, CapPrm %s, CapBnd %s", s["Uid"], s["CapEff"], s["CapPrm"], s["CapBnd"])
	}
	if log := e.must("docker", "logs", "raw"); strings.Count(log, "still uid 0") != 1 {
		e.t.Errorf("it does not say once that it is still root:\n%s", log)
	}
	e.must("docker", "rm", "-f", "raw")

	out, err := e.run("docker", args("--rm")...)
	if err == nil || !strings.Contains(out, "CAP_NET_RAW is missing") {
		e.t.Errorf("without NET_RAW: %v, %s", err, out)
	}
	e.t.Logf("without NET_RAW: %v: %s", err, out)
}

func (e *engine) pid(name string) int {
	e.t.Helper()
	pid, err := strconv.Atoi(e.must("docker", "inspect", "-f", "{{.State.Pid}}", name))
	if err != nil {
		e.t.Fatal(err)
	}
	return pid
}

// memory holds that gonetmon needs no more under load: 100,000 frames a second between 200 devices and 256 hosts of the internet, and
// its page asked for twice a second.
func (e *engine) memory() {
	sender := testnet.NewSender(e.lan, "mon1")
	load := testnet.Conversation(100_000)
	pid := e.container("gonetmon").State.Pid
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 10 {
			sender.SendAll(load, 100_000)
		}
	}()
	var resident, charged float64
	for sending := true; sending; {
		select {
		case <-done:
			sending = false
		case <-time.After(500 * time.Millisecond):
		}
		if _, err := e.get("http://127.0.0.1:18080/metrics"); err != nil {
			e.t.Error(err)
		}
		kb, err := strconv.ParseFloat(e.status(pid)["VmRSS"], 64)
		if err != nil {
			e.t.Fatal(err)
		}
		resident = max(resident, kb*1024)
	}
	usage := e.must("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", "gonetmon-gonetmon-1")
	m := regexp.MustCompile(`^([\d.]+)([KM]i)B / 512MiB$`).FindStringSubmatch(usage)
	if m == nil {
		e.t.Fatalf("docker stats: %s", usage)
	}
	charged, _ = strconv.ParseFloat(m[1], 64)
	charged *= map[string]float64{"Ki": 1 << 10, "Mi": 1 << 20}[m[2]]
	e.t.Logf("%d frames: resident at most %.1f MiB with a ring of %d, charged to the container %.1f MiB", sender.Sent, resident/(1<<20), ring>>20, charged/(1<<20))
	if resident >= maxMemory+ring || charged >= maxMemory+ring {
		e.t.Errorf("resident %.0f, charged %.0f", resident, charged)
	}
}

// otherProcessors has compose make the image for other processors, and their binaries count captures.
func (e *engine) otherProcessors(dir string) {
	for platform, qemu := range map[string]string{"linux/arm64": "qemu-aarch64-static", "linux/arm/v7": "qemu-arm-static"} {
		needDocker(e.t, qemu)
		name := strings.ReplaceAll(strings.TrimPrefix(platform, "linux/"), "/", "")
		image := "gonetmon:" + name
		write(e.t, filepath.Join(e.home, name+".yaml"), fmt.Sprintf("services: {gonetmon: {image: %q, platform: %s}}\n", image, platform))
		e.compose("-f", "compose.yaml", "-f", name+".yaml", "build", "gonetmon")
		e.smallImage(image)
		binary := filepath.Join(e.dir, name)
		e.must("docker", "create", "--platform", platform, "--name", name, image)
		e.must("docker", "cp", name+":/gonetmon", binary)
		e.must("docker", "rm", name)
		for _, capture := range []string{"alexa.pcapng", "home-roku-ra.pcap", "vlan-mpls.pcap", "ipv6.pcap"} {
			b, err := os.ReadFile(filepath.Join(dir, "expected", capture+".json"))
			if err != nil {
				e.t.Fatal(err)
			}
			var want map[string]any
			var o oracle
			if err := errors.Join(json.Unmarshal(b, &want), json.Unmarshal(b, &o)); err != nil {
				e.t.Fatal(err)
			}
			start := time.Now()
			out := e.must("env", "-i", "PATH="+os.Getenv("PATH"), "GONETMON_CIDR="+strings.Join(o.CIDRs, ","), qemu, binary, "replay", "--json", filepath.Join(dir, capture))
			if diff := differ(want, out); diff != "" {
				e.t.Errorf("%s: %s: %s", platform, capture, diff)
			}
			e.t.Logf("%s: %s: as expected, %.1f s", platform, capture, time.Since(start).Seconds())
		}
	}
}

// differ says how the JSON of replay is other than what is expected.
func differ(want map[string]any, out string) string {
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) { // maps print sorted
		return fmt.Sprintf("got %v; want %v", got, want)
	}
	return ""
}

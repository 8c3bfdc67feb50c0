package stack_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gonetmon/test/captures"
	"gonetmon/test/testnet"
)

const (
	maxImageBytes = 15e6
	mediaQuery    = `rate(node_bytes_total{device=~"alexa.*|roku.*"}[5m])`
)

// TestStack runs the product as its user does: `docker compose up -d` in a copy of the repository. Each step builds on the last.
func TestStack(t *testing.T) {
	t.Parallel()
	needDocker(t)
	e := newEngine(t)
	e.importImages()
	const commit = "0123456789abcdef0123456789abcdef01234567"
	e.must("mkdir", "-p", ".git/refs/heads")
	write(t, filepath.Join(e.home, ".git/HEAD"), "ref: refs/heads/main\n")
	write(t, filepath.Join(e.home, ".git/refs/heads/main"), commit+"\n")
	write(t, filepath.Join(e.home, ".git/packed-refs"), commit+" refs/tags/v0.0.1-test\n")

	e.step("StartsWithoutDotenv", func() {
		e.compose("up", "-d")
		e.awaitHealthy("gonetmon", "prometheus", "grafana")
		size, err := strconv.ParseFloat(e.must("docker", "image", "inspect", "-f", "{{.Size}}", "gonetmon:local"), 64)
		if err != nil || size >= maxImageBytes {
			e.t.Errorf("image: %.1f MB, %v", size/1e6, err)
		}
		if got := e.must("docker", "compose", "exec", "-T", "gonetmon", "/gonetmon", "version"); !strings.HasPrefix(got,
			"gonetmon v0.0.1-test (0123456789ab, ") {
			e.t.Errorf("version: %s", got)
		}
		log := e.must("docker", "compose", "logs", "gonetmon")
		if !strings.Contains(log, "interfaces=lan0") || !strings.Contains(log, "192.168.2.0/24") {
			e.t.Errorf("gonetmon does not listen on the interface of the default route:\n%s", log)
		}
		e.eventually("scrape", func() (string, bool) {
			v, err := e.query(9090, `up{job="gonetmon"}`)
			return fmt.Sprint(v, err), err == nil && fmt.Sprint(v) == "map[home:1]"
		})
		e.expectListening("127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:3000")
		if environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", e.container("grafana").State.Pid)); err != nil ||
			!strings.Contains(string(environ), "\x00GF_SERVER_ENFORCE_DOMAIN=true\x00") {
			e.t.Errorf("Grafana answers every Host: %q, %v", environ, err)
		}
	})

	known := testnet.NamespaceDNS(t, e.host, false, nil)
	for addr, name := range map[string]string{"172.16.42.216": "alexa-kitchen", "10.0.0.151": "roku-living"} {
		known.Set(netip.MustParseAddr(addr), testnet.Answer{Names: []string{name + ".home.test."}, TTL: 3600})
	}
	settings := []string{"GONETMON_INTERFACE=mon0", "GONETMON_CIDR=172.16.42.0/24,10.0.0.0/24,192.168.2.0/24",
		"GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_STRIP_DOMAIN=home.test", "GONETMON_PORT=18080", "PROMETHEUS_PORT=19090",
		"GRAFANA_PORT=13000", "GRAFANA_ADDR=0.0.0.0", "GRAFANA_PASSWORD=b1-c2 d3", "ALERTMANAGER_PORT=19093",
		"PROMETHEUS_RETENTION_TIME=30d", "COMPOSE_PROFILES=alerts"}
	e.step("TakesDotenv", func() {
		e.dotenv(settings...)
		e.compose("up", "-d", "--build", "--wait")
		e.awaitHealthy("gonetmon", "prometheus", "grafana", "alertmanager")
		e.expectListening("127.0.0.1:18080", "127.0.0.1:19090", "0.0.0.0:13000", "127.0.0.1:19093")
		for page, want := range map[string]string{"status/flags": `"storage.tsdb.retention.time":"30d"`, "rules": "GonetmonDown"} {
			if status, text := e.get("http://127.0.0.1:19090/api/v1/" + page); status != 200 || !strings.Contains(text, want) {
				e.t.Errorf("%s: %d %s", page, status, text)
			}
		}
	})
	sent := e.replay(time.Second, "alexa.pcapng", "home-roku-ra.pcap")
	e.step("DropsPrivileges", e.expectFewPrivileges)
	e.step("KnowsDevices", func() {
		e.eventually("names", func() (string, bool) {
			status, page := e.get("http://127.0.0.1:18080/metrics")
			return fmt.Sprint(status), strings.Contains(page, `device="alexa-kitchen"`) && strings.Contains(page, `device="roku-living"`)
		})
	})
	e.step("WithstandsFlood", e.flood)
	e.step("AnswersMediaQuery", func() {
		want := map[string]float64{
			"alexa-kitchen": sent.rate("172.16.42.216", "fe80::7af8:82ff:fed3:fbc2"),
			"roku-living":   sent.rate("10.0.0.151"),
		}
		sent.awaitSteady(75 * time.Second) // five scrapes, of which the rate is taken
		got, err := e.query(19090, mediaQuery)
		if err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
			e.t.Fatalf("%s: %v, %v", mediaQuery, got, err)
		}
		lastMinute := strings.Replace(mediaQuery, "[5m]", "[1m]", 1)
		if got, err = e.query(19090, lastMinute); err != nil {
			e.t.Fatal(err)
		}
		for device, rate := range want {
			e.t.Logf("%s: %.0f B/s, %.0f sent", device, got[device], rate)
			if math.Abs(got[device]/rate-1) > 0.02 {
				e.t.Errorf("%s of %s: %.0f B/s; %.0f are sent", lastMinute, device, got[device], rate)
			}
		}
	})
	sent.stop()
	e.step("RestartsKilledServices", func() {
		before := map[string]container{"gonetmon": e.container("gonetmon"), "prometheus": e.container("prometheus")}
		for _, c := range before {
			if err := syscall.Kill(c.State.Pid, syscall.SIGKILL); err != nil {
				e.t.Fatal(err)
			}
		}
		for service, b := range before {
			e.eventually(service+" is healthy again", func() (string, bool) {
				c := e.container(service)
				return fmt.Sprintf("%+v", c), c.State.Pid != 0 && c.State.Pid != b.State.Pid && c.State.Health.Status == "healthy"
			})
		}
		e.eventually("scrape", func() (string, bool) {
			v, err := e.query(19090, `up == 1`)
			return fmt.Sprint(v, err), err == nil && len(v) == 2
		})
	})
	e.step("KeepsStateOverDownAndUp", func() {
		var before map[string]kept
		e.eventually("all that was sent is counted", func() (string, bool) {
			earlier := e.devices()
			time.Sleep(3 * time.Second)
			before = e.devices()
			return fmt.Sprint(before), maps.Equal(before, earlier)
		})
		if alexa := before["alexa-kitchen"]; alexa.FirstSeen == "" || alexa.Period.In == 0 || alexa.Period.Out == 0 {
			e.t.Errorf("alexa-kitchen is %+v", alexa)
		}
		e.compose("down")
		e.compose("up", "-d", "--wait")
		after := e.devices()
		for _, name := range []string{"alexa-kitchen", "roku-living"} {
			if b, a := before[name], after[name]; a != b || b.ID == 0 {
				e.t.Errorf("%s was %+v, and is %+v", name, b, a)
			}
		}
	})
	e.step("RestoresBackup", func() {
		before := e.devices()
		e.must("sh", "-c", "docker compose exec -T gonetmon /gonetmon backup - >../gonetmon.backup")
		e.compose("down", "--volumes")
		e.must("sh", "-c", "docker compose run --rm -T gonetmon restore - <../gonetmon.backup")
		e.compose("up", "-d", "--wait")
		if a, b := e.devices()["alexa-kitchen"], before["alexa-kitchen"]; a != b {
			e.t.Errorf("it was %+v, and is %+v", b, a)
		}
	})
	e.step("AsksForPassword", func() {
		testnet.WriteCertificate(e.t, filepath.Join(e.home, "config/gonetmon"), 1)
		e.dotenv(append(settings, `GONETMON_PASSWORD='a$b "c" #d'`, "GONETMON_TLS_CERT=/etc/gonetmon/cert.pem",
			"GONETMON_TLS_KEY=/etc/gonetmon/key.pem")...)
		e.compose("up", "-d", "--wait")
		client := e.host.HTTP()
		client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
		for path, want := range map[string]int{"": 401, "metrics": 401, "api/v1/devices": 401, "healthz": 200} {
			if status, text := testnet.Get(client, "https://127.0.0.1:18080/"+path); status != want {
				e.t.Errorf("/%s: %d %s, want %d", path, status, text, want)
			}
		}
		e.eventually("Prometheus has the password", func() (string, bool) {
			_, text := e.get("http://127.0.0.1:19090/api/v1/targets?scrapePool=gonetmon")
			return text, strings.Contains(text, `"health":"up"`) && strings.Contains(text, "https://127.0.0.1:18080/metrics")
		})
	})
	e.step("RestoresHistory", func() {
		first := func() (oldest float64) { // the time of the first sample
			e.eventually("a sample", func() (string, bool) {
				all, err := e.query(19090, `min_over_time(timestamp(up{job="gonetmon"})[1h:1s])`)
				oldest = all["home"]
				return fmt.Sprint(all, err), oldest > 0
			})
			return oldest
		}
		before := first()
		const backup, restore = "cz -C /prometheus . >../history.tgz", "xz -C /prometheus <../history.tgz"
		const tar = "docker compose --progress quiet run --rm -T --no-deps --entrypoint tar prometheus "
		e.compose("stop", "prometheus")
		e.must("sh", "-c", tar+backup)
		e.compose("up", "-d", "--wait")
		e.compose("rm", "-sf", "prometheus")
		e.must("docker", "volume", "rm", "-f", "gonetmon_prometheus")
		e.must("sh", "-c", tar+restore)
		e.compose("up", "-d", "--wait")
		if after := first(); after != before {
			e.t.Errorf("the first sample was of %.3f, and is of %.3f", before, after)
		}
	})
	e.step("UpdatesByUpAlone", e.update)
	e.step("Stops", func() {
		e.compose("down", "--volumes")
		if left := e.must("docker", "ps", "-aq"); left != "" {
			e.t.Errorf("left: %s", left)
		}
	})
}

// A kept has what outlives a restart of a device.
type kept struct {
	ID        uint64
	FirstSeen string `json:"first_seen"`
	Period    struct {
		In  uint64 `json:"internet_in_bytes"`
		Out uint64 `json:"internet_out_bytes"`
	}
}

// devices asks gonetmon for its devices, by name.
func (e *engine) devices() map[string]kept {
	e.t.Helper()
	status, text := e.get("http://127.0.0.1:18080/api/v1/devices")
	var answer struct {
		Devices []struct {
			Name string
			kept
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		e.t.Fatalf("devices: %d %.1000s: %v", status, text, err)
	}
	all := map[string]kept{}
	for _, d := range answer.Devices {
		all[d.Name] = d.kept
	}
	return all
}

// expectListening compares the TCP addresses that the host listens on.
func (e *engine) expectListening(want ...string) {
	e.t.Helper()
	out, err := e.host.Command("ss", "-Hltn").Output()
	var got []string
	for line := range strings.Lines(string(out)) {
		got = append(got, strings.Fields(line)[3])
	}
	slices.Sort(want)
	if slices.Sort(got); err != nil || !slices.Equal(got, want) {
		e.t.Errorf("listening on %v, %v; want %v", got, err, want)
	}
}

// query asks Prometheus for an instant vector, by device or else by instance.
func (e *engine) query(port int, promql string) (map[string]float64, error) {
	return e.ask(fmt.Sprintf("127.0.0.1:%d", port), promql)
}

// ask is query for any database with the API of Prometheus.
func (e *engine) ask(addr, promql string) (map[string]float64, error) {
	_, text := e.get("http://" + addr + "/api/v1/query?query=" + url.QueryEscape(promql))
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
		var err error
		if values[name], err = strconv.ParseFloat(r.Value[1].(string), 64); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// A replay sends the frames of captures again and again.
type replay struct {
	e      *engine
	period time.Duration
	bytes  map[netip.Addr]float64 // in a period
	stop   func()
	begun  time.Time
	late   atomic.Int64 // when it was last late, in nanoseconds since begun
}

// replay sends all frames of the captures into mon0 once a period, evenly.
func (e *engine) replay(period time.Duration, names ...string) *replay {
	e.t.Helper()
	r := &replay{e: e, period: period, bytes: map[netip.Addr]float64{}, begun: time.Now()}
	dir, expected := captures.Expected(e.t)
	var all [][]byte
	for _, name := range names {
		ethernet, _ := captures.Ethernet(e.t, filepath.Join(dir, name))
		all = append(all, ethernet...)
		for addr, h := range expected[name].Hosts {
			r.bytes[addr] += float64(h.InBytes + h.OutBytes)
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

// rate returns the expected bytes per second of these addresses together.
func (r *replay) rate(addrs ...string) (sum float64) {
	for _, a := range addrs {
		sum += r.bytes[netip.MustParseAddr(a)]
	}
	return sum / r.period.Seconds()
}

// awaitSteady waits until the replay has been on time for so long. On a busy machine it is late, and catches up later.
func (r *replay) awaitSteady(long time.Duration) {
	r.e.t.Helper()
	if !testnet.Within(5*time.Minute, func() bool { return time.Since(r.begun)-time.Duration(r.late.Load()) >= long }) {
		r.e.t.Fatalf("the replay was late %v after its start", time.Duration(r.late.Load()))
	}
}

var statusLine = regexp.MustCompile(`(?m)^(\w+):\s*(\S+)`)

// procStatus reads /proc/PID/status.
func (e *engine) procStatus(pid int) map[string]string {
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

func (e *engine) expectFewPrivileges() {
	const setGID, setUID, netAdmin, netRaw = 1 << 6, 1 << 7, 1 << 12, 1 << 13
	// The capabilities that gonetmon had at its start remain in the bounding set only, which grants nothing.
	for service, bounding := range map[string]uint64{
		"gonetmon": setGID | setUID | netAdmin | netRaw, "prometheus": 0, "grafana": 0, "alertmanager": 0,
	} {
		pid := e.container(service).State.Pid
		s := e.procStatus(pid)
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
	}
}

// The binaries for other processors count captures as the oracle does.
func TestOtherProcessors_CountCaptures(t *testing.T) {
	t.Parallel()
	needDocker(t, "qemu-aarch64-static", "qemu-arm-static")
	dir, expected := captures.Expected(t)
	for arch, qemu := range map[string]string{"arm64": "qemu-aarch64-static", "arm": "qemu-arm-static"} {
		binary := filepath.Join(t.TempDir(), arch)
		env := []string{"CGO_ENABLED=0", "GOARCH=" + arch, "GOARM=7"}
		run(t, root, env, "go", "build", "-trimpath", "-o", binary, "./app/cmd/gonetmon")
		if got := run(t, ".", nil, qemu, binary, "version"); !strings.HasSuffix(got, "linux/"+arch+")") {
			t.Errorf("%s: version: %s", arch, got)
		}
		for _, capture := range []string{"alexa.pcapng", "ipv6.pcap"} {
			var cidrs []string
			for _, prefix := range expected[capture].CIDRs {
				cidrs = append(cidrs, prefix.String())
			}
			cidr, file := "GONETMON_CIDR="+strings.Join(cidrs, ","), filepath.Join(t.TempDir(), capture)
			write(t, file, run(t, ".", []string{cidr}, qemu, binary, "replay", "--json", filepath.Join(dir, capture)))
			if got := captures.ReadTally(t, file); !reflect.DeepEqual(got, expected[capture]) {
				t.Errorf("%s: %s: got %+v; want %+v", arch, capture, got, expected[capture])
			}
		}
	}
}

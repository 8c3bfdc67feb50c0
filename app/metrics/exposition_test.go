package metrics

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/test/golden"
	"gonetmon/test/snapshots"
)

func text(p *Exposition) string {
	var b strings.Builder
	p.WritePrometheus(&b)
	return b.String()
}

func TestPage(t *testing.T) {
	page := text(ownFamilies(snapshots.Home()))
	golden.Equal(t, "page.txt", strings.ReplaceAll(page, runtime.Version(), "go1.26"))
}

// parse reads a page as strictly as Prometheus does, and refuses what Prometheus may let through: metadata that comes twice or
// late, and two series of the same labels.
func parse(t *testing.T, page string) map[string]*dto.MetricFamily {
	t.Helper()
	seen := map[string]bool{}
	for line := range strings.Lines(page) {
		if !strings.HasSuffix(line, "\n") {
			t.Errorf("line without end: %q", line)
		}
		key := line[:strings.LastIndexByte(line, ' ')]
		if strings.HasPrefix(line, "#") {
			key = strings.Join(strings.Fields(line)[:3], " ")
		}
		if seen[key] {
			t.Errorf("twice: %q", key)
		}
		seen[key] = true
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return families
}

func labels(m *dto.Metric) map[string]string {
	all := map[string]string{}
	for _, l := range m.Label {
		all[l.GetName()] = l.GetValue()
	}
	return all
}

func TestPageParses(t *testing.T) {
	for name, s := range map[string]*device.Snapshot{
		"empty": {}, "home": snapshots.Home(), "snapshots.HostileNames": snapshots.Hostile(), "crowd": snapshots.Crowd(800),
	} {
		t.Run(name, func(t *testing.T) {
			whole := NewExposition(Config{Snapshot: func() *device.Snapshot { return s }, Meters: snapshots.Meters, Names: lookups, Control: control,
				Process: process, Version: `v"1`, Revision: "a\nb"})
			families := parse(t, text(whole))
			for _, want := range []string{"process_resident_memory_bytes", "go_goroutines", "gonetmon_build_info", "network_bytes_total"} {
				if families[want] == nil {
					t.Errorf("no family %s", want)
				}
			}
			for name, f := range families {
				if strings.HasPrefix(name, "go_") {
					continue
				}
				if f.GetHelp() == "" || f.GetType() == dto.MetricType_UNTYPED {
					t.Errorf("%s: help %q, type %v", name, f.GetHelp(), f.GetType())
				}
			}
			if len(s.Devices) == 0 {
				return
			}
			if got, want := len(families["node_bytes_total"].Metric), len(s.Devices); got != want {
				t.Errorf("node_bytes_total: %d series, want %d", got, want)
			}
			sums, series := map[string]float64{}, map[string]int{}
			for _, m := range families["gonetmon_device_bytes_total"].Metric {
				device := labels(m)["device"]
				sums[device] += m.GetCounter().GetValue()
				series[device]++
			}
			for _, m := range families["node_bytes_total"].Metric {
				l := labels(m)
				if len(l) != 1 {
					t.Errorf("node_bytes_total: labels %v", l)
				}
				if sum := sums[l["device"]]; sum != m.GetCounter().GetValue() || series[l["device"]] != 5 {
					t.Errorf("%q: %v, but %d series sum up to %v", l["device"], m.GetCounter().GetValue(), series[l["device"]], sum)
				}
			}
		})
	}
}

// What is UTF-8 comes back as it was, and what is not stays different from all else.
func TestPageLabels(t *testing.T) {
	families := parse(t, text(ownFamilies(snapshots.Hostile())))
	var got, vendors []string
	for _, m := range families["node_bytes_total"].Metric {
		got = append(got, labels(m)["device"])
	}
	for _, m := range families["gonetmon_device_info"].Metric {
		vendors = append(vendors, labels(m)["vendor"])
	}
	want := append([]string(nil), snapshots.HostileNames...)
	copy(want[3:], []string{"bad\ufffdffutf8", "bad\ufffdfeutf8", "bad\ufffdef\ufffdbf\ufffdbdutf8", "bad\ufffdef\ufffdbf\ufffdbdffutf8", "cut\ufffde2\ufffd82"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, vendors); diff != "" {
		t.Errorf("vendors (-want +got):\n%s", diff)
	}
}

func total(family *dto.MetricFamily, keep func(labels map[string]string) bool) (n float64) {
	for _, m := range family.Metric {
		if keep == nil || keep(labels(m)) {
			n += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return n
}

// What the page has of devices and of all others is what the hosts have moved: each packet once, but those between two of them twice.
func TestPageAddsUp(t *testing.T) {
	families := parse(t, text(ownFamilies(snapshots.Home())))
	scope := func(name string) float64 {
		return total(families["gonetmon_network_bytes_total"], func(l map[string]string) bool { return l["scope"] == name })
	}
	want := scope("internet") + 2*scope("lan") + scope("multicast")
	got := 0.0
	for _, name := range []string{"node_bytes_total", "gonetmon_overflow_bytes_total", "gonetmon_waiting_bytes", "gonetmon_forgotten_bytes_total"} {
		n := total(families[name], nil)
		if n == 0 {
			t.Errorf("%s: 0, which proves nothing", name)
		}
		got += n
	}
	if got != want {
		t.Errorf("the parts add up to %.0f, the whole is %.0f", got, want)
	}
}

func TestPageMergesTapsOfOneInterface(t *testing.T) {
	p := NewExposition(Config{Snapshot: snapshots.Home, OmitGoMetrics: true, Control: func() ControlStats {
		f := control()
		f.Taps = append(f.Taps, f.Taps...)
		return f
	}})
	page := text(p)
	parse(t, page)
	for _, want := range []string{
		`gonetmon_control_frames_total{interface="eth1"} 4408`, `gonetmon_control_drops_total{interface="eth1"} 14`,
		`gonetmon_control_frames_total{interface="eth2"} 0`, `gonetmon_facts_total{source="arp"} 1890`,
	} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
}

// A page has the families of what there is.
func TestPageLeavesOut(t *testing.T) {
	for _, c := range []struct {
		name       string
		cfg        Config
		has, lacks string // prefixes of families, or beginnings of series
	}{
		{"nothing but devices", Config{}, "gonetmon_table_entries", "gonetmon_dns gonetmon_capture gonetmon_facts gonetmon_names gonetmon_control gonetmon_frames"},
		{"lookups", Config{Names: lookups}, `gonetmon_dns gonetmon_names_refused_total{source="ptr"} gonetmon_table_limit{table="dns"}`,
			`gonetmon_facts gonetmon_control gonetmon_names_refused_total{source="dhcp`},
		{"facts", Config{Control: control}, `gonetmon_facts gonetmon_control gonetmon_names_refused_total{source="mdns"}`,
			`gonetmon_dns gonetmon_names_refused_total{source="ptr"} gonetmon_table_limit{table="dns"}`},
		{"process", Config{Process: process}, "gonetmon_process_capabilities process_open_fds", ""},
		{"process without /proc", Config{Process: func() (ProcessStats, error) { return ProcessStats{}, os.ErrNotExist }}, "gonetmon_build_info", "gonetmon_process process"},
		{"facts of a file", Config{Control: func() ControlStats { return ControlStats{} }}, "gonetmon_facts", "gonetmon_control"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Snapshot, c.cfg.OmitGoMetrics = snapshots.Home, true
			page := text(NewExposition(c.cfg))
			parse(t, page)
			for _, prefix := range strings.Fields(c.has) {
				if !strings.Contains(page, "\n"+prefix) {
					t.Errorf("no %s", prefix)
				}
			}
			for _, prefix := range strings.Fields(c.lacks) {
				if strings.Contains(page, "\n"+prefix) || strings.Contains(page, "# HELP "+prefix) {
					t.Errorf("there is a %s", prefix)
				}
			}
		})
	}
}

func TestPageMergesMetersOfOneInterface(t *testing.T) {
	p := NewExposition(Config{Snapshot: snapshots.Home, OmitGoMetrics: true, Meters: nil})
	p.cfg.Meters = func() []meter.Status { return append(snapshots.Meters(), snapshots.Meters()...) }
	page := text(p)
	parse(t, page)
	for _, want := range []string{
		`gonetmon_capture_up{interface="eth1"} 1`, `gonetmon_capture_up{interface="eth2"} 0`,
		`gonetmon_capture_drops_total{interface="eth1"} 24`, `gonetmon_frames_total{class="ipv4"} 10`,
	} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
}

func get(h http.Handler, method, encoding string) *http.Response {
	r := httptest.NewRequest(method, "/metrics", nil)
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	in := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		z.Multistream(false) // as browsers read
		in = z
	}
	b, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPageEncoding(t *testing.T) {
	p := ownFamilies(snapshots.Crowd(300))
	want := text(p)
	for encoding, zipped := range map[string]bool{
		"": false, "identity": false, "br": false, "gzip": true, "GZIP": true, "deflate, gzip;q=0.5": true, "gzip;q=0": false,
		"gzip ; q=0.0": false, "*": true, "*;q=0": false, "gzip;q=0, *": false, "*, gzip;q=0": false, "*;q=0, gzip": true,
		"gzip;q=x": false, "gzipped": false,
	} {
		t.Run(encoding, func(t *testing.T) {
			for range 2 { // rendered, and again
				r := get(p, "GET", encoding)
				if got := r.Header.Get("Content-Encoding") == "gzip"; got != zipped {
					t.Errorf("gzip: %v, want %v", got, zipped)
				}
				if got := r.Header.Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
					t.Errorf("Content-Type: %s", got)
				}
				if got := body(t, r); got != want {
					t.Errorf("%d bytes that differ from the %d wanted", len(got), len(want))
				}
			}
		})
	}
}

func TestPageMethods(t *testing.T) {
	p := ownFamilies(snapshots.Home())
	if r := get(p, "HEAD", "gzip"); r.StatusCode != 200 || body(t, &http.Response{Body: r.Body}) != "" {
		t.Errorf("HEAD: %s, or a body", r.Status)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if r := get(p, method, ""); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s, Allow %q", method, r.Status, r.Header.Get("Allow"))
		}
	}
}

func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		why := "no promtool on PATH: `promtool check metrics` not run"
		if os.Getenv("TEST_KERNEL") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text(ownFamilies(snapshots.Home())))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func BenchmarkPage(b *testing.B) {
	for _, n := range []int{200, 65536} {
		s := snapshots.Crowd(n)
		p := NewExposition(Config{Snapshot: func() *device.Snapshot { return s }, Meters: snapshots.Meters, Names: lookups})
		b.Run(fmt.Sprintf("write/%d", n), func(b *testing.B) { benchmark(b, func(w io.Writer) { p.WritePrometheus(w) }) })
		b.Run(fmt.Sprintf("render/%d", n), func(b *testing.B) { benchmark(b, func(w io.Writer) { p.render(s).writeZipped(w) }) })
		r := p.render(s)
		b.Run(fmt.Sprintf("gzip/%d", n), func(b *testing.B) { benchmark(b, func(w io.Writer) { r.writeZipped(w) }) })
		b.Run(fmt.Sprintf("plain/%d", n), func(b *testing.B) { benchmark(b, func(w io.Writer) { p.inflate(w, r) }) })
	}
}

func benchmark(b *testing.B, write func(io.Writer)) {
	b.ReportAllocs()
	var size bytes.Buffer
	write(&size)
	b.SetBytes(int64(size.Len()))
	for b.Loop() {
		write(io.Discard)
	}
}

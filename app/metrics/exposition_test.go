package metrics

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/store"
	"gonetmon/app/usage"
	"gonetmon/test/golden"
	"gonetmon/test/snapshots"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

func text(e *Exposition) string {
	var b strings.Builder
	e.WritePrometheus(&b)
	return b.String()
}

func TestExposition_Golden(t *testing.T) {
	page := text(ownFamilies(snapshots.Home()))
	golden.Equal(t, "page.txt", strings.ReplaceAll(page, runtime.Version(), "go1.26"))
}

// parse reads a page as strictly as Prometheus does. It also refuses what Prometheus may accept: metadata that is
// repeated or comes late, and two samples of one series.
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

func TestExposition_IsValid(t *testing.T) {
	for name, s := range map[string]*device.Snapshot{
		"empty": {}, "home": snapshots.Home(), "hostile": snapshots.Hostile(), "crowd": snapshots.Crowd(800),
	} {
		t.Run(name, func(t *testing.T) {
			whole := NewExposition(Config{Snapshot: func() *device.Snapshot { return s }, Meters: snapshots.Meters, Names: lookups,
				Usage: snapshots.Usage, Store: kept, Control: control, Process: process, Version: `v"1`, Revision: "a\nb"})
			families := parse(t, text(whole))
			for _, want := range []string{"process_resident_memory_bytes", "go_goroutines", "gonetmon_build_info", "network_bytes_total"} {
				if families[want] == nil {
					t.Errorf("no family %s", want)
				}
			}
			for name, f := range families {
				if !strings.HasPrefix(name, "go_") && (f.GetHelp() == "" || f.GetType() == dto.MetricType_UNTYPED) {
					t.Errorf("%s: help %q, type %v", name, f.GetHelp(), f.GetType())
				}
			}
		})
	}
}

// The sums over direction and scope are those of node_bytes_total, which has no other label than the device.
func TestExposition_DeviceBytesAddUp(t *testing.T) {
	families := parse(t, text(ownFamilies(snapshots.Hostile())))
	sums, series := map[string]float64{}, map[string]int{}
	for _, m := range families["gonetmon_device_bytes_total"].Metric {
		device := labels(m)["device"]
		sums[device] += m.GetCounter().GetValue()
		series[device]++
	}
	for _, m := range families["node_bytes_total"].Metric {
		l := labels(m)
		if device := l["device"]; len(l) != 1 || sums[device] != m.GetCounter().GetValue() || series[device] != 5 {
			t.Errorf("%v: %v, but %d series add up to %v", l, m.GetCounter().GetValue(), series[device], sums[device])
		}
	}
	if got, want := len(families["node_bytes_total"].Metric), len(snapshots.HostileNames); got != want {
		t.Errorf("%d devices, want %d", got, want)
	}
}

func TestExposition_EscapesLabels(t *testing.T) {
	families := parse(t, text(ownFamilies(snapshots.Hostile())))
	var devices, vendors, kinds []string
	for _, m := range families["node_bytes_total"].Metric {
		devices = append(devices, labels(m)["device"])
	}
	for _, m := range families["gonetmon_device_info"].Metric {
		vendors, kinds = append(vendors, labels(m)["vendor"]), append(kinds, labels(m)["kind"])
	}
	want := append([]string(nil), snapshots.HostileNames...) // what is not UTF-8 becomes something else, and stays different
	copy(want[3:], []string{
		"bad\ufffdffutf8", "bad\ufffdfeutf8", "bad\ufffdef\ufffdbf\ufffdbdutf8", "bad\ufffdef\ufffdbf\ufffdbdffutf8",
		"cut\ufffde2\ufffd82",
	})
	for what, got := range map[string][]string{"devices": devices, "vendors": vendors, "kinds": kinds} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// A device that was renamed has its use once, under its present name; one that is gone has it under its last one.
func TestExposition_NamesUseOnce(t *testing.T) {
	s := snapshots.Home()
	s.Devices[2].ID = 5 // old-phone was the name of what is tv now
	s.Devices = append(s.Devices, device.Device{ID: 6, Name: "u", Last: snapshots.Start},
		device.Device{ID: 6, Name: "v", Last: snapshots.Start.Add(1)},
		device.Device{ID: 6, Name: "w"})
	got := map[string]float64{}
	for _, m := range parse(t, text(ownFamilies(s)))["gonetmon_period_bytes"].Metric {
		if l := labels(m); l["direction"] == "in" {
			got[l["device"]] = m.GetGauge().GetValue()
		}
	}
	want := map[string]float64{
		"192.168.1.77": 0, "nas.fritz.box": 9_400_000_000, "printer.fritz.box": 0, "tv.fritz.box": 211_612_000_000, "v": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A store that cannot be written is down, also if it could not even be made.
func TestExposition_ReportsStore(t *testing.T) {
	for _, s := range []store.Status{{Kept: true, Error: "disk full", Saved: snapshots.Start}, {Error: "disk full"}} {
		page := text(NewExposition(Config{Snapshot: snapshots.Home, Store: func() store.Status { return s }, OmitGoMetrics: true}))
		saved := strings.Contains(page, "\ngonetmon_store_saved_timestamp_seconds ")
		if !strings.Contains(page, "\ngonetmon_store_up 0\n") || saved != s.Kept {
			t.Errorf("%+v: %s", s, page)
		}
	}
}

// The devices and what belongs to no device add up to the network: each packet once, but those between two local hosts twice.
func TestExposition_NetworkAddsUp(t *testing.T) {
	families := parse(t, text(ownFamilies(snapshots.Home())))
	sum := func(family string, factor func(labels map[string]string) float64) (n float64) {
		for _, m := range families[family].Metric {
			n += factor(labels(m)) * (m.GetCounter().GetValue() + m.GetGauge().GetValue())
		}
		return n
	}
	want := sum("gonetmon_network_bytes_total", func(l map[string]string) float64 {
		return map[string]float64{"internet": 1, "lan": 2, "multicast": 1}[l["scope"]]
	})
	got := 0.0
	for _, name := range []string{
		"node_bytes_total", "gonetmon_overflow_bytes_total", "gonetmon_waiting_bytes", "gonetmon_forgotten_bytes_total",
	} {
		n := sum(name, func(map[string]string) float64 { return 1 })
		if n == 0 {
			t.Errorf("%s: 0, which proves nothing", name)
		}
		got += n
	}
	if got != want {
		t.Errorf("the parts add up to %.0f, the whole is %.0f", got, want)
	}
}

func TestExposition_OmitsWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		name       string
		cfg        Config
		has, lacks string // prefixes of families or series
	}{
		{"nothing but devices", Config{}, "gonetmon_table_entries",
			"gonetmon_dns gonetmon_capture gonetmon_facts gonetmon_names gonetmon_control gonetmon_frames gonetmon_period " +
				"gonetmon_network_period gonetmon_device_idle gonetmon_store"},
		{"usage", Config{Usage: snapshots.Usage}, `gonetmon_period_bytes{device="tv.fritz.box",direction="in"} ` +
			"gonetmon_network_period_bytes gonetmon_device_idle_bytes gonetmon_period_cap_bytes " +
			"gonetmon_period_projected_bytes gonetmon_period_start gonetmon_period_end", ""},
		{"usage without a cap, too early to project", Config{Usage: func() usage.Summary {
			return usage.Summary{Period: snapshots.Usage().Period}
		}}, `gonetmon_period_bytes{device="tv.fritz.box",direction="in"} gonetmon_period_end`,
			`gonetmon_period_cap_bytes gonetmon_period_projected_bytes gonetmon_device_idle_bytes{`},
		{"a store", Config{Store: kept}, "gonetmon_store_up gonetmon_store_saved_timestamp_seconds", ""},
		{"nothing kept", Config{Store: func() (none store.Status) { return none }}, "gonetmon_devices", "gonetmon_store"},
		{"lookups", Config{Names: lookups},
			`gonetmon_dns gonetmon_names_refused_total{source="ptr"} gonetmon_table_limit{table="dns"}`,
			`gonetmon_facts gonetmon_control gonetmon_names_refused_total{source="dhcp`},
		{"control", Config{Control: control}, `gonetmon_facts gonetmon_control gonetmon_names_refused_total{source="mdns"}`,
			`gonetmon_dns gonetmon_names_refused_total{source="ptr"} gonetmon_table_limit{table="dns"}`},
		{"control frames of a file", Config{Control: func() (none ControlStats) { return none }}, "gonetmon_facts", "gonetmon_control"},
		{"frames of a file", Config{Meters: func() []meter.Status { return make([]meter.Status, 1) }},
			"gonetmon_frames", "gonetmon_capture"},
		{"process", Config{Process: process}, "gonetmon_process_capabilities process_open_fds", ""},
		{"process without /proc", Config{Process: func() (ProcessStats, error) { return ProcessStats{}, os.ErrNotExist }},
			"gonetmon_build_info", "gonetmon_process process"},
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

func get(h http.Handler, encoding string) *http.Response {
	r := httptest.NewRequest("GET", "/metrics", nil)
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

func TestExposition_NegotiatesGzip(t *testing.T) {
	e := ownFamilies(snapshots.Crowd(300))
	want := text(e)
	for encoding, zipped := range map[string]bool{
		"": false, "identity": false, "br": false, "gzip": true, "GZIP": true, "deflate, gzip;q=0.5": true, "gzip;q=0": false,
		"gzip ; q=0.0": false, "gzip;q=x": false, "gzipped": false, "br , gzip": true,
	} {
		r := get(e, encoding)
		if got := r.Header.Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("%q: gzip %v, want %v", encoding, got, zipped)
		}
		if got := r.Header.Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
			t.Errorf("%q: Content-Type %s", encoding, got)
		}
		if got := body(t, r); got != want {
			t.Errorf("%q: %d bytes that differ from the %d wanted", encoding, len(got), len(want))
		}
	}
}

// A hundred clients that ask for one snapshot cost one rendering, and each gets all of it. A new snapshot, an interface
// that goes up or down, and a second each make the page stale.
func TestExposition_RendersOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var snapshot atomic.Pointer[device.Snapshot]
		snapshot.Store(snapshots.Home())
		var up atomic.Bool
		var rendered atomic.Int64
		e := NewExposition(Config{
			Snapshot: snapshot.Load,
			Meters: func() []meter.Status {
				m := snapshots.Meters()
				m[0].Up = up.Load()
				return m
			},
			Process: func() (ProcessStats, error) {
				rendered.Add(1)
				return process()
			},
			OmitGoMetrics: true,
		})
		steps := []struct {
			name   string
			change func()
			line   string
		}{
			{"first", func() {}, `gonetmon_capture_up{interface="eth1"} 0`},
			{"interface up", func() { up.Store(true) }, `gonetmon_capture_up{interface="eth1"} 1`},
			{"new snapshot", func() { snapshot.Store(snapshots.Crowd(5)) }, "gonetmon_devices 5"},
			{"a second", func() { time.Sleep(maxAge) }, "gonetmon_devices 5"},
		}
		for i, step := range steps {
			step.change()
			var clients sync.WaitGroup
			for c := range 100 {
				clients.Go(func() {
					if page := body(t, get(e, []string{"gzip", ""}[c%2])); !strings.Contains(page, "\n"+step.line+"\n") {
						t.Errorf("%s: no line %q", step.name, step.line)
					}
				})
			}
			clients.Wait()
			if n := rendered.Load(); n != int64(i+1) {
				t.Errorf("%s: %d pages rendered, want %d", step.name, n, i+1)
			}
		}
	})
}

func TestExposition_PassesPromtool(t *testing.T) {
	testnet.NeedCommand(t, "promtool", "(cd test/tools && go install -tags remove_all_sd tool) installs it")
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(text(ownFamilies(snapshots.Home())))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// BenchmarkExposition is what a page costs: as text, and rendered and gzipped as it is served.
func BenchmarkExposition(b *testing.B) {
	for _, n := range []int{20, 250, 4096} {
		s := snapshots.Crowd(n)
		e := NewExposition(Config{Snapshot: func() *device.Snapshot { return s }, Meters: snapshots.Meters, Names: lookups})
		all := make(map[uint64]usage.Use, n)
		for i := range s.Devices {
			all[s.Devices[i].ID] = usage.Use{Period: usage.Bytes{InternetIn: 1e9 + uint64(i), InternetOut: 1e8}, Standby: 1e6}
		}
		period := snapshots.Usage()
		period.Devices = all
		e.cfg.Usage = func() usage.Summary { return period }
		b.Run(fmt.Sprintf("text/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.WritePrometheus(io.Discard)
			}
		})
		b.Run(fmt.Sprintf("gzip/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.snapshot = nil
				e.page()
			}
		})
	}
}

package dashboards

// The tests read files outside of this module, of which Go's cache of test results knows nothing: run them with -count=1.

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v2"
)

const (
	grafana = "../../grafana"
	source  = "gonetmon-prometheus"
)

// uids are what the dashboards are known by: links, and bookmarks of users, hold on to them.
var uids = map[string]string{
	"home.json": "gonetmon-home", "device.json": "gonetmon-device", "groups.json": "gonetmon-groups", "usage.json": "gonetmon-usage", "gonetmon.json": "gonetmon-self",
}

func load(t *testing.T) []*Dashboard {
	t.Helper()
	all, err := Load(filepath.Join(grafana, "dashboards"))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(uids) {
		t.Fatalf("%d dashboards, want %d", len(all), len(uids))
	}
	return all
}

func TestDashboards(t *testing.T) {
	for _, d := range load(t) {
		if d.UID != uids[d.File] {
			t.Errorf("%s: uid %q, want %q", d.File, d.UID, uids[d.File])
		}
		if d.SchemaVersion > 42 || d.SchemaVersion < 39 {
			t.Errorf("%s: schema version %d: Grafana 12 provisions 39 to 42", d.File, d.SchemaVersion)
		}
		if d.Title == "" || len(d.Description) < 20 || !slices.Equal(d.Tags, []string{"gonetmon"}) || d.Timezone != "browser" || d.Refresh == "" || d.Version != 1 || d.Editable {
			t.Errorf("%s: title, description, tag gonetmon, time zone of the browser, refresh, version 1, not editable: %q %q %q %q %q %d %v",
				d.File, d.Title, d.Description, d.Tags, d.Timezone, d.Refresh, d.Version, d.Editable)
		}
		ids := map[int]bool{}
		for i := range d.Panels {
			p := &d.Panels[i]
			if ids[p.ID] || p.ID == 0 {
				t.Errorf("%s: %v: its id is not its own", d.File, p)
			}
			ids[p.ID] = true
			if p.Type == "row" {
				if p.Title == "" || p.Collapsed || len(p.Panels) > 0 {
					t.Errorf("%s: %v: a row has a title, and its panels behind it", d.File, p)
				}
				continue
			}
			complete(t, d, p)
		}
	}
}

// complete fails the test if a panel leaves its reader or Grafana to guess.
func complete(t *testing.T, d *Dashboard, p *Panel) {
	t.Helper()
	f := p.FieldConfig.Defaults
	switch {
	case p.Title == "":
		t.Errorf("%s: %v: no title", d.File, p)
	case len(p.Description) < 20:
		t.Errorf("%s: %v: description %q", d.File, p, p.Description)
	case f.Unit == "":
		t.Errorf("%s: %v: no unit", d.File, p)
	case len(f.NoValue) < 10:
		t.Errorf("%s: %v: without data it says %q", d.File, p, f.NoValue)
	case p.Datasource == nil || *p.Datasource != Source{"prometheus", source}:
		t.Errorf("%s: %v: data source %+v", d.File, p, p.Datasource)
	}
	letters := map[string]bool{}
	for _, target := range p.Targets {
		if target.Datasource == nil || *target.Datasource != (Source{"prometheus", source}) {
			t.Errorf("%s: %v: data source of %s %+v", d.File, p, target.RefID, target.Datasource)
		}
		if target.RefID == "" || letters[target.RefID] || target.Expr == "" || target.Instant == target.Range {
			t.Errorf("%s: %v: query %+v", d.File, p, target)
		}
		if (target.Format == "table") != (p.Type == "table") || (p.Type != "table" && target.LegendFormat == "") {
			t.Errorf("%s: %v: query %+v: a table has tables, all others have a legend", d.File, p, target)
		}
		letters[target.RefID] = true
	}
	// What shows a course needs one, what shows one number for a range must not be asked again and again for it.
	if ranges := slices.Contains([]string{"timeseries", "state-timeline", "barchart"}, p.Type); len(p.Targets) == 0 || ranges != p.Targets[0].Range && p.Type != "stat" {
		t.Errorf("%s: %v: a %s with queries for an instant, or the other way round", d.File, p, p.Type)
	}
}

// No panel lies on another or beyond the edge, and no space is left between rows of panels.
func TestPositions(t *testing.T) {
	for _, d := range load(t) {
		taken := map[[2]int]*Panel{}
		bottom := 0
		for i := range d.Panels {
			p := &d.Panels[i]
			g := p.GridPos
			if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 || p.Type != "row" && (g.W < 4 || g.H < 4) {
				t.Errorf("%s: %v: position %+v", d.File, p, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]int{x, y}]; other != nil {
						t.Fatalf("%s: %v lies on %v", d.File, p, other)
					}
					taken[[2]int{x, y}] = p
				}
			}
			bottom = max(bottom, g.Y+g.H)
		}
		if len(taken) != 24*bottom {
			t.Errorf("%s: %d of %d places are taken", d.File, len(taken), 24*bottom)
		}
	}
}

// Bits are eight times bytes: what is shown in bits per second is multiplied, and nothing else is.
func TestBits(t *testing.T) {
	for _, d := range load(t) {
		for _, q := range d.Queries() {
			if q.Panel == nil {
				continue
			}
			unit, times8 := q.Panel.FieldConfig.Defaults.Unit, isTimes8(parse(t, q))
			if (unit == "bps") != times8 {
				t.Errorf("%s is shown in %s: %s", q.Name(), unit, q.Expr)
			}
		}
	}
	text, err := json.Marshal(load(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range regexp.MustCompile(`"(bits|binbps|binBps|decbits|Kbits|Mbits|Gbits)"`).FindAllString(string(text), -1) {
		t.Errorf("unit %s", u)
	}
}

// isTimes8 says whether what an expression shows has been multiplied by eight.
func isTimes8(e parser.Expr) bool {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return isTimes8(e.Expr)
	case *parser.AggregateExpr:
		return isTimes8(e.Expr)
	case *parser.BinaryExpr:
		if e.Op == parser.LAND || e.Op.IsComparisonOperator() {
			return isTimes8(e.LHS)
		}
		if e.Op == parser.LOR { // -1 stands for words
			return isTimes8(e.LHS) && (isTimes8(e.RHS) || strings.HasSuffix(e.RHS.String(), " == 0) - 1"))
		}
		eight := func(e parser.Expr) bool {
			n, ok := e.(*parser.NumberLiteral)
			return ok && n.Val == 8
		}
		return e.Op == parser.MUL && (eight(e.LHS) || eight(e.RHS))
	}
	return false
}

// parse reads an expression with Grafana's own variables filled in. Those of the dashboard stay where they are text.
func parse(t *testing.T, q *Query) parser.Expr {
	t.Helper()
	text := q.Expr
	if q.Panel == nil {
		selector, _, ok := LabelValues(text)
		if !ok {
			t.Fatalf("%s: %s", q.Name(), text)
		}
		text = selector
	}
	e, err := parser.NewParser(parser.Options{}).ParseExpr(q.Dashboard.Interpolate(text, map[string]Choice{
		"__rate_interval": {Values: []string{rateInterval.String()}}, "__interval": {Values: []string{"1m"}}, "__range": {Values: []string{"1h"}}, "__range_s": {Values: []string{"3600"}},
		"n": {Values: []string{"10"}}, "cap": {Values: []string{"1000"}},
	}))
	if err != nil {
		t.Fatalf("%s: %s: %v", q.Name(), q.Expr, err)
	}
	return e
}

// others are the metrics that do not come from gonetmon's own families, each with its reason.
var others = map[string]string{
	"up":                                     "Prometheus's own: whether gonetmon answers",
	"scrape_duration_seconds":                "Prometheus's own: how long gonetmon took to answer",
	"go_goroutines":                          "every process: VictoriaMetrics/metrics writes it to gonetmon's page",
	"prometheus_tsdb_storage_blocks_bytes":   "Prometheus of itself",
	"prometheus_tsdb_wal_storage_size_bytes": "Prometheus of itself",
	"prometheus_tsdb_head_series":            "Prometheus of itself",
}

// families are those on gonetmon's page, as the product's tests hold it.
func families(t *testing.T) map[string]bool {
	t.Helper()
	page, err := os.ReadFile("../../app/metrics/testdata/page.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\w+) `).FindAllStringSubmatch(string(page), -1) {
		all[m[1]] = true
	}
	if !all["node_bytes_total"] || len(all) < 30 {
		t.Fatalf("only %d families on the page", len(all))
	}
	return all
}

// recorded are the recording rules of prometheus/, by what they record.
func recorded(t *testing.T) map[string]rule {
	t.Helper()
	all := map[string]rule{}
	err := filepath.WalkDir("../../prometheus", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(filepath.Ext(path), "ml") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var file struct{ Groups []group }
		if err := yaml.Unmarshal(text, &file); err != nil {
			return nil // a file of another shape
		}
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				if r.Record != "" {
					r.interval = g.Interval
					all[r.Record] = r
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A group is one of rules, of which we want those that record.
type group struct {
	Interval string
	Rules    []rule
}

type rule struct {
	Record, Expr string
	Labels       map[string]string
	interval     string
}

// Everything that is asked for exists, and every family that gonetmon exports is asked for, or it is said why not.
func TestMetrics(t *testing.T) {
	own, rules, used := families(t), recorded(t), map[string]bool{}
	for _, d := range load(t) {
		for _, q := range d.Queries() {
			parser.Inspect(parse(t, q), func(n parser.Node, _ []parser.Node) error {
				if s, ok := n.(*parser.VectorSelector); ok {
					used[s.Name] = true
					if _, isRule := rules[s.Name]; !isRule && !own[s.Name] && others[s.Name] == "" {
						t.Errorf("%s asks for %s, which nobody exports", q.Name(), s.Name)
					}
				}
				return nil
			})
		}
	}
	unused := map[string]string{
		"network_bytes_total":                "gonetmon_network_bytes_total is the same in parts",
		"gonetmon_network_packets_total":     "frames by kind say as much",
		"gonetmon_hosts":                     "gonetmon_table_entries has it",
		"gonetmon_hosts_limit":               "gonetmon_table_limit has it",
		"gonetmon_process_capabilities":      "it is 0 unless somebody asked for another",
		"process_num_threads":                "goroutines say more",
		"process_max_fds":                    "it does not change",
		"process_resident_memory_peak_bytes": "the curve of process_resident_memory_bytes has it",
		"process_resident_memory_anon_bytes": "the same, but for the rings and the program, which do not change",
		"process_virtual_memory_bytes":       "it takes no memory",
	}
	for name := range own {
		if used[name] == (unused[name] != "") {
			t.Errorf("%s: shown %v, reason not to: %q", name, used[name], unused[name])
		}
	}
	for name, reason := range others {
		if !used[name] {
			t.Errorf("%s is not used any more: %s", name, reason)
		}
	}
}

// The query of the user for whom gonetmon is made stands on the home page as written, in its unit.
func TestMediaPanel(t *testing.T) {
	for _, d := range load(t) {
		if d.File != "home.json" {
			continue
		}
		for _, p := range d.Panels {
			if len(p.Targets) == 1 && p.Targets[0].Expr == `rate(node_bytes_total{device=~"alexa.*|roku.*"}[5m])` && p.FieldConfig.Defaults.Unit == "Bps" {
				return
			}
		}
	}
	t.Error("no such panel")
}

// grafanaOwn are the variables that Grafana brings.
var grafanaOwn = []string{"__rate_interval", "__range", "__range_s", "__interval", "__field", "__value", "__url_time_range"}

// Every variable that is used exists, and every one that exists is used.
func TestVariables(t *testing.T) {
	for _, d := range load(t) {
		defined := map[string]bool{}
		for _, v := range d.Templating.List {
			defined[v.Name] = false
			if v.Label == "" || len(v.Description) < 20 || v.Hide != 0 {
				t.Errorf("%s: variable %s: label %q, description %q, hide %d", d.File, v.Name, v.Label, v.Description, v.Hide)
			}
		}
		text, err := os.ReadFile(filepath.Join(grafana, "dashboards", d.File))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range Names(strings.ReplaceAll(string(text), "$__all", "")) {
			if slices.Contains(grafanaOwn, name) {
				continue
			}
			if _, ok := defined[name]; !ok {
				t.Errorf("%s: variable %s is used, and not there", d.File, name)
			}
			defined[name] = true
		}
		for i := range d.Panels {
			if r := d.Panels[i].Repeat; r != "" {
				defined[r] = true
			}
		}
		for name, used := range defined {
			if !used {
				t.Errorf("%s: variable %s is not used", d.File, name)
			}
		}
	}
}

// What a text tells to change in .env is there to be changed.
func TestEnvironment(t *testing.T) {
	var known string
	for _, file := range []string{"../../.env.example", "../../compose.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		known += string(text)
	}
	for _, d := range load(t) {
		text, err := os.ReadFile(filepath.Join(grafana, "dashboards", d.File))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`(GONETMON|PROMETHEUS|GRAFANA)_[A-Z_]+`).FindAllString(string(text), -1) {
			if !regexp.MustCompile(`\b` + name + `\b`).MatchString(known) {
				t.Errorf("%s: there is no %s", d.File, name)
			}
		}
	}
}

// A group that is a pattern must come to Prometheus as written: Grafana escapes where several can be chosen, unless told not to.
func TestPatternsUnescaped(t *testing.T) {
	for _, d := range load(t) {
		for _, q := range d.Queries() {
			for _, m := range variable.FindAllStringSubmatch(q.Expr, -1) {
				if name, format := m[1]+m[2], m[3]; name == "group" && format != "raw" && format != "pipe" {
					t.Errorf("%s: %s", q.Name(), m[0])
				}
			}
		}
	}
}

// Links lead to dashboards that exist and hand over what was chosen; each dashboard leads to each other.
func TestLinks(t *testing.T) {
	all := load(t)
	known := slices.Collect(maps.Values(uids))
	target := regexp.MustCompile(`^/d/([\w-]+)(\?.*)?$`)
	check := func(d *Dashboard, where, url string) string {
		m := target.FindStringSubmatch(url)
		if m == nil || !slices.Contains(known, m[1]) {
			t.Errorf("%s: %s links to %s", d.File, where, url)
			return ""
		}
		return m[1]
	}
	for _, d := range all {
		var others []string
		for _, l := range d.Links {
			others = append(others, check(d, "the dashboard", l.URL))
			// Usage has days and months, which the others' hours don't fit.
			// And it may have several devices chosen, which the dashboard of one device can't.
			vars := !(d.UID == "gonetmon-usage" && strings.HasPrefix(l.URL, "/d/gonetmon-device"))
			if usage := d.UID == "gonetmon-usage" || l.URL == "/d/gonetmon-usage"; l.IncludeVars != vars || l.KeepTime == usage || l.Type != "link" || l.Title == "" {
				t.Errorf("%s: link %+v", d.File, l)
			}
		}
		slices.Sort(others)
		want := slices.DeleteFunc(slices.Sorted(slices.Values(known)), func(uid string) bool { return uid == d.UID })
		if !slices.Equal(others, want) {
			t.Errorf("%s leads to %q, want %q", d.File, others, want)
		}
		for i := range d.Panels {
			p := &d.Panels[i]
			links := slices.Concat(p.Links, p.FieldConfig.Defaults.Links)
			for _, o := range p.FieldConfig.Overrides {
				for _, property := range o.Properties {
					if property.ID == "links" {
						var more []Link
						if err := json.Unmarshal(property.Value, &more); err != nil {
							t.Error(err)
						}
						links = append(links, more...)
					}
				}
			}
			for _, l := range links {
				check(d, p.String(), l.URL)
				if !strings.Contains(l.URL, "${job:queryparam}") || !strings.Contains(l.URL, "instance") {
					t.Errorf("%s: %v: link %s loses the tap", d.File, p, l.URL)
				}
			}
			// Wherever devices are told apart, a click leads to them.
			for _, q := range p.Targets {
				if (strings.Contains(q.LegendFormat, "{{device}}") || p.Type == "table" && strings.Contains(q.Expr, "by (device")) && len(links) == 0 {
					t.Errorf("%s: %v: no link to the device", d.File, p)
				}
			}
		}
	}
}

// What Grafana reads at its start says what dashboards and compose.yaml rely on.
func TestProvisioning(t *testing.T) {
	read := func(path string, v any) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(grafana, "provisioning", path))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(text, v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault                    bool `yaml:"isDefault"`
			Editable                     bool
			JSONData                     struct {
				HTTPMethod     string `yaml:"httpMethod"`
				TimeInterval   string `yaml:"timeInterval"`
				PrometheusType string `yaml:"prometheusType"`
			} `yaml:"jsonData"`
		}
	}
	read("datasources/prometheus.yaml", &sources)
	if len(sources.Datasources) != 1 {
		t.Fatalf("%+v", sources)
	}
	s := sources.Datasources[0]
	if sources.APIVersion != 1 || s.UID != source || s.Type != "prometheus" || s.Access != "proxy" || s.URL != "$PROMETHEUS_URL" || s.Editable || !s.IsDefault || s.JSONData.HTTPMethod != "POST" {
		t.Errorf("%+v", sources)
	}
	if want := scrapeInterval(t); s.JSONData.TimeInterval != want {
		t.Errorf("timeInterval is %s, Prometheus scrapes every %s", s.JSONData.TimeInterval, want)
	}
	var boards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type, Folder    string
			DisableDeletion       bool `yaml:"disableDeletion"`
			AllowUIUpdates        bool `yaml:"allowUiUpdates"`
			UpdateIntervalSeconds int  `yaml:"updateIntervalSeconds"`
			Options               struct {
				Path                      string
				FoldersFromFilesStructure bool `yaml:"foldersFromFilesStructure"`
			}
		}
	}
	read("dashboards/gonetmon.yaml", &boards)
	if p := boards.Providers; boards.APIVersion != 1 || len(p) != 1 || p[0].Type != "file" || p[0].Folder != "" || p[0].AllowUIUpdates || p[0].Options.Path != "/etc/grafana/dashboards" {
		t.Errorf("%+v", boards)
	}
}

// scrapeInterval is the one of prometheus/prometheus.yml.
func scrapeInterval(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../prometheus/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`scrape_interval: *(\w+)`).FindSubmatch(text)
	if m == nil {
		t.Fatal("prometheus.yml has no scrape_interval")
	}
	return string(m[1])
}

// The decoder knows no mercy: a name that is wrong, or one that the type of panel does not have, is an error.
func TestDecodeRefuses(t *testing.T) {
	good := `{"panels":[{"id":1,"type":"stat","fieldConfig":{"defaults":{"unit":"bps","custom":{"drawStyle":"line"}},"overrides":[{"matcher":{"id":"byName","options":"a"},"properties":[{"id":"unit","value":"s"}]}]},"options":{"colorMode":"value"},"transformations":[{"id":"joinByField","options":{"mode":"outer"}}]}]}`
	if _, err := Decode([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for was, is := range map[string]string{
		`"panels":`: `"pannels":`, `"unit":"bps"`: `"units":"bps"`, `"drawStyle"`: `"drawstyle"`, `"colorMode"`: `"legend"`, `"mode":"outer"`: `"kind":"outer"`,
		`"id":"unit"`: `"id":"custom.unit"`, `"stat"`: `"graph"`, `joinByField`: `seriesToColumns`, `{"id":1`: `{"datasource":"x","id":1`, `]}]}`: `]}]}{}`, `{"panels"`: `{"__inputs":[],"panels"`,
	} {
		if _, err := Decode([]byte(strings.Replace(good, was, is, 1))); err == nil {
			t.Errorf("%s for %s is taken", is, was)
		}
	}
}

func TestInterpolate(t *testing.T) {
	d := &Dashboard{}
	d.Templating.List = []Variable{{Name: "job", Multi: true}, {Name: "group", Multi: true}, {Name: "device"}}
	for _, test := range []struct {
		name, expr string
		choices    map[string]Choice
		want       string
	}{
		{"all", `{job=~"$job"}`, map[string]Choice{"job": {Values: []string{".+"}, Regex: true}}, `{job=~".+"}`},
		{"one of many is escaped", `{job=~"$job"}`, map[string]Choice{"job": {Values: []string{"127.0.0.1:8080"}}}, `{job=~"127\\.0\\.0\\.1:8080"}`},
		{"two", `{job=~"$job"}`, map[string]Choice{"job": {Values: []string{"a", "b"}}}, `{job=~"(a|b)"}`},
		{"one of one is not", `{device="$device"}`, map[string]Choice{"device": {Values: []string{"a.b"}}}, `{device="a.b"}`},
		{"raw", `{device=~"${group:raw}"}`, map[string]Choice{"group": {Values: []string{"a.*|b"}}}, `{device=~"a.*|b"}`},
		{"pipe", `{device=~"${group:pipe}"}`, map[string]Choice{"group": {Values: []string{"a.*", "b"}}}, `{device=~"a.*|b"}`},
		{"unknown stays", `rate(a[$__range])`, nil, `rate(a[$__range])`},
	} {
		if got := d.Interpolate(test.expr, test.choices); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

package dashboards

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v2"
)

var source = dataSource{"prometheus", "gonetmon-prometheus"}

// units are those of Grafana's units that are used here.
var units = []string{"none", "string", "short", "percentunit", "bytes", "decbytes", "bps", "Bps", "pps", "s", "dtdurations", "dateTimeFromNow", "cpm", "opm"}

func TestDashboards_AreComplete(t *testing.T) {
	for _, d := range load(t) {
		if d.UID != uids[d.File] || d.SchemaVersion < 39 || d.SchemaVersion > 42 { // what Grafana 12 provisions
			t.Errorf("%s: uid %q, schema version %d", d.File, d.UID, d.SchemaVersion)
		}
		if d.Title == "" || len(d.Description) < 20 || !slices.Equal(d.Tags, []string{"gonetmon"}) || d.Timezone != "browser" || d.Refresh == "" || d.Version != 1 || d.Editable {
			t.Errorf("%s: title %q, description %q, tags %q, time zone %q, refresh %q, version %d, editable %v",
				d.File, d.Title, d.Description, d.Tags, d.Timezone, d.Refresh, d.Version, d.Editable)
		}
		ids := map[int]bool{}
		for i := range d.Panels {
			p := &d.Panels[i]
			if ids[p.ID] || p.ID == 0 || p.Title == "" {
				t.Errorf("%s: panel %d, %q: no title, or no id of its own", d.File, p.ID, p.Title)
			}
			ids[p.ID] = true
			if p.Type != "row" {
				checkPanel(t, d, p)
			} else if p.Collapsed || len(p.Panels) > 0 {
				t.Errorf("%s: row %s is collapsed", d.File, p.Title)
			}
		}
	}
}

func checkPanel(t *testing.T, d *dashboard, p *panel) {
	t.Helper()
	if f := p.FieldConfig.Defaults; len(p.Description) < 20 || len(f.NoValue) < 10 || p.Datasource == nil || *p.Datasource != source {
		t.Errorf("%s: %s: description %q, text without data %q, data source %v", d.File, p.Title, p.Description, f.NoValue, p.Datasource)
	}
	shown := []string{p.FieldConfig.Defaults.Unit}
	for _, unit := range p.overridden("unit") {
		shown = append(shown, strings.Trim(string(unit), `"`))
	}
	for _, unit := range shown {
		if !slices.Contains(units, unit) {
			t.Errorf("%s: %s: unit %q", d.File, p.Title, unit)
		}
	}
	letters := map[string]bool{}
	for _, q := range p.Targets {
		if q.RefID == "" || letters[q.RefID] || q.Expr == "" || q.Instant == q.Range || q.Datasource == nil || *q.Datasource != source {
			t.Errorf("%s: %s: query %+v", d.File, p.Title, q)
		}
		if (q.Format == "table") != (p.Type == "table") || p.Type != "table" && q.LegendFormat == "" {
			t.Errorf("%s: %s: query %+v: tables need the format table, others a legend", d.File, p.Title, q)
		}
		letters[q.RefID] = true
	}
	// Graphs need range queries. A single number must not be queried for every step.
	if graph := slices.Contains([]string{"timeseries", "state-timeline", "barchart"}, p.Type); len(p.Targets) == 0 || graph != p.Targets[0].Range && p.Type != "stat" {
		t.Errorf("%s: %s: wrong type of query for a %s", d.File, p.Title, p.Type)
	}
}

// Panels do not overlap or leave gaps.
func TestDashboards_FillTheGrid(t *testing.T) {
	for _, d := range load(t) {
		taken := map[[2]int]string{}
		bottom := 0
		for _, p := range d.Panels {
			g := p.GridPos
			if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 || p.Type != "row" && (g.W < 4 || g.H < 4) {
				t.Errorf("%s: %s: position %+v", d.File, p.Title, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other, ok := taken[[2]int{x, y}]; ok {
						t.Fatalf("%s: %s overlaps %s", d.File, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			bottom = max(bottom, g.Y+g.H)
		}
		if len(taken) != 24*bottom {
			t.Errorf("%s: %d of %d cells are taken", d.File, len(taken), 24*bottom)
		}
	}
}

// Panels in bits per second, and no others, multiply bytes by eight.
func TestQueries_ConvertBytesToBits(t *testing.T) {
	eachQuery(t, func(q *query) {
		if q.panel != nil && (q.panel.FieldConfig.Defaults.Unit == "bps") != isTimes8(q.parse(t)) {
			t.Errorf("%s is shown in %s: %s", q.name(), q.panel.FieldConfig.Defaults.Unit, q.expr)
		}
	})
}

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
		if e.Op == parser.LOR { // -1 is mapped to a text
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

// exempt are panels without selectors of job and instance.
var exempt = map[string]string{
	"gonetmon-home/Alexa and Roku/A":    "the media query, as written",
	"gonetmon-self/Disk/A":              "Prometheus itself",
	"gonetmon-self/Disk/B":              "Prometheus itself",
	"gonetmon-self/Series/A":            "Prometheus itself",
	"gonetmon-self/Prometheus memory/A": "Prometheus itself",
}

// These are the rules of Grafana's dashboard-linter for queries: https://github.com/grafana/dashboard-linter
func TestQueries_FollowLinterRules(t *testing.T) {
	found := map[string]bool{}
	eachQuery(t, func(q *query) {
		if q.panel == nil {
			return
		}
		_, found[q.name()] = exempt[q.name()]
		q.eachSelector(t, func(s *parser.VectorSelector, path []parser.Node) {
			for _, label := range []string{"job", "instance"} {
				if !found[q.name()] && !slices.ContainsFunc(s.LabelMatchers, func(m *labels.Matcher) bool {
					return m.Name == label && m.Type == labels.MatchRegexp && m.Value == "$"+label
				}) {
					t.Errorf("%s: %s does not select %s", q.name(), s, label)
				}
			}
			call, window := around(path)
			if strings.HasSuffix(s.Name, "_total") && !slices.Contains([]string{"rate", "irate", "increase"}, call) {
				t.Errorf("%s: %s without a rate", q.name(), s)
			}
			if (call == "rate" || call == "irate") && window.Range != rateInterval && q.panel.Title != "Alexa and Roku" {
				t.Errorf("%s: rate of %s over %v, not $__rate_interval", q.name(), s, window.Range)
			}
		})
	})
	for name := range exempt {
		if !found[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

// around returns the function that is called on a selector, and its range.
func around(path []parser.Node) (call string, window *parser.MatrixSelector) {
	for i := len(path) - 1; i >= 0; i-- {
		switch n := path[i].(type) {
		case *parser.MatrixSelector:
			window = n
		case *parser.StepInvariantExpr, parser.Expressions:
		case *parser.Call:
			return n.Func.Name, window
		default:
			return "", window
		}
	}
	return "", window
}

// foreign are the metrics that are not on gonetmon's page.
var foreign = map[string]string{
	"up":                                     "Prometheus: whether the scrape succeeded",
	"scrape_duration_seconds":                "Prometheus: how long the scrape took",
	"go_goroutines":                          "every Go process; the golden page leaves it out",
	"prometheus_tsdb_storage_blocks_bytes":   "Prometheus itself",
	"prometheus_tsdb_wal_storage_size_bytes": "Prometheus itself",
	"prometheus_tsdb_head_series":            "Prometheus itself",
}

// unused are the families that no dashboard shows.
var unused = map[string]string{
	"network_bytes_total":                "gonetmon_network_bytes_total has the same by scope",
	"gonetmon_network_packets_total":     "frames by type say as much",
	"gonetmon_hosts":                     "gonetmon_table_entries has it",
	"gonetmon_hosts_limit":               "gonetmon_table_limit has it",
	"gonetmon_process_capabilities":      "0 unless somebody asked for another",
	"process_num_threads":                "goroutines say more",
	"process_max_fds":                    "constant",
	"process_resident_memory_peak_bytes": "the graph of process_resident_memory_bytes has it",
	"process_resident_memory_anon_bytes": "the same without constant parts",
	"process_virtual_memory_bytes":       "takes no memory",
}

// Every metric in a query exists, and every family that gonetmon exports is shown or listed in unused.
func TestQueries_UseExistingMetrics(t *testing.T) {
	own := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\w+) `).FindAllSubmatch(readFile(t, "../../app/metrics/testdata/page.txt"), -1) {
		own[string(m[1])] = true
	}
	if !own["node_bytes_total"] || len(own) < 30 {
		t.Fatalf("only %d families on the golden page", len(own))
	}
	rules, used := recorded(t), map[string]bool{}
	eachQuery(t, func(q *query) {
		q.eachSelector(t, func(s *parser.VectorSelector, _ []parser.Node) {
			used[s.Name] = true
			if _, isRule := rules[s.Name]; !isRule && !own[s.Name] && foreign[s.Name] == "" {
				t.Errorf("%s: unknown metric %s", q.name(), s.Name)
			}
		})
	})
	for name := range own {
		if used[name] == (unused[name] != "") {
			t.Errorf("%s: shown %v, reason not to: %q", name, used[name], unused[name])
		}
	}
	for name := range foreign {
		if !used[name] {
			t.Errorf("%s is not used any more", name)
		}
	}
}

// A rule is a recording rule of prometheus/rules.
type rule struct{ Record, Expr, interval string }

func recorded(t *testing.T) map[string]rule {
	t.Helper()
	all := map[string]rule{}
	files, _ := filepath.Glob("../../prometheus/rules/*.yml")
	for _, name := range files {
		var file struct {
			Groups []struct {
				Interval string
				Rules    []rule
			}
		}
		if err := yaml.Unmarshal(readFile(t, name), &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				r.interval = g.Interval
				all[r.Record] = r
			}
		}
	}
	return all
}

// The media query is on the home page as written, in its unit.
func TestHome_HasMediaQuery(t *testing.T) {
	found := false
	eachQuery(t, func(q *query) {
		found = found || q.dashboard.File == "home.json" && q.expr == `rate(node_bytes_total{device=~"alexa.*|roku.*"}[5m])` && q.panel.FieldConfig.Defaults.Unit == "Bps"
	})
	if !found {
		t.Error("no such panel")
	}
}

var grafanaVariables = []string{"__rate_interval", "__range", "__range_s", "__interval", "__field", "__value", "__url_time_range"}

// Every variable that is used is defined, and the other way round.
func TestVariables(t *testing.T) {
	for _, d := range load(t) {
		used := map[string]bool{}
		for _, p := range d.Panels {
			used[p.Repeat] = true
		}
		for _, name := range variables(strings.ReplaceAll(string(readFile(t, filepath.Join(grafana, "dashboards", d.File))), "$__all", "")) {
			used[name] = true
		}
		var defined []string
		for _, v := range d.Templating.List {
			defined = append(defined, v.Name)
			if !used[v.Name] || v.Label == "" || len(v.Description) < 20 || v.Hide != 0 || v.Type == "query" && (v.Refresh != 2 || *v.Datasource != source) {
				t.Errorf("%s: variable %+v is not used, or not complete", d.File, v)
			}
			if (v.Name == "job" || v.Name == "instance") && (v.Type != "query" || !v.Multi || !v.IncludeAll || v.AllValue != ".+") {
				t.Errorf("%s: variable %+v", d.File, v)
			}
		}
		for name := range used {
			if name != "" && !slices.Contains(grafanaVariables, name) && !slices.Contains(defined, name) {
				t.Errorf("%s: there is no variable %s", d.File, name)
			}
		}
	}
}

// Environment variables in the texts exist.
func TestTexts_NameExistingVariables(t *testing.T) {
	known := string(readFile(t, "../../.env.example")) + string(readFile(t, "../../compose.yaml"))
	for _, d := range load(t) {
		text := string(readFile(t, filepath.Join(grafana, "dashboards", d.File)))
		for _, name := range regexp.MustCompile(`(GONETMON|PROMETHEUS|GRAFANA)_[A-Z_]+`).FindAllString(text, -1) {
			if !regexp.MustCompile(`\b` + name + `\b`).MatchString(known) {
				t.Errorf("%s: there is no %s", d.File, name)
			}
		}
	}
}

// A group is a pattern and must reach Prometheus as written. Without a format Grafana would escape it.
func TestGroups_AreNotEscaped(t *testing.T) {
	eachQuery(t, func(q *query) {
		for _, m := range variable.FindAllStringSubmatch(q.expr, -1) {
			if m[1]+m[2] == "group" && m[3] != "raw" && m[3] != "pipe" {
				t.Errorf("%s: %s", q.name(), m[0])
			}
		}
	})
}

// Links lead to existing dashboards and pass on what is selected. Each dashboard links to all others.
func TestLinks(t *testing.T) {
	target := regexp.MustCompile(`^/d/([\w-]+)(\?.*)?$`)
	all := slices.Sorted(maps.Values(uids))
	to := func(d *dashboard, l link) string {
		m := target.FindStringSubmatch(l.URL)
		if m == nil || !slices.Contains(all, m[1]) {
			t.Errorf("%s: link to %s", d.File, l.URL)
			return ""
		}
		return m[1]
	}
	for _, d := range load(t) {
		linked := []string{d.UID}
		for _, l := range d.Links {
			uid := to(d, l)
			linked = append(linked, uid)
			// The time ranges of Usage, days and months, do not suit the others. Its device selection may be several devices.
			variables := d.UID != "gonetmon-usage" || uid != "gonetmon-device"
			times := d.UID != "gonetmon-usage" && uid != "gonetmon-usage"
			if l.IncludeVars != variables || l.KeepTime != times || l.Type != "link" || l.Title == "" {
				t.Errorf("%s: link %+v", d.File, l)
			}
		}
		if slices.Sort(linked); !slices.Equal(linked, all) {
			t.Errorf("%s links to %q", d.File, linked)
		}
		for _, p := range d.Panels {
			links := slices.Concat(p.Links, p.FieldConfig.Defaults.Links)
			for _, value := range p.overridden("links") {
				var more []link
				if err := json.Unmarshal(value, &more); err != nil {
					t.Error(err)
				}
				links = append(links, more...)
			}
			for _, l := range links {
				if to(d, l); !strings.Contains(l.URL, "${job:queryparam}") || !strings.Contains(l.URL, "instance") {
					t.Errorf("%s: %s: link %s loses the instance", d.File, p.Title, l.URL)
				}
			}
			for _, q := range p.Targets {
				if (strings.Contains(q.LegendFormat, "{{device}}") || p.Type == "table" && strings.Contains(q.Expr, "by (device")) && len(links) == 0 {
					t.Errorf("%s: %s: no link to the device", d.File, p.Title)
				}
			}
		}
	}
}

// The data source has the uid that the dashboards refer to, and knows the scrape interval; Grafana finds the dashboards.
func TestProvisioning(t *testing.T) {
	interval := regexp.MustCompile(`scrape_interval: *(\w+)`).FindSubmatch(readFile(t, "../../prometheus/prometheus.yml"))
	for file, want := range map[string]string{
		"datasources/prometheus.yaml": "apiVersion:1 datasources:[map[access:proxy editable:false isDefault:true jsonData:map[httpMethod:POST " +
			fmt.Sprintf("prometheusType:Prometheus timeInterval:%s] name:Prometheus type:prometheus uid:%s url:$PROMETHEUS_URL]]", interval[1], source.UID),
		"dashboards/gonetmon.yaml": "apiVersion:1 providers:[map[allowUiUpdates:false disableDeletion:false folder: name:gonetmon " +
			"options:map[foldersFromFilesStructure:false path:/etc/grafana/dashboards] type:file updateIntervalSeconds:30]]",
	} {
		var got map[string]any
		if err := yaml.Unmarshal(readFile(t, filepath.Join(grafana, "provisioning", file)), &got); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if text := fmt.Sprint(got); text != "map["+want+"]" { // maps print sorted
			t.Errorf("%s: %s", file, text)
		}
	}
}

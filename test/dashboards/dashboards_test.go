package dashboards

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v2"
)

var source = dataSource{"prometheus", "gonetmon-prometheus"}

// units are those of Grafana's units that are used here. Grafana shows an unknown one as text after the number.
var units = []string{
	"none", "string", "short", "percentunit", "bytes", "decbytes", "bps", "Bps", "s", "dtdurations", "dateTimeFromNow",
}

func TestDashboards_AreComplete(t *testing.T) {
	for _, d := range load(t) {
		if d.UID != uids[d.File] || d.SchemaVersion < 39 || d.SchemaVersion > 42 { // what Grafana 12 provisions
			t.Errorf("%s: uid %q, schema version %d", d.File, d.UID, d.SchemaVersion)
		}
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for i := range d.Panels {
			p := &d.Panels[i]
			if ids[p.ID] || p.ID == 0 || p.Title == "" {
				t.Errorf("%s: panel %d, %q: no title, or no id of its own", d.File, p.ID, p.Title)
			}
			ids[p.ID] = true
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
						t.Fatalf("%s: %s overlaps %q or the edge", d.File, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if p.Type != "row" {
				checkPanel(t, d, p)
			}
		}
	}
}

func checkPanel(t *testing.T, d *dashboard, p *panel) {
	t.Helper()
	if p.Description == "" || p.FieldConfig.Defaults.NoValue == "" || p.Datasource == nil || *p.Datasource != source {
		t.Errorf("%s: %s: no description, no text for an empty panel, or data source %v", d.File, p.Title, p.Datasource)
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
	table := slices.ContainsFunc(p.Transformations, func(t transformation) bool { return t.ID == "groupingToMatrix" })
	for _, q := range p.Targets {
		if q.Instant == q.Range || q.Datasource == nil || *q.Datasource != source ||
			(q.Format == "table") != (table || p.Type == "table" && q.Instant) || p.Type != "table" && !table && q.LegendFormat == "" {
			t.Errorf("%s: %s: query %+v: tables need the format table (not for sparklines), others a legend", d.File, p.Title, q)
		}
		bits, unit := regexp.MustCompile(`\* 8\b`).MatchString(q.Expr), p.unit(q.LegendFormat)
		if bits != (unit == "bps") && p.Title != "Activity" && p.Type != "table" {
			t.Errorf("%s: %s: %s is shown in %s", d.File, p.Title, q.Expr, unit)
		}
	}
}

// exempt are panels without selectors of job and instance.
var exempt = map[string]string{
	"gonetmon-home/Alexa and Roku/A":    "the media query, as written",
	"gonetmon-self/Disk/A":              "Prometheus itself",
	"gonetmon-self/Disk/B":              "Prometheus itself",
	"gonetmon-self/Series/A":            "Prometheus itself",
	"gonetmon-self/Prometheus memory/A": "Prometheus itself",
}

// Every query selects instances, and its rates are over Grafana's interval, so that they have data at every zoom level. These are
// rules of Grafana's dashboard-linter: https://github.com/grafana/dashboard-linter
func TestQueries_FollowLinterRules(t *testing.T) {
	eachQuery(t, func(q *query) {
		if q.panel == nil || exempt[q.name()] != "" {
			return
		}
		parser.Inspect(q.parse(t), func(n parser.Node, _ []parser.Node) error {
			switch n := n.(type) {
			case *parser.VectorSelector:
				for _, label := range []string{"job", "instance"} {
					if !slices.ContainsFunc(n.LabelMatchers, func(m *labels.Matcher) bool {
						return m.Name == label && m.Type == labels.MatchRegexp && m.Value == "$"+label
					}) {
						t.Errorf("%s: %s does not select %s", q.name(), n, label)
					}
				}
			case *parser.Call:
				if n.Func.Name != "rate" {
					break
				}
				window := n.Args[0].(*parser.MatrixSelector).Range
				if now := q.target.Instant && window == time.Minute; window != rateInterval && !now { // four scrapes
					t.Errorf("%s: %s is not over $__rate_interval, or the last minute", q.name(), n)
				}
			}
			return nil
		})
	})
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

// Every dashboard says at its top, in the same words, whether the counting is right.
func TestDashboards_ShareHealthPanel(t *testing.T) {
	var first *panel
	for _, d := range load(t) {
		i := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == "Is the counting right?" })
		if i < 0 {
			t.Errorf("%s: no panel tells if the counting is right", d.File)
			continue
		}
		p := &d.Panels[i]
		if first == nil {
			first = p
		}
		if p.Type != "stat" || p.GridPos.Y != 0 || !slices.ContainsFunc(d.Panels, func(o panel) bool { return o.GridPos.Y > 0 }) {
			t.Errorf("%s: %q is not a stat in the first row: %+v", d.File, p.Title, p.GridPos)
		}
		if len(p.Targets) != 1 || !reflect.DeepEqual(p.Targets, first.Targets) ||
			!reflect.DeepEqual(p.FieldConfig.Defaults.Mappings, first.FieldConfig.Defaults.Mappings) {
			t.Errorf("%s: %q differs from the one of the other dashboards", d.File, p.Title)
		}
	}
}

// Most people have one gonetmon: its job and instance are chosen on the dashboard "gonetmon itself", whose links keep the choice.
func TestHome_HidesInstances(t *testing.T) {
	for _, d := range load(t) {
		for _, v := range d.Templating.List {
			if hidden := map[string]int{"home.json": 2, "gonetmon.json": 0}; v.Name == "job" || v.Name == "instance" {
				if want, ok := hidden[d.File]; ok && v.Hide != want {
					t.Errorf("%s: hide of %s is %d, want %d", d.File, v.Name, v.Hide, want)
				}
			}
		}
	}
}

// The media query is on the home page as README has it, in its unit.
func TestHome_HasMediaQuery(t *testing.T) {
	q := find(t, "gonetmon-home/Alexa and Roku/A")
	readme, unit := string(readFile(t, "../../README.md")), q.panel.FieldConfig.Defaults.Unit
	if !strings.Contains(readme, q.expr+"\n") || unit != "Bps" {
		t.Errorf("%s in %s", q.expr, unit)
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

// Links lead to existing dashboards, those of panels to the same instance. Each dashboard links to all others, and a panel with
// devices to the device.
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
			linked = append(linked, to(d, l))
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
				devices := strings.Contains(q.LegendFormat, "{{device}}") || q.Format == "table" && strings.Contains(q.Expr, "by (device")
				if devices && len(links) == 0 {
					t.Errorf("%s: %s: no link to the device", d.File, p.Title)
				}
			}
		}
	}
}

// The data source has the uid that the dashboards refer to, and knows the scrape interval.
func TestDataSource_FitsDashboardsAndPrometheus(t *testing.T) {
	text := string(readFile(t, filepath.Join(grafana, "provisioning/datasources/prometheus.yaml")))
	scrapes := string(readFile(t, "../../prometheus/prometheus.yml"))
	interval := regexp.MustCompile(`scrape_interval: *(\w+)`).FindStringSubmatch(scrapes)
	for _, want := range []string{"uid: " + source.UID + "\n", "type: " + source.Type + "\n", "timeInterval: " + interval[1] + " "} {
		if !strings.Contains(text, want) {
			t.Errorf("the data source lacks %q", want)
		}
	}
}

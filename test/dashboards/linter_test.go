package dashboards

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// The rules of Grafana's dashboard-linter (https://github.com/grafana/dashboard-linter, docs/index.md), by their names. Here they are
// written anew: that module drags half of Loki with it. Those about Loki are left out.
// Its rules about job, instance and rates hold only where a variable chooses the data source; here they hold always.

// rateInterval stands for $__rate_interval: a range that nobody would write.
const rateInterval = 61 * time.Second

// An exclusion says where a rule does not hold, and why. No panel means the dashboard, or all panels of it.
type exclusion struct{ rule, dashboard, panel, reason string }

var exclusions = []exclusion{
	{"template-datasource-rule", "*", "", "The data source is provisioned with a uid of its own: a variable would let it be another one, and break the first start."},
	{"panel-datasource-rule", "*", "*", "The same: every panel names the uid, so that nothing has to be chosen."},
	{"target-rate-interval-rule", "gonetmon-home", "Alexa and Roku", "The query of the user for whom gonetmon is made, as written."},
	{"target-job-rule", "gonetmon-home", "Alexa and Roku", "The same."},
	{"target-instance-rule", "gonetmon-home", "Alexa and Roku", "The same."},
	{"target-job-rule", "gonetmon-self", "Disk", "Of the Prometheus that asks itself, which is no tap."},
	{"target-instance-rule", "gonetmon-self", "Disk", "The same."},
	{"target-job-rule", "gonetmon-self", "Series", "The same."},
	{"target-instance-rule", "gonetmon-self", "Series", "The same."},
	{"target-job-rule", "gonetmon-self", "Prometheus memory", "The same."},
	{"target-instance-rule", "gonetmon-self", "Prometheus memory", "The same."},
}

func TestLinter(t *testing.T) {
	used := map[exclusion]bool{}
	for _, d := range load(t) {
		lint(t, d, func(rule, panel, message string) {
			for _, e := range exclusions {
				if e.rule == rule && (e.dashboard == "*" || e.dashboard == d.UID) && (e.panel == panel || e.panel == "*") {
					used[e] = true
					return
				}
			}
			t.Errorf("%s: %s: %s: %s", rule, d.File, panel, message)
		})
	}
	for _, e := range exclusions {
		if !used[e] {
			t.Errorf("not needed any more: %+v", e)
		}
	}
}

// units are those of Grafana's list that are in use here.
var units = []string{"none", "string", "short", "percentunit", "bytes", "decbytes", "bps", "Bps", "pps", "s", "dtdurations", "dateTimeFromNow", "cpm", "opm"}

func lint(t *testing.T, d *Dashboard, report func(rule, panel, message string)) {
	if !slices.ContainsFunc(d.Templating.List, func(v Variable) bool { return v.Type == "datasource" }) {
		report("template-datasource-rule", "", "no variable for the data source")
	}
	if d.Editable {
		report("uneditable-dashboard", "", "it can be edited")
	}
	lintVariable(d, "job", "Job", report)
	lintVariable(d, "instance", "Instance", report)
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		if v.Refresh != 2 {
			report("template-on-time-change-reload-rule", "", v.Name)
		}
		if _, _, ok := LabelValues(v.Query); !ok {
			report("template-label-promql-rule", "", v.Query)
		}
	}
	for i := range d.Panels {
		p := &d.Panels[i]
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" {
			report("panel-title-description-rule", p.Title, "no title or description")
		}
		if len(p.Targets) == 0 {
			report("panel-no-targets-rule", p.Title, "no query")
		}
		if !strings.HasPrefix(p.Datasource.UID, "$") {
			report("panel-datasource-rule", p.Title, p.Datasource.UID)
		}
		for _, unit := range p.units() {
			if !slices.Contains(units, unit) {
				report("panel-units-rule", p.Title, unit)
			}
		}
	}
	for _, q := range d.Queries() {
		if q.Panel != nil {
			lintQuery(parse(t, q), func(rule, message string) {
				report(rule, q.Panel.Title, fmt.Sprintf("%s: %s", q.Target.RefID, message))
			})
		}
	}
}

func lintVariable(d *Dashboard, name, label string, report func(rule, panel, message string)) {
	i := slices.IndexFunc(d.Templating.List, func(v Variable) bool { return v.Name == name })
	if i < 0 {
		report("template-"+name+"-rule", "", "no such variable")
		return
	}
	if v := d.Templating.List[i]; v.Type != "query" || v.Label != label || !v.Multi || !v.IncludeAll || v.AllValue != ".+" || v.Datasource == nil || v.Datasource.UID != source {
		report("template-"+name+"-rule", "", fmt.Sprintf("%+v", v))
	}
}

// units are the panel's and those of single fields.
func (p *Panel) units() []string {
	all := []string{p.FieldConfig.Defaults.Unit}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID == "unit" {
				all = append(all, strings.Trim(string(property.Value), `"`))
			}
		}
	}
	return all
}

func lintQuery(e parser.Expr, report func(rule, message string)) {
	parser.Inspect(e, func(n parser.Node, path []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			for _, name := range []string{"job", "instance"} {
				if !slices.ContainsFunc(n.LabelMatchers, func(m *labels.Matcher) bool {
					return m.Name == name && m.Type == labels.MatchRegexp && m.Value == "$"+name
				}) {
					report("target-"+name+"-rule", n.String())
				}
			}
			if strings.HasSuffix(n.Name, "_total") && !slices.Contains([]string{"rate", "irate", "increase"}, callAround(path)) {
				report("target-counter-agg-rule", n.String())
			}
		case *parser.MatrixSelector:
			if f := callAround(path); (f == "rate" || f == "irate") && n.Range != rateInterval {
				report("target-rate-interval-rule", n.String())
			}
		}
		return nil
	})
}

// callAround is the function that is called right around a selector.
func callAround(path []parser.Node) string {
	for i := len(path) - 1; i >= 0; i-- {
		switch n := path[i].(type) {
		case *parser.MatrixSelector, *parser.StepInvariantExpr, parser.Expressions:
		case *parser.Call:
			return n.Func.Name
		default:
			return ""
		}
	}
	return ""
}

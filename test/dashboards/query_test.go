package dashboards

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// A choice is the selection of a template variable.
type choice struct {
	values []string
	regex  bool // the one value is the regular expression of All
}

func values(all ...string) choice { return choice{values: all} }

var (
	everything  = choice{values: []string{".+"}, regex: true}
	variable    = regexp.MustCompile(`\$([A-Za-z_]\w*)|\$\{(\w+)(?::(\w+))?\}`)
	special     = regexp.MustCompile(`[\\^$*+?.()|\[\]{}]`)
	labelValues = regexp.MustCompile(`^label_values\((.+), *(\w+)\)$`)
	queryResult = regexp.MustCompile(`^query_result\((.+)\)$`)
)

// variables lists the variables that a text uses, including Grafana's own, such as __range.
func variables(text string) (all []string) {
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1]+m[2])
	}
	return all
}

// interpolate replaces variables in a query as Grafana's data source for Prometheus does. Variables without a choice stay.
func (d *dashboard) interpolate(expr string, choices map[string]choice) string {
	return variable.ReplaceAllStringFunc(expr, func(found string) string {
		m := variable.FindStringSubmatch(found)
		name, format := m[1]+m[2], m[3]
		c, ok := choices[name]
		switch {
		case !ok:
			return found
		case format == "raw":
			return strings.Join(c.values, ",")
		case format == "pipe":
			return strings.Join(c.values, "|")
		case c.regex || !d.multi(name):
			return c.values[0]
		}
		var escaped []string
		for _, v := range c.values {
			escaped = append(escaped, special.ReplaceAllString(v, `\\$0`))
		}
		if len(escaped) == 1 {
			return escaped[0]
		}
		return "(" + strings.Join(escaped, "|") + ")"
	})
}

// multi reports whether several values of a variable can be selected. Grafana then escapes each for a regular expression.
func (d *dashboard) multi(name string) bool {
	return slices.ContainsFunc(d.Templating.List, func(v templateVar) bool { return v.Name == name && (v.Multi || v.IncludeAll) })
}

// marks stands for the panel of annotations.
const marks = "Marks"

// A query is the target of a panel, an annotation's or a variable's.
type query struct {
	dashboard *dashboard
	panel     *panel // nil: a variable's
	variable  *templateVar
	target    *target
	expr      string
	label     string // of a variable: label_values(EXPR, LABEL), or query_result(EXPR) without
}

// name is dashboard, panel and letter, or dashboard and variable.
func (q *query) name() string {
	if q.panel == nil {
		return q.dashboard.UID + "/$" + q.variable.Name
	}
	return q.dashboard.UID + "/" + q.panel.Title + "/" + q.target.RefID
}

func (d *dashboard) queries(t *testing.T) (all []*query) {
	t.Helper()
	for i := range d.Templating.List {
		if v := &d.Templating.List[i]; v.Type == "query" {
			m := labelValues.FindStringSubmatch(v.Query)
			if result := queryResult.FindStringSubmatch(v.Query); m == nil && result != nil {
				m = append(result, "")
			}
			if m == nil {
				t.Fatalf("%s: variable %s: %s", d.File, v.Name, v.Query)
			}
			all = append(all, &query{dashboard: d, variable: v, expr: m[1], label: m[2]})
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, &query{dashboard: d, panel: &panel{Title: marks}, target: &target{RefID: a.Name, Range: true}, expr: a.Expr})
	}
	for i := range d.Panels {
		p := &d.Panels[i]
		for j := range p.Targets {
			all = append(all, &query{dashboard: d, panel: p, target: &p.Targets[j], expr: p.Targets[j].Expr})
		}
	}
	return all
}

// rateInterval stands for $__rate_interval: a range that nobody would write.
const rateInterval = 61 * time.Second

// parse reads a query with Grafana's own variables filled in. Those of the dashboard stay where they are text.
func (q *query) parse(t *testing.T) parser.Expr {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(q.dashboard.interpolate(q.expr, map[string]choice{
		"__rate_interval": values(rateInterval.String()), "__interval": values("1m"),
		"__interval_ms": values("60000"), "__range": values("1h"), "__range_s": values("3600"),
		"n": values("10"), "series": values("total"),
	}))
	if err != nil {
		t.Fatalf("%s: %s: %v", q.name(), q.expr, err)
	}
	return e
}

// eachQuery calls fn for every query of every dashboard.
func eachQuery(t *testing.T, fn func(q *query)) {
	t.Helper()
	for _, d := range load(t) {
		for _, q := range d.queries(t) {
			fn(q)
		}
	}
}

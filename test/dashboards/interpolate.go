package dashboards

import (
	"regexp"
	"strings"
)

// A Choice is what a user has chosen of a variable: values, and what they are called.
type Choice struct {
	Values, Texts []string
	Regex         bool // the one value is All's own expression
}

var variable = regexp.MustCompile(`\$(\w+)|\$\{(\w+)(?::(\w+))?\}`)

// Names are the variables that a text uses, those of Grafana itself (which begin with two underscores) among them.
func Names(text string) (all []string) {
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1]+m[2])
	}
	return all
}

var special = regexp.MustCompile(`[\\^$*+?.()|\[\]{}]`)

// Interpolate fills variables into a query as Grafana's data source for Prometheus does. What is not among the choices stays.
func (d *Dashboard) Interpolate(expr string, choices map[string]Choice) string {
	return variable.ReplaceAllStringFunc(expr, func(found string) string {
		m := variable.FindStringSubmatch(found)
		name, format := m[1]+m[2], m[3]
		c, ok := choices[name]
		if !ok {
			return found
		}
		switch {
		case format == "text":
			return strings.Join(c.Texts, " + ")
		case format == "raw":
			return strings.Join(c.Values, ",")
		case format == "pipe":
			return strings.Join(c.Values, "|")
		case c.Regex || !d.many(name):
			return c.Values[0]
		}
		var escaped []string
		for _, v := range c.Values {
			escaped = append(escaped, special.ReplaceAllString(v, `\\$0`))
		}
		if len(escaped) == 1 {
			return escaped[0]
		}
		return "(" + strings.Join(escaped, "|") + ")"
	})
}

// many says whether several values of the variable can be chosen at once: then each is escaped for an expression.
func (d *Dashboard) many(name string) bool {
	for _, v := range d.Templating.List {
		if v.Name == name {
			return v.Multi || v.IncludeAll
		}
	}
	return false
}

// A Query is a target of a panel, or a variable's.
type Query struct {
	Dashboard *Dashboard
	Panel     *Panel // nil: a variable's
	Variable  *Variable
	Target    *Target
	Expr      string // as written; of a variable label_values(SELECTOR, LABEL)
}

// Name is dashboard, panel and letter, or dashboard and variable.
func (q *Query) Name() string {
	if q.Panel == nil {
		return q.Dashboard.UID + "/$" + q.Variable.Name
	}
	return q.Dashboard.UID + "/" + q.Panel.Title + "/" + q.Target.RefID
}

// Queries are all of a dashboard.
func (d *Dashboard) Queries() (all []*Query) {
	for i := range d.Templating.List {
		if v := &d.Templating.List[i]; v.Type == "query" {
			all = append(all, &Query{Dashboard: d, Variable: v, Expr: v.Query})
		}
	}
	for i := range d.Panels {
		p := &d.Panels[i]
		for j := range p.Targets {
			all = append(all, &Query{Dashboard: d, Panel: p, Target: &p.Targets[j], Expr: p.Targets[j].Expr})
		}
	}
	return all
}

var labelValues = regexp.MustCompile(`^label_values\((.+), *(\w+)\)$`)

// LabelValues takes label_values(SELECTOR, LABEL) apart.
func LabelValues(query string) (selector, label string, ok bool) {
	m := labelValues.FindStringSubmatch(query)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// CustomValues are the choices of a custom variable: values, or Text : value.
func (v *Variable) CustomValues() (c Choice) {
	for _, part := range strings.Split(v.Query, ",") {
		text, value, ok := strings.Cut(strings.TrimSpace(part), " : ")
		if !ok {
			value = text
		}
		c.Texts, c.Values = append(c.Texts, strings.TrimSpace(text)), append(c.Values, strings.TrimSpace(value))
	}
	return c
}

package dashboards

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// mayBeEmpty are the queries without a result in a new and healthy installation. The right results of groups are known.
var mayBeEmpty = []string{
	"gonetmon-home/New devices/A", "gonetmon-home/Internet today/B", "gonetmon-home/Who uses the internet/B",
	"gonetmon-home/Who uses the internet/D", "gonetmon-home/Local network, by sender/B", // no others, no yesterday
	"gonetmon-groups/Now, and volume/A", "gonetmon-groups/Now, and volume/B",
	"gonetmon-groups/Now, and volume/C", "gonetmon-groups/Now, and volume/D",
	"gonetmon-groups/Internet/A", "gonetmon-groups/Internet/B", "gonetmon-groups/Internet by device/A",
	"gonetmon-usage/Last month/A", "gonetmon-self/DNS queries per minute/B",
	// Not on the first day.
	"gonetmon-usage/Billing period/B", "gonetmon-usage/Data cap used/B", "gonetmon-usage/This month by device/E",
}

// Every query of every panel and variable, as Grafana sends it, succeeds on a real Prometheus that scrapes two real gonetmons
// under known traffic. None is empty that must not be, and the numbers are right. On a busy machine frames may be lost: then the
// panels must say so.
func TestQueries_ShowRightNumbers(t *testing.T) {
	testnet.NeedKernel(t)
	testnet.NeedCommand(t, "prometheus", "go install the prometheus of Prometheus 3")
	testnet.NeedCommand(t, "victoria-metrics", "run go install tool in test/victoriametrics")
	l := newLab(t)
	l.run()
	for _, database := range []string{prometheus, victoriaMetrics} {
		for _, d := range load(t) {
			for _, name := range []string{"", l.instances[0].name} {
				t.Run(strings.TrimPrefix(database, "http://")+d.UID+" "+name, func(t *testing.T) {
					c := &checker{t: t, lab: l, database: database, dashboard: d, instance: name}
					c.checkAll()
				})
			}
		}
	}
}

// A checker runs the queries of one dashboard for one instance, or for all.
type checker struct {
	t         *testing.T
	lab       *lab
	database  string // its address
	dashboard *dashboard
	instance  string
}

func (c *checker) checkAll() {
	choices := map[string]choice{"job": everything, "instance": everything, "n": values("10"), "series": values("total")}
	if c.instance != "" {
		choices["job"], choices["instance"] = values("gonetmon"), values(c.instance)
	}
	var groups choice // Name : pattern, …
	for _, v := range c.dashboard.Templating.List {
		for _, group := range strings.Split(v.Query, ",") {
			if _, pattern, ok := strings.Cut(group, " : "); ok && v.Name == "group" {
				groups.values = append(groups.values, strings.TrimSpace(pattern))
			}
		}
	}
	for _, q := range c.dashboard.queries(c.t) {
		if q.panel == nil {
			c.checkVariable(q, choices)
			continue
		}
		uses, all := variables(q.expr), map[string][]choice{}
		if slices.Contains(uses, "series") && q.target.Instant {
			all["series"] = []choice{values("5m"), values("total")} // as for long ranges, and for short ones
		}
		switch {
		case strings.Contains(q.expr, "${group:raw}"):
			for _, pattern := range groups.values {
				all["group"] = append(all["group"], values(pattern))
			}
		case slices.Contains(uses, "group"):
			all["group"] = []choice{groups}
		case slices.Contains(uses, "device") && c.dashboard.multi("device"):
			all["device"] = []choice{everything, values("phone"), values("phone", "roku-tv")}
		case slices.Contains(uses, "device"):
			all["device"] = []choice{values("phone"), values("192.168.2.12")}
		}
		c.checkEach(q, choices, all)
	}
}

// checkEach checks a panel with every combination of these choices.
func (c *checker) checkEach(q *query, choices map[string]choice, all map[string][]choice) {
	c.t.Helper()
	for variable, some := range all {
		rest := maps.Clone(all)
		delete(rest, variable)
		for _, chosen := range some {
			with := maps.Clone(choices)
			with[variable] = chosen
			c.checkEach(q, with, rest)
		}
		return
	}
	c.checkPanel(q, choices)
}

func (c *checker) checkVariable(q *query, choices map[string]choice) {
	w := c.window(q)
	var got []string
	var err error
	want := c.lab.choices(q.variable.Name)
	if q.label == "" { // a result: what volumes are read from, or the devices, the busiest first
		all := maps.Clone(choices)
		all["__range_s"] = values(fmt.Sprintf("%.0f", w.to.Sub(w.from).Seconds()))
		all["__range"] = values(all["__range_s"].values[0] + "s")
		var result []series
		result, err = c.lab.query(c.database, c.dashboard.interpolate(q.expr, all), w, true)
		for _, s := range result {
			got = append(got, s.labels[q.variable.Name])
		}
		if !slices.IsSortedFunc(result, func(a, b series) int { return cmp.Compare(b.last(), a.last()) }) {
			c.t.Errorf("%s is not sorted: %v", q.name(), result)
		}
		slices.Sort(got)
	} else {
		err = c.lab.ask(c.database, "label/"+q.label+"/values", url.Values{"match[]": {c.dashboard.interpolate(q.expr, choices)},
			"start": {fmt.Sprint(w.from.Unix())}, "end": {fmt.Sprint(w.to.Unix() + 1)}}, &got)
	}
	if err != nil || !slices.Equal(got, want) {
		c.t.Errorf("%s: %q, %v, want %q", q.name(), got, err, want)
	}
}

// window returns the panel's own time range, or the last minutes.
func (c *checker) window(q *query) window {
	w := window{from: c.lab.begun.Add(-time.Minute), to: time.Now(), step: 5 * time.Second}
	if q.panel == nil {
		return w
	}
	day := w.to.UTC().Truncate(24 * time.Hour)
	month := day.AddDate(0, 0, 1-day.Day())
	switch q.panel.TimeFrom {
	case "":
	case "now/d":
		w.from = day
	case "now/M":
		w.from = month
	case "24h":
		w.from = w.to.Add(-24 * time.Hour)
	case "now-11M/M":
		w.from = month.AddDate(0, -11, 0)
	default:
		c.t.Fatalf("%s: timeFrom %s", q.name(), q.panel.TimeFrom)
	}
	if q.panel.TimeShift == "1M/M" {
		w.from, w.to = month.AddDate(0, -1, 0), month.Add(-time.Millisecond)
	}
	if step := map[string]time.Duration{"15m": 15 * time.Minute, "1h": time.Hour, "1d": 24 * time.Hour}[q.target.Interval]; step > 0 {
		w.step, w.from, w.to = step, w.from.Truncate(step), w.to.Truncate(step) // as Grafana aligns it
	}
	return w
}

func (c *checker) checkPanel(q *query, choices map[string]choice) {
	c.t.Helper()
	w := c.window(q)
	length := max(w.to.Sub(w.from), w.step)
	all := maps.Clone(choices)
	all["__rate_interval"], all["__interval"] = values(rateWindow.String()), values(w.step.String())
	all["__interval_ms"] = values(fmt.Sprint(w.step.Milliseconds()))
	all["__range_s"] = values(fmt.Sprintf("%.0f", length.Seconds()))
	all["__range"] = values(all["__range_s"].values[0] + "s")
	short := strings.NewReplacer("[1m]", "["+rateWindow.String()+"]", ":1m]", ":5s]") // the lab runs for less than a minute
	expr := short.Replace(c.dashboard.interpolate(q.expr, all))
	if q.name() == "gonetmon-home/New devices/A" { // instead of after ten minutes
		expr = strings.Replace(expr, "+ 600)", fmt.Sprintf("+ %.0f)", c.lab.begun.Sub(c.lab.started).Seconds()+10), 1)
	}
	got, err := c.lab.query(c.database, expr, w, q.target.Instant)
	if left := variables(expr); err != nil || len(left) > 0 {
		c.t.Errorf("%s: %s\n%v, variables left %q", q.name(), expr, err, left)
		return
	}
	if len(got) == 0 && !slices.Contains(mayBeEmpty, q.name()) && q.panel.Title != marks {
		c.t.Errorf("%s returns nothing: %s", q.name(), expr)
		return
	}
	for _, complaint := range c.wrong(q, w, all, got) {
		c.t.Errorf("%s: %s\n%s", q.name(), complaint, expr)
	}
}

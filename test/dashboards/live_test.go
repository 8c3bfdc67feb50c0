package dashboards

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// mayBeEmpty are the queries without a result in a new and healthy installation. The right results of groups are known.
var mayBeEmpty = []string{
	"gonetmon-home/New devices/A", "gonetmon-home/Internet today/B", "gonetmon-home/Who uses the internet/B",
	"gonetmon-home/Who uses the internet/D", "gonetmon-home/Local network, by sender/B", // no others, no yesterday
	"gonetmon-groups/Now/A", "gonetmon-groups/Now/B", "gonetmon-groups/Volume/A",
	"gonetmon-groups/Devices/A", "gonetmon-groups/Volume by device/A", "gonetmon-usage/Last month/A",
	"gonetmon-self/DNS queries per minute/B",
	"gonetmon-usage/At its end/A", "gonetmon-usage/Data cap used/B", "gonetmon-usage/This month by device/E", // not on the first day
}

// A series is part of a result: one value of an instant query, several of a range query.
type series struct {
	labels map[string]string
	values []float64
}

func (s series) last() float64 { return s.values[len(s.values)-1] }

func (s series) sum() (sum float64) {
	for _, v := range s.values {
		sum += v
	}
	return sum
}

// A window is the time range of a panel.
type window struct {
	from, to time.Time
	step     time.Duration
}

// ask queries the database at this address as Grafana does. Grafana shows warnings and infos in the corner of the panel, so they
// are errors here.
func (l *lab) ask(database, path string, form url.Values, data any) error {
	_, text := testnet.Get(l.here.HTTP(), database+"api/v1/"+path+"?"+form.Encode())
	var answer struct {
		Status, Error   string
		Warnings, Infos []string
		Data            json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	if answer.Status != "success" || len(answer.Warnings) > 0 || len(answer.Infos) > 0 {
		return fmt.Errorf("%s %s %q %q", answer.Status, answer.Error, answer.Warnings, answer.Infos)
	}
	return json.Unmarshal(answer.Data, data)
}

// query runs an instant query at the end of the window, or a range query over it.
func (l *lab) query(database, expr string, w window, instant bool) (all []series, err error) {
	seconds := func(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
	path, form := "query_range", url.Values{
		"query": {expr}, "start": {seconds(w.from)}, "end": {seconds(w.to)}, "step": {fmt.Sprint(w.step.Seconds())},
	}
	if instant {
		path, form = "query", url.Values{"query": {expr}, "time": {seconds(w.to)}}
	}
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  []any
			Values [][]any
		}
	}
	if err := l.ask(database, path, form, &data); err != nil {
		return nil, err
	}
	for _, r := range data.Result {
		if r.Value != nil {
			r.Values = [][]any{r.Value}
		}
		s := series{labels: r.Metric}
		for _, v := range r.Values {
			n, err := strconv.ParseFloat(fmt.Sprint(v[1]), 64)
			if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
				return nil, fmt.Errorf("%v is %v", r.Metric, v[1])
			}
			s.values = append(s.values, n)
		}
		all = append(all, s)
	}
	return all, nil
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
		variable, all := "", []choice{{}}
		switch uses := variables(q.expr); {
		case q.panel == nil:
			c.checkVariable(q, choices)
			continue
		case strings.Contains(q.expr, "${group:raw}"):
			variable, all = "group", nil
			for _, pattern := range groups.values {
				all = append(all, values(pattern))
			}
		case slices.Contains(uses, "series") && q.target.Instant:
			variable, all = "series", []choice{values("5m"), values("total")} // as for long ranges, and for short ones
		case slices.Contains(uses, "group"):
			variable, all = "group", []choice{groups}
		case slices.Contains(uses, "device") && c.dashboard.multi("device"):
			variable, all = "device", []choice{everything, values("phone"), values("phone", "roku-tv")}
		case slices.Contains(uses, "device"):
			variable, all = "device", []choice{values("phone"), values("192.168.2.12")}
		}
		for _, choices[variable] = range all {
			c.checkPanel(q, choices)
		}
	}
}

func (c *checker) checkVariable(q *query, choices map[string]choice) {
	w := c.window(q)
	if q.label == "" { // what volumes are read from
		choices["__range_s"] = values(fmt.Sprintf("%.0f", w.to.Sub(w.from).Seconds()))
		got, err := c.lab.query(c.database, c.dashboard.interpolate(q.expr, choices), w, true)
		if err != nil || len(got) != 1 || got[0].labels["series"] != "total" {
			c.t.Errorf("%s: %v, %v", q.name(), got, err)
		}
		return
	}
	var got []string
	err := c.lab.ask(c.database, "label/"+q.label+"/values", url.Values{"match[]": {c.dashboard.interpolate(q.expr, choices)},
		"start": {fmt.Sprint(w.from.Unix())}, "end": {fmt.Sprint(w.to.Unix() + 1)}}, &got)
	if want := c.lab.choices(q.variable.Name); err != nil || !slices.Equal(got, want) {
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
	if len(got) == 0 && !slices.Contains(mayBeEmpty, q.name()) {
		c.t.Errorf("%s returns nothing: %s", q.name(), expr)
		return
	}
	for _, complaint := range c.wrong(q, w, all, got) {
		c.t.Errorf("%s: %s\n%s", q.name(), complaint, expr)
	}
}

// total returns the sum of a counter over all interfaces, as Prometheus has it at the end of the window.
func (c *checker) total(counter string, w window) float64 {
	got, err := c.lab.query(c.database, fmt.Sprintf(`sum(%s{instance=~"%s.*"})`, counter, c.instance), w, true)
	if err != nil || len(got) != 1 {
		c.t.Fatalf("%s: %v, %v", counter, got, err)
	}
	return got[0].last()
}

// wrong returns what is wrong with a result: with numbers that are known, and with values that are impossible in their unit.
func (c *checker) wrong(q *query, w window, choices map[string]choice, got []series) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	flows, known := c.lab.flows(c.instance), c.lab.flows("")
	flows[newcomer], known[newcomer] = flow{outInternet: 100 * rounds}, flow{}
	selected := c.selected(q, choices)
	maps.DeleteFunc(flows, func(name string, _ flow) bool { return !selected(name) })
	sum := func(part func(flow) float64) (all float64) { // bytes per second
		for _, f := range flows {
			all += part(f)
		}
		return all
	}
	seconds := time.Since(c.lab.begun).Seconds()
	// one expects one series with about this value.
	one := func(label, want string, value, low, high float64) {
		for _, s := range got {
			if s.labels[label] == want || label == "" {
				if v := s.last(); v < value*low-1e-9 || v > value*high+1e-9 {
					complain("%s %s is %g, want %g", label, want, v, value)
				}
				return
			}
		}
		if value > 0 {
			complain("no %s %s, want %g", label, want, value)
		}
	}
	number := func(value, low, high float64) {
		if one("", "", value, low, high); len(got) > 1 {
			complain("%d series", len(got))
		}
	}
	rate := func(part func(flow) float64) { number(8*sum(part), 0.85, 1.15) }
	volume := func(part func(flow) float64) { number(sum(part)*seconds, 0.8, 1.05) } // without what precedes the first scrape
	low := 0.8
	if slices.Equal(choices["series"].values, []string{"5m"}) {
		low = 0.4 // the recording rule lags behind
	}
	perDevice := func(part func(flow) float64, factor, high float64) {
		for name, f := range flows {
			if v := part(f) * factor; name == newcomer { // late
				one("device", name, v, 0, high)
			} else if v > 0 {
				one("device", name, v, low, high)
			}
		}
		for _, s := range got {
			if _, ok := known[s.labels["device"]]; !ok || !selected(s.labels["device"]) {
				complain("unexpected device %q", s.labels["device"])
			}
		}
	}
	recorded := func(bytes float64, s series) { // by the recording rule, which lags behind
		if v := s.sum(); v < 0.4*bytes*seconds || v > 1.1*bytes*seconds {
			complain("%v is %g, want %g", s.labels, v, bytes*seconds)
		}
	}
	inInternet, outInternet := func(f flow) float64 { return f.inInternet }, func(f flow) float64 { return f.outInternet }
	lan := func(f flow) float64 { return f.inLAN + f.outLAN }
	outLAN, outMulticast := func(f flow) float64 { return f.outLAN }, func(f flow) float64 { return f.outMulticast }
	if q.panel.Title == "Is the counting right?" {
		if c.total("gonetmon_capture_drops_total", w) == 0 || got[0].last() != 4 { // 4: frames are lost
			number(0, 1, 1)
		}
	}
	switch q.name() {
	case "gonetmon-home/Internet now/A", "gonetmon-groups/Now/A",
		"gonetmon-device/Throughput/A":
		rate(inInternet)
	case "gonetmon-home/Internet now/B", "gonetmon-groups/Now/B",
		"gonetmon-device/Throughput/C":
		rate(outInternet)
	case "gonetmon-device/Download now/A":
		rate(inInternet)
	case "gonetmon-device/Upload now/A":
		rate(outInternet)
	case "gonetmon-device/Throughput/B":
		rate(func(f flow) float64 { return f.inLAN })
	case "gonetmon-device/Throughput/D":
		rate(outLAN)
	case "gonetmon-device/Throughput/E":
		rate(outMulticast)
	case "gonetmon-device/Peak rate/A":
		rate(flow.internet)
	case "gonetmon-device/Downloaded/A":
		volume(inInternet)
	case "gonetmon-device/Uploaded/A":
		volume(outInternet)
	case "gonetmon-groups/Volume/A":
		volume(flow.internet)
	case "gonetmon-home/Internet today/A":
		volume(flow.internet)
	case "gonetmon-home/Devices now/A":
		number(float64(len(flows)), 1, 1)
	case "gonetmon-home/Devices now/B": // also those that DNS names, without traffic
		number(float64(len(flows)), 1, float64(len(known))/float64(len(flows)))
	case "gonetmon-self/Capture/A":
		number(1, 1, 1)
	case "gonetmon-self/Lost frames/A": // as gonetmon counts them
		drops := c.total("gonetmon_capture_drops_total", w)
		number(drops/(drops+c.total("gonetmon_capture_packets_total", w)), 0.7, 1.3)
	case "gonetmon-home/Internet and local network/A":
		one("scope", "internet", 8*sum(flow.internet), 0.85, 1.15)
		one("scope", "lan", 8*sum(outLAN), 0.85, 1.15)
		one("scope", "multicast", 8*sum(outMulticast), 0.85, 1.15)
	case "gonetmon-home/Who uses the internet/A":
		perDevice(inInternet, 8, 1.15)
	case "gonetmon-home/Who uses the internet/C":
		perDevice(outInternet, 8, 1.15)
	case "gonetmon-home/Local network, by sender/A":
		perDevice(outLAN, 8, 1.15)
	case "gonetmon-home/Devices/B", "gonetmon-home/Devices/E":
		perDevice(flow.internet, 8, 1.15)
	case "gonetmon-groups/Devices/A":
		perDevice(flow.internet, 8, 1.15)
	case "gonetmon-home/Internet by device/A", "gonetmon-home/Local network by device/A", "gonetmon-groups/Volume by device/A":
		part := map[string]func(flow) float64{"Internet by device": flow.internet, "Local network by device": lan}[q.panel.Title]
		if part == nil {
			part = flow.internet
		}
		perDevice(part, seconds, 1.05)
		if !slices.IsSortedFunc(got, func(a, b series) int { return cmp.Compare(b.last(), a.last()) }) {
			complain("not sorted by volume")
		}
	case "gonetmon-home/Devices/C":
		perDevice(flow.internet, seconds, 1.05)
	case "gonetmon-home/Devices/D":
		perDevice(lan, seconds, 1.05)
	case "gonetmon-home/Devices/G":
		for name := range flows {
			one("device", name, 1, 1, 1)
		}
	case "gonetmon-home/Who was online, and how much/A":
		for _, s := range got {
			bytes := flows[s.labels["device"]].internet() * seconds
			if v := s.sum(); v > 1.1*bytes || v < 0.7*bytes && s.labels["device"] != newcomer { // over two quarters of an hour
				complain("%v is %g, want %g", s.labels, v, bytes)
			}
		}
	case "gonetmon-home/Devices/F", "gonetmon-device/Last seen/A":
		for _, s := range got {
			if ago := time.Since(time.UnixMilli(int64(s.last()))); ago < 0 || ago > 20*time.Second {
				complain("%v was seen %v ago", s.labels, ago)
			}
		}
	case "gonetmon-device/First seen/A":
		for _, s := range got {
			if after := time.UnixMilli(int64(s.last())).Sub(c.lab.begun); after.Abs() > 10*time.Second {
				complain("first seen %v after the traffic began", after)
			}
		}
	case "gonetmon-home/Alexa and Roku/A": // of all instances, whatever is selected; over five minutes
		sums := map[string]float64{} // the second instance knows these names too, but has no traffic of theirs
		for _, s := range got {
			sums[s.labels["device"]] += s.last()
		}
		share := seconds / 300 // Prometheus takes the counters to be flat before the first sample, VictoriaMetrics does not
		if c.database == victoriaMetrics {
			share = 1
		}
		for name, bytes := range map[string]float64{"alexakitchen": 1200, "roku-tv": 1500} {
			if v, want := sums[name], bytes*rounds*share; len(sums) != 2 || math.Abs(v/want-1) > 0.2 {
				complain("%s is %g, want %g; devices %v", name, v, want, sums)
			}
		}
	case "gonetmon-home/New devices/A":
		if len(got) != 1 || got[0].labels["device"] != newcomer || got[0].labels["mac"] != "02:00:00:00:01:1e" {
			complain("new devices: %v", got)
		}
	case "gonetmon-device/Share/A":
		all := 0.0
		for _, f := range c.lab.flows(c.instance) {
			all += f.internet()
		}
		number(sum(flow.internet)/all, 0.9, 1.1)
	case "gonetmon-device/Volume per hour/A":
		for _, s := range got {
			recorded(sum(map[string]func(flow) float64{"in": flow.in, "out": flow.out}[s.labels["direction"]]), s)
		}
	case "gonetmon-usage/Billing period/A":
		number(sum(flow.internet)*seconds, 0.8, 1.05)
	case "gonetmon-usage/This month by device/D":
		for name, f := range flows {
			one("device", name, f.internet()*seconds, map[bool]float64{true: 0, false: 0.8}[name == newcomer], 1.05)
		}
	case "gonetmon-usage/Days left/A":
		if len(got) != 1 || got[0].last() <= 0 || got[0].last() > 31 {
			complain("days left: %v", got)
		}
	case "gonetmon-usage/Per day/A":
		for _, s := range got {
			recorded(sum(map[string]func(flow) float64{"in": inInternet, "out": outInternet}[s.labels["direction"]]), s)
		}
	case "gonetmon-usage/Today/A", "gonetmon-usage/This month/A", "gonetmon-usage/Per month/A",
		"gonetmon-usage/By hour of the day/A":
		for _, s := range got {
			recorded(sum(flow.internet), s)
		}
	case "gonetmon-usage/Per day and device/A":
		for _, s := range got {
			if d := s.labels["device"]; d != newcomer {
				recorded(flows[d].internet(), s)
			}
		}
	}
	for _, s := range got {
		for _, v := range s.values {
			unit := q.panel.FieldConfig.Defaults.Unit
			if v < 0 && q.panel.Title != "Activity" || unit == "percentunit" && v > 1.01 || unit == "bps" && v > 8*1.2*30*rounds*1500 {
				complain("%v is %g in %s", s.labels, v, unit)
			}
		}
	}
	return wrong
}

// selected returns a function that reports whether a query covers a device.
func (c *checker) selected(q *query, choices map[string]choice) func(device string) bool {
	pattern := regexp.MustCompile(`device(=~?|!~)"(?:\$device|\$\{group:(?:raw|pipe)\})"`).FindStringSubmatch(q.expr)
	if pattern == nil {
		return func(string) bool { return true }
	}
	name := "device"
	if slices.Contains(variables(q.expr), "group") {
		name = "group"
	}
	match := regexp.MustCompile("^(?:" + strings.Join(choices[name].values, "|") + ")$")
	return func(device string) bool { return match.MatchString(device) == (pattern[1] != "!~") }
}

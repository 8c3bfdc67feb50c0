package dashboards

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// mayBeEmpty are the queries that give nothing where all is well and new, each with its reason.
var mayBeEmpty = map[string]string{
	"gonetmon-home/New devices/A":        "there is none in the second tap; that the newcomer is found in the first is seen",
	"gonetmon-groups/Now/A":              "no device here is of the group; what is right for each group is known",
	"gonetmon-groups/Now/B":              "the same",
	"gonetmon-groups/Volume/A":           "the same",
	"gonetmon-groups/Devices/A":          "the same",
	"gonetmon-groups/Volume by device/A": "the same",
	"gonetmon-usage/Last month/A":        "nothing was measured last month",
	"gonetmon-self/DNS queries/B":        "no question has failed, and reasons that never happen are left out",
}

// A series is one of an answer: one value for an instant, several for a range.
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

// A reader asks Prometheus as Grafana does.
type reader struct {
	t      *testing.T
	url    string
	client *http.Client
}

func (r *reader) ask(path string, form url.Values, data any) error {
	r.t.Helper()
	answer, err := r.send(path, form)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	var body struct {
		Status, Error string
		Warnings      []string
		Infos         []string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return fmt.Errorf("%s: %w", answer.Status, err)
	}
	// Grafana shows warnings and infos in the corner of the panel.
	if body.Status != "success" || len(body.Warnings) > 0 || len(body.Infos) > 0 {
		return fmt.Errorf("%s %s %q %q", body.Status, body.Error, body.Warnings, body.Infos)
	}
	return json.Unmarshal(body.Data, data)
}

func (r *reader) send(path string, form url.Values) (*http.Response, error) {
	if strings.Contains(path, "/label/") { // which Prometheus takes as GET only
		return r.client.Get(r.url + path + "?" + form.Encode())
	}
	return r.client.PostForm(r.url+path, form) // httpMethod of the data source
}

// A window is what Grafana shows at a time.
type window struct {
	from, to time.Time
	step     time.Duration
}

// query runs an instant query at the end of the window, or a range query over it.
func (r *reader) query(expr string, w window, instant bool) (all []series, err error) {
	r.t.Helper()
	seconds := func(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
	var data struct {
		ResultType string
		Result     []struct {
			Metric map[string]string
			Value  []any
			Values [][]any
		}
	}
	if instant {
		err = r.ask("api/v1/query", url.Values{"query": {expr}, "time": {seconds(w.to)}}, &data)
	} else {
		err = r.ask("api/v1/query_range", url.Values{"query": {expr}, "start": {seconds(w.from)}, "end": {seconds(w.to)}, "step": {seconds(time.Unix(0, int64(w.step)))}}, &data)
	}
	for _, s := range data.Result {
		if s.Value != nil {
			s.Values = [][]any{s.Value}
		}
		one := series{labels: s.Metric}
		for _, v := range s.Values {
			n, err := strconv.ParseFloat(fmt.Sprint(v[1]), 64)
			if err != nil {
				return nil, err
			}
			if math.IsNaN(n) || math.IsInf(n, 0) {
				return nil, fmt.Errorf("%v is %v", s.Metric, n)
			}
			one.values = append(one.values, n)
		}
		all = append(all, one)
	}
	return all, err
}

// labels gives the values of a label, as label_values() does.
func (r *reader) labels(selector, label string, w window) (all []string, err error) {
	r.t.Helper()
	form := url.Values{"match[]": {selector}, "start": {strconv.FormatInt(w.from.Unix(), 10)}, "end": {strconv.FormatInt(w.to.Unix()+1, 10)}}
	err = r.ask("api/v1/label/"+label+"/values", form, &all)
	return all, err
}

// Every query of every panel and variable, as Grafana sends it, to a real Prometheus that scrapes two real gonetmons under known
// traffic: none fails, none is empty that must not be, and the numbers are right.
func TestQueries(t *testing.T) {
	testnet.NeedKernel(t)
	testnet.NeedCommand(t, "prometheus", "go install the prometheus of Prometheus 3")
	h := newHouse(t)
	h.run()
	for _, d := range load(t) {
		for _, tap := range []string{"", h.taps[0].instance} {
			name := d.UID + " of all taps"
			if tap != "" {
				name = d.UID + " of one tap"
			}
			t.Run(name, func(t *testing.T) {
				c := &checker{t: t, house: h, reader: &reader{t, h.prometheus, h.here.HTTP()}, board: d, tap: tap}
				c.all()
			})
		}
	}
}

// A checker runs the queries of one dashboard with one choice of taps.
type checker struct {
	t      *testing.T
	house  *house
	reader *reader
	board  *Dashboard
	tap    string // its instance, or all
	asked  int
	known  []float64 // how far the numbers that are known were off
}

func (c *checker) all() {
	choices := map[string]Choice{"job": {Values: []string{".+"}, Regex: true}, "instance": {Values: []string{".+"}, Regex: true}, "n": {Values: []string{"10"}}, "cap": {Values: []string{"1000"}}}
	if c.tap != "" {
		choices["job"], choices["instance"] = Choice{Values: []string{"gonetmon"}}, Choice{Values: []string{c.tap}}
	}
	for _, q := range c.board.Queries() {
		if q.Panel == nil {
			c.variable(q, choices)
		}
	}
	groups := c.groups()
	for _, q := range c.board.Queries() {
		if q.Panel == nil {
			continue
		}
		switch uses := Names(q.Expr); {
		case strings.Contains(q.Expr, "${group:raw}"):
			for i := range groups.Values {
				choices["group"] = Choice{Values: groups.Values[i : i+1], Texts: groups.Texts[i : i+1]}
				c.panel(q, choices)
			}
		case slices.Contains(uses, "group"):
			choices["group"] = groups
			c.panel(q, choices)
		case slices.Contains(uses, "device") && c.board.many("device"):
			for _, device := range []Choice{{Values: []string{".+"}, Regex: true}, {Values: []string{"phone"}}, {Values: []string{"phone", "roku-tv"}}} {
				choices["device"] = device
				c.panel(q, choices)
			}
		case slices.Contains(uses, "device"):
			for _, device := range []string{"phone", "192.168.2.12"} {
				choices["device"] = Choice{Values: []string{device}}
				c.panel(q, choices)
			}
		default:
			c.panel(q, choices)
		}
	}
	slices.Sort(c.known)
	if n := len(c.known); n > 0 {
		c.t.Logf("%s: %d queries; %d known numbers, half of them off by less than %.1f %%, the worst by %.1f %%", c.board.UID, c.asked, n, 100*c.known[n/2], 100*c.known[n-1])
		return
	}
	c.t.Logf("%s: %d queries", c.board.UID, c.asked)
}

// groups are the choices of the variable that the user edits.
func (c *checker) groups() Choice {
	for i := range c.board.Templating.List {
		if v := &c.board.Templating.List[i]; v.Name == "group" {
			return v.CustomValues()
		}
	}
	return Choice{}
}

func (c *checker) variable(q *Query, choices map[string]Choice) {
	selector, label, _ := LabelValues(c.board.Interpolate(q.Expr, choices))
	got, err := c.reader.labels(selector, label, c.window(q))
	c.asked++
	want := map[string][]string{"job": {"gonetmon"}, "instance": c.house.instances(), "device": c.house.devices()}[q.Variable.Name]
	if c.tap != "" && q.Variable.Name == "instance" {
		want = c.house.instances() // it offers the others, too
	}
	if slices.Sort(got); err != nil || !slices.Equal(got, want) {
		c.t.Errorf("%s: %q, %v, want %q", q.Name(), got, err, want)
	}
}

// window is what Grafana would show with the panel's own range, or the last minutes.
func (c *checker) window(q *Query) window {
	w := window{from: c.house.begun.Add(-time.Minute), to: time.Now(), step: 5 * time.Second}
	if q.Panel == nil {
		return w
	}
	day := w.to.UTC().Truncate(24 * time.Hour)
	month := day.AddDate(0, 0, 1-day.Day())
	switch q.Panel.TimeFrom {
	case "":
	case "now/d":
		w.from = day
	case "now/M":
		w.from = month
	case "now-11M/M":
		w.from = month.AddDate(0, -11, 0)
	default:
		c.t.Fatalf("%s: timeFrom %s", q.Name(), q.Panel.TimeFrom)
	}
	if q.Panel.TimeShift == "1M/M" {
		w.from, w.to = month.AddDate(0, -1, 0), month.Add(-time.Millisecond)
	}
	switch q.Target.Interval {
	case "":
	case "1m":
	case "1h":
		w.step = time.Hour
	case "1d":
		w.step = 24 * time.Hour
	}
	if w.step > time.Minute { // Grafana has the steps begin at whole ones
		w.from, w.to = w.from.Truncate(w.step), w.to.Truncate(w.step)
	}
	return w
}

func (c *checker) panel(q *Query, choices map[string]Choice) {
	c.t.Helper()
	w := c.window(q)
	length := max(w.to.Sub(w.from), w.step)
	all := map[string]Choice{}
	for name, choice := range choices {
		all[name] = choice
	}
	for name, value := range map[string]string{
		"__rate_interval": rateWindow.String(), "__interval": w.step.String(),
		"__range": fmt.Sprintf("%.0fs", length.Seconds()), "__range_s": fmt.Sprintf("%.0f", length.Seconds()),
	} {
		all[name] = Choice{Values: []string{value}}
	}
	expr := c.board.Interpolate(q.Expr, all)
	if q.Name() == "gonetmon-home/New devices/A" {
		// Ten minutes are too long for a test: what came ten seconds after all others is new.
		expr = strings.Replace(expr, "+ 600)", fmt.Sprintf("+ %.0f)", c.house.begun.Sub(c.house.started).Seconds()+10), 1)
	}
	got, err := c.reader.query(expr, w, q.Target.Instant)
	c.asked++
	if err != nil {
		c.t.Errorf("%s: %s\n%v", q.Name(), expr, err)
		return
	}
	if left := Names(expr); len(left) > 0 {
		c.t.Errorf("%s: %q are left in %s", q.Name(), left, expr)
	}
	if _, may := mayBeEmpty[q.Name()]; len(got) == 0 && !may {
		c.t.Errorf("%s gives nothing: %s", q.Name(), expr)
	}
	for _, complaint := range c.right(q, all, got) {
		c.t.Errorf("%s: %s\n%s", q.Name(), complaint, expr)
	}
}

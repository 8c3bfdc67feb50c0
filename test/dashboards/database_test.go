package dashboards

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"gonetmon/test/testnet"
)

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

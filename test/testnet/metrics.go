package testnet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// ParseMetrics reads a page as Prometheus does: the values by series, written as name{label="value",…} in the order of the
// page.
func ParseMetrics(tb testing.TB, body string) map[string]float64 {
	tb.Helper()
	values, err := ReadMetrics(body)
	if err != nil {
		tb.Fatalf("metrics: %v\n%s", err, body)
	}
	return values
}

// ReadMetrics is ParseMetrics for goroutines that must not end a test.
func ReadMetrics(body string) (map[string]float64, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for name, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			series := name
			if len(labels) > 0 {
				series += "{" + strings.Join(labels, ",") + "}"
			}
			if _, twice := values[series]; twice {
				return nil, fmt.Errorf("%s is on the page twice", series)
			}
			values[series] = m.Counter.GetValue() + m.Gauge.GetValue() + m.Untyped.GetValue()
		}
	}
	return values, nil
}

// SplitSeries returns the name and the labels of a series, as ParseMetrics writes it.
func SplitSeries(series string) (name string, labels map[string]string) {
	name, rest, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	labels = map[string]string{}
	for rest != "" {
		var key, value string
		key, rest, _ = strings.Cut(rest, `="`)
		value, rest, _ = strings.Cut(rest, `"`)
		labels[key] = value
		rest = strings.TrimPrefix(rest, ",")
	}
	return name, labels
}

// AccountedBytes returns the bytes of the devices and of what is no device, and what they must add up to by the network's
// counters: a packet between two local hosts counts for both.
func AccountedBytes(page map[string]float64) (got, want float64) {
	got = page["gonetmon_overflow_bytes_total"] + page["gonetmon_waiting_bytes"] + page["gonetmon_forgotten_bytes_total"]
	for series, v := range page {
		switch name, labels := SplitSeries(series); name {
		case "node_bytes_total":
			got += v
		case "gonetmon_network_bytes_total":
			want += v * map[string]float64{"internet": 1, "lan": 2, "multicast": 1, "other": 0}[labels["scope"]]
		}
	}
	return got, want
}

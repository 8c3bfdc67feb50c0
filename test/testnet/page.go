package testnet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// ParseMetrics reads a page as Prometheus does: the values by series, written as name{label="value",…} in the order of the page.
func ParseMetrics(tb testing.TB, body string) map[string]float64 {
	tb.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		tb.Fatalf("page does not parse: %v\n%s", err, body)
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
				tb.Errorf("%s stands on the page twice", series)
			}
			values[series] = m.Counter.GetValue() + m.Gauge.GetValue() + m.Untyped.GetValue()
		}
	}
	return values
}

// SplitSeries takes a series apart, as ParseMetrics writes it.
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

// AccountedBytes says how many bytes the devices and those that are none have, and how many they should have by what was on the network:
// between two hosts of the LAN a packet counts for both.
func AccountedBytes(page map[string]float64) (have, want float64) {
	have = page["gonetmon_overflow_bytes_total"] + page["gonetmon_waiting_bytes"] + page["gonetmon_forgotten_bytes_total"]
	for series, v := range page {
		switch name, labels := SplitSeries(series); name {
		case "node_bytes_total":
			have += v
		case "gonetmon_network_bytes_total":
			want += v * map[string]float64{"internet": 1, "lan": 2, "multicast": 1, "other": 0}[labels["scope"]]
		}
	}
	return have, want
}

package dashboards

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

// promtool simulates what takes days or must fail first. Its time starts on January 1, 1970.
func TestQueries_Scenarios(t *testing.T) {
	testnet.NeedCommand(t, "promtool", "go install the promtool of Prometheus 3")
	const (
		day   = 24 * 3600
		first = `gonetmon_device_first_seen_timestamp_seconds{job="gonetmon", instance="a", device="%s"}`
		seen  = `gonetmon:device_last_seen_timestamp_seconds:max{job="gonetmon", instance="a", device="%s"}`
		info  = `gonetmon_device_info{job="gonetmon", instance="a", device="%s", ip="%s", mac="", vendor="", source="address"}`
		start = `process_start_time_seconds{job="gonetmon", instance="a"}`
		built = `gonetmon_build_info{job="gonetmon", instance="%s", version="1"}`
		usage = `gonetmon:device_bytes:increase5m{job="gonetmon", instance="a", device="%s", direction="in", scope="internet"}`
	)
	// With an interval of ten minutes 144 samples are a day; _ is a missing one.
	for _, test := range []struct {
		name, query string
		interval    string
		series      [][2]string
		at          int // seconds
		rangeOf     int
		want        string // samples as promtool writes them
	}{
		{"a device that appeared an hour ago is new", "gonetmon-home/New devices/A", "10m", [][2]string{
			{start, "0x432"}, {fmt.Sprintf(first, "old"), "100x432"}, {fmt.Sprintf(seen, "old"), "100x432"}, {fmt.Sprintf(info, "old", "10.0.0.1"), "1x432"},
			{fmt.Sprintf(first, "new"), fmt.Sprintf("_x426 %dx6", 3*day-3600)}, {fmt.Sprintf(info, "new", "10.0.0.2"), "_x426 1x6"},
		}, 3 * day, 0, fmt.Sprintf(`- {labels: '{device="new", ip="10.0.0.2"}', value: %d000}`, 3*day-3600)},
		{"after a restart no device is new", "gonetmon-home/New devices/A", "10m", [][2]string{
			{start, fmt.Sprintf("0x426 %dx5", 3*day-3600)}, {fmt.Sprintf(first, "old"), fmt.Sprintf("100x426 %dx5", 3*day-3590)}, {fmt.Sprintf(seen, "old"), "100x432"}, {fmt.Sprintf(info, "old", "10.0.0.1"), "1x432"},
		}, 3 * day, 0, ""},
		{"nor after a restart and a day without gonetmon", "gonetmon-home/New devices/A", "10m", [][2]string{
			{start, fmt.Sprintf("0x200 _x225 %dx5", 3*day-3600)}, {fmt.Sprintf(first, "old"), fmt.Sprintf("100x200 _x225 %dx5", 3*day-1200)}, {fmt.Sprintf(seen, "old"), "100x200 _x231"}, {fmt.Sprintf(info, "old", "10.0.0.1"), "1x200 _x225 1x5"},
		}, 3 * day, 0, ""},
		{"one that appeared before a restart stays new", "gonetmon-home/New devices/A", "10m", [][2]string{
			{start, fmt.Sprintf("0x426 %dx5", 3*day-3600)}, {fmt.Sprintf(first, "new"), fmt.Sprintf("_x420 %dx5 %dx6", 3*day-7200, 3*day-3590)}, {fmt.Sprintf(info, "new", "10.0.0.2"), "_x420 1x12"},
		}, 3 * day, 0, fmt.Sprintf(`- {labels: '{device="new", ip="10.0.0.2"}', value: %d000}`, 3*day-7200)},
		{"devices found at the installation are not new", "gonetmon-home/New devices/A", "10m", [][2]string{
			{start, fmt.Sprintf("_x288 %dx20", 2*day)}, {fmt.Sprintf(first, "there"), fmt.Sprintf("_x288 %dx20", 2*day+60)}, {fmt.Sprintf(info, "there", "10.0.0.1"), "_x288 1x20"},
			{fmt.Sprintf(first, "later"), fmt.Sprintf("_x294 %dx14", 2*day+3600)}, {fmt.Sprintf(info, "later", "10.0.0.2"), "_x294 1x14"},
		}, 2*day + 7200, 0, fmt.Sprintf(`- {labels: '{device="later", ip="10.0.0.2"}', value: %d000}`, 2*day+3600)},

		{"all instances capture", "gonetmon-home/Capture/A", "1m", [][2]string{
			{fmt.Sprintf(built, "a"), "1x10"}, {`up{job="gonetmon", instance="a"}`, "1x10"}, {`gonetmon_capture_up{job="gonetmon", instance="a", interface="eth1"}`, "1x10"}, {`up{job="other", instance="x"}`, "0x10"},
		}, 600, 0, `- {labels: '{}', value: 1}`},
		{"one of two interfaces is down", "gonetmon-home/Capture/A", "1m", [][2]string{
			{`gonetmon_capture_up{job="gonetmon", instance="a", interface="eth1"}`, "1x10"}, {`gonetmon_capture_up{job="gonetmon", instance="a", interface="eth2"}`, "0x10"},
		}, 600, 0, `- {labels: '{}', value: 0}`},
		{"one of two instances is down", "gonetmon-home/Capture/A", "1m", [][2]string{
			{fmt.Sprintf(built, "a"), "1x10"}, {`up{job="gonetmon", instance="a"}`, "1x10"}, {`gonetmon_capture_up{job="gonetmon", instance="a", interface="eth1"}`, "1x10"},
			{fmt.Sprintf(built, "b"), "1x2 stale"}, {`up{job="gonetmon", instance="b"}`, "1x2 0x7"}, {`gonetmon_capture_up{job="gonetmon", instance="b", interface="eth1"}`, "1x2 stale"},
		}, 600, 0, `- {labels: '{}', value: -1}`},

		// A last value must not stay for ever: -1 is mapped to a text.
		{"current rate while all is well", "gonetmon-home/Download now/A", "1m", [][2]string{
			{fmt.Sprintf(built, "home"), "1x10"}, {`up{job="gonetmon", instance="home"}`, "1x10"},
			{`gonetmon_device_bytes_total{job="gonetmon", instance="home", device="tv", direction="in", scope="internet"}`, "0+6000x10"},
		}, 600, 300, `- {labels: '{}', value: 800}`},
		{"current rate when gonetmon is down", "gonetmon-home/Download now/A", "1m", [][2]string{
			{fmt.Sprintf(built, "home"), "1x4 stale"}, {`up{job="gonetmon", instance="home"}`, "1x4 0x6"}, {`up{job="prometheus", instance="prometheus"}`, "1x10"},
			{`gonetmon_device_bytes_total{job="gonetmon", instance="home", device="tv", direction="in", scope="internet"}`, "0+6000x4 stale"},
		}, 600, 300, `- {labels: '{}', value: -1}`},
		{"current devices when one of two instances is down", "gonetmon-home/Active devices/A", "1m", [][2]string{
			{fmt.Sprintf(built, "a"), "1x10"}, {`up{job="gonetmon", instance="a"}`, "1x10"},
			{fmt.Sprintf(built, "b"), "1x4 stale"}, {`up{job="gonetmon", instance="b"}`, "1x4 0x6"},
			{`gonetmon_device_last_seen_timestamp_seconds{job="gonetmon", instance="a", device="tv"}`, "500x10"},
		}, 600, 300, `- {labels: '{}', value: 1}`},

		// Ten days of January, two devices with 1 MB every five minutes each: 2 × 288 × 10 MB so far, 31/10 of it in the whole month.
		{"a month continues as it began", "gonetmon-usage/Projected for this month/A", "5m", [][2]string{
			{fmt.Sprintf(usage, "x"), "_ 1000000x2879"}, {fmt.Sprintf(usage, "y"), "_ 1000000x2879"},
		}, 10 * day, 10 * day, `- {labels: '{}', value: 17856000000}`},
		// Five days were measured: the missing days are not estimated, the rest of the month continues at 576 MB a day.
		{"gonetmon was installed during the month", "gonetmon-usage/Projected for this month/A", "5m", [][2]string{
			{fmt.Sprintf(usage, "x"), "_x1440 _ 1000000x1439"}, {fmt.Sprintf(usage, "y"), "_x1440 _ 1000000x1439"},
		}, 10 * day, 10 * day, `- {labels: '{}', value: 14976000000}`},
		{"a new device does not change the elapsed time", "gonetmon-usage/Projected for this month/A", "5m", [][2]string{
			{fmt.Sprintf(usage, "x"), "_ 1000000x2879"}, {fmt.Sprintf(usage, "new"), "_x2878 1000000x1"},
		}, 10 * day, 10 * day, `- {labels: '{}', value: 8934200000}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := "fuzzy_compare: true\nevaluation_interval: 1m\ntests:\n- interval: " + test.interval + "\n  input_series:\n"
			for _, s := range test.series {
				text += fmt.Sprintf("  - {series: '%s', values: '%s'}\n", s[0], s[1])
			}
			expr := find(t, test.query)
			text += fmt.Sprintf("  promql_expr_test:\n  - expr: '%s'\n    eval_time: %ds\n    exp_samples:\n    %s\n", fill(expr, test.rangeOf), test.at, test.want)
			file := filepath.Join(t.TempDir(), "test.yml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("promtool", "test", "rules", file).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s\n%s", err, out, text)
			}
		})
	}
}

func find(t *testing.T, name string) (found *query) {
	t.Helper()
	eachQuery(t, func(q *query) {
		if q.name() == name {
			found = q
		}
	})
	if found == nil {
		t.Fatalf("no query %s", name)
	}
	return found
}

// fill selects everything in a query, over a range of seconds.
func fill(q *query, seconds int) string {
	return strings.TrimSpace(q.dashboard.interpolate(q.expr, map[string]choice{
		"job": everything, "instance": everything, "device": everything,
		"__range": values(fmt.Sprintf("%ds", seconds)), "__range_s": values(fmt.Sprint(seconds)), "__rate_interval": values("5m"),
	}))
}

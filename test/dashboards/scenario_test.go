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

// scenarioSeries are the series that scenarios have samples of, with the label that differs.
var scenarioSeries = map[string]string{
	"start":    `process_start_time_seconds{job="gonetmon", instance="%s"}`,
	"built":    `gonetmon_build_info{job="gonetmon", instance="%s", version="1"}`,
	"up":       `up{job="gonetmon", instance="%s"}`,
	"other":    `up{job="%s", instance="x"}`,
	"probe":    `up{job="node", instance="%s"}`,
	"frames":   `gonetmon_capture_packets_total{job="gonetmon", instance="a", interface="%s"}`,
	"lost":     `gonetmon_capture_drops_total{job="gonetmon", instance="a", interface="%s"}`,
	"only":     `gonetmon_capture_broadcasts_only{job="gonetmon", instance="%s"}`,
	"capture":  `gonetmon_capture_up{job="gonetmon", instance="%s", interface="eth1"}`,
	"eth2":     `gonetmon_capture_up{job="gonetmon", instance="%s", interface="eth2"}`,
	"attached": `gonetmon_capture_attached_total{job="gonetmon", instance="a", interface="%s"}`,
	"first":    `gonetmon_device_first_seen_timestamp_seconds{job="gonetmon", instance="a", device="%s"}`,
	"last":     `gonetmon_device_last_seen_timestamp_seconds{job="gonetmon", instance="a", device="%s"}`,
	"seen":     `gonetmon:device_last_seen_timestamp_seconds:max{job="gonetmon", instance="a", device="%s"}`,
	"info":     `gonetmon_device_info{job="gonetmon", instance="a", device="%s", ip="10.0.0.1", mac="", source="address"}`,
	"mac": `gonetmon:device_mac_last_seen_timestamp_seconds:max{job="gonetmon", instance="a", device="%s", ` +
		`mac="02:00:00:00:00:01"}`,
	"info/mac":    `gonetmon_device_info{job="gonetmon", instance="a", device="%s", ip="10.0.0.1", mac="02:00:00:00:00:01"}`,
	"info/random": `gonetmon_device_info{job="gonetmon", instance="a", device="%s", ip="10.0.0.1", mac="02:00:00:00:00:02"}`,
	"bytes":       `gonetmon_device_bytes_total{job="gonetmon", instance="a", device="%s", direction="in", scope="internet"}`,
	"period":      `gonetmon_network_period_bytes{job="gonetmon", instance="a", direction="%s"}`,
	"cap":         `gonetmon_period_cap_bytes{job="gonetmon", instance="%s"}`,
	"ahead":       `gonetmon_period_projected_bytes{job="gonetmon", instance="%s"}`,
	"end":         `gonetmon_period_end_timestamp_seconds{job="gonetmon", instance="%s"}`,
	"usage":       `gonetmon:device_bytes:increase5m{job="gonetmon", instance="a", device="%s", direction="in", scope="internet"}`,
}

// promtool simulates what takes days or must fail first. Its time starts on January 1, 1970; a day has 86,400 seconds.
func TestQueries_Scenarios(t *testing.T) {
	testnet.NeedCommand(t, "promtool", "go install the promtool of Prometheus 3")
	const day, none, isNew = 86400, "", `{device="new"} `
	const newDevices, download = "gonetmon-home/New devices/A", "gonetmon-home/Internet now/A"
	const health, active = "gonetmon-home/Is the counting right?/A", "gonetmon-home/Devices now/A"
	const random = `{device="phone", mac="02:00:00:00:00:02"} `
	const projected, restart = "gonetmon-usage/This month/B", "gonetmon-home/Marks/Restart"
	// With an interval of ten minutes 144 samples are a day; _ is a missing one.
	for _, test := range []struct {
		name, query, interval, series string
		at, rangeOf                   int    // seconds
		want                          string // labels and value
	}{
		{"a device that appeared an hour ago is new", newDevices, "10m",
			"start a 0x432; first old 100x432; seen old 100x432; info old 1x432; first new _x426 255600x6; info new _x426 1x6",
			3 * day, 0, isNew + "255600000"},
		{"after a restart no device is new", newDevices, "10m",
			"start a 0x426 255600x5; first old 100x426 255610x5; seen old 100x432; info old 1x432", 3 * day, 0, none},
		{"nor after a restart and a day without gonetmon", newDevices, "10m",
			"start a 0x200 _x225 255600x5; first old 100x200 _x225 258000x5; seen old 100x200 _x231; info old 1x200 _x225 1x5",
			3 * day, 0, none},
		{"one that appeared before a restart stays new", newDevices, "10m",
			"start a 0x426 255600x5; first new _x420 252000x5 255610x6; info new _x420 1x12", 3 * day, 0, isNew + "252000000"},
		{"a device is known by its MAC, whatever its name", newDevices, "10m",
			"start a 0x432; mac old 100x432; seen old 100x432; first new _x426 255600x6; info/mac new _x426 1x6", 3 * day, 0, none},
		{"a known name with another MAC is new", newDevices, "10m",
			"start a 0x432; mac phone 100x432; seen phone 100x432; first phone _x426 255600x6; info/random phone _x426 1x6",
			3 * day, 0, random + "255600000"},
		{"a known name whose MAC was not known is not new", newDevices, "10m",
			"start a 0x432; seen phone 100x432; first phone _x426 255600x6; info/random phone _x426 1x6", 3 * day, 0, none},
		{"devices found at the installation are not new", newDevices, "10m",
			"start a _x288 172800x20; first there _x288 172860x20; info there _x288 1x20; first new _x294 176400x14; info new _x294 1x14",
			2*day + 7200, 0, isNew + "176400000"},

		// 0: the counting is right, which takes all gonetmons and interfaces. Any other number is a fault.
		{"all is heard", health, "1m", "up a 1x30; probe node 0x30; capture a 1x30; frames eth1 0+600x30; lost eth1 0x30; only a 0x30",
			1800, 0, "{} 0"},
		{"gonetmon is down for minutes", health, "1m",
			"built a 1x25 stale; up a 1x25 0x5; capture a 1x25 stale; frames eth1 0+600x25 stale", 1800, 0, "{} 1"},
		{"gonetmon is down for two days", health, "10m", "built a 1x12 stale; up a 1x12 0x288", 2*day + 7200, 0, "{} 1"},
		{"gonetmon never ran", health, "1m", "up a 0x30; other prometheus 1x30", 1800, 0, "{} 1"},
		{"one of two is down", health, "1m", "up a 1x30; up b 0x30; capture a 1x30; frames eth1 0+600x30", 1800, 0, "{} 1"},
		{"an exporter of another job is down", health, "1m", "up a 1x30; probe x 0x30; frames eth1 0+600x30", 1800, 0, "{} 0"},
		{"one of two interfaces is down", health, "1m",
			"up a 1x30; capture a 1x30; eth2 a 0x30; frames eth1 0+600x30; frames eth2 0+600x30", 1800, 0, "{} 2"},
		{"one of two interfaces is silent", health, "1m",
			"up a 1x30; capture a 1x30; eth2 a 1x30; frames eth1 0+600x30; frames eth2 600x30", 1800, 0, "{} 2"},
		{"no mirror port", health, "1m", "up a 1x30; capture a 1x30; only a 1x30; frames eth1 0+600x30", 1800, 0, "{} 3"},
		{"no mirror port, and the interface is down", health, "1m", "up a 1x30; capture a 0x30; only a 1x30; frames eth1 0+600x30",
			1800, 0, "{} 2"},
		{"0.2 % of the frames are lost", health, "1m", "up a 1x30; frames eth1 0+5000x30; lost eth1 0+10x30", 1800, 0, "{} 4"},
		{"0.02 % of the frames are lost", health, "1m", "up a 1x30; frames eth1 0+50000x30; lost eth1 0+10x30", 1800, 0, "{} 0"},
		{"frames were lost an hour ago", health, "1m", "up a 1x90; frames eth1 0+5000x90; lost eth1 0+100x30 3000x60", 5400, 0, "{} 0"},
		{"Prometheus has just started", health, "1m", "other prometheus 1x1", 60, 0, "{} 5"},
		{"the first sample", health, "1m", "up a 1x0; capture a 1x0; frames eth1 500x0", 0, 0, "{} 5"},

		// Now is the last minute, and after that nothing.
		{"current rate while all is well", download, "15s", "up a 1x40; bytes tv 0+1500x40", 600, 21600, "{} 800"},
		{"current rate when gonetmon has just died", download, "15s", "up a 1x39 0; bytes tv 0+1500x39 stale", 600, 21600, none},
		{"current rate when one of two instances is down", download, "15s",
			"up a 1x40; up b 0x40; bytes tv 0+1500x40", 600, 21600, "{} 800"},
		{"active devices when one of two instances is down", active, "1m",
			"up a 1x10; up b 1x4 0x6; last tv 500x10; info tv 1x10", 600, 300, "{} 1"},
		{"active devices when one has just got a name", active, "1m",
			"up a 1x10; last 10.0.0.1 450x10; info 10.0.0.1 1x7 stale; last tv 500x10; info tv 1x10", 600, 300, "{} 1"},
		{"active devices when gonetmon is down", active, "1m", "up a 1x9 0; last tv 500x9 stale; info tv 1x9 stale", 600, 300, none},
		// What does not depend on the time range.
		{"a device that was seen before the range", "gonetmon-device/Seen/A", "10m", "seen tv 100x12", 5 * day, 300, "{} 100000"},
		{"a device that was first seen before a restart", "gonetmon-device/Seen/B", "10m",
			"seen tv 100x400; first tv _x426 255600x5; seen radio 50x400", 3 * day, 300, "{} 100000"},
		{"a device that is younger than an hour", "gonetmon-device/Seen/B", "10m", "first tv _x426 255600x5", 3 * day,
			300, "{} 255600000"},
		{"two interfaces, of which one came back twice and one is not there yet", "gonetmon-self/gonetmon/C", "1m",
			"attached eth1 3x10; attached eth2 0x10", 600, 60, "{} 2"},

		// The counters are read for short ranges, what is recorded for long ones.
		{"the range is short", "gonetmon-home/$series", "1m", "up a 1", 0, 2 * day, `{series="total"} 172800`},
		{"the range is a week", "gonetmon-home/$series", "1m", "up a 1", 0, 7 * day, `{series="5m"} 604800`},
		{"the range is a month", "gonetmon-home/$series", "1m", "up a 1", 0, 30 * day, `{series="1h"} 1`},

		// Ten days of January, two devices with 1 MB every five minutes each: 2 × 288 × 10 MB so far, 31/10 of it in the whole month.
		{"a month continues as it began", projected, "5m", "usage x _ 1000000x2879; usage y _ 1000000x2879",
			10 * day, 10 * day, "{} 17856000000"},
		// Five days were measured: the missing days are not estimated, the rest of the month continues at 576 MB a day.
		{"gonetmon was installed during the month", projected, "5m", "usage x _x1440 _ 1000000x1439; usage y _x1440 _ 1000000x1439",
			10 * day, 10 * day, "{} 14976000000"},
		{"a new device does not change the elapsed time", projected, "5m", "usage x _ 1000000x2879; usage new _x2878 1000000x1",
			10 * day, 10 * day, "{} 8934200000"},

		{"the first start has no mark", restart, "1m", "start a 100x10; built a 1x10", 600, 0, none},
		{"a restart has a mark", restart, "1m", "start a 100x4 400x5; built a 1x10; start b 50x10; built b 1x10", 600, 0,
			`{job="gonetmon", instance="a"} 400000`},

		{"the data cap counts both directions", "gonetmon-usage/Data cap used/A", "1m", "period in 600x10; period out 300x10; cap a 1200x10",
			600, 0, "{} 0.75"},
		{"the projection has its share of the cap", "gonetmon-usage/Data cap used/B", "1m",
			"ahead a 1500x10; cap a 1200x10; ahead b 9000x10",
			600, 0, "{} 1.25"},
		{"there is no cap", "gonetmon-usage/Data cap used/A", "1m",
			"period in 600x10; period out 300x10; end a 86400x10", 600, 0, "{} -1"},
		{"there is a cap and gonetmon is down", "gonetmon-usage/Data cap used/A", "1m",
			"period in 600 stale; cap a 1200 stale; end a 9 stale", 600, 0, none},
		{"days until the longest period ends", "gonetmon-usage/Billing period/C", "1m",
			"end a 86400x10; end b 130200x10", 600, 0, "{} 1.5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := "fuzzy_compare: true\nevaluation_interval: 1m\ntests:\n- interval: " + test.interval + "\n  input_series:\n"
			for _, s := range strings.Split(test.series, "; ") {
				f := strings.SplitN(s, " ", 3)
				text += fmt.Sprintf("  - {series: '%s', values: '%s'}\n", fmt.Sprintf(scenarioSeries[f[0]], f[1]), f[2])
			}
			expr := strings.ReplaceAll(fill(find(t, test.query), test.rangeOf), "\n", " ")
			text += fmt.Sprintf("  promql_expr_test:\n  - expr: '%s'\n    eval_time: %ds\n", expr, test.at)
			if test.want != none {
				at := strings.LastIndex(test.want, " ")
				text += fmt.Sprintf("    exp_samples: [{labels: '%s', value: %s}]\n", test.want[:at], test.want[at+1:])
			}
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
	device := everything
	if !q.dashboard.multi("device") {
		device = values("tv")
	}
	return strings.TrimSpace(q.dashboard.interpolate(q.expr, map[string]choice{
		"job": everything, "instance": everything, "device": device,
		"__range": values(fmt.Sprintf("%ds", seconds)), "__range_s": values(fmt.Sprint(seconds)), "__rate_interval": values("5m"),
		"series": values("total"),
	}))
}

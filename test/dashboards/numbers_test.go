package dashboards

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

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
	low := 0.8 // without what precedes the first scrape
	if slices.Equal(choices["series"].values, []string{"5m"}) {
		low = 0.4 // the recording rule lags behind
	}
	volume := func(part func(flow) float64) { number(sum(part)*seconds, low, 1.05) }
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
	case "gonetmon-home/Internet now/A", "gonetmon-groups/Now, and volume/A", "gonetmon-groups/All devices, now/A",
		"gonetmon-device/Internet/A", "gonetmon-device/Internet now/A":
		rate(inInternet)
	case "gonetmon-home/Internet now/B", "gonetmon-groups/Now, and volume/B", "gonetmon-groups/All devices, now/B",
		"gonetmon-device/Internet/B", "gonetmon-device/Internet now/B":
		rate(outInternet)
	case "gonetmon-device/Local network/A":
		rate(func(f flow) float64 { return f.inLAN })
	case "gonetmon-device/Local network/B":
		rate(outLAN)
	case "gonetmon-device/Local network/C":
		rate(outMulticast)
	case "gonetmon-device/Internet now/C": // the peak
		rate(flow.internet)
	case "gonetmon-device/Internet in this time range/A", "gonetmon-groups/All devices, in this time range/A":
		volume(inInternet)
	case "gonetmon-device/Internet in this time range/B", "gonetmon-groups/All devices, in this time range/B":
		volume(outInternet)
	case "gonetmon-groups/Now, and volume/C":
		volume(flow.internet)
	case "gonetmon-groups/Now, and volume/D":
		volume(lan)
	case "gonetmon-home/Internet today/A":
		volume(flow.internet)
	case "gonetmon-home/Devices now/A":
		number(float64(len(flows)), 1, 1)
	case "gonetmon-home/Devices now/B": // also those that DNS names, without traffic
		number(float64(len(flows)), 1, float64(len(known))/float64(len(flows)))
	case "gonetmon-self/Frames/B": // as gonetmon counts them
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
	case "gonetmon-groups/Internet/A":
		perDevice(inInternet, 8, 1.15)
	case "gonetmon-groups/Internet/B":
		perDevice(outInternet, 8, 1.15)
	case "gonetmon-home/Internet by device/A", "gonetmon-home/Local network by device/A", "gonetmon-groups/Internet by device/A":
		part := map[string]func(flow) float64{"Internet by device": flow.internet, "Local network by device": lan}[q.panel.Title]
		perDevice(part, seconds, 1.05)
		if !slices.IsSortedFunc(got, func(a, b series) int { return cmp.Compare(b.last(), a.last()) }) {
			complain("not sorted by volume")
		}
	case "gonetmon-home/Devices/A":
		perDevice(func(f flow) float64 { return f.internet() + lan(f) }, seconds, 1.05)
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
	case "gonetmon-home/Devices/F", "gonetmon-device/Seen/A":
		for _, s := range got {
			if ago := time.Since(time.UnixMilli(int64(s.last()))); ago < 0 || ago > 20*time.Second {
				complain("%v was seen %v ago", s.labels, ago)
			}
		}
	case "gonetmon-device/Seen/B":
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
	case "gonetmon-device/Internet in this time range/C":
		all := 0.0
		for _, f := range c.lab.flows(c.instance) {
			all += f.internet()
		}
		number(sum(flow.internet)/all, 0.9, 1.1)
	case "gonetmon-usage/Billing period/A":
		number(sum(flow.internet)*seconds, 0.8, 1.05)
	case "gonetmon-usage/This month by device/D":
		for name, f := range flows {
			one("device", name, f.internet()*seconds, map[bool]float64{true: 0, false: 0.8}[name == newcomer], 1.05)
		}
	case "gonetmon-usage/Billing period/C":
		if len(got) != 1 || got[0].last() <= 0 || got[0].last() > 31 {
			complain("days left: %v", got)
		}
	case "gonetmon-usage/Per day/A", "gonetmon-device/Internet volume/A":
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
			unit := q.panel.unit(q.target.LegendFormat)
			if v < 0 || unit == "percentunit" && v > 1.01 || unit == "bps" && v > 8*1.2*30*rounds*1500 {
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

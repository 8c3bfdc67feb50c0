package dashboards

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// right says what is wrong with an answer: with the numbers of those queries for which they are known, and with what no number
// of its unit can be.
func (c *checker) right(q *Query, choices map[string]Choice, got []series) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	flows, silent := c.house.flows(c.tap), c.house.flows("")
	if c.tap != c.house.taps[1].instance {
		flows[newcomer] = flow{outInternet: 100 * rounds}
	}
	silent[newcomer] = flow{}
	chosen := c.chosen(q, choices)
	maps.DeleteFunc(flows, func(name string, _ flow) bool { return !chosen(name) })
	maps.DeleteFunc(silent, func(name string, _ flow) bool { return !chosen(name) })

	// sum of the devices chosen, in bytes a second.
	sum := func(part func(f flow) float64) (all float64) {
		for _, f := range flows {
			all += part(f)
		}
		return all
	}
	internet := func(f flow) float64 { return f.inInternet + f.outInternet }
	both := func(f flow) float64 { return f.in() + f.out() }
	seconds := time.Since(c.house.begun).Seconds()
	// one fails unless there is one series with about this value. What is not known to the second is a little less.
	one := func(label, want string, value, least, most float64) {
		for _, s := range got {
			if s.labels[label] == want || label == "" {
				if value > 0 && least > 0 {
					c.known = append(c.known, math.Abs(s.last()/value-1))
				}
				if v := s.last(); v < value*least-1e-9 || v > value*most+1e-9 {
					complain("%s %s is %g, want %g", label, want, v, value)
				}
				return
			}
		}
		if value > 0 {
			complain("no %s %s, want %g", label, want, value)
		}
	}
	number := func(value, least, most float64) {
		if len(got) > 1 {
			complain("%d series", len(got))
		}
		one("", "", value, least, most)
	}
	rate := func(bytes float64) { number(8*bytes, 0.85, 1.15) }
	// Volumes: what came before the first scrape of a counter is not seen, and the newcomer came late.
	volume := func(bytes float64) { number(bytes*seconds, 0.85, 1.05) }
	perDevice := func(part func(f flow) float64, factor, least, most float64) {
		for name, f := range flows {
			if v := part(f) * factor; name == newcomer {
				one("device", name, v, 0, most) // it came late
			} else if v > 0 {
				one("device", name, v, least, most)
			}
		}
		for _, s := range got {
			if _, ok := silent[s.labels["device"]]; !ok {
				complain("device %q is not wanted", s.labels["device"])
			}
		}
	}
	added := func(bytes float64, s series) { // by the recording rule, which lags
		if v := s.sum(); v < 0.5*bytes*seconds || v > 1.1*bytes*seconds {
			complain("%v is %g, want %g", s.labels, v, bytes*seconds)
		}
	}
	if len(got) == 0 && mayBeEmpty[q.Name()] == "" {
		return nil // which is said already
	}
	switch q.Name() {
	case "gonetmon-home/Download now/A", "gonetmon-home/Internet throughput/A", "gonetmon-groups/Now/A", "gonetmon-device/Throughput/A":
		rate(sum(func(f flow) float64 { return f.inInternet }))
	case "gonetmon-home/Upload now/A", "gonetmon-home/Internet throughput/B", "gonetmon-groups/Now/B", "gonetmon-device/Throughput/C":
		rate(sum(func(f flow) float64 { return f.outInternet }))
	case "gonetmon-device/Download now/A":
		rate(sum(flow.in))
	case "gonetmon-device/Upload now/A":
		rate(sum(flow.out))
	case "gonetmon-device/Throughput/B":
		rate(sum(func(f flow) float64 { return f.inLAN }))
	case "gonetmon-device/Throughput/D":
		rate(sum(func(f flow) float64 { return f.outLAN }))
	case "gonetmon-device/Throughput/E":
		rate(sum(func(f flow) float64 { return f.outMulticast }))
	case "gonetmon-device/Peak throughput/A":
		rate(sum(both))
	case "gonetmon-device/Activity/A":
		state := 0.0 // quiet
		for _, from := range []float64{1e3, 1e6} {
			if 8*sum(both) >= from {
				state++
			}
		}
		number(state, 1, 1)
	case "gonetmon-device/Downloaded/A":
		volume(sum(flow.in))
	case "gonetmon-device/Uploaded/A":
		volume(sum(flow.out))
	case "gonetmon-groups/Volume/A":
		volume(sum(both))
	case "gonetmon-home/Internet today/A":
		volume(sum(internet))
	case "gonetmon-home/Active devices/A":
		number(float64(len(flows)), 1, 1)
	case "gonetmon-home/Capture/A", "gonetmon-self/Capture/A":
		number(1, 1, 1)
	case "gonetmon-home/Lost frames/A", "gonetmon-self/Lost frames/A":
		number(0, 1, 1)
	case "gonetmon-home/Internet vs. LAN/A":
		one("scope", "internet", 8*sum(internet), 0.85, 1.15)
		one("scope", "lan", 8*sum(func(f flow) float64 { return f.outLAN }), 0.85, 1.15)
		one("scope", "multicast", 8*sum(func(f flow) float64 { return f.outMulticast }), 0.85, 1.15)
	case "gonetmon-home/Top devices/A", "gonetmon-groups/Devices/A":
		perDevice(both, 8, 0.85, 1.15)
	case "gonetmon-home/Volume by device/A", "gonetmon-groups/Volume by device/A":
		perDevice(both, seconds, 0.85, 1.05)
		if !slices.IsSortedFunc(got, func(a, b series) int { return -int(math.Copysign(1, a.last()-b.last())) }) {
			complain("the most is not first")
		}
	case "gonetmon-home/Devices/C":
		perDevice(flow.in, seconds, 0.85, 1.05)
	case "gonetmon-home/Devices/D":
		perDevice(flow.out, seconds, 0.85, 1.05)
	case "gonetmon-home/Devices/A":
		for name := range flows {
			one("device", name, 1, 1, 1)
		}
	case "gonetmon-home/Devices/B", "gonetmon-device/Last seen/A":
		for _, s := range got {
			if ago := time.Since(time.UnixMilli(int64(s.last()))); ago < 0 || ago > 10*time.Second {
				complain("%v was seen %v ago", s.labels, ago)
			}
		}
	case "gonetmon-device/First seen/A":
		for _, s := range got {
			if after := time.UnixMilli(int64(s.last())).Sub(c.house.begun); after.Abs() > 5*time.Second {
				complain("it was seen first %v after the traffic began", after)
			}
		}
	case "gonetmon-home/Alexa and Roku/A":
		// Of all taps, whatever was chosen, and in five minutes what has been moved so far.
		// The second tap knows their names, too, and has heard nothing of them.
		sums := map[string]float64{}
		for _, s := range got {
			sums[s.labels["device"]] += s.last()
		}
		for name, bytes := range map[string]float64{"alexakitchen": 1200, "roku-tv": 1500} {
			if v, want := sums[name], bytes*rounds*seconds/300; math.Abs(v/want-1) > 0.15 {
				complain("%s is %g, want %g", name, v, want)
			}
		}
		if len(sums) != 2 {
			complain("devices %v, want alexakitchen and roku-tv", sums)
		}
	case "gonetmon-home/New devices/A":
		if _, here := flows[newcomer]; here != (len(got) == 1) || here && (got[0].labels["device"] != newcomer || got[0].labels["ip"] != "192.168.2.30") {
			complain("new are %v", got)
		}
	case "gonetmon-device/Share of total/A":
		all := 0.0
		for _, f := range c.house.flows(c.tap) {
			all += both(f)
		}
		number(sum(both)/all, 0.9, 1.1)
	case "gonetmon-device/Volume per hour/A", "gonetmon-usage/Per day/A":
		for _, s := range got {
			part := map[string]func(flow) float64{"in": flow.in, "out": flow.out}[s.labels["direction"]]
			if c.board.UID == "gonetmon-usage" {
				part = map[string]func(flow) float64{"in": func(f flow) float64 { return f.inInternet }, "out": func(f flow) float64 { return f.outInternet }}[s.labels["direction"]]
			}
			added(sum(part), s)
		}
	case "gonetmon-usage/Today/A", "gonetmon-usage/This month/A", "gonetmon-usage/Per month/A", "gonetmon-usage/By hour of the day/A":
		for _, s := range got {
			added(sum(internet), s)
		}
	case "gonetmon-usage/Per day and device/A":
		for _, s := range got {
			if d := s.labels["device"]; d != newcomer {
				added(internet(flows[d]), s)
			}
		}
	case "gonetmon-usage/Projected for this month/A":
		// At this pace for a whole month. The rule looks back less here than the expression thinks, by 5m against ruleWindow.
		if v := got[0].last(); v < sum(internet)*seconds/2 {
			complain("%g", v)
		}
	case "gonetmon-self/Frames/A":
		number(c.house.frames(c.tap), 0.85, 1.15)
	case "gonetmon-self/Devices/A":
		if v := got[0].last(); v < float64(len(flows)) {
			complain("%g devices, want %d at least", v, len(flows))
		}
	}
	for _, s := range got {
		for _, v := range s.values {
			unit := q.Panel.FieldConfig.Defaults.Unit
			if v < 0 || unit == "percentunit" && v > 1.01 || unit == "bps" && v > 8*1.2*30*rounds*1500 {
				complain("%v is %g in %s", s.labels, v, unit)
			}
		}
	}
	return wrong
}

// chosen says which devices a query is about.
func (c *checker) chosen(q *Query, choices map[string]Choice) func(device string) bool {
	uses := Names(q.Expr)
	pattern := regexp.MustCompile(`device(=~?|!~)"(?:\$device|\$\{group:(?:raw|pipe)\})"`).FindStringSubmatch(q.Expr)
	if pattern == nil {
		return func(string) bool { return true }
	}
	name := "device"
	if slices.Contains(uses, "group") {
		name = "group"
	}
	values := choices[name]
	if name == "device" && !values.Regex {
		return func(device string) bool { return slices.Contains(values.Values, device) }
	}
	match := regexp.MustCompile("^(?:" + strings.Join(values.Values, "|") + ")$")
	return func(device string) bool { return match.MatchString(device) == (pattern[1] != "!~") }
}

// frames are those of a second.
func (h *house) frames(instance string) (n float64) {
	for i, p := range h.taps {
		if instance == "" || instance == p.instance {
			n += float64(len(p.frames) * rounds)
			if i == 0 {
				n += rounds // the newcomer's
			}
		}
	}
	return n
}

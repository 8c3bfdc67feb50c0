package device

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"gonetmon/app/mac"
	"gonetmon/app/traffic"
)

// A scenario is what stations say and send, one line each: times, a station, a verb and its words. The times are one, or
// "FIRST..LAST/PERIOD". A station is a letter; that of a capital letter has a randomized MAC, gw is the router and vr a virtual
// one. Addresses may leave out 192.168.2 (.7) and 2001:db8: (::7). The verbs are those of play.
type scenario struct {
	name  string
	lines string
	want  string // the rows in the end: name, source, station, addresses, and the bytes sent and received; a * is
	// any text, and a row after a ? need not be there
	shown string // names that must be shown from a time on: "NAME TIME"; they hold for each row that is given
	never string // prefixes of names that no device may ever have
	ptr   string // answers of DNS: address, name, and the time from which it holds; "* NAME" for all others
	strip string // domain to leave out of names
	order string // sources of names
	limit int    // of hosts; 0: 200
	keep  time.Duration
}

// A step is a line of a scenario at one time.
type step struct {
	at   time.Duration
	who  mac.Addr
	verb string
	args []string
}

func (sc *scenario) steps(t *testing.T) (all []step) {
	for line := range strings.Lines(sc.lines) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		times, period, repeated := strings.Cut(f[0], "/")
		first, last, _ := strings.Cut(times, "..")
		from, err := time.ParseDuration(first)
		until, err2 := time.ParseDuration(cmp.Or(last, first))
		every := time.Hour
		if repeated {
			every, err = time.ParseDuration(period)
		}
		if err != nil || err2 != nil || len(f) < 3 {
			t.Fatalf("%q: %v, %v", line, err, err2)
		}
		for at := from; at <= until; at += every {
			all = append(all, step{at, stationMAC(f[1]), f[2], f[3:]})
		}
	}
	slices.SortStableFunc(all, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return all
}

// stationMACs are those of stations without a letter: none, the router, and a virtual router (RFC 9568, 7.3).
var stationMACs = map[string]mac.Addr{"-": {}, "gw": {0x00, 0x11, 0x22, 0, 0, 1}, "vr": {0x00, 0x00, 0x5e, 0, 1, 1}}

func stationMAC(name string) mac.Addr {
	if m, ok := stationMACs[name]; ok {
		return m
	}
	if name[0] >= 'A' && name[0] <= 'Z' {
		return mac.Addr{0x7a, 0, 0, 0, 0, name[0]}
	}
	return mac.Addr{0x00, 0x17, 0x88, 0, 0, name[0]}
}

func stationName(m mac.Addr) string {
	for name, known := range stationMACs {
		if m == known {
			return name
		}
	}
	return string(rune(m[5]))
}

func (sc *scenario) run(t *testing.T) {
	lan := &scenarioLAN{testLAN: newTestLAN(cmp.Or(sc.limit, 200), false)}
	lan.cfg.Forget = sc.keep
	if sc.strip != "" {
		lan.cfg.Strip = []string{sc.strip}
	}
	if sc.order != "" {
		lan.cfg.Order = strings.Split(sc.order, ",")
	}
	if sc.ptr != "" {
		lan.cfg.Names = &scenarioNamer{lan: lan.testLAN, lines: strings.Split(sc.ptr, "\n"), known: map[netip.Addr]bool{}}
	}
	first := map[string]time.Duration{}
	pass := func(until time.Duration) {
		for lan.now.Sub(start) < until {
			lan.update(min(time.Second, until-lan.now.Sub(start)))
			for _, d := range lan.Snapshot().Devices {
				if _, ok := first[d.Name]; !ok {
					first[d.Name] = lan.now.Sub(start)
				}
			}
		}
	}
	steps := sc.steps(t)
	for _, s := range steps {
		pass(s.at)
		lan.play(t, s)
	}
	pass(steps[len(steps)-1].at + 10*time.Second)
	var want, got []string
	for line := range strings.Lines(sc.want) {
		if f := strings.Fields(line); len(f) > 0 {
			want = append(want, strings.Join(f, " "))
		}
	}
	var sum traffic.Totals
	for _, d := range lan.Snapshot().Devices {
		row := []string{d.Name, d.Source, stationName(d.MAC)}
		for _, h := range d.Hosts {
			row = append(row, strings.Replace(strings.Replace(h.String(), "192.168.2.", ".", 1), "2001:db8::", "::", 1))
		}
		got = append(got, strings.Join(row, " ")+fmt.Sprintf(" %d/%d", d.Totals.Sent().Bytes, d.Totals.Received().Bytes))
		sum.Add(&d.Totals)
	}
	want = matchWildcards(want, got)
	slices.Sort(want)
	slices.Sort(got)
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("devices (-want +got):\n%s", d)
	}
	s := lan.Snapshot()
	for _, n := range []*traffic.Totals{&s.Overflow, &s.Waiting, &s.Forgotten} {
		sum.Add(n)
	}
	if sum.Bytes() != lan.moved {
		t.Errorf("devices, overflow, waiting and forgotten have moved %d bytes, want %d", sum.Bytes(), lan.moved)
	}
	for line := range strings.Lines(sc.shown) {
		if f := strings.Fields(line); len(f) == 2 {
			at, err := time.ParseDuration(f[1])
			if since, ok := first[f[0]]; err != nil || !ok || since < at-time.Minute || since > at+time.Minute {
				t.Errorf("%s is shown from %v on (%t), want %v", f[0], since, ok, at)
			}
		}
	}
	for prefix := range strings.FieldsSeq(sc.never) {
		for name, at := range first {
			if strings.HasPrefix(name, prefix) {
				t.Errorf("a device is called %s after %v", name, at)
			}
		}
	}
}

// matchWildcards replaces each wanted row that a row matches by it, and drops those after a ? that none matches.
func matchWildcards(want, got []string) (all []string) {
	for _, w := range want {
		w, optional := strings.CutPrefix(w, "? ")
		match := ""
		for _, row := range got {
			if match == "" && !slices.Contains(all, row) && matches(strings.Fields(w), strings.Fields(row)) {
				match = row
			}
		}
		if match != "" || !optional {
			all = append(all, cmp.Or(match, w))
		}
	}
	return all
}

// matches reports whether a row is the one that is wanted.
func matches(want, row []string) bool {
	if len(want) != len(row) {
		return false
	}
	split := func(f []string) []string { return append(f[:len(f)-1:len(f)-1], strings.Split(f[len(f)-1], "/")...) }
	return slices.EqualFunc(split(want), split(row), func(w, r string) bool {
		ok, err := path.Match(w, r)
		return ok && err == nil
	})
}

func runScenarios(t *testing.T, all []scenario) {
	t.Helper()
	for _, sc := range all {
		t.Run(sc.name, sc.run)
	}
}

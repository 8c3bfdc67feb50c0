package faults

import (
	"fmt"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

// A page is a sequence of scrapes. It checks each more strictly than Prometheus does, and compares it with the one before.
type page struct {
	scrapes int
	values  map[string]float64 // by series, of the last scrape
}

func newPage() *page { return &page{values: map[string]float64{}} }

// read takes one scrape and returns what is wrong with it.
func (p *page) read(body string) (errs []error) {
	p.scrapes++
	if err := checkFormat(body); err != nil {
		errs = append(errs, err)
	}
	now, err := testnet.ReadMetrics(body)
	if err != nil {
		return append(errs, err)
	}
	if got, want := testnet.AccountedBytes(now); got != want {
		errs = append(errs, fmt.Errorf("devices, overflow, pending and expired have %.0f bytes, the network %.0f", got, want))
	}
	expired := 0.0
	for series, before := range p.values {
		name, _, _ := strings.Cut(series, "{")
		value, present := now[series]
		switch {
		case present && value < before && strings.HasSuffix(name, "_total"):
			errs = append(errs, fmt.Errorf("%s decreased from %.0f to %.0f", series, before, value))
		case !present && name == "node_bytes_total":
			expired += before
		}
	}
	// The bytes of a device whose series end move to the expired ones.
	if more := now["gonetmon_forgotten_bytes_total"] - p.values["gonetmon_forgotten_bytes_total"]; expired > more {
		errs = append(errs, fmt.Errorf("series of devices with %.0f bytes have ended, only %.0f more are expired", expired, more))
	}
	p.values = now
	return errs[:min(len(errs), maxErrors)]
}

// checkFormat checks what the parser lets pass: a family stands in one place, behind HELP and TYPE unless it is the Go runtime's
// or the process's, and all text is fit for a terminal.
func checkFormat(body string) error {
	if !strings.HasSuffix(body, "\n") {
		return fmt.Errorf("the page does not end with a newline")
	}
	family, comments := "", map[string]string{}
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		if err := plain(line); err != nil {
			return fmt.Errorf("%w: %.200q", err, line)
		}
		if words := strings.SplitN(line, " ", 4); words[0] == "#" && len(words) == 4 {
			comments[words[2]] += words[1] + " "
			continue
		}
		name := line[:max(0, strings.IndexAny(line, "{ "))]
		if name == family {
			continue
		}
		runtime := strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_")
		if comments[name] == "done" || comments[name] != "HELP TYPE " && !runtime {
			return fmt.Errorf("family without HELP and TYPE, or in two places: %.200q", line)
		}
		family, comments[name] = name, "done"
	}
	return nil
}

func TestPage(t *testing.T) {
	const (
		head    = "# HELP node_bytes_total Bytes.\n# TYPE node_bytes_total counter\n"
		network = "# HELP gonetmon_network_bytes_total Bytes.\n# TYPE gonetmon_network_bytes_total counter\n"
		good    = head + "node_bytes_total{device=\"a\"} 10\nnode_bytes_total{device=\"b \\\"\\\\\\n\"} 5\n" + network +
			"gonetmon_network_bytes_total{family=\"ipv4\",scope=\"lan\"} 5\n" +
			"gonetmon_network_bytes_total{family=\"ipv4\",scope=\"internet\"} 5\n" +
			"gonetmon_network_bytes_total{family=\"ipv4\",scope=\"other\"} 5\ngo_goroutines 7\n"
	)
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(good) }
	for name, tt := range map[string]struct {
		pages []string
		bad   bool
	}{
		"good":              {[]string{good, good}, false},
		"no newline":        {[]string{strings.TrimSuffix(good, "\n")}, true},
		"series twice":      {[]string{replace(`"a"} 10`, "\"a\"} 5\nnode_bytes_total{device=\"a\"} 5")}, true},
		"no HELP":           {[]string{good[strings.Index(good, "# TYPE"):]}, true},
		"HELP twice":        {[]string{good + head}, true},
		"in two places":     {[]string{good + "node_bytes_total{device=\"c\"} 0\n"}, true},
		"raw quote":         {[]string{replace(`device="a"`, `device="a"b"`)}, true},
		"bad escape":        {[]string{replace(`device="a"`, `device="a\x01"`)}, true},
		"control character": {[]string{replace(`device="a"`, "device=\"a\x01\"")}, true},
		"invalid UTF-8":     {[]string{replace(`device="a"`, "device=\"a\xff\"")}, true},
		"no number":         {[]string{replace("} 10", "} x")}, true},
		"wrong sum":         {[]string{replace("} 10", "} 11")}, true},
		"decreasing":        {[]string{good, replace("} 10", "} 9", `"lan"} 5`, `"lan"} 4`, "\\n\"} 5", "\\n\"} 4")}, true},
		"lost":              {[]string{good, replace("node_bytes_total{device=\"a\"} 10\n", "", "\\n\"} 5", "\\n\"} 15")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPage()
			var errs []error
			for _, body := range tt.pages {
				errs = append(errs, p.read(body)...)
			}
			if (len(errs) > 0) != tt.bad {
				t.Errorf("got %v", errs)
			}
		})
	}
}

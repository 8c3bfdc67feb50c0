package faults

import (
	"fmt"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

// A page is a sequence of scrapes of the metrics. It reads each as Prometheus does, and compares it with the one before.
type page struct {
	scrapes int
	values  map[string]float64 // by series, of the last scrape
}

// read takes one scrape and returns what is wrong with it.
func (p *page) read(body string) (errs []error) {
	p.scrapes++
	if err := plain(body); err != nil {
		errs = append(errs, err)
	}
	now, err := testnet.ReadMetrics(body) // each series is there once
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

func TestPage(t *testing.T) {
	const good = `# TYPE node_bytes_total counter
node_bytes_total{device="a"} 10
node_bytes_total{device="b"} 5
# TYPE gonetmon_network_bytes_total counter
gonetmon_network_bytes_total{family="ipv4",scope="lan"} 5
gonetmon_network_bytes_total{family="ipv4",scope="internet"} 5
gonetmon_network_bytes_total{family="ipv4",scope="other"} 5
`
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(good) }
	for name, tt := range map[string]struct {
		pages []string
		ok    bool
	}{
		"good":              {[]string{good, good}, true},
		"series twice":      {[]string{replace(`"a"} 10`, "\"a\"} 5\nnode_bytes_total{device=\"a\"} 5")}, false},
		"raw quote":         {[]string{replace(`device="a"`, `device="a"b"`)}, false},
		"control character": {[]string{replace(`device="a"`, "device=\"a\x01\"")}, false},
		"wrong sum":         {[]string{replace("} 10", "} 11")}, false},
		"decreasing":        {[]string{good, replace("} 10", "} 9", `"b"} 5`, `"b"} 4`, `"lan"} 5`, `"lan"} 4`)}, false},
		"lost":              {[]string{good, replace("node_bytes_total{device=\"a\"} 10\n", "", `"b"} 5`, `"b"} 15`)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &page{}
			var errs []error
			for _, body := range tt.pages {
				errs = append(errs, p.read(body)...)
			}
			if (len(errs) == 0) != tt.ok {
				t.Errorf("got %v", errs)
			}
		})
	}
}

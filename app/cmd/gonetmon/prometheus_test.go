package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

// The query of the user for whom gonetmon is made, as written.
const userQuery = `rate(node_bytes_total{device=~"alexa.*|roku.*"}[5m])`

// A prometheus is a running Prometheus that scrapes the daemon once a second.
type prometheus struct {
	t      *testing.T
	url    string
	client *http.Client
	log    testnet.Output
}

// A sample is one series of an answer.
type sample struct {
	labels map[string]string
	value  float64
}

// startPrometheus starts Prometheus in the daemon's namespace, and waits until it is ready. It is killed at the end of the test.
func startPrometheus(t *testing.T, n *testnet.Namespace, daemon *testnet.Daemon) *prometheus {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: gonetmon
    static_configs: [{targets: ["127.0.0.1:%s"]}]
`, daemon.Port())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &prometheus{t: t, url: "http://127.0.0.1:9090/", client: n.HTTP()} // nobody else has a port in this namespace
	cmd := n.Command("prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:9090")
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of prometheus:\n%s", p.log.String())
		}
	})
	daemon.Until("prometheus is ready", func() bool {
		status, _ := p.get("-/ready")
		return status == http.StatusOK
	})
	return p
}

// get asks for a page; status 0 means that there was no answer.
func (p *prometheus) get(path string) (status int, body string) {
	return testnet.Get(p.client, p.url+path)
}

// query returns what an instant query gives now, sorted by device.
func (p *prometheus) query(query string) []sample {
	p.t.Helper()
	status, body := p.get("api/v1/query?query=" + url.QueryEscape(query))
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); status != http.StatusOK || err != nil {
		p.t.Fatalf("%s: %d %s", query, status, body)
	}
	var all []sample
	for _, r := range answer.Data.Result {
		v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			p.t.Fatalf("%s: %s", query, body)
		}
		all = append(all, sample{r.Metric, v})
	}
	slices.SortFunc(all, func(a, b sample) int { return strings.Compare(a.labels["device"], b.labels["device"]) })
	return all
}

// number is the value of the only series that a query gives, NaN if it gives none.
func (p *prometheus) number(query string) float64 {
	p.t.Helper()
	switch all := p.query(query); len(all) {
	case 0:
		return math.NaN()
	case 1:
		return all[0].value
	default:
		p.t.Fatalf("%s gives %d series", query, len(all))
		return 0
	}
}

// shows fails the test unless a query gives these devices and no others, each once, with the labels that it is to have.
func (p *prometheus) shows(query, instance string, devices ...string) []sample {
	p.t.Helper()
	all := p.query(query)
	var want, got []map[string]string
	for _, d := range devices {
		want = append(want, map[string]string{"device": d, "instance": instance, "job": "gonetmon"})
	}
	for _, s := range all {
		got = append(got, s.labels)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Fatalf("%s (-want +got):\n%s", query, diff)
	}
	return all
}

// A talker is a device that has each of its addresses send and get packets at a steady rate.
type talker struct {
	mac   [6]byte
	addrs []netip.Addr
	out   int // bytes of each packet that it sends
	more  int // bytes of IP packets besides
}

const (
	talkRounds = 50  // a second
	talkIn     = 100 // bytes of each packet that a talker gets
)

// frames are those of a round.
func (d *talker) frames() (all [][]byte) {
	for _, a := range d.addrs {
		peer, header := netip.MustParseAddr("198.51.100.1"), 28
		if a.Is6() {
			peer, header = netip.MustParseAddr("2001:db8:ffff::1"), 48
		}
		all = append(all,
			testnet.Datagram(testnet.Ends{SrcMAC: d.mac, DstMAC: testnet.ServerMAC, Src: a, Dst: peer}, 4000, 4001, 64, make([]byte, d.out-header)),
			testnet.Datagram(testnet.Ends{SrcMAC: testnet.ServerMAC, DstMAC: d.mac, Src: peer, Dst: a}, 4001, 4000, 64, make([]byte, talkIn-header)))
	}
	return all
}

// round is how many bytes of IP packets a round has.
func (d *talker) round() float64 { return float64(len(d.addrs) * (d.out + talkIn)) }

// talk sends a round again and again, talkRounds a second, until the returned func is called, which says how many it were.
func talk(t *testing.T, s *testnet.Sender, round [][]byte) (stop func() int) {
	ended, done := make(chan struct{}), make(chan struct{})
	rounds := 0
	go func() {
		defer close(done)
		for begin := time.Now(); ; rounds++ {
			select {
			case <-ended:
				return
			case <-time.After(time.Until(begin.Add(time.Duration(rounds) * time.Second / talkRounds))):
			}
			s.SendAll(round, 0)
		}
	}()
	stop = sync.OnceValue(func() int {
		close(ended)
		<-done
		return rounds
	})
	t.Cleanup(func() { stop() })
	return stop
}

// The user's query in a real Prometheus shows exactly the devices that are named so, one line each, with the rates at which they
// talk, wherever their names come from. A device that gets its name late is shown by it from then on.
func TestPrometheus(t *testing.T) {
	testnet.NeedKernel(t)
	t.Parallel()
	testnet.NeedCommand(t, "prometheus", "go install the prometheus of Prometheus 3")
	here, there := testnet.NewPair(t)
	dns := testnet.NamespaceDNS(t, here, true, nil)
	p := start(t, here, "GONETMON_DNS_SERVERS=127.0.0.1")
	prom := startPrometheus(t, here, p)
	instance := "127.0.0.1:" + p.Port()
	s := testnet.NewSender(there, "in0")

	talkers := map[string]*talker{}
	add := func(name string, last byte, out int, more ...netip.Addr) *talker {
		d := &talker{mac: [6]byte{2, 0, 0, 0, 1, last}, addrs: append([]netip.Addr{netip.AddrFrom4([4]byte{192, 168, 2, last})}, more...), out: out}
		talkers[name] = d
		return d
	}
	global, second := netip.MustParseAddr("2001:db8:2::7"), netip.MustParseAddr("2001:db8:2::1234:5678:9abc:def0")
	kitchen := add("alexakitchen", 7, 200, global, second)
	bedroom := add("alexa-bedroom", 8, 300)
	roku := add("roku", 9, 400)
	add("roku-tv", 10, 500)
	add("printer", 11, 600)
	add("my-roku", 12, 700)
	late := add("192.168.2.13", 13, 800)
	for name, last := range map[string]byte{"Roku-TV.": 10, "printer.": 11, "my-roku.": 12} {
		dns.Set(netip.AddrFrom4([4]byte{192, 168, 2, last}), testnet.Answer{Names: []string{name}, TTL: 3600})
	}
	say := func(d *talker, frame []byte) { // d sends the frame from an address of its own, or gets it
		s.Send(frame)
		d.more += len(frame) - 14
	}
	called := func(d *talker, name string) {
		s.Send(testnet.DHCP{Type: testnet.Request, MAC: d.mac, Name: name, Asked: d.addrs[0]}.Frame())
		say(d, testnet.DHCP{Type: testnet.Ack, MAC: d.mac, Your: d.addrs[0], Life: time.Hour}.Frame())
	}
	s.Send(testnet.RouterAdvert(testnet.ServerMAC, netip.MustParseAddr("fe80::1"), testnet.PrefixInfo(netip.MustParsePrefix("2001:db8:2::/64"), time.Hour)))
	p.Until("the prefix of the router is ours", func() bool { return strings.Contains(p.Log.String(), `msg="local prefixes changed"`) })
	called(kitchen, "AlexaKitchen")
	called(bedroom, "alexa-bedroom")
	for _, a := range kitchen.addrs[1:] {
		say(kitchen, testnet.NeighborAdvert(kitchen.mac, a, a, testnet.TargetMAC(kitchen.mac)))
	}
	s.Send(testnet.ARPRequest(roku.mac, roku.addrs[0], roku.addrs[0]))
	say(roku, testnet.MDNSResponse(roku.mac, roku.addrs[0], 120, true, testnet.Record{Name: "ROKU.local", Addr: roku.addrs[0]}))

	var round [][]byte
	for _, d := range talkers {
		round = append(round, d.frames()...)
	}
	begin := time.Now()
	stop := talk(t, testnet.NewSender(there, "in0"), round)
	p.Until("prometheus has every device twice", func() bool {
		return len(prom.query(userQuery)) == 4 && prom.number(`count_over_time(node_bytes_total{device="192.168.2.13"}[5m])`) >= 2
	})
	t.Logf("all were in prometheus after %v", time.Since(begin).Round(time.Millisecond))
	prom.shows(userQuery, instance, "alexa-bedroom", "alexakitchen", "roku", "roku-tv")

	// From here on the nameless one has a name: another series, which begins at its own count.
	called(late, "alexa-late")
	talkers["alexa-late"] = late
	delete(talkers, "192.168.2.13")
	p.Until("prometheus has the late one twice", func() bool { return len(prom.query(userQuery)) == 5 })
	named := []string{"alexa-bedroom", "alexa-late", "alexakitchen", "roku", "roku-tv"}
	prom.shows(userQuery, instance, named...)
	time.Sleep(11 * time.Second) // the range of the next query, and what the scrapes may lag behind
	var wrong string
	defer func() {
		if t.Failed() {
			t.Log(wrong)
		}
	}()
	// Prometheus reads and gonetmon folds once a second each: where one has just overtaken the other, a range has a second too many.
	p.Until("rates within 5 %", func() bool {
		wrong = ""
		for _, got := range prom.shows(strings.Replace(userQuery, "5m", "10s", 1), instance, named...) {
			name := got.labels["device"]
			if want := talkers[name].round() * talkRounds; math.Abs(got.value/want-1) > 0.05 {
				wrong += fmt.Sprintf("%s: %.0f bytes/s, want %.0f\n", name, got.value, want)
			}
		}
		return wrong == ""
	})
	t.Logf("rates within 5 %% after %v", time.Since(begin).Round(time.Millisecond))

	rounds := float64(stop())
	p.Until("all that was sent is in prometheus", func() bool {
		wrong = ""
		bytes := map[string]float64{}
		for _, got := range prom.query(`node_bytes_total{device!~"192.168.2.1|fe80::1"}`) { // the router has sent something, too
			bytes[got.labels["device"]] = got.value
		}
		bytes["alexa-late"] += bytes["192.168.2.13"] // by which name it was shown before
		delete(bytes, "192.168.2.13")
		want := map[string]float64{}
		for name, d := range talkers {
			want[name] = rounds*d.round() + float64(d.more)
		}
		wrong = cmp.Diff(want, bytes)
		return wrong == ""
	})
	prom.healthy()
}

// healthy fails the test if a scrape has failed, or a sample was refused.
func (p *prometheus) healthy() {
	p.t.Helper()
	for query, ok := range map[string]func(v float64) bool{
		`up`:                      func(v float64) bool { return v == 1 },
		`min_over_time(up[5m])`:   func(v float64) bool { return v == 1 },
		`scrape_samples_scraped`:  func(v float64) bool { return v > 100 },
		`count_over_time(up[5m])`: func(v float64) bool { return v >= 10 },
		`sum_over_time(scrape_series_added[5m]) - scrape_samples_scraped`: func(v float64) bool { return v >= 0 },
	} {
		if v := p.number(query); !ok(v) {
			p.t.Errorf("%s is %v", query, v)
		}
	}
	_, page := p.get("metrics")
	for _, what := range []string{"duplicate_timestamp", "out_of_order", "out_of_bounds"} {
		if want := "\nprometheus_target_scrapes_sample_" + what + "_total 0\n"; !strings.Contains(page, want) {
			p.t.Errorf("prometheus refused samples: its page has not %q", want)
		}
	}
}

package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"gonetmon/app/notice"
	"gonetmon/app/units"
	"gonetmon/test/testnet"
)

var internet = netip.MustParseAddr("198.51.100.1")

// A station is a device of the test network.
type station struct {
	mac  [6]byte
	addr netip.Addr
}

func newStation(last byte) station {
	return station{[6]byte{2, 0, 0, 0, 1, last}, netip.AddrFrom4([4]byte{192, 168, 2, last})}
}

// lease returns the frames by which it gets its address, and says its name.
func (s station) lease(name string) [][]byte {
	return [][]byte{
		testnet.DHCP{Type: testnet.Request, MAC: s.mac, Name: name, Asked: s.addr}.Frame(),
		testnet.DHCP{Type: testnet.Ack, MAC: s.mac, Your: s.addr, Life: time.Hour}.Frame(),
	}
}

// sends returns a datagram of so many IP bytes, to another station or to the internet.
func (s station) sends(bytes int, to *station) []byte {
	e := testnet.Ends{SrcMAC: s.mac, DstMAC: testnet.ServerMAC, Src: s.addr, Dst: internet}
	if to != nil {
		e.DstMAC, e.Dst = to.mac, to.addr
	}
	return testnet.Datagram(e, 4000, 4001, 64, make([]byte, bytes-28))
}

// receives returns a datagram from the internet.
func (s station) receives(bytes int) []byte {
	e := testnet.Ends{SrcMAC: testnet.ServerMAC, DstMAC: s.mac, Src: internet, Dst: s.addr}
	return testnet.Datagram(e, 4000, 4001, 64, make([]byte, bytes-28))
}

// noon returns the name of a zone where it is about noon, so that no day ends during the test.
func noon() string { return fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12) }

// moved are the bytes of a device by scope, as /metrics has them.
type moved struct{ internet, lan uint64 }

func metricsOf(d *testnet.Daemon) map[string]moved {
	all := map[string]moved{}
	for series, v := range d.Metrics() {
		name, labels := testnet.SplitSeries(series)
		if name != "gonetmon_device_bytes_total" {
			continue
		}
		m := all[labels["device"]]
		if labels["scope"] == "internet" {
			m.internet += uint64(v)
		} else {
			m.lan += uint64(v)
		}
		all[labels["device"]] = m
	}
	return all
}

// fromAPI returns what /api/v1/devices says that the devices have moved today, and what it says of the network.
func fromAPI(t *testing.T, d *testnet.Daemon) (all map[string]moved, network uint64) {
	t.Helper()
	status, body := d.Get("api/v1/devices")
	if status != http.StatusOK {
		t.Fatalf("devices: %d %s", status, body)
	}
	type bytes struct {
		InternetIn  uint64 `json:"internet_in_bytes"`
		InternetOut uint64 `json:"internet_out_bytes"`
		LANIn       uint64 `json:"lan_in_bytes"`
		LANOut      uint64 `json:"lan_out_bytes"`
	}
	var answer struct {
		Network struct{ Today bytes }
		Devices []struct {
			Name  string
			Today bytes
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	all = map[string]moved{}
	for _, d := range answer.Devices {
		all[d.Name] = moved{d.Today.InternetIn + d.Today.InternetOut, d.Today.LANIn + d.Today.LANOut}
	}
	return all, answer.Network.Today.InternetIn + answer.Network.Today.InternetOut
}

// shown returns the text for a number of bytes.
func shown(n uint64) string {
	if n == 0 {
		return "–"
	}
	return units.Bytes(n, "\u00a0")
}

// The real daemon counts known traffic. When it has ended, the page, /metrics and the API have the same devices with the same bytes.
func TestPage_ShowsWhatIsCounted(t *testing.T) {
	testnet.NeedKernel(t)
	needChromium(t)
	here, there := testnet.NewPair(t)
	command := here.Command(build(t))
	command.Env = testnet.Environ("TZ="+noon(), "GONETMON_PORT=0", "GONETMON_INTERFACE=mon0", "GONETMON_CIDR=192.168.2.0/24",
		"GONETMON_DNS_SERVERS=none", "GONETMON_REPORT_INTERVAL=0")
	daemon := testnet.StartDaemon(t, here, command)
	page := open(t, forward(t, here, daemon.Port()))

	tv, laptop, evil, nameless := newStation(30), newStation(20), newStation(66), newStation(77)
	wire := testnet.NewSender(there, "in0")
	wire.SendAll(append(append(tv.lease("Roku-TV"), laptop.lease("laptop")...), evil.lease("<img src=x onerror=alert(1)>")...), 0)
	round := [][]byte{
		tv.receives(1400), tv.receives(1300), tv.sends(100, nil), laptop.receives(500), laptop.sends(900, nil),
		laptop.sends(700, &tv),
		evil.sends(333, nil), nameless.receives(60), nameless.sends(61, nil),
	}
	begin := time.Now()
	var rounds uint64
	for live := false; !live || rounds < 200; rounds++ {
		wire.SendAll(round, 0)
		time.Sleep(10 * time.Millisecond)
		if rounds%50 == 49 { // traffic goes on until the page shows that the tv receives something
			live = eval[bool](page, `[...document.querySelectorAll('.body .row')].some(r =>
				r.querySelector('.name').textContent === 'roku-tv' && r.querySelector('.down').textContent.endsWith('bit/s'))`)
			if time.Since(begin) > soon {
				t.Fatalf("the page does not show the rate of the tv: %v", page.lines())
			}
		}
	}

	wire.SendAll(round, 0) // so that no total is in the middle of two texts, where Go and JavaScript round differently
	rounds++

	var want, today map[string]moved
	var network uint64
	if !testnet.Within(soon, func() bool {
		want = metricsOf(daemon)
		today, network = fromAPI(t, daemon)
		return want["roku-tv"].internet == 2800*rounds && cmp.Equal(today, want, cmp.AllowUnexported(moved{})) &&
			network == (2800+1400+333+121)*rounds
	}) {
		t.Fatalf("%d rounds, network %d, metrics and API (-want +got):\n%s", rounds, network,
			cmp.Diff(want, today, cmp.AllowUnexported(moved{})))
	}
	if _, ok := want["192.168.2.77"]; !ok || len(want) < 4 {
		t.Errorf("%d devices: %v", len(want), want)
	}
	wantLines := map[string]line{}
	for name, m := range want {
		wantLines[name] = line{name, shown(m.internet), shown(m.internet), shown(m.lan)}
	}
	diff := ""
	if !testnet.Within(2*soon, func() bool { // it fetches the totals twice a minute
		diff = cmp.Diff(wantLines, page.lines())
		return diff == "" && page.text(".today .big") == shown((2800+1400+333+121)*rounds)
	}) {
		t.Errorf("the page, today %s (-want +got):\n%s", page.text(".today .big"), diff)
	}
	page.must(do(page, `document.querySelector('.body .row a').focus()`))
	name := eval[string](page, `document.activeElement.textContent`)
	page.press(kb.Enter)
	page.until(`document.querySelector('h1') !== null && document.querySelector('.facts dt') !== null`)
	if got := page.text("h1"); got != name {
		t.Errorf("the page of %q is %q", name, got)
	}
	if got := page.text(".tiles .tile:nth-child(2) .big"); got != wantLines[name].Today {
		t.Errorf("today %q, want %q", got, wantLines[name].Today)
	}
	page.scripts(false)
	page.must(page.Open("http://" + page.host + "/"))
	page.until(`document.querySelector('table .name') !== null`)
	if got := page.text("tbody"); !strings.Contains(got, "roku-tv") || !strings.Contains(got, "192.168.2.77") {
		t.Errorf("without JavaScript: %s", got)
	}
}

// do runs statements.
func do(w *watched, statement string) error {
	_, err := Eval[bool](w.Tab, "("+"() => {"+statement+"; return true}"+")()")
	return err
}

// Names, vendors, kinds and notices are text, whatever is in them.
func TestPage_HostileNames(t *testing.T) {
	needChromium(t)
	const evil = `</span><script>document.title = "evil"</script><img src=x onerror="document.title = 'evil'">{{7*7}}`
	home := NewHome(3, time.Now())
	home.profiles[0].name, home.profiles[1].vendor, home.profiles[2].kind = evil, evil, evil
	home.Problems = []notice.Notice{{Text: evil, Hint: evil}}
	page := open(t, serve(t, home))
	page.until(`document.querySelectorAll('.body .row').length === 3`)
	if _, ok := page.lines()[evil]; !ok {
		t.Errorf("the name is not shown as it is: %v", page.lines())
	}
	if got := page.text(".notice strong"); got != evil {
		t.Errorf("notice %q", got)
	}
	for _, id := range []int{1, 2, 3} {
		page.must(do(page, fmt.Sprintf(`location.hash = '/device/%d'`, id)))
		page.until(`document.querySelector('.facts dt') !== null && document.body.textContent.includes('onerror')`)
	}
	if n := eval[int](page, `document.querySelectorAll('img, main script').length`); n != 0 || page.text("title") == "evil" {
		t.Errorf("%d elements of hostile text, title %q", n, page.text("title"))
	}
}

// axe-core finds nothing wrong with the list, with and without groups, and with a device.
func TestPage_IsAccessible(t *testing.T) {
	needChromium(t)
	home := NewHome(25, time.Now())
	home.Problems = []notice.Notice{
		{Text: "br0 and eth0 have the same frames.", Hint: "Choose one."}, {Bad: true, Text: "Nothing is captured."},
	}
	home.Forgets = true
	page := open(t, serve(t, home))
	page.until(`document.querySelectorAll('.body .row').length === 25 && document.querySelector('.notice.bad') !== null`)
	page.requireAccessible("list")
	page.must(do(page, `document.querySelector('.toggle').click(); document.querySelector('[data-value=period]').click()`))
	page.until(`document.querySelector('.group') !== null`)
	page.requireAccessible("groups")
	page.must(do(page, `location.hash = '/device/2'`))
	page.until(`document.querySelector('.facts dt') !== null`)
	page.must(do(page, `document.querySelectorAll('details').forEach(d => d.open = true)`))
	page.requireAccessible("device")
}

// A thousand devices cost the document only the rows in and near the window, wherever it is.
func TestPage_BoundsDocument(t *testing.T) {
	needChromium(t)
	home := NewHome(1000, time.Now())
	page := open(t, serve(t, home))
	page.untilLive()
	const maxRows = 100
	for _, share := range []string{"0", "0.5", "1"} {
		page.must(do(page, `const list = document.querySelector('.body').getBoundingClientRect();
			scrollTo(0, scrollY + list.top + `+share+` * list.height - innerHeight / 2)`))
		page.until(`[...document.querySelectorAll('.body .row')].some(r => r.getBoundingClientRect().bottom > 0)`)
		if n := eval[int](page, `document.querySelectorAll('.body .row').length`); n == 0 || n > maxRows {
			t.Errorf("%d rows at %s of the list", n, share)
		}
	}
	page.until(`document.querySelector('.body .row:last-child').getAttribute('aria-rowindex') === '1001'`)
	page.must(do(page, `const input = document.querySelector('input')
		input.value = 'DOORBELL ring 10.0.3'
		input.dispatchEvent(new Event('input'))`))
	page.until(`document.querySelector('.list h2').textContent === '9 of 1000 devices'`)
	if n := eval[int](page, `document.querySelectorAll('.body .row').length`); n != 9 {
		t.Errorf("%d rows of a search", n)
	}
}

// When the server goes away, no rate is shown as live, and the page says since when.
func TestPage_LosesConnection(t *testing.T) {
	needChromium(t)
	for name, script := range map[string]string{"shared worker": "", "no shared worker": "delete window.SharedWorker"} {
		t.Run(name, func(t *testing.T) { losesConnection(t, script) })
	}
}

func losesConnection(t *testing.T, script string) {
	home := NewHome(5, time.Now())
	server := newFlaky(home.Handler())
	page := open(t, server.start(t), script)
	page.untilLive()
	server.off()
	page.until(`document.querySelector('.light.gone') !== null`)
	if got := page.text(".light"); !strings.HasPrefix(got, "not connected since ") {
		t.Errorf("it says %q", got)
	}
	rates := eval[string](page, `[...document.querySelectorAll('.rates, .body .down, .body .up')].map(c => c.textContent).join(' ')`)
	if strings.Contains(rates, "bit/s") {
		t.Errorf("rates are still shown: %s", rates)
	}
	server.on()
	page.untilLive()
	page.mu.Lock()
	page.problems = nil // the browser says that it could not connect
	page.mu.Unlock()
}

package web

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/mac"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/packet"
	"gonetmon/app/traffic"
	"gonetmon/test/golden"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

func get(cfg Config, query string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	NewPage(cfg).ServeHTTP(w, httptest.NewRequest("GET", "/"+query, nil))
	return w
}

// styleless returns a page without its style sheet.
func styleless(page string) string { return strings.Replace(page, pageCSS, "", 1) }

func TestPage_Golden(t *testing.T) {
	for name, cfg := range map[string]Config{
		"home": healthyConfig(), "sick": sickConfig(),
		"empty": {Snapshot: func() *device.Snapshot { return &device.Snapshot{Time: now, Start: start, Limit: 4096} }},
	} {
		t.Run(name, func(t *testing.T) {
			golden.Equal(t, name+".html", styleless(get(cfg, "").Body.String()))
		})
	}
}

var hostile = []string{
	`quote"`, "apos'", "<script>alert(1)</script>", "</style><script>", "{{.}}", `{{template "x"}}`, "<img src=x onerror=alert(1)>",
	"-->", "bad\xffutf8", "new\nline", "&amp;", `"><svg onload=alert(1)>.evil`, "javascript:alert(1)", "\u202eright", "",
}

// The page has the same elements and attributes with any name.
func TestPage_EscapesNames(t *testing.T) {
	page := func(name string) string {
		s := home()
		devices := slices.Clone(s.Devices)
		for i := range devices {
			devices[i].Name, devices[i].Vendor = name, "by "+name
		}
		s.Devices = devices
		m := sick()
		m[0].Interface, m[1].Interface, m[1].Reason = name, name, name
		cfg := healthyConfig()
		cfg.Snapshot, cfg.Version = func() *device.Snapshot { return s }, name
		cfg.Meters = func() []meter.Status { return m }
		return get(cfg, "").Body.String()
	}
	want := structure(t, page("good"))
	if len(want) < 200 {
		t.Errorf("only %d tokens", len(want))
	}
	for _, name := range hostile {
		if diff := cmp.Diff(want, structure(t, page(name))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
}

// structure returns the tags of a page with the names of their attributes.
func structure(t *testing.T, page string) (tags []string) {
	t.Helper()
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				t.Error(z.Err())
			}
			return tags
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			token := z.Token()
			tag := token.Data
			for _, a := range token.Attr {
				tag += " " + a.Key
			}
			tags = append(tags, tag)
		}
	}
}

func TestPage_IsWellFormed(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(styleless(get(healthyConfig(), "").Body.String())))
	d.Strict = false
	d.AutoClose = xml.HTMLAutoClose
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// The policy allows the style sheet of the page, and nothing else.
func TestPage_Headers(t *testing.T) {
	w := get(healthyConfig(), "")
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
		"style-src 'sha256-"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Length": fmt.Sprint(w.Body.Len()), "Cache-Control": "no-store",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	page := w.Body.String()
	if !strings.Contains(page, "<style>"+pageCSS+"</style>") {
		t.Error("the style is not the one that the policy allows")
	}
	for _, forbidden := range []string{"<script", " style=", "http://", "https://", "ZgotmplZ"} {
		// The icon has the namespace of SVG, which is not fetched.
		if strings.Contains(strings.Replace(page, "http://www.w3.org/2000/svg", "", 1), forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
}

var cells = regexp.MustCompile(`<span class="name"(?: title="[^"]*")?>([^<]*)<`)

func order(page string) string {
	var all []string
	for _, m := range cells.FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return strings.Join(all, " ")
}

func TestPage_Sorts(t *testing.T) {
	const (
		idle    = " brother-printer guest-tablet"
		byTotal = "ben-laptop nas chromecast-livingroom annas-iphone doorbell roku-ultra pi 192.168.178.1 alexa-kitchen thermostat " +
			"192.168.178.77 garage-esp32"
	)
	for query, want := range map[string]string{
		"": byTotal,
		"?sort=now": "nas ben-laptop chromecast-livingroom annas-iphone 192.168.178.1 pi alexa-kitchen doorbell roku-ultra " +
			"thermostat 192.168.178.77 garage-esp32",
		"?sort=name": "192.168.178.1 192.168.178.77 alexa-kitchen annas-iphone ben-laptop chromecast-livingroom doorbell " +
			"garage-esp32 nas pi roku-ultra thermostat",
		"?sort=<x>": byTotal,
	} {
		if got := order(get(healthyConfig(), query).Body.String()); got != want+idle {
			t.Errorf("%q:\n got %s\nwant %s", query, got, want+idle)
		}
	}
}

func TestNewRow(t *testing.T) {
	hw := mac.Addr{0x24, 0x0a, 0xc4, 1, 2, 3}
	for _, c := range []struct {
		name                string
		d                   device.Device
		lack, mac, title    string
		addresses, nameFrom string
	}{
		{name: "named", d: withMAC(dev("tv.lan", 0, 0, 0, traffic.Totals{}, "10.0.0.1"), names.SourceMDNS, "Espressif", hw),
			title: "Espressif, 24:0a:c4:01:02:03", addresses: "10.0.0.1", nameFrom: "name from mDNS"},
		{name: "nothing known", d: dev("tv.lan", 0, 0, 0, traffic.Totals{}, "10.0.0.1"), addresses: "10.0.0.1",
			nameFrom: "name from DNS"},
		{name: "no name", d: withMAC(dev("10.0.0.1", 0, 0, 0, traffic.Totals{}, "10.0.0.1"), names.SourceAddress, "", hw),
			lack: "no name", mac: "24:0a:c4:01:02:03", title: "24:0a:c4:01:02:03"},
		{name: "the MAC for a name", d: withMAC(dev(hw.String(), 0, 0, 0, traffic.Totals{}, "10.0.0.1"), names.SourceAddress,
			"Espressif", hw),
			lack: "no name", title: "Espressif, 24:0a:c4:01:02:03", addresses: "10.0.0.1"},
		{name: "no address", d: withMAC(dev("tv.lan", 0, 0, 0, traffic.Totals{}), names.SourceFile, "", mac.Addr{}),
			lack: "no address", nameFrom: "name from your hosts file"},
		{name: "many addresses", d: withMAC(dev("tv.lan", 0, 0, 0, traffic.Totals{}, "10.0.0.1", "10.0.0.2", "fe80::1"),
			names.SourceDHCP, "", hw),
			title: "24:0a:c4:01:02:03, 10.0.0.1 10.0.0.2 fe80::1", addresses: "10.0.0.1 10.0.0.2", nameFrom: "name from DHCP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRow(&c.d, 0, 0)
			got := []string{r.Lack, r.MAC, r.Title, strings.Join(r.Addresses, " "), r.Source}
			if diff := cmp.Diff([]string{c.lack, c.mac, c.title, c.addresses, c.nameFrom}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPage_Pauses(t *testing.T) {
	const tag = `<meta http-equiv="refresh" content="5">`
	if page := get(healthyConfig(), "?sort=now").Body.String(); !strings.Contains(page, tag) ||
		!strings.Contains(page, `href="?pause=1&amp;sort=now">pause`) {
		t.Error("the page does not refresh itself, or can't be paused")
	}
	if page := get(healthyConfig(), "?sort=now&pause").Body.String(); strings.Contains(page, "http-equiv") ||
		!strings.Contains(page, `href="?sort=now">resume`) {
		t.Error("the paused page refreshes itself, or can't be resumed")
	}
}

func crowd(n int) *device.Snapshot {
	s := &device.Snapshot{Time: now, Start: start, Hosts: n, Limit: n + 1}
	var all []device.Device
	for i := range n {
		all = append(all, dev(fmt.Sprintf("d%06d.lan", i), 0, float64(i), 0, totals(uint64(i)*1000, 0, 0, 0, 0),
			netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String()))
	}
	s.Devices = all
	return s
}

func TestPage_BoundsRows(t *testing.T) {
	s := crowd(maxRows + 11)
	page := get(Config{Snapshot: func() *device.Snapshot { return s }}, "").Body.String()
	if n := len(cells.FindAllString(page, -1)); n != maxRows {
		t.Errorf("%d rows, want %d", n, maxRows)
	}
	if want := "and 11 more devices, 55.0" + hard + "kB in total"; !strings.Contains(page, want) { // 0 + 1 + … + 10 kB
		t.Errorf("no %q", want)
	}
}

// Problems are the first thing on the page.
func TestPage_Notices(t *testing.T) {
	up := func(frames uint64) func() []meter.Status {
		return func() []meter.Status {
			m := []meter.Status{{Interface: "eth1", Stats: capture.Stats{Up: true, Frames: frames}}}
			m[0].Classes[packet.IPv4].Frames = frames
			return m
		}
	}
	down := func(reason string) func() []meter.Status {
		return func() []meter.Status {
			return []meter.Status{{Interface: "eth1", Stats: capture.Stats{Reason: reason}}}
		}
	}
	with := func(scope traffic.Scope) func() *device.Snapshot {
		return func() *device.Snapshot {
			s := &device.Snapshot{Time: now, Start: start, Limit: 10}
			s.Network[traffic.IPv4][scope].Bytes = 1000
			return s
		}
	}
	none := func() *device.Snapshot { return &device.Snapshot{Time: now, Start: start, Limit: 10} }
	for _, c := range []struct {
		name string
		cfg  Config
		want string // "" for no notice
	}{
		{"all well", Config{Snapshot: with(traffic.ScopeInternet), Meters: up(5), Prefixes: lan}, ""},
		{"nothing known", Config{Snapshot: none}, ""},
		{"no interface", Config{Snapshot: none, Meters: down(capture.ReasonNoInterface)},
			"Nothing is captured on eth1: no such interface."},
		{"down", Config{Snapshot: none, Meters: down(capture.ReasonDown)}, "CAP_NET_ADMIN"},
		{"frames that are not read", Config{Snapshot: none, Meters: down(capture.ReasonNotRead + " (radiotap)")},
			"only counted as other"},
		{"no carrier", Config{Snapshot: none, Meters: down(capture.ReasonNoCarrier)}, "when the link is back"},
		{"no prefix", Config{Snapshot: with(traffic.ScopeOther), Meters: up(5), Prefixes: func() []netip.Prefix { return nil }},
			"GONETMON_CIDR"},
		{"no frames", Config{Snapshot: none, Meters: up(0), Prefixes: lan}, "No traffic has been seen on eth1 yet."},
		{"no IP", Config{Snapshot: none, Meters: up(5), Prefixes: lan}, "none of it is IP."},
		{"not ours", Config{Snapshot: with(traffic.ScopeOther), Meters: up(5), Prefixes: lan}, "none to or from your addresses."},
		{"drops", Config{Snapshot: home, Meters: sick, Prefixes: lan}, "GONETMON_RING_SIZE"},
		{"full", Config{Snapshot: func() *device.Snapshot { s := home(); s.Limit = s.Hosts; return s }, Meters: up(5)},
			"The limit of 31 addresses"},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := get(c.cfg, "").Body.String()
			main := page[strings.Index(page, "<main>"):strings.Index(page, "<section")]
			if got := strings.Contains(main, `class="notice`); got != (c.want != "") || !strings.Contains(main, c.want) {
				t.Errorf("notices: %s, want %q", main, c.want)
			}
		})
	}
}

func TestUnits(t *testing.T) {
	plain := strings.NewReplacer(hard, " ", narrow, "_")
	for want, got := range map[string]string{
		"1.00 MB": inBytes(999_500), "41.5 kbit/s": inBits(5187.5),
		"7": grouped(7), "999": grouped(999), "1_000": grouped(1000), "12_345_678": grouped(12_345_678),
		"0 s": span(-time.Second), "59 s": span(59 * time.Second), "1 min": span(time.Minute), "3 h 12 min": span(3*time.Hour + 12*time.Minute + 5),
		"2 d 4 h": span(52 * time.Hour), "now": ago(9 * time.Second), "10 s ago": ago(10 * time.Second),
		"59 min ago": ago(time.Hour - 1), "3 h ago": ago(3 * time.Hour), "9 d ago": ago(9 * 24 * time.Hour),
		"14:03": clock(start, now), "23 Nov 14:03": clock(start, now.Add(24*time.Hour)), "0 %": percent(0,
			0), "< 0.1 %": percent(1, 1e6),
		"9.9 %": percent(99, 1000), "10 %": percent(100, 1000), "100 %": percent(1, 1),
	} {
		if got = plain.Replace(got); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	for _, n := range []int{20, 4096} {
		s := crowd(n)
		p := NewPage(Config{Snapshot: func() *device.Snapshot { return s }, Meters: healthy, Names: lookupsWell, Prefixes: lan})
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				p.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}

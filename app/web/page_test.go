package web

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/notice"
	"gonetmon/app/rdns"
	"gonetmon/app/traffic"
	"gonetmon/test/golden"
	"gonetmon/test/snapshots"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// healthy returns the configuration of a page without problems.
func healthy() Config {
	return Config{
		Snapshot: func() *device.Snapshot {
			s := snapshots.Home()
			s.Overflow, s.Forgotten = traffic.Totals{}, traffic.Totals{}
			return s
		},
		Meters: func() []meter.Status {
			m := snapshots.Meters()[:1]
			m[0].Drops, m[0].Attached = 0, 1
			return m
		},
		Names: func() rdns.Stats { return rdns.Stats{Queries: 96, Cached: 31} },
		Facts: func() discovery.Stats {
			return discovery.Stats{Facts: [discovery.NumProtocols]uint64{discovery.ARP: 18_204, discovery.MDNS: 942}}
		},
		ControlDrops: func() uint64 { return 0 }, Prefixes: lan, Version: "v1.2.3",
		Advice: func() []notice.Notice { return nil },
		Why:    func() map[string][]string { panic("nobody has asked for it") },
	}
}

func lan() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("fe80::/10")}
}

// sick returns the configuration of a page with all kinds of problems.
func sick() Config {
	c := healthy()
	c.Snapshot = func() *device.Snapshot {
		s := snapshots.Home()
		s.Tables[2].Used = s.Tables[2].Limit
		return s
	}
	c.Meters = snapshots.Meters
	c.Names = func() rdns.Stats {
		s := rdns.Stats{Queries: 512, NamesRefused: 2, InFlight: 3, Queued: 11, Cached: 31}
		s.Failures[rdns.Timeout], s.Failures[rdns.ServFail] = 21, 4
		return s
	}
	c.Facts = func() (s discovery.Stats) {
		s.Facts[discovery.DHCPv6] = 3
		s.Malformed[discovery.DHCP], s.Malformed[discovery.MDNS] = 1, 2
		s.NamesRefused[discovery.DHCP], s.NamesRefused[discovery.MDNS] = 4, 19
		return s
	}
	c.ControlDrops = func() uint64 { return 1_377 }
	c.Advice = func() []notice.Notice {
		return []notice.Notice{{Text: "br0 and eth0 have the same frames.", Hint: "Choose one."}}
	}
	return c
}

// none returns the configuration of a page when nothing has been seen and reverse DNS is off.
func none() Config {
	c := healthy()
	c.Snapshot, c.Names, c.Facts = empty, nil, func() (s discovery.Stats) { return s }
	c.Meters = func() []meter.Status { return []meter.Status{{Interface: "eth1", Stats: capture.Stats{Up: true}}} }
	return c
}

// empty returns a snapshot of nothing.
func empty() *device.Snapshot {
	return &device.Snapshot{Time: snapshots.Start.Add(time.Hour), Start: snapshots.Start, Limit: 10}
}

func get(cfg Config, query string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	NewPage(cfg).ServeHTTP(w, httptest.NewRequest("GET", "/"+query, nil))
	return w
}

// styleless returns a page without its style sheet.
func styleless(page string) string { return strings.Replace(page, pageCSS, "", 1) }

// Without a query the page is the app, if there is JavaScript. A link to another order leads to the page of the server.
func TestPage_IsApp(t *testing.T) {
	app, plain := get(healthy(), "").Body.String(), get(healthy(), "?sort=total").Body.String()
	const script = `<script type="module" src="/assets/app.js">`
	if !strings.Contains(app, script) || !strings.Contains(app, "<noscript><meta http-equiv") {
		t.Error("the page does not start the app, or reloads it")
	}
	if strings.Contains(plain, "<script") || strings.Contains(plain, "<noscript>") {
		t.Error("the page of the server has scripts")
	}
	if !strings.Contains(app, `href="?sort=total"`) {
		t.Error("no link to the page of the server")
	}
}

func TestPage_Golden(t *testing.T) {
	for name, cfg := range map[string]Config{
		"home": healthy(), "sick": sick(), "empty": none(),
	} {
		t.Run(name, func(t *testing.T) {
			golden.Equal(t, name+".html", styleless(get(cfg, "").Body.String()))
		})
	}
	t.Run("why", func(t *testing.T) {
		cfg := healthy()
		cfg.Why = func() map[string][]string { return snapshots.Why(maxReasons + 3) }
		golden.Equal(t, "why.html", styleless(get(cfg, "?why").Body.String()))
	})
}

func TestPage_KeepsShowingEvidence(t *testing.T) {
	cfg := healthy()
	cfg.Why = func() map[string][]string { return nil }
	page := get(cfg, "?sort=now&why").Body.String()
	for _, want := range []string{
		`href="?pause=1&amp;sort=now&amp;why=1">pause`, `href="?sort=name&amp;why=1">name`, `href="?sort=now">hide`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
}

// FuzzPage renders the page with any names of devices, vendors and interfaces, and any query. It must have the same elements and
// attributes as with good names.
func FuzzPage(f *testing.F) {
	names := append([]string{"apos'", "</style><script>", `{{template "x"}}`, "<img src=x onerror=alert(1)>", "-->", "&amp;",
		`"><svg onload=alert(1)>.evil`, "javascript:alert(1)", "\u202eright"}, snapshots.HostileNames...)
	for i, name := range names {
		f.Add(name, names[(i+1)%len(names)], "sort=now&pause")
		f.Add(name, name, "sort="+name)
	}
	f.Fuzz(func(t *testing.T, name, other, query string) {
		page := func(name, other string) []string {
			s := snapshots.Home()
			for i := range s.Devices {
				s.Devices[i].Name, s.Devices[i].Vendor, s.Devices[i].Kind = name, "by "+other, "a "+other
			}
			m := snapshots.Meters()
			m[0].Interface, m[1].Interface, m[1].Reason = name, other, name
			cfg := sick()
			cfg.Snapshot, cfg.Version = func() *device.Snapshot { return s }, other
			cfg.Why = func() map[string][]string { return map[string][]string{name: {other}} }
			cfg.Meters = func() []meter.Status { return m }
			w := httptest.NewRecorder()
			NewPage(cfg).ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: query + "&why"}})
			return structure(t, w.Body.String())
		}
		want := page("good", "fine")
		if len(want) < 100 {
			t.Errorf("only %d tags", len(want))
		}
		if diff := cmp.Diff(want, page(name, other)); diff != "" {
			t.Errorf("%q, %q, %q (-want +got):\n%s", name, other, query, diff)
		}
	})
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
	d := xml.NewDecoder(strings.NewReader(styleless(get(healthy(), "").Body.String())))
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

// The policy allows the style sheet of the page and the files of the app, and nothing else.
func TestPage_Headers(t *testing.T) {
	w := get(healthy(), "")
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
		"img-src data:",
		"script-src 'self'; ", "connect-src 'self'; ", "style-src 'self' 'sha256-"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Length": fmt.Sprint(w.Body.Len()), "Cache-Control": "no-store",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	page := w.Body.String()
	if !strings.Contains(page, "<style>"+pageCSS+"</style>") {
		t.Error("the style is not the one that the policy allows")
	}
	for _, forbidden := range []string{"<script>", " style=", "http://", "https://", "ZgotmplZ"} {
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
	const byTotal = "nas tv old-phone 192.168.1.77"
	cfg, home := healthy(), snapshots.Home()
	home.Devices[4].InRate = 1e9 // the tv
	cfg.Snapshot = func() *device.Snapshot { return home }
	for query, want := range map[string]string{
		"": byTotal, "?sort=<x>": byTotal, "?sort=now": "tv nas old-phone 192.168.1.77",
		"?sort=name": "192.168.1.77 nas old-phone tv",
	} {
		if got := order(get(cfg, query).Body.String()); got != want+" printer" { // which is idle
			t.Errorf("%q:\n got %s\nwant %s", query, got, want)
		}
	}
}

func TestNewRow(t *testing.T) {
	hw := mac.Addr{0x24, 0x0a, 0xc4, 1, 2, 3}
	dev := func(name, source, vendor string, hw mac.Addr, hosts ...string) device.Device {
		return device.Device{Name: name, Source: source, Vendor: vendor, MAC: hw, Hosts: snapshots.Addrs(hosts...)}
	}
	for _, c := range []struct {
		name                string
		d                   device.Device
		lack, mac, title    string
		addresses, nameFrom string
	}{
		{"named", dev("tv.lan", names.SourceMDNS, "Espressif", hw, "10.0.0.1"),
			"", "", "Espressif, 24:0a:c4:01:02:03", "10.0.0.1", "name from mDNS"},
		{"nothing known", dev("tv.lan", names.SourcePTR, "", mac.Addr{}, "10.0.0.1"), "", "", "", "10.0.0.1", "name from DNS"},
		{"no name", dev("10.0.0.1", names.SourceAddress, "", hw, "10.0.0.1"),
			"no name", "24:0a:c4:01:02:03", "24:0a:c4:01:02:03", "", ""},
		{"the MAC for a name", dev(hw.String(), names.SourceAddress, "Espressif", hw, "10.0.0.1"),
			"no name", "", "Espressif, 24:0a:c4:01:02:03", "10.0.0.1", ""},
		{"no address", dev("tv.lan", names.SourceFile, "", mac.Addr{}), "no address", "", "", "", "name from your hosts file"},
		{"many addresses", dev("tv.lan", names.SourceDHCP, "", hw, "10.0.0.1", "10.0.0.2", "fe80::1"),
			"", "", "24:0a:c4:01:02:03, 10.0.0.1 10.0.0.2 fe80::1", "10.0.0.1 10.0.0.2", "name from DHCP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRow(&c.d, 0)
			got := []string{r.Lack, r.ShownMAC, r.Title, strings.Join(r.Addresses, " "), r.NameFrom}
			if diff := cmp.Diff([]string{c.lack, c.mac, c.title, c.addresses, c.nameFrom}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewRow_Kind(t *testing.T) {
	for _, c := range []struct{ vendor, kind, want string }{
		{"Espressif", "light", "light"}, {"", "printer", "printer"}, {"Sonos", "", ""}, {"Sonos, Inc.", "Sonos", ""},
	} {
		if got := newRow(&device.Device{Vendor: c.vendor, Kind: c.kind}, 0).Kind; got != c.want {
			t.Errorf("of %q, %q: %q, want %q", c.vendor, c.kind, got, c.want)
		}
	}
}

func TestPage_Pauses(t *testing.T) {
	const tag = `<meta http-equiv="refresh" content="5">`
	if page := get(healthy(), "?sort=now").Body.String(); !strings.Contains(page, tag) ||
		!strings.Contains(page, `href="?pause=1&amp;sort=now">pause`) {
		t.Error("the page does not refresh itself, or can't be paused")
	}
	if page := get(healthy(), "?sort=now&pause").Body.String(); strings.Contains(page, "http-equiv") ||
		!strings.Contains(page, `href="?sort=now">resume`) {
		t.Error("the paused page refreshes itself, or can't be resumed")
	}
}

func TestPage_BoundsRows(t *testing.T) {
	s := snapshots.Crowd(maxRows + 11)
	cfg := healthy()
	cfg.Snapshot = func() *device.Snapshot { return s }
	page := get(cfg, "").Body.String()
	if n := len(cells.FindAllString(page, -1)); n != maxRows {
		t.Errorf("%d rows, want %d", n, maxRows)
	}
	if want := "and 11 more devices, 132" + hard + "GB in total"; !strings.Contains(page, want) { // of 12 GB each
		t.Errorf("no %q", want)
	}
}

func TestUnits(t *testing.T) {
	plain := strings.NewReplacer(hard, " ")
	start := snapshots.Start
	for want, got := range map[string]string{
		"0 s": span(-time.Second), "59 s": span(59 * time.Second), "1 min": span(time.Minute),
		"3 h 12 min": span(3*time.Hour + 12*time.Minute + 5), "2 d 4 h": span(52 * time.Hour),
		"now": ago(9 * time.Second), "10 s ago": ago(10 * time.Second), "59 min ago": ago(time.Hour - 1),
		"3 h ago": ago(3 * time.Hour), "9 d ago": ago(9 * 24 * time.Hour),
		"14:03": clock(start, start.Add(time.Hour)), "23 Nov 14:03": clock(start, start.Add(24*time.Hour)),
	} {
		if got = plain.Replace(got); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/notice"
	"gonetmon/app/store"
	"gonetmon/app/usage"
	"gonetmon/test/snapshots"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// home returns the API of a small network.
func home() Config {
	s := snapshots.Home()
	return Config{
		Snapshot:       func() *device.Snapshot { return s },
		Why:            func() map[string][]string { return snapshots.Why(1) },
		Meters:         func() []meter.Status { return snapshots.Meters() },
		Prefixes:       func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")} },
		Advice:         func() []notice.Notice { return nil },
		Ready:          func() error { return errors.Join(errors.New("eth2: no such interface"), errors.New("and more")) },
		Usage:          snapshots.Usage,
		History:        snapshots.History,
		NetworkHistory: func() usage.History { return snapshots.History(0) },
		Recent:         snapshots.Recent,
		NetworkRecent:  func() usage.Recent { return snapshots.Recent(0) },
		Store:          func() store.Status { return store.Status{Kept: true, Saved: snapshots.Start.Add(time.Minute)} },
		Zone:           time.UTC, BillingDay: 15, GrafanaURL: "http://192.168.2.3:3000", Version: "v1.2.3",
	}
}

// empty returns the API of a network of which nothing is known yet.
func empty() Config {
	cfg := home()
	s := &device.Snapshot{Time: snapshots.Start, Start: snapshots.Start, Limit: 10}
	day := usage.Span{Start: snapshots.Start.Truncate(24 * time.Hour), End: snapshots.Start.Truncate(24*time.Hour).AddDate(0, 0, 1)}
	cfg.Snapshot = func() *device.Snapshot { return s }
	cfg.Why = func() map[string][]string { return nil }
	cfg.Meters = func() []meter.Status { return nil }
	cfg.Prefixes = func() []netip.Prefix { return nil }
	cfg.Usage = func() usage.Summary { return usage.Summary{Time: s.Time, Day: day, Period: day} }
	cfg.NetworkHistory = func() (h usage.History) { return h }
	cfg.NetworkRecent = func() usage.Recent { return usage.Recent{Step: 10 * time.Second, End: s.Time} }
	cfg.Ready = func() error { return nil }
	cfg.Store = func() (s store.Status) { return s }
	cfg.GrafanaURL = ""
	return cfg
}

// ask answers a request.
func ask(cfg Config, method, target string, header ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	New(cfg).ServeHTTP(w, r)
	return w
}

// get returns a decoded answer.
func get[T any](t *testing.T, cfg Config, target string) (answer T) {
	t.Helper()
	w := ask(cfg, http.MethodGet, target)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d, %s", target, w.Code, w.Body)
	}
	decoder := json.NewDecoder(w.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&answer); err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	return answer
}

func TestAPI_RefusesInOneSentence(t *testing.T) {
	for _, tt := range []struct {
		method, target string
		status         int
		want           []string
	}{
		{"POST", "/api/v1/devices", 405, []string{"read-only"}},
		{"DELETE", "/api/v1/nothing", 405, []string{"read-only"}},
		{"GET", "/api/", 404, []string{"/api/", "for example /api/v1/devices"}},
		{"GET", "/api/v2/devices", 404, []string{"/api/v2/devices"}},
		{"GET", "/api/v1/devices/tv", 400, []string{"id=tv", "for example 17"}},
		{"GET", "/api/v1/devices/0", 400, []string{"id=0"}},
		{"GET", "/api/v1/devices/-1", 400, []string{"id=-1"}},
		{"GET", "/api/v1/devices/18446744073709551616", 400, []string{"id=18446744073709551616"}},
		{"GET", "/api/v1/devices/99", 404, []string{"no device 99", "/api/v1/devices"}},
		{"GET", "/api/v1/history?device=", 400, []string{"device=:"}},
		{"GET", "/api/v1/history?device=tv", 400, []string{"device=tv", "for example 17"}},
		{"GET", "/api/v1/history?device=99", 404, []string{"no device 99"}},
		{"GET", "/api/v1/history?device=5&device=2", 400, []string{"device=5", "device=2", "once"}},
		{"GET", "/api/v1/history?days=7", 400, []string{"days=7", "it takes device"}},
		{"GET", "/api/v1/usage?days=7", 400, []string{"days=7", "no parameters"}},
		{"GET", "/api/v1/usage?%zz", 400, []string{"%zz", "for example"}},
		{"GET", "/api/v1/stream?since=1", 400, []string{"since=1"}},
		{"GET", "/api/v1/backup", 404, []string{"GONETMON_STATE_DIR=/var/lib/gonetmon"}},
		{"GET", "/api/v1/history?device=<script>", 400, []string{"device=<script>"}},
	} {
		w := ask(home(), tt.method, tt.target)
		var e Error
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != tt.status ||
			w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: status %d, %v, %v, want %d and an error", tt.method, tt.target, w.Code, w.Header(), err, tt.status)
		}
		for _, want := range tt.want {
			if !strings.Contains(e.Error, want) {
				t.Errorf("%s %s: %q, want %s", tt.method, tt.target, e.Error, want)
			}
		}
		if strings.Contains(w.Body.String(), "<") {
			t.Errorf("%s: %s has an element of HTML", tt.target, w.Body)
		}
	}
}

func TestAPI_EntityTag(t *testing.T) {
	cfg := home()
	for _, target := range []string{"/api/v1/status", "/api/v1/devices", "/api/v1/devices/5", "/api/v1/history", "/api/v1/usage"} {
		first := ask(cfg, http.MethodGet, target)
		tag := first.Header().Get("ETag")
		if len(tag) < 10 || tag[0] != '"' || first.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %v", target, first.Header())
		}
		for known, status := range map[string]int{tag: 304, `"other", W/` + tag: 304, "*": 304, `"other"`: 200} {
			if w := ask(cfg, http.MethodGet, target, "If-None-Match", known); w.Code != status || status == 304 && w.Body.Len() > 0 {
				t.Errorf("%s, If-None-Match %s: status %d with %d bytes, want %d", target, known, w.Code, w.Body.Len(), status)
			}
		}
		head := ask(cfg, http.MethodHead, target)
		if head.Header().Get("ETag") != tag || head.Code != http.StatusOK {
			t.Errorf("HEAD %s: status %d, %v, want those of %v", target, head.Code, head.Header(), first.Header())
		}
	}
	before := ask(cfg, http.MethodGet, "/api/v1/devices").Header().Get("ETag")
	s := snapshots.Home()
	s.Devices[4].InternetInRate++
	cfg.Snapshot = func() *device.Snapshot { return s }
	if after := ask(cfg, http.MethodGet, "/api/v1/devices").Header().Get("ETag"); after == before {
		t.Errorf("the tag is %s after a change, too", after)
	}
}

// Whatever devices, interfaces and errors are called, an answer is JSON that has no element of HTML.
func TestAPI_HostileTexts(t *testing.T) {
	for _, name := range append([]string{"</script><script>alert(1)</script>", "a&b"}, snapshots.HostileNames...) {
		cfg := home()
		s := snapshots.Two(name, "other")
		m := snapshots.Meters()
		m[0].Interface, m[1].Reason = name, name
		cfg.Snapshot = func() *device.Snapshot { return s }
		cfg.Meters = func() []meter.Status { return m }
		cfg.Why = func() map[string][]string { return map[string][]string{name: {name}} }
		cfg.Ready = func() error { return errors.New(name) }
		cfg.Advice = func() []notice.Notice { return []notice.Notice{{Text: name, Hint: name}} }
		for _, target := range []string{"/api/v1/status", "/api/v1/devices", "/api/v1/devices/1", "/api/v1/devices/2",
			"/api/v1/usage"} {
			w := ask(cfg, http.MethodGet, target)
			if w.Code != http.StatusOK || !json.Valid(w.Body.Bytes()) || strings.ContainsAny(w.Body.String(), "<>&\u2028") {
				t.Errorf("%q: %s: status %d, %s", name, target, w.Code, w.Body)
			}
		}
	}
}

// Any query is answered in JSON: refused, if it has more than the ID of a device.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"", "device=5", "device=05", "device=+5", "device=5&device=5", "device=5;",
		"Device=5", "device", "=5", "%", "device=%35"} {
		f.Add("v1/history", q)
	}
	f.Add("v1/devices/5", "")
	f.Add("v1/devices/5/6", "")
	f.Add("v1/usage", "days=1")
	f.Fuzz(func(t *testing.T, path, q string) {
		w := httptest.NewRecorder()
		New(home()).ServeHTTP(w, &http.Request{Method: http.MethodHead,
			URL: &url.URL{Path: "/api/" + path, RawQuery: q}, Host: "localhost"})
		if path == "v1/history" && w.Code == http.StatusOK && q != "" && strings.Trim(q, "&") != "" {
			if v, err := url.ParseQuery(q); err != nil || len(v) != 1 || len(v["device"]) != 1 {
				t.Errorf("%q is accepted", q)
			}
		}
		if w.Code >= 400 && (w.Header().Get("Content-Type") != "application/json" || !json.Valid(w.Body.Bytes())) {
			t.Errorf("%s?%s: status %d, %v, %s", path, q, w.Code, w.Header(), w.Body)
		}
	})
}

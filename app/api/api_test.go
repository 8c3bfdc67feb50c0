package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/notice"
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
		Store:          func() StoreStatus { return StoreStatus{Kept: true, Saved: snapshots.Start.Add(time.Minute)} },
		Zone:           time.UTC, BillingDay: 15, GrafanaURL: "http://127.0.0.1:3000", Version: "v1.2.3",
	}
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

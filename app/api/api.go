// Package api answers programs in JSON: the state, the devices, their history and usage, and a stream of rates. It reads, and
// changes nothing. It knows nothing of how traffic is counted, devices are named or usage is kept. docs/api.md describes the
// answers.
package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/notice"
	"gonetmon/app/store"
	"gonetmon/app/usage"
)

// Config has the sources of the API. Each func may be called from any goroutine.
type Config struct {
	Snapshot       func() *device.Snapshot // the same pointer until something has changed
	Why            func() map[string][]string
	Meters         func() []meter.Status
	Prefixes       func() []netip.Prefix
	Advice         func() []notice.Notice // on where to capture, and on the clock
	Ready          func() error           // why traffic is not counted, one reason per line
	Usage          func() usage.Summary
	History        func(id uint64) usage.History
	NetworkHistory func() usage.History
	Recent         func(id uint64) usage.Recent
	NetworkRecent  func() usage.Recent
	Store          func() store.Status
	Backup         func(w io.Writer) error // nil: nothing is kept
	Zone           *time.Location          // of all times
	BillingDay     int
	GrafanaURL     string // "": none
	Version        string
}

// An api answers all requests below /api/.
type api struct {
	cfg            Config
	devices, usage shared
}

// New returns the handler of /api/.
func New(cfg Config) http.Handler {
	a := &api{cfg: cfg}
	mux := http.NewServeMux()
	for pattern, handle := range a.routes() {
		mux.HandleFunc(pattern, readOnly(handle))
	}
	return mux
}

// routes returns the handler of each path.
func (a *api) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"/api/":                a.serveUnknown,
		"/api/v1/status":       a.serveStatus,
		"/api/v1/devices":      a.serveDevices,
		"/api/v1/devices/{id}": a.serveDevice,
		"/api/v1/history":      a.serveHistory,
		"/api/v1/usage":        a.serveUsage,
		"/api/v1/stream":       newStream(a.cfg).serve,
		"/api/v1/backup":       a.serveBackup,
	}
}

// readOnly refuses all methods but GET and HEAD.
func readOnly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "the API is read-only: use GET or HEAD")
			return
		}
		next(w, r)
	}
}

func (a *api) serveUnknown(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusNotFound, "there is no %s; docs/api.md lists the paths, for example /api/v1/devices", r.URL.Path)
}

// An Error is the answer to a request that is refused.
type Error struct {
	Error string `json:"error"`
}

// refuse answers with an error, which is a sentence.
func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(encode(Error{fmt.Sprintf(format, args...)}))
}

// encode returns v as JSON with a line break at the end. It escapes what means something in HTML.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("api: " + err.Error()) // all our types can be encoded
	}
	return append(b, '\n')
}

// query returns the parameters of a request. It refuses a request with a parameter that is not allowed, or that comes twice.
func query(w http.ResponseWriter, r *http.Request, allowed ...string) (url.Values, bool) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusBadRequest, "query %q: %v; for example ?device=17", r.URL.RawQuery, err)
		return nil, false
	}
	right := "it takes no parameters"
	if len(allowed) > 0 {
		right = "it takes " + strings.Join(allowed, ", ")
	}
	for name, all := range values {
		switch {
		case !slices.Contains(allowed, name):
			refuse(w, http.StatusBadRequest, "%s=%s: %s has no such parameter; %s", name, all[0], r.URL.Path, right)
			return nil, false
		case len(all) > 1:
			refuse(w, http.StatusBadRequest, "%s=%s and %s=%s: give it once", name, all[0], name, all[1])
			return nil, false
		}
	}
	return values, true
}

func (a *api) local(t time.Time) time.Time { return local(t, a.cfg.Zone) }

// local returns a time in a zone, in whole seconds. It keeps the zero time.
func local(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(zone).Truncate(time.Second)
}

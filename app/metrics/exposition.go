// Package metrics writes the Prometheus page. It knows nothing of how traffic is counted, how devices are named, or how
// the page is served.
package metrics

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"gonetmon/app/device"
	"gonetmon/app/httpd"
	"gonetmon/app/meter"
	"gonetmon/app/rdns"
	"gonetmon/app/store"
	"gonetmon/app/usage"
)

// maxAge is how long a page is served while the registry has no new snapshot.
const maxAge = time.Second

// Config says where the numbers come from. Each func may be called from any goroutine.
type Config struct {
	Snapshot          func() *device.Snapshot      // the same pointer until something has changed
	Meters            func() []meter.Status        // nil: no capture
	Names             func() rdns.Stats            // nil: no lookups
	Control           func() ControlStats          // nil: no neighbor discovery
	Process           func() (ProcessStats, error) // nil: no metrics of the process
	Usage             func() usage.Summary         // nil: no usage is booked
	Store             func() store.Status          // nil: the same
	Version, Revision string
	OmitGoMetrics     bool // leave out the metrics of the Go runtime
}

// An Exposition is the Prometheus page. A page is rendered and gzipped once for all who ask for the same snapshot, so
// neither many clients nor slow ones cost more than the gzipped page.
type Exposition struct {
	cfg Config

	mu       sync.Mutex // guards all below
	snapshot *device.Snapshot
	up       []bool // the interfaces' state on the page
	rendered time.Time
	gzipped  []byte // the page, never changed
	gzip     *gzip.Writer
}

// NewExposition returns an exposition of what cfg gives.
func NewExposition(cfg Config) *Exposition {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic("metrics: " + err.Error()) // not a compression level
	}
	return &Exposition{cfg: cfg, gzip: z}
}

// ServeHTTP answers with the page, gzipped if the client accepts that.
func (e *Exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding")
	page := e.page()
	if httpd.AcceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(page)))
		_, _ = w.Write(page)
		return
	}
	plain, err := gzip.NewReader(bytes.NewReader(page))
	if err != nil {
		panic("metrics: " + err.Error()) // we have just compressed it
	}
	_, _ = io.Copy(w, plain)
}

// page returns the gzipped page of the current snapshot. Requests that come while it is rendered wait for it.
func (e *Exposition) page() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, up, now := e.cfg.Snapshot(), e.interfacesUp(), time.Now()
	if s == e.snapshot && slices.Equal(up, e.up) && now.Sub(e.rendered) < maxAge {
		return e.gzipped
	}
	page := bytes.NewBuffer(make([]byte, 0, len(e.gzipped)+len(e.gzipped)/16))
	e.gzip.Reset(page)
	e.write(e.gzip, s)
	_ = e.gzip.Close() // a buffer takes everything
	e.snapshot, e.up, e.rendered, e.gzipped = s, up, now, page.Bytes()
	return e.gzipped
}

// interfacesUp returns for each interface whether it is captured.
func (e *Exposition) interfacesUp() (up []bool) {
	if e.cfg.Meters != nil {
		for _, m := range e.cfg.Meters() {
			up = append(up, m.Up)
		}
	}
	return up
}

// WritePrometheus writes the page as text. It ignores errors of w.
func (e *Exposition) WritePrometheus(w io.Writer) { e.write(w, e.cfg.Snapshot()) }

// write writes the page. All numbers of traffic are of one snapshot.
func (e *Exposition) write(w io.Writer, s *device.Snapshot) {
	t := newTextWriter(w)
	t.devices(s)
	t.network(s)
	if e.cfg.Usage != nil {
		u := e.cfg.Usage()
		t.usage(s, &u)
	}
	if e.cfg.Store != nil {
		t.store(e.cfg.Store())
	}
	if e.cfg.Meters != nil {
		t.capture(e.cfg.Meters())
	}
	var lookups *rdns.Stats
	if e.cfg.Names != nil {
		stats := e.cfg.Names()
		lookups = &stats
		t.lookups(lookups)
	}
	var control *ControlStats
	if e.cfg.Control != nil {
		stats := e.cfg.Control()
		control = &stats
		t.control(control)
	}
	t.refusedNames(lookups, control)
	t.tables(s, lookups)
	if e.cfg.Process != nil {
		if stats, err := e.cfg.Process(); err == nil { // there may be no /proc
			t.process(&stats)
		}
	}
	t.build(e.cfg.Version, e.cfg.Revision)
	if !e.cfg.OmitGoMetrics {
		metrics.WriteGoMetrics(t)
	}
	_ = t.Flush()
}

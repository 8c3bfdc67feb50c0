// Package metrics writes the Prometheus page. It knows nothing of how traffic is counted, how devices are named, or who serves the
// page.
package metrics

import (
	"compress/flate"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/rdns"
)

// Config says what an Exposition shows.
type Config struct {
	Snapshot          func() *device.Snapshot
	LastUpdate        func() time.Time             // the time of the snapshot that there would be now; nil: there is only one
	Meters            func() []meter.Status        // nil: no capture
	Names             func() rdns.Stats            // nil: no lookups
	Control           func() ControlStats          // nil: nothing is listened to
	Process           func() (ProcessStats, error) // nil: leave out the metrics of the process
	Version, Revision string
	OmitGoMetrics     bool // leave out the metrics of Go
}

// An Exposition is the Prometheus page. Any number of goroutines may ask for it at once: they share the work.
type Exposition struct {
	cfg        Config
	renderings renderings
	zippers    sync.Pool
	inflaters  sync.Pool
}

// NewExposition returns an exposition.
func NewExposition(cfg Config) *Exposition {
	p := &Exposition{cfg: cfg}
	p.renderings = renderings{folded: cfg.LastUpdate, up: p.up, snapshot: cfg.Snapshot, render: p.render}
	p.zippers.New = func() any { return newZipper() }
	p.inflaters.New = func() any { return flate.NewReader(nil) }
	return p
}

// up says which interfaces are heard.
func (p *Exposition) up() (all []bool) {
	if p.cfg.Meters != nil {
		for _, m := range p.cfg.Meters() {
			all = append(all, m.Up)
		}
	}
	return all
}

// WritePrometheus writes the whole page, in the text format of version 0.0.4. All of it that is counted is of one snapshot.
// Errors of w are for w to remember.
func (p *Exposition) WritePrometheus(w io.Writer) {
	s := p.cfg.Snapshot()
	l := lines{w: w}
	for f := range deviceFamilies {
		family := &deviceFamilies[f]
		l.family(family.head())
		for d := range s.Devices {
			family.write(&l, &s.Devices[d])
		}
	}
	p.rest(&l, s)
	l.flush()
}

// rest writes all that is not about devices: our other families, then those of the process and of Go.
func (p *Exposition) rest(l *lines, s *device.Snapshot) {
	l.network(s)
	if p.cfg.Meters != nil {
		l.capture(p.cfg.Meters())
	}
	p.names(l, s)
	if p.cfg.Process != nil {
		if s, err := p.cfg.Process(); err == nil { // without /proc there is nothing to tell
			l.process(&s)
		}
	}
	l.build(p.cfg.Version, p.cfg.Revision)
	if !p.cfg.OmitGoMetrics {
		l.flush()
		metrics.WriteGoMetrics(l.w)
	}
}

// names writes what finding names has come to, and what is remembered for it.
func (p *Exposition) names(l *lines, s *device.Snapshot) {
	var asked *rdns.Stats
	var heard *ControlStats
	if p.cfg.Names != nil {
		stats := p.cfg.Names()
		asked = &stats
		l.lookups(asked)
	}
	if p.cfg.Control != nil {
		control := p.cfg.Control()
		heard = &control
		l.facts(heard)
	}
	if asked != nil || heard != nil {
		l.refused(asked, heard)
	}
	l.tables(s, asked)
}

// ServeHTTP answers GET and HEAD, with gzip if the client asks for it.
func (p *Exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-store")
	zip := wantsGzip(r)
	if zip {
		h.Set("Content-Encoding", "gzip")
	}
	if r.Method == http.MethodHead {
		return
	}
	page := p.renderings.take()
	defer p.renderings.give(page)
	// Who has not read it when it is taken away may be one who does not read at all.
	stop := context.AfterFunc(page.taken, func() { _ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if zip {
		h.Set("Content-Length", strconv.Itoa(page.zippedSize()))
		page.writeZipped(w)
	} else {
		h.Set("Content-Length", strconv.FormatUint(page.sum.size, 10))
		p.inflate(w, page)
	}
	if page.taken.Err() != nil {
		panic(http.ErrAbortHandler) // the reader shall see that something is missing
	}
}

// inflate writes a rendering in plain. Errors of w are for w to remember.
func (p *Exposition) inflate(w io.Writer, r *rendering) {
	in := p.inflaters.Get().(io.ReadCloser)
	_ = in.(flate.Resetter).Reset(&reader{blocks: r.blocks}, nil)
	_, _ = io.Copy(w, in)
	_ = in.(flate.Resetter).Reset(strings.NewReader(""), nil) // not to keep the rendering
	p.inflaters.Put(in)
}

// Package export is what others read: the Prometheus page, the JSON of a replay, the HTTP server, and the report that is printed
// every minute. It knows nothing of how traffic is counted or devices are named.
package export

import (
	"io"
	"net/http"
	"sync"

	"github.com/VictoriaMetrics/metrics"

	"gonetmon/app/device"
	"gonetmon/app/meter"
	"gonetmon/app/names"
)

// PageConfig is what a Page shows.
type PageConfig struct {
	Snapshot          func() *device.Snapshot      // the same pointer as long as nothing has changed
	Meters            func() []meter.Status        // nil: no capture
	Names             func() names.Stats           // nil: no lookups
	Facts             func() Facts                 // nil: nothing is listened to
	Process           func() (ProcessStats, error) // nil: leave out the metrics of the process
	Version, Revision string
	Own               bool // leave out the metrics of Go
}

// A Page is the Prometheus page. Any number of goroutines may ask for it at once: they share the work.
type Page struct {
	cfg        PageConfig
	set        *metrics.Set
	renderings renderings
	zippers    sync.Pool
}

// NewPage returns a page.
func NewPage(cfg PageConfig) *Page {
	p := &Page{cfg: cfg, set: metrics.NewSet()}
	p.set.RegisterMetricsWriter(p.write)
	p.zippers.New = func() any { return newZipper() }
	return p
}

// WritePrometheus writes the whole page, in the text format of version 0.0.4. All of it that is counted is of one snapshot.
// Errors of w are for w to remember.
func (p *Page) WritePrometheus(w io.Writer) {
	p.set.WritePrometheus(w)
	if !p.cfg.Own {
		metrics.WriteGoMetrics(w)
	}
}

// write writes our families: those of the devices as they are rendered for all readers of a snapshot, then the others.
func (p *Page) write(w io.Writer) {
	z, deflated := w.(*zipper)
	r := p.renderings.take(p.cfg.Snapshot, deflated)
	defer p.renderings.give(r)
	if deflated {
		z.begin(r)
	} else {
		_, _ = w.Write(r.plain.Bytes())
	}
	l := lines{w: w}
	l.network(r.snapshot)
	if p.cfg.Meters != nil {
		l.capture(p.cfg.Meters())
	}
	p.names(&l, r.snapshot)
	if p.cfg.Process != nil {
		if s, err := p.cfg.Process(); err == nil { // without /proc there is nothing to tell
			l.process(&s)
		}
	}
	l.build(p.cfg.Version, p.cfg.Revision)
	l.flush()
}

// names writes what finding names has come to, and what is remembered for it.
func (p *Page) names(l *lines, s *device.Snapshot) {
	var asked *names.Stats
	var heard *Facts
	if p.cfg.Names != nil {
		stats := p.cfg.Names()
		asked = &stats
		l.lookups(asked)
	}
	if p.cfg.Facts != nil {
		facts := p.cfg.Facts()
		heard = &facts
		l.facts(heard)
	}
	if asked != nil || heard != nil {
		l.refused(asked, heard)
	}
	l.tables(s, asked)
}

// ServeHTTP answers GET and HEAD, with gzip if the client asks for it.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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
	switch {
	case r.Method == http.MethodHead:
	case zip:
		z := p.zippers.Get().(*zipper)
		z.reset(w)
		p.WritePrometheus(z)
		z.end()
		z.reset(nil)
		p.zippers.Put(z)
	default:
		p.WritePrometheus(w)
	}
}

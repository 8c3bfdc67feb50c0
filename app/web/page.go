// Package web renders the HTML page: which devices use the network, and whether the capture is healthy. It knows nothing of how
// traffic is counted or devices are named.
package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/netip"
	"strconv"

	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/meter"
	"gonetmon/app/notice"
	"gonetmon/app/rdns"
	"gonetmon/app/units"
)

// Config has the sources of the page.
type Config struct {
	Snapshot     func() *device.Snapshot
	Meters       func() []meter.Status
	Names        func() rdns.Stats // nil: no reverse DNS
	Facts        func() discovery.Stats
	ControlDrops func() uint64              // control frames skipped under overload
	Prefixes     func() []netip.Prefix      // of the LAN
	Advice       func() []notice.Notice     // on where to capture, and on the clock
	Why          func() map[string][]string // Registry.Why; only called for a page that shows it
	Version      string
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
)

type page struct {
	cfg     Config
	layout  *template.Template
	modules []string // names of files
	policy  string
}

// NewPage returns the page. Without a query it is the app or, in browsers without JavaScript, a page that the server renders.
// With a query it is always the latter. It needs nothing from other hosts, and its policy forbids that.
func NewPage(cfg Config) http.Handler {
	layout, err := template.New("page").Funcs(template.FuncMap{
		"ago": ago, "bits": inBits, "bytes": inBytes, "dropShare": dropShare, "grouped": units.Grouped, "percent": units.Percent,
		"reattached": reattached, "short": short, "tableName": tableName,
	}).Parse(pageHTML)
	if err != nil {
		panic("web: " + err.Error())
	}
	style := sha256.Sum256([]byte(pageCSS))
	return &page{
		cfg:     cfg,
		layout:  layout,
		modules: modules(),
		policy: "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; " +
			"style-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) + "'; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// ServeHTTP renders the page. In the query, sort=now and sort=name replace sorting by total, pause turns off the automatic
// refresh, and why shows which evidence gives each device its addresses.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	if err := p.layout.Execute(&b, p.view(r.URL.Query())); err != nil {
		panic("web: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes())
}

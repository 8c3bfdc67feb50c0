// Package web is what people see: one page that shows which device uses the network, and whether the capture is well. It knows
// nothing of how traffic is counted or devices are named.
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
	"gonetmon/app/rdns"
)

// Config is what the page shows.
type Config struct {
	Snapshot     func() *device.Snapshot
	Meters       func() []meter.Status  // nil: no capture
	Names        func() rdns.Stats      // nil: no lookups
	Facts        func() discovery.Stats // what was heard in control frames; nil: nothing is listened to
	ControlDrops func() uint64          // control frames that came too fast to be heard; nil: none
	Prefixes     func() []netip.Prefix  // those of the LAN; nil: not known
	Version      string
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
)

type page struct {
	cfg    Config
	layout *template.Template
	policy string
}

// NewPage returns the page. It needs no JavaScript and nothing from elsewhere, and forbids the browser both.
func NewPage(cfg Config) http.Handler {
	layout, err := template.New("page").Parse(pageHTML)
	if err != nil {
		panic("web: " + err.Error())
	}
	style := sha256.Sum256([]byte(pageCSS))
	return &page{
		cfg:    cfg,
		layout: layout,
		policy: "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) + "'; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// ServeHTTP shows the page. The query says how: sort=now and sort=name instead of by total, and pause for one that does not
// refresh itself.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	if err := p.layout.Execute(&b, p.view(r.URL.Query())); err != nil {
		panic("web: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes())
}

package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/device"
	"gonetmon/app/meter"
)

// FuzzPage renders the page with any names of devices, vendors and interfaces, and any query. It must have the same elements and
// attributes as with good names.
func FuzzPage(f *testing.F) {
	for i, name := range hostile {
		f.Add(name, hostile[(i+1)%len(hostile)], "sort=now&pause")
		f.Add(name, name, "sort="+name)
	}
	f.Fuzz(func(t *testing.T, name, other, query string) {
		page := func(name, other string) string {
			s := home()
			all := slices.Clone(s.Devices)[:6]
			for i := range all {
				all[i].Name, all[i].Vendor = name, "by "+other
			}
			s.Devices = all
			m := sick()
			m[0].Interface, m[1].Interface, m[1].Reason = name, other, name
			cfg := healthyConfig()
			cfg.Snapshot, cfg.Version = func() *device.Snapshot { return s }, other
			cfg.Meters = func() []meter.Status { return m }
			w := httptest.NewRecorder()
			NewPage(cfg).ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: query}})
			return w.Body.String()
		}
		if diff := cmp.Diff(structure(t, page("good", "fine")), structure(t, page(name, other))); diff != "" {
			t.Errorf("%q, %q, %q (-want +got):\n%s", name, other, query, diff)
		}
	})
}

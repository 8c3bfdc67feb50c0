package api

import (
	"net/http"
	"testing"
)

// The link leads to where the browser can reach Grafana.
func TestAPI_LinksGrafana(t *testing.T) {
	for _, tt := range []struct{ url, host, want string }{
		{"", "nas.lan:8080", ""},
		{"https://grafana.example.org/g", "nas.lan:8080", "https://grafana.example.org/g"},
		{"http://127.0.0.1:3000", "127.0.0.1:8080", "http://127.0.0.1:3000"},
		{"http://127.0.0.1:3000", "localhost:8080", "http://127.0.0.1:3000"},
		{"http://127.0.0.1:3000", "", "http://127.0.0.1:3000"},
		{"http://127.0.0.1:3000", "nas.lan:8080", ""},
		{"http://localhost:3000", "192.168.2.3:8080", ""},
		{"http://0.0.0.0:3000", "nas.lan:8080", "http://nas.lan:3000"},
		{"http://0.0.0.0:3000", "[fd00::3]:8080", "http://[fd00::3]:3000"},
		{"https://[::]/g", "192.168.2.3", "https://192.168.2.3/g"},
	} {
		a := &api{cfg: Config{GrafanaURL: tt.url}}
		if got := a.grafana(&http.Request{Host: tt.host}); got != tt.want {
			t.Errorf("%s, asked under %s: %s, want %s", tt.url, tt.host, got, tt.want)
		}
	}
}

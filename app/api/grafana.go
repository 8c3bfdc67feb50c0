package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// grafana returns the URL of Grafana for the client of a request. Where Grafana has the host 0.0.0.0 or ::, it is on this
// machine, under the name by which the client found the page. It returns "" for a loopback URL if the client is on another
// machine.
func (a *api) grafana(r *http.Request) string {
	u, err := url.Parse(a.cfg.GrafanaURL)
	if err != nil || a.cfg.GrafanaURL == "" {
		return ""
	}
	asked := (&url.URL{Host: r.Host}).Hostname()
	switch ip, _ := netip.ParseAddr(u.Hostname()); {
	case ip.IsValid() && ip.IsUnspecified() && asked != "":
		u.Host = strings.TrimSuffix(net.JoinHostPort(asked, u.Port()), ":")
	case (ip.IsLoopback() || u.Hostname() == "localhost") && !isLoopback(asked):
		return ""
	}
	return u.String()
}

// isLoopback reports whether a host name means the client's own machine. An empty one does.
func isLoopback(host string) bool {
	ip, _ := netip.ParseAddr(host)
	return ip.IsLoopback() || host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

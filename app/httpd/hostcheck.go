package httpd

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"gonetmon/app/names"
)

const maxShownHost = 64 // bytes of a refused name that are shown

// privateDomains are reserved for local use: no site of the internet can have a name in them. A device in the browser's
// network can (.local by mDNS, the others through that network's DNS server). The names are accepted all the same:
// people open the page by them, and such a device could as well forge the answer for this machine's own name.
var privateDomains = []string{
	"localhost", "test", // RFC 6761
	"local", "intranet", "private", "corp", "home", "lan", // RFC 6762, with appendix G
	"internal",  // reserved by ICANN (board resolution of 29 July 2024)
	"home.arpa", // RFC 8375
}

// A hostCheck refuses requests for host names that are not this machine's. Otherwise a foreign site whose name points
// to this machine (DNS rebinding) could read the pages through a local browser.
type hostCheck struct {
	next http.Handler
	own  map[string]bool
	log  *slog.Logger
}

func newHostCheck(next http.Handler, own []string, log *slog.Logger) *hostCheck {
	c := &hostCheck{next: next, own: make(map[string]bool), log: log}
	for _, name := range own {
		c.own[canonicalHost(name)] = true
	}
	return c
}

// ServeHTTP answers 421 for a foreign name. A client that sends no host (HTTP/1.0) is not a browser.
func (c *hostCheck) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := hostOf(r.Host)
	if r.Host == "" || c.known(host) {
		c.next.ServeHTTP(w, r)
		return
	}
	text := shown(r.Host)
	c.log.Warn("request for an unknown host name refused; if it names this machine, add it to GONETMON_HOST_NAMES", "name", text)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusMisdirectedRequest)
	_, _ = fmt.Fprintf(w, "GONETMON_HOST_NAMES does not contain %q. If that names this machine, use its IP address instead", text)
	if name, clean := names.Canonical(host); clean && len(name) <= maxShownHost {
		_, _ = fmt.Fprintf(w, ", or add this line to .env (several names are separated by commas) and start gonetmon again:\n"+
			"GONETMON_HOST_NAMES=%s", name)
	}
	_, _ = fmt.Fprintln(w)
}

// known reports whether a host, as hostOf returns it, is an address, one of our own names, or a name that no foreign
// site can have.
func (c *hostCheck) known(host string) bool {
	if addr, _, _ := strings.Cut(host, "%"); isAddr(addr) {
		return true
	}
	if _, clean := names.Canonical(host); !clean {
		return false
	}
	if !strings.Contains(host, ".") || c.own[host] {
		return true
	}
	for _, domain := range privateDomains {
		if strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// hostOf returns the host of a Host header (RFC 9110, 7.2) without its port: lower case, an IPv6 address without its brackets.
func hostOf(header string) string {
	if rest, ok := strings.CutPrefix(header, "["); ok {
		addr, _, _ := strings.Cut(rest, "]")
		return strings.ToLower(addr)
	}
	if isAddr(header) {
		return header
	}
	name, _, _ := strings.Cut(header, ":")
	return canonicalHost(name)
}

// canonicalHost returns the form in which names are compared.
func canonicalHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// shown returns what of a Host header is safe to show: a few of the characters that a name may have.
func shown(header string) string {
	text := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-_.:[]%", r):
			return r
		}
		return '?'
	}, header)
	if len(text) > maxShownHost {
		return text[:maxShownHost-2] + ".."
	}
	return text
}

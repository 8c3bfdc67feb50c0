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

// privateDomains are those in which nobody outside can have a name, and so lead a browser here under it.
var privateDomains = []string{
	"localhost", "test", // RFC 6761
	"local", "intranet", "private", "corp", "home", "lan", // RFC 6762, with appendix G
	"internal",  // there too, and since reserved for it by ICANN (board resolution of 29 July 2024)
	"home.arpa", // RFC 8375
}

// A hostCheck refuses requests for names that nobody here has given this machine. A page of a stranger that has its own name point
// to this machine (DNS rebinding) would else be able to read what is served here, by the browser of somebody who may.
type hostCheck struct {
	next  http.Handler
	names map[string]bool
	log   *slog.Logger
}

func newHostCheck(next http.Handler, ours []string, log *slog.Logger) *hostCheck {
	c := &hostCheck{next: next, names: make(map[string]bool), log: log}
	for _, name := range ours {
		c.names[canonicalHost(name)] = true
	}
	return c
}

// ServeHTTP answers 421 for a strange name. A client that names no host (HTTP/1.0) is no browser.
func (c *hostCheck) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := hostOf(r.Host)
	if r.Host == "" || c.known(host) {
		c.next.ServeHTTP(w, r)
		return
	}
	text := shown(r.Host)
	c.log.Warn("request for a name that is not in GONETMON_HOST_NAMES refused", "name", text)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusMisdirectedRequest)
	_, _ = fmt.Fprintf(w, "GONETMON_HOST_NAMES does not contain %q; if that is a name of this machine, add it, or ask for the IP address instead\n", text)
}

// known says whether a host, as hostOf returns it, is an address, or a name that is ours or that no stranger can have.
func (c *hostCheck) known(host string) bool {
	if addr, _, _ := strings.Cut(host, "%"); isAddr(addr) {
		return true
	}
	if _, clean := names.Canonical(host); !clean {
		return false
	}
	if !strings.Contains(host, ".") || c.names[host] {
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

// canonicalHost is a name in the one form in which names are compared.
func canonicalHost(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// shown is what is shown of a Host header: the letters that a name may have, and not many of them.
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

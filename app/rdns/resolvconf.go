package rdns

import (
	"bufio"
	"io"
	"net/netip"
	"strings"

	"gonetmon/app/names"
)

const (
	maxServers = 3 // MAXNS of resolv.conf(5)
	dnsPort    = 53
)

// ParseResolvConf returns the name servers, at most three, and the search domains in canonical form of a resolv.conf(5).
// It skips what it cannot parse. If there is no server, it does not fall back to the local machine.
func ParseResolvConf(r io.Reader) (servers []netip.AddrPort, search []string) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			if addr, err := netip.ParseAddr(words[1]); err == nil && len(servers) < maxServers {
				servers = append(servers, netip.AddrPortFrom(addr.Unmap(), dnsPort))
			}
		case "domain", "search": // the last of them wins
			search = nil
			for _, word := range words[1:] {
				if name, ok := names.Canonical(word); ok {
					search = append(search, name)
				}
			}
		}
	}
	return servers, search
}

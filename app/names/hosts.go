package names

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"strings"

	"gonetmon/app/mac"
)

const maxHostsBadLines = 10 // that are reported one by one

// Hosts holds the names in a hosts file. Its addresses are unicast, without a zone and never IPv4-mapped, its MACs are those
// of stations, its names are canonical.
type Hosts struct {
	Addrs map[netip.Addr]string
	MACs  map[mac.Addr]string
}

// Len returns the number of entries.
func (h *Hosts) Len() int { return len(h.Addrs) + len(h.MACs) }

func (h *Hosts) equal(o *Hosts) bool {
	return o != nil && maps.Equal(h.Addrs, o.Addrs) && maps.Equal(h.MACs, o.MACs)
}

// ParseHosts reads the format of hosts(5), with MACs as well as addresses: an address or a MAC, white space, and a name. It
// ignores aliases behind the name and comments from # on. The first line for an address or a MAC wins.
//
// It skips the usual entries of a system's own hosts file, which say nothing about the LAN: loopback, multicast, broadcast
// and unspecified addresses, and localhost names.
//
// It skips bad lines, too. The errors describe the first ten and count the rest; each fits on a line, with quotes from the
// file escaped and truncated. If r fails, or a line has more than 64 KiB, the Hosts are nil and the only error says why.
func ParseHosts(r io.Reader) (*Hosts, []error) {
	p := hostsParser{hosts: &Hosts{Addrs: map[netip.Addr]string{}, MACs: map[mac.Addr]string{}}}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		p.line++
		p.entry(lines.Text())
	}
	if err := lines.Err(); err != nil {
		return nil, []error{fmt.Errorf("line %d: %w", p.line+1, err)}
	}
	if p.skipped > 0 {
		p.errs = append(p.errs, fmt.Errorf("%d more bad lines", p.skipped))
	}
	return p.hosts, p.errs
}

type hostsParser struct {
	hosts   *Hosts
	line    int // number of the current line
	errs    []error
	skipped int // bad lines beyond maxHostsBadLines
}

// entry parses one line.
func (p *hostsParser) entry(line string) {
	if p.line == 1 {
		line = strings.TrimPrefix(line, "\ufeff") // byte order mark
	}
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(line)
	if len(words) == 0 {
		return
	}
	hw, macErr := mac.Parse(words[0])
	addr, addrErr := netip.ParseAddr(words[0])
	addr = addr.Unmap().WithZone("")
	switch {
	case macErr != nil && addrErr != nil:
		p.bad("%s is neither an IP address nor a MAC", quote(words[0]))
		return
	case macErr == nil && !hw.IsStation():
		p.bad("%s is not the MAC of a device", quote(words[0]))
		return
	case addrErr == nil && !isUnicast(addr):
		return
	case len(words) == 1:
		p.bad("%s has no name", quote(words[0]))
		return
	}
	name, ok := Canonical(words[1])
	switch {
	case !ok:
		p.bad("name %s: %s", quote(words[1]), whyNotCanonical(words[1]))
	case isLocalhost(name):
	case macErr == nil:
		p.hosts.MACs[hw] = cmp.Or(p.hosts.MACs[hw], name)
	default:
		p.hosts.Addrs[addr] = cmp.Or(p.hosts.Addrs[addr], name)
	}
}

// bad adds an error for the current line.
func (p *hostsParser) bad(format string, args ...any) {
	if len(p.errs) == maxHostsBadLines {
		p.skipped++
		return
	}
	p.errs = append(p.errs, fmt.Errorf("line %d: %s", p.line, fmt.Sprintf(format, args...)))
}

// quote returns a word of the file in a form that is safe to log.
func quote(word string) string {
	const maxQuoted = 64
	if len(word) > maxQuoted {
		return fmt.Sprintf("%q...", word[:maxQuoted])
	}
	return fmt.Sprintf("%q", word)
}

// whyNotCanonical explains to the user why Canonical refuses name.
func whyNotCanonical(name string) string {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	if _, err := netip.ParseAddr(name); err == nil {
		return "an IP address"
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(allowed, r) }) {
		return "only letters, digits, dots, hyphens and underscores are allowed"
	}
	return "not a valid DNS name"
}

// isLocalhost reports whether a canonical name is one of those in a system's own hosts file.
func isLocalhost(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	switch first {
	case "localhost", "localhost4", "localhost6", "broadcasthost",
		"ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts":
		return true
	}
	return strings.HasSuffix(name, ".localhost")
}

// isUnicast reports whether a can be the address of one host on a network.
func isUnicast(a netip.Addr) bool {
	broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && a != broadcast
}

package localnet

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// ChooseInterface returns the interface of the default route, or else the first one that is up.
func ChooseInterface() (string, error) {
	if name := defaultInterface(); name != "" {
		return name, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return "", err
	}
	var names []string
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			return i.Name, nil
		}
		names = append(names, i.Name)
	}
	return "", fmt.Errorf("there is no default route, and no interface is up (existing interfaces: %s)", strings.Join(names, " "))
}

// interfacePrefixes returns the prefixes of the interfaces. One without addresses is taken for a mirror port: it has
// those of the interface of the default route.
func interfacePrefixes(names []string) (all []netip.Prefix) {
	for _, name := range names {
		p := prefixesOf(name)
		if !slices.ContainsFunc(p, func(p netip.Prefix) bool { return !p.Addr().IsLinkLocalUnicast() }) {
			p = append(p, prefixesOf(defaultInterface())...)
		}
		all = append(all, p...)
	}
	return all
}

// prefixesOf returns the prefixes of an interface's addresses. A link-local IPv6 address stands for all of fe80::/10
// (RFC 4291); loopback is left out. An interface that does not exist has none.
func prefixesOf(name string) (all []netip.Prefix) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil
	}
	addrs, err := i.Addrs()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsLoopback() {
			continue
		}
		if p = p.Masked(); p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
			p = linkLocal
		}
		all = append(all, p)
	}
	return all
}

// defaultInterface returns the interface of the default route of IPv4, or else of IPv6 (proc(5), /proc/net/route,
// /proc/net/ipv6_route); "" if there is none.
func defaultInterface() string {
	if name := routeInterface("/proc/net/route", func(f []string) (string, bool) {
		return f[0], len(f) > 7 && f[1] == "00000000" && f[7] == "00000000"
	}); name != "" {
		return name
	}
	return routeInterface("/proc/net/ipv6_route", func(f []string) (string, bool) {
		last := f[len(f)-1]
		return last, len(f) > 9 && strings.Trim(f[0], "0") == "" && f[1] == "00" && last != "lo"
	})
}

// routeInterface returns the interface of the first line that is a default route.
func routeInterface(path string, parse func(fields []string) (name string, ok bool)) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 0 {
			if name, ok := parse(fields); ok {
				return name
			}
		}
	}
	return ""
}

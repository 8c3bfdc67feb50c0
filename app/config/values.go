package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"gonetmon/app/names"
)

// Types of Config's fields. Decode reports what is wrong with a value; String returns the value as it is written.

const auto = "auto"

// list splits a value at commas and white space. Each of the words, in any case, can only be the whole value.
func list(value string, words ...string) ([]string, error) {
	parts := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	for i, p := range parts {
		if w := slices.IndexFunc(words, func(word string) bool { return strings.EqualFold(p, word) }); w >= 0 {
			if len(parts) > 1 {
				return nil, fmt.Errorf("%q cannot be combined with other values", p)
			}
			parts[i] = words[w]
		}
		if slices.Contains(parts[:i], p) {
			return nil, listedTwice(p)
		}
	}
	if len(parts) == 0 {
		return nil, errors.New("is empty")
	}
	return parts, nil
}

func listedTwice(part string) error { return fmt.Errorf("%q is listed twice", part) }

// interfaces are interface names; empty means auto.
type interfaces []string

func (v *interfaces) Decode(value string) error {
	parts, err := list(value, auto)
	if err != nil {
		return err
	}
	if parts[0] == auto {
		*v = nil
		return nil
	}
	for _, p := range parts {
		if len(p) > 15 || strings.ContainsAny(p, "/:") || p[0] == '#' || p == "." || p == ".." {
			return fmt.Errorf("%q is not an interface name (at most 15 characters, no / or :, no # at the beginning)", p)
		}
	}
	*v = parts
	return nil
}

func (v interfaces) String() string { return orAuto(strings.Join(v, ",")) }

func orAuto(s string) string { return cmp.Or(s, auto) }

// prefixes are address prefixes; empty means auto.
type prefixes []netip.Prefix

func (v *prefixes) Decode(value string) error {
	parts, err := list(value, auto)
	if err != nil {
		return err
	}
	if parts[0] == auto {
		*v = nil
		return nil
	}
	var all prefixes
	for _, part := range parts {
		p, err := netip.ParsePrefix(part)
		switch {
		case err != nil && !strings.Contains(part, "/"):
			return fmt.Errorf("%q has no prefix length", part)
		case err != nil:
			return fmt.Errorf("%q is not a prefix", part)
		case p.Addr().Is4In6():
			return fmt.Errorf("%q is an IPv4-mapped IPv6 prefix; write it as IPv4", part)
		case slices.Contains(all, p.Masked()):
			return listedTwice(part)
		}
		all = append(all, p.Masked())
	}
	*v = all
	return nil
}

func (v prefixes) String() string {
	var s []string
	for _, p := range v {
		s = append(s, p.String())
	}
	return orAuto(strings.Join(s, ","))
}

// address is an IP address to listen on.
type address struct{ netip.Addr }

func (v *address) Decode(value string) error {
	a, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(value), "[]"))
	if err != nil {
		return errors.New("not an IP address")
	}
	v.Addr = a
	return nil
}

// servers are DNS servers; empty means auto.
type servers struct {
	List []netip.AddrPort
	None bool // no lookups
}

func (v *servers) Decode(value string) error {
	parts, err := list(value, auto, none)
	if err != nil {
		return err
	}
	*v = servers{None: parts[0] == none}
	if v.None || parts[0] == auto {
		return nil
	}
	for _, part := range parts {
		server, err := netip.ParseAddrPort(part)
		if err != nil {
			addr, err := netip.ParseAddr(strings.Trim(part, "[]"))
			if err != nil {
				return fmt.Errorf("%q is not an IP address, with or without a port", part)
			}
			server = netip.AddrPortFrom(addr, 53)
		}
		if server.Port() == 0 {
			return fmt.Errorf("%q has port 0", part)
		}
		if slices.Contains(v.List, server) {
			return listedTwice(part)
		}
		v.List = append(v.List, server)
	}
	return nil
}

func (v servers) String() string {
	if v.None {
		return none
	}
	var s []string
	for _, server := range v.List {
		s = append(s, server.String())
	}
	return orAuto(strings.Join(s, ","))
}

// sources are sources of names, best first.
type sources []string

func (v *sources) Decode(value string) error {
	parts, err := list(value)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if !slices.Contains(names.Sources, p) {
			return fmt.Errorf("%q is not one of %s", p, strings.Join(names.Sources, ", "))
		}
	}
	*v = parts
	return nil
}

func (v sources) String() string { return strings.Join(v, ",") }

const none = "none"

// path is a file name; empty means none.
type path string

func (v *path) Decode(value string) error {
	if value = strings.TrimSpace(value); value == none {
		value = ""
	}
	*v = path(value)
	return nil
}

func (v path) String() string { return cmp.Or(string(v), none) }

// domains are domains to remove from names; empty means auto.
type domains struct {
	List []string
	None bool
}

func (v *domains) Decode(value string) error {
	parts, err := list(value, auto, none)
	if err != nil {
		return err
	}
	*v = domains{None: parts[0] == none}
	if v.None || parts[0] == auto {
		return nil
	}
	for _, p := range parts {
		name, ok := names.Canonical(strings.TrimPrefix(p, "."))
		if !ok || name == auto || name == none {
			return fmt.Errorf("%q is not a domain", p)
		}
		if slices.Contains(v.List, name) {
			return listedTwice(p)
		}
		v.List = append(v.List, name)
	}
	return nil
}

func (v domains) String() string {
	if v.None {
		return none
	}
	return orAuto(strings.Join(v.List, ","))
}

// hostNames are names that a request's Host may have.
type hostNames []string

func (v *hostNames) Decode(value string) error {
	parts, err := list(value, none)
	if err != nil {
		return err
	}
	*v = nil
	if parts[0] == none {
		return nil
	}
	for _, p := range parts {
		name, ok := names.Canonical(p)
		if !ok || name == none {
			return fmt.Errorf("%q is not a host name (without http:// and port)", p)
		}
		if slices.Contains(*v, name) {
			return listedTwice(p)
		}
		*v = append(*v, name)
	}
	return nil
}

func (v hostNames) String() string { return cmp.Or(strings.Join(v, ","), none) }

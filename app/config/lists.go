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

const (
	auto = "auto"
	none = "none"
)

// parseList splits a value at commas and white space and parses each part. A value may also be one of the words, in
// any case: then the list is empty.
func parseList[T comparable](value string, words []string, parse func(part string) (T, error)) ([]T, string, error) {
	var list []T
	parts := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	if len(parts) == 0 {
		return nil, "", errors.New("is empty")
	}
	for _, part := range parts {
		if i := slices.IndexFunc(words, func(word string) bool { return strings.EqualFold(part, word) }); i >= 0 {
			if len(parts) > 1 {
				return nil, "", fmt.Errorf("%q cannot be combined with other values", part)
			}
			return nil, words[i], nil
		}
		item, err := parse(part)
		if err != nil {
			return nil, "", err
		}
		if slices.Contains(list, item) {
			return nil, "", fmt.Errorf("%q is listed twice", part)
		}
		list = append(list, item)
	}
	return list, "", nil
}

// formatList is the reverse of parseList; an empty list is a word.
func formatList[T any](list []T, word string) string {
	var parts []string
	for _, item := range list {
		parts = append(parts, fmt.Sprint(item))
	}
	return cmp.Or(strings.Join(parts, ","), word)
}

// A listOrNone is a list; empty means auto.
type listOrNone[T any] struct {
	List []T
	None bool // nothing, instead of auto
}

func (v listOrNone[T]) String() string {
	if v.None {
		return none
	}
	return formatList(v.List, auto)
}

// interfaces are interface names; empty means auto.
type interfaces []string

func (v *interfaces) Decode(value string) (err error) {
	*v, _, err = parseList(value, []string{auto}, func(part string) (string, error) {
		if len(part) > 127 || strings.ContainsAny(part, `/:"'`) || part[0] == '#' || part == "." || part == ".." {
			return "", fmt.Errorf("%q is not an interface name (at most 127 characters; no /, : or quotes; no # at the beginning)", part)
		}
		return part, nil
	})
	return err
}

func (v interfaces) String() string { return formatList(v, auto) }

// prefixes are address prefixes; empty means auto.
type prefixes []netip.Prefix

func (v *prefixes) Decode(value string) (err error) {
	*v, _, err = parseList(value, []string{auto}, func(part string) (netip.Prefix, error) {
		p, err := netip.ParsePrefix(part)
		switch {
		case err != nil && !strings.Contains(part, "/"):
			return p, fmt.Errorf("%q has no prefix length", part)
		case err != nil:
			return p, fmt.Errorf("%q is not a prefix", part)
		case p.Addr().Is4In6():
			return p, fmt.Errorf("%q is an IPv4-mapped IPv6 prefix; write it as IPv4", part)
		}
		return p.Masked(), nil
	})
	return err
}

func (v prefixes) String() string { return formatList(v, auto) }

// servers are DNS servers; empty means auto.
type servers struct{ listOrNone[netip.AddrPort] }

func (v *servers) Decode(value string) error {
	list, word, err := parseList(value, []string{auto, none}, parseServer)
	v.List, v.None = list, word == none
	return err
}

// parseServer parses the address of a DNS server, with or without a port.
func parseServer(text string) (netip.AddrPort, error) {
	addr, port := text, uint16(53)
	if both, err := netip.ParseAddrPort(text); err == nil {
		addr, port = both.Addr().String(), both.Port()
	}
	ip, err := parseAddr(addr)
	switch {
	case err != nil:
		return netip.AddrPort{}, fmt.Errorf("%q is %w, with or without a port", text, err)
	case ip.IsUnspecified():
		return netip.AddrPort{}, fmt.Errorf("%q is not the address of a machine", text)
	case port == 0:
		return netip.AddrPort{}, fmt.Errorf("%q has port 0", text)
	case ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "":
		return netip.AddrPort{}, fmt.Errorf("%q is a link-local address without its interface, for example %s%%eth0", text, ip)
	}
	return netip.AddrPortFrom(ip, port), nil
}

// sources are sources of names, best first, in any case.
type sources []string

func (v *sources) Decode(value string) (err error) {
	*v, _, err = parseList(value, nil, func(part string) (string, error) {
		name := strings.ToLower(part)
		if !slices.Contains(names.Sources, name) {
			return "", fmt.Errorf("%q is not one of %s", part, strings.Join(names.Sources, ", "))
		}
		return name, nil
	})
	return err
}

func (v sources) String() string { return formatList(v, "") }

// path is a file name; empty means none.
type path string

func (v *path) Decode(value string) error {
	if value = strings.TrimSpace(value); strings.EqualFold(value, none) {
		value = ""
	}
	if value != "" && strings.ContainsAny(value[:1]+value[len(value)-1:], `"'`) {
		return errors.New("a path with a stray quote")
	}
	*v = path(value)
	return nil
}

func (v path) String() string { return cmp.Or(string(v), none) }

// domains are domains to remove from names; empty means auto.
type domains struct{ listOrNone[string] }

func (v *domains) Decode(value string) error {
	list, word, err := parseList(value, []string{auto, none}, func(part string) (string, error) {
		return parseName(part, strings.TrimPrefix(part, "."), "a domain", auto, none)
	})
	v.List, v.None = list, word == none
	return err
}

// parseName returns the canonical form of a name, which must not be one of the words.
func parseName(part, name, what string, words ...string) (string, error) {
	name, ok := names.Canonical(name)
	if !ok || slices.Contains(words, name) {
		return "", fmt.Errorf("%q is not %s", part, what)
	}
	return name, nil
}

// hostNames are names that a request's Host may have.
type hostNames []string

func (v *hostNames) Decode(value string) (err error) {
	*v, _, err = parseList(value, []string{none}, func(part string) (string, error) {
		return parseName(part, part, "a host name (without http:// and port)", none)
	})
	return err
}

func (v hostNames) String() string { return formatList(v, none) }

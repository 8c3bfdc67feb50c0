package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gonetmon/app/names"
)

// The types of config's fields. Each says in Decode what is wrong with a value, and in String how it is written.

const auto = "auto"

// list splits a value at commas and white space. Each of the words may stand alone only, in capitals too.
func list(value string, words ...string) ([]string, error) {
	parts := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	for i, p := range parts {
		if w := slices.IndexFunc(words, func(word string) bool { return strings.EqualFold(p, word) }); w >= 0 {
			if len(parts) > 1 {
				return nil, fmt.Errorf("%q can't stand beside others", p)
			}
			parts[i] = words[w]
		}
		if slices.Contains(parts[:i], p) {
			return nil, twice(p)
		}
	}
	if len(parts) == 0 {
		return nil, errors.New("is empty")
	}
	return parts, nil
}

func twice(part string) error { return fmt.Errorf("%q stands there twice", part) }

// interfaces are names of interfaces; empty means auto.
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
			return fmt.Errorf("%q can't be the name of an interface (at most 15 letters, no / and no :, and no # at the beginning)", p)
		}
	}
	*v = parts
	return nil
}

func (v interfaces) String() string { return orAuto(strings.Join(v, ",")) }

func orAuto(s string) string { return cmp.Or(s, auto) }

// prefixes are prefixes of addresses; empty means auto.
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
			return fmt.Errorf("%q is an IPv4 prefix in IPv6 clothes; write it as IPv4", part)
		case slices.Contains(all, p.Masked()):
			return twice(part)
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

// port is a TCP port.
type port uint16

func (v *port) Decode(value string) error {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
	if err != nil {
		return errors.New("not a port number (0 to 65535)")
	}
	*v = port(n)
	return nil
}

// servers are DNS servers.
type servers struct {
	list []netip.AddrPort
	none bool
}

func (v *servers) Decode(value string) error {
	parts, err := list(value, auto, none)
	if err != nil {
		return err
	}
	*v = servers{none: parts[0] == none}
	if v.none || parts[0] == auto {
		return nil
	}
	for _, part := range parts {
		server, err := netip.ParseAddrPort(part)
		if err != nil {
			addr, err := netip.ParseAddr(strings.Trim(part, "[]"))
			if err != nil {
				return fmt.Errorf("%q is not an IP address, or an address and a port", part)
			}
			server = netip.AddrPortFrom(addr, 53)
		}
		if server.Port() == 0 {
			return fmt.Errorf("%q has port 0", part)
		}
		if slices.Contains(v.list, server) {
			return twice(part)
		}
		v.list = append(v.list, server)
	}
	return nil
}

func (v servers) String() string {
	if v.none {
		return none
	}
	var s []string
	for _, server := range v.list {
		s = append(s, server.String())
	}
	return orAuto(strings.Join(s, ","))
}

// interval is a time of at least a second, or 0 for never.
type interval time.Duration

func (v *interval) Decode(value string) error {
	d, err := time.ParseDuration(strings.TrimSpace(value))
	switch {
	case err != nil:
		return errors.New("not a duration (a number and s, m or h)")
	case d != 0 && d < time.Second:
		return errors.New("less than 1s")
	}
	*v = interval(d)
	return nil
}

func (v interval) String() string {
	s := time.Duration(v).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// age is a long time, in days if need be, or 0 for ever.
type age time.Duration

const day = 24 * time.Hour

func (v *age) Decode(value string) error {
	value = strings.TrimSpace(value)
	if days, ok := strings.CutSuffix(value, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 15)
		if err != nil {
			return errors.New("not a number of days")
		}
		*v = age(time.Duration(n) * day)
		return nil
	}
	var i interval
	if err := i.Decode(value); err != nil {
		return errors.New("not a duration of at least 1s (a number and d, h, m or s), nor 0")
	}
	*v = age(i)
	return nil
}

func (v age) String() string {
	if d := time.Duration(v); d != 0 && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return interval(v).String()
}

// sources are those of names, best first.
type sources []string

func (v *sources) Decode(value string) error {
	parts, err := list(value)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if !slices.Contains(names.Sources, p) {
			return fmt.Errorf("%q is none of %s", p, strings.Join(names.Sources, ", "))
		}
	}
	*v = parts
	return nil
}

func (v sources) String() string { return strings.Join(v, ",") }

const none = "none"

// path is the name of a file; empty means none.
type path string

func (v *path) Decode(value string) error {
	if value = strings.TrimSpace(value); value == none {
		value = ""
	}
	*v = path(value)
	return nil
}

func (v path) String() string { return cmp.Or(string(v), none) }

// domains are those that names are shown without.
type domains struct {
	list []string
	none bool // even if resolv.conf has some
}

func (v *domains) Decode(value string) error {
	parts, err := list(value, auto, none)
	if err != nil {
		return err
	}
	*v = domains{none: parts[0] == none}
	if v.none || parts[0] == auto {
		return nil
	}
	for _, p := range parts {
		name, ok := names.Canonical(strings.TrimPrefix(p, "."))
		if !ok || name == auto || name == none {
			return fmt.Errorf("%q is not a domain", p)
		}
		if slices.Contains(v.list, name) {
			return twice(p)
		}
		v.list = append(v.list, name)
	}
	return nil
}

func (v domains) String() string {
	if v.none {
		return none
	}
	return orAuto(strings.Join(v.list, ","))
}

// hostNames are names that a request may be for.
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
			return twice(p)
		}
		*v = append(*v, name)
	}
	return nil
}

func (v hostNames) String() string { return cmp.Or(strings.Join(v, ","), none) }

// hosts is a number of hosts.
type hosts int

const mostHosts = 1 << 20

func (v *hosts) Decode(value string) error {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || n < 1 || n > mostHosts {
		return fmt.Errorf("not a number from 1 to %d", mostHosts)
	}
	*v = hosts(n)
	return nil
}

// size is a number of bytes.
type size int

const (
	leastRing = 512 << 10
	mostRing  = 1 << 30
)

var sizeUnits = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func (v *size) Decode(value string) error {
	number, unit := strings.TrimSpace(value), 1
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return errors.New("not a size (a number, with KiB, MiB or GiB behind it)")
	case n < 0 || n > mostRing/unit || n*unit < leastRing:
		return fmt.Errorf("not from %s to %s", size(leastRing), size(mostRing))
	}
	*v = size(n * unit)
	return nil
}

func (v size) String() string {
	for _, u := range sizeUnits {
		if n := int(v); n >= u.bytes && n%u.bytes == 0 {
			return strconv.Itoa(n/u.bytes) + u.name
		}
	}
	return strconv.Itoa(int(v))
}

// toggle is true or false.
type toggle bool

func (v *toggle) Decode(value string) error {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true":
		*v = true
	case "false":
		*v = false
	default:
		return errors.New("neither true nor false")
	}
	return nil
}

// level is the least important thing to log.
type level struct{ slog.Level }

func (v *level) Decode(value string) error {
	switch s := strings.ToLower(strings.TrimSpace(value)); s {
	case "debug", "info", "warn", "error":
		return v.UnmarshalText([]byte(s))
	}
	return errors.New("not debug, info, warn or error")
}

func (v level) String() string { return strings.ToLower(v.Level.String()) }

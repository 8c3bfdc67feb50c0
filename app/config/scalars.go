package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// address is an IP address to listen on. It has no zone: browsers and Prometheus cannot open such an address (RFC 6874
// was never implemented by them).
type address struct{ netip.Addr }

func (v *address) Decode(value string) error {
	a, err := parseAddr(value)
	switch {
	case err != nil:
		return err
	case a.IsLinkLocalUnicast() && a.Is6() || a.Zone() != "":
		return errors.New("a link-local address, or one with a zone, which browsers cannot open")
	}
	v.Addr = a
	return nil
}

// parseAddr parses the IP address of a machine, which may stand in brackets if it is IPv6.
func parseAddr(value string) (netip.Addr, error) {
	value = strings.TrimSpace(value)
	if bare, ok := strings.CutPrefix(value, "["); ok {
		if bare, ok = strings.CutSuffix(bare, "]"); ok && strings.Contains(bare, ":") {
			value = bare
		}
	}
	a, err := netip.ParseAddr(value)
	switch {
	case err != nil:
		return a, errors.New("not an IP address")
	case a.Unmap().IsMulticast() || a.Unmap() == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return a, errors.New("not the address of a machine")
	}
	return a.Unmap(), nil
}

// port is a TCP port.
type port uint16

func (v *port) Decode(value string) error {
	if strings.Contains(value, "://") {
		return errors.New("not a port number, but the link to a service named gonetmon that Kubernetes or Docker has set")
	}
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
	if err != nil {
		return errors.New("not a port number (0 to 65535)")
	}
	*v = port(n)
	return nil
}

// interval is a duration of at least a second, which may be given in days; 0 means never.
type interval time.Duration

const day = 24 * time.Hour

func (v *interval) Decode(value string) error {
	value = strings.TrimSpace(value)
	d, err := time.ParseDuration(value)
	if days, ok := strings.CutSuffix(value, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 15)
		d = time.Duration(n) * day
	}
	switch {
	case err != nil:
		return errors.New("not a duration (a number with d, h, m or s)")
	case d != 0 && d < time.Second:
		return errors.New("shorter than 1s")
	}
	*v = interval(d)
	return nil
}

func (v interval) String() string {
	d := time.Duration(v)
	if d != 0 && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// monthDay is a day of a month.
type monthDay int

func (v *monthDay) Decode(value string) error {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || n < 1 || n > 31 {
		return errors.New("not a day of the month (1 to 31)")
	}
	*v = monthDay(n)
	return nil
}

// dataCap is a data cap in bytes; 0 means none.
type dataCap uint64

// capUnits are decimal (IEC 80000-13), as in the contracts of providers.
var capUnits = []struct {
	name  string
	bytes float64
}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}}

const maxCap = 1e15 // float64 is exact up to here

func (v *dataCap) Decode(value string) error {
	value = strings.TrimSpace(value)
	if strings.EqualFold(value, "none") {
		*v = 0
		return nil
	}
	for _, u := range capUnits {
		number, ok := strings.CutSuffix(strings.TrimSuffix(strings.ToUpper(value), "B")+"B", u.name) // 1T means 1TB
		number = strings.TrimSpace(number)
		if !ok || strings.Trim(number, "0123456789.") != "" {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if n = math.Round(n * u.bytes); err != nil || n < 1e6 || n > maxCap {
			break
		}
		*v = dataCap(n)
		return nil
	}
	return errors.New("neither none nor an amount of data from 1MB to 1000TB (a number with MB, GB or TB)")
}

func (v dataCap) String() string {
	if v == 0 {
		return "none"
	}
	u := capUnits[len(capUnits)-1]
	for _, larger := range capUnits {
		if float64(v) >= larger.bytes {
			u = larger
			break
		}
	}
	return strconv.FormatFloat(float64(v)/u.bytes, 'f', -1, 64) + u.name
}

// hosts is a number of hosts.
type hosts int

const maxHosts = 1 << 20

func (v *hosts) Decode(value string) error {
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || n < 1 || n > maxHosts {
		return fmt.Errorf("not a number from 1 to %d", maxHosts)
	}
	*v = hosts(n)
	return nil
}

// size is a number of bytes.
type size int

const (
	minRing = 512 << 10
	maxRing = 1 << 30
)

var sizeUnits = []struct {
	name  string
	bytes int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// Decode takes 8M and 8MB for 8MiB, as Docker does for memory. The case of the letters does not matter.
func (v *size) Decode(value string) error {
	number, unit := strings.ToUpper(strings.TrimSpace(value)), 1
	for _, u := range sizeUnits {
		letter := u.name[:1]
		bare := strings.TrimSuffix(strings.TrimSuffix(number, "B"), "I")
		if rest, ok := strings.CutSuffix(bare, letter); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return errors.New("not a size (a whole number with KiB, MiB or GiB)")
	case n < 0 || n > maxRing/unit || n*unit < minRing:
		return fmt.Errorf("not between %s and %s", size(minRing), size(maxRing))
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

// mask is shown instead of a password.
const mask = "********"

// secret is a password; empty means none. It may contain any character that can be typed.
type secret string

func (v *secret) Decode(value string) error {
	value = strings.TrimSpace(value)
	if strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
		return errors.New("has a character that is not printable")
	}
	if strings.EqualFold(value, none) {
		value = ""
	}
	*v = secret(value)
	return nil
}

func (v secret) String() string {
	if v == "" {
		return none
	}
	return mask
}

// link is the URL of a web site, without a slash at its end; empty means none.
type link string

func (v *link) Decode(value string) error {
	value = strings.TrimSpace(value)
	if strings.EqualFold(value, none) {
		*v = ""
		return nil
	}
	u, err := url.Parse(withBrackets(value))
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("not a URL that begins with http:// or https:// and has a host")
	case u.User != nil || strings.ContainsAny(value, "?#"):
		return errors.New("a URL with a user, a query or a fragment")
	}
	*v = link(strings.TrimRight(u.String(), "/"))
	return nil
}

func (v link) String() string { return cmp.Or(string(v), none) }

// withBrackets returns a URL with brackets around the IPv6 address in front of its port: compose.yaml puts them together from
// GRAFANA_ADDR and GRAFANA_PORT.
func withBrackets(text string) string {
	scheme, rest, _ := strings.Cut(text, "://")
	host, path, _ := strings.Cut(rest, "/")
	i := strings.LastIndexByte(host, ':')
	if a, err := netip.ParseAddr(host[:max(i, 0)]); err != nil || !a.Is6() {
		return text
	}
	return scheme + "://[" + host[:i] + "]" + host[i:] + "/" + path
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

// level is the minimum level to log.
type level struct{ slog.Level }

func (v *level) Decode(value string) error {
	switch s := strings.ToLower(strings.TrimSpace(value)); s {
	case "debug", "info", "warn", "error":
		return v.UnmarshalText([]byte(s))
	}
	return errors.New("not debug, info, warn or error")
}

func (v level) String() string { return strings.ToLower(v.Level.String()) }

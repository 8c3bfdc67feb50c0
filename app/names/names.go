// Package names says what a name is: the canonical form of all names, where they come from, and the user's own in a hosts
// file. It knows nothing of DNS, frames or devices.
package names

import (
	"net/netip"
	"strings"
)

// Canonical returns name in canonical form, the only form in which names are stored and shown, and reports whether it has
// one: lower case, without the trailing dot, only [a-z0-9._-], at most 253 bytes in labels of 1 to 63 (RFC 1035, 2.3.4).
// Anything else is refused and never repaired; that includes raw bytes and escapes as in `\010` or `\"`.
//
// A canonical name is safe as HTML text and attribute, as a metric label, in a log line and on a terminal. A name that
// reads as an IP address, even one padded with zeros, is refused: it would pass for another device's address.
func Canonical(name string) (string, bool) {
	name = strings.TrimSuffix(name, ".")
	if len(name) < 1 || len(name) > 253 {
		return "", false
	}
	label, lower, number := 0, true, true
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if label == 0 {
				return "", false
			}
			label = 0
			continue
		case c >= '0' && c <= '9':
		case c >= 'a' && c <= 'z', c == '-', c == '_':
			number = false
		case c >= 'A' && c <= 'Z':
			number, lower = false, false
		default:
			return "", false
		}
		if label++; label > 63 {
			return "", false
		}
	}
	if label == 0 || number && strings.Contains(name, ".") {
		return "", false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "", false
	}
	if lower {
		return name, true
	}
	return strings.ToLower(name), true
}

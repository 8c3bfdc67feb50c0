package names

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxName  = 253 // bytes (RFC 1035, 2.3.4)
	maxLabel = 63  // bytes
)

// latin spells the Latin letters that have no decomposition in Unicode.
var latin = map[rune]string{
	'ß': "ss", 'ẞ': "ss", 'æ': "ae", 'Æ': "ae", 'œ': "oe", 'Œ': "oe", 'ø': "o", 'Ø': "o", 'ł': "l", 'Ł': "l",
	'đ': "d", 'Đ': "d", 'ð': "d", 'Ð': "d", 'þ': "th", 'Þ': "th", 'ħ': "h", 'Ħ': "h", 'ŧ': "t", 'Ŧ': "t", 'ı': "i",
}

// addrAndDomain matches an IPv4 address with a domain, as in 192.168.1.20.lan.
var addrAndDomain = regexp.MustCompile(`^([0-9]{1,3}\.){4}`)

// Clean brings what a device calls itself into canonical form, and reports whether a name is left. Unlike Canonical it
// repairs: "HS110(EU)" becomes hs110-eu, "Anna's iPhone" anna-s-iphone, "Küche" kuche.
//
// Latin letters lose their accents. Each run of other bytes that a canonical name cannot have becomes one hyphen, which is
// dropped at the start and end of a label, and so are empty labels. A label is cut at 63 bytes, and labels beyond 253 bytes
// are dropped. raw is text, or bytes that should have been; the caller has undone the escapes of its protocol.
//
// Nothing is left of a name without an ASCII letter or digit after that, of a placeholder (see IsPlaceholder) and of an IP
// address.
func Clean(raw string) (string, bool) {
	if _, err := netip.ParseAddr(strings.TrimSpace(raw)); err == nil {
		return "", false
	}
	var labels []string
	length := -1 // without a dot before the first label
	for label := range strings.SplitSeq(spell(raw), ".") {
		label = strings.Trim(label, "-")
		label = strings.TrimRight(label[:min(len(label), maxLabel)], "-")
		if label == "" {
			continue
		}
		if length += 1 + len(label); length > maxName {
			break
		}
		labels = append(labels, label)
	}
	name, ok := Canonical(strings.Join(labels, "."))
	if !ok || IsPlaceholder(name) {
		return "", false
	}
	return name, true
}

// spell writes a name with lower-case letters, digits, dots, hyphens and underscores.
func spell(raw string) string {
	var b []byte
	repaired := false // b ends with a hyphen that stands for something else
	for _, r := range norm.NFD.String(raw) {
		spelled, isLatin := latin[r]
		switch {
		case r == '-' && repaired, unicode.Is(unicode.Mn, r): // the latter are accents
		case r < utf8.RuneSelf && inName(byte(r)):
			b, repaired = append(b, byte(unicode.ToLower(r))), false
		case isLatin:
			b, repaired = append(b, spelled...), false
		case bytes.HasSuffix(b, []byte("-")):
			repaired = true
		default:
			b, repaired = append(b, '-'), true
		}
	}
	return string(b)
}

// inName reports whether c is allowed in a name, or is in lower case.
func inName(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-' || c == '_'
}

// IsPlaceholder reports whether a canonical name names nobody, with or without a domain: what systems call themselves
// (localhost, _gateway) or say for want of a name (null, unknown), a name without a letter or digit, and an IP address with a
// domain, which would pass for another device once the domain is left out.
func IsPlaceholder(name string) bool {
	if !strings.ContainsFunc(name, func(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' }) {
		return true
	}
	first, _, _ := strings.Cut(name, ".")
	switch first {
	case "null", "nil", "none", "unknown", "undefined", "unnamed", "noname", "no-name", "n-a", "hostname", "localdomain",
		"broadcasthost", "_gateway", "_outbound", "_localdnsstub", "_localdnsproxy": // the last four are systemd-resolved's
		return true
	}
	return strings.HasPrefix(first, "localhost") || strings.HasPrefix(first, "ip6-") || strings.HasSuffix(name, ".localhost") ||
		addrAndDomain.MatchString(name)
}

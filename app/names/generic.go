package names

import (
	"regexp"
	"strings"
)

// generic matches the first label of names that a maker gives to each device, or a program to itself: android-1c1335ec95a27318,
// espressif, a UUID or a hash (also behind the model, as in chromecast-0f8b2c51d8a94e17ad5ffd1b7ae8c3d2), a MAC.
var generic = regexp.MustCompile(`^(?:android|android-.*|iphone|ipad|ipod|espressif|lwip[0-9]?` +
	`|(?:.*-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}` +
	`|(?:.*-)?[0-9a-f]{32}` +
	`|[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{2}(?:[-_][0-9a-f]{2}){5})$`)

// IsGeneric reports whether a canonical name, with or without a domain, tells people little about the device: it gives way to
// any better one, whatever their sources.
func IsGeneric(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	return generic.MatchString(first)
}

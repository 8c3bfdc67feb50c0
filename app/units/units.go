// Package units formats quantities for people.
package units

import (
	"fmt"
	"strconv"
)

const (
	narrow = "\u202f" // narrow no-break space, between digits
	hard   = "\u00a0" // no-break space, before a unit
)

// Bytes returns n with three significant digits and a decimal unit (IEC 80000-13: 1 kB is 1000 B): "0 B", "999 B", "1.00 kB",
// "12.3 MB". space separates the number and the unit.
func Bytes(n uint64, space string) string { return scaled(float64(n), space, "B") }

// Bits returns a rate in bits per second: "0 bit/s", "41.5 kbit/s". space separates the number and the unit.
func Bits(bytesPerSecond float64, space string) string {
	return scaled(bytesPerSecond*8, space, "bit/s")
}

func scaled(v float64, space, unit string) string {
	if v < 999.5 {
		return strconv.FormatFloat(v, 'f', 0, 64) + space + unit
	}
	const prefixes = "kMGTPE"
	i := 0
	for v /= 1000; v >= 999.5 && i < len(prefixes)-1; i++ {
		v /= 1000
	}
	decimals := 0
	switch {
	case v < 9.995:
		decimals = 2
	case v < 99.95:
		decimals = 1
	}
	return strconv.FormatFloat(v, 'f', decimals, 64) + space + prefixes[i:i+1] + unit
}

// Grouped returns an integer, of any type, with its digits in groups of three: "1 234" with a narrow no-break space.
func Grouped(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + narrow + s[i:]
	}
	return s
}

// Percent returns part of whole in percent, with one decimal below 10: "9.9 %" with a no-break space.
func Percent(part, whole uint64) string {
	if whole == 0 {
		return "0" + hard + "%"
	}
	switch p := 100 * float64(part) / float64(whole); {
	case p == 0:
		return "0" + hard + "%"
	case p < 0.1:
		return "<" + hard + "0.1" + hard + "%"
	case p < 9.95:
		return strconv.FormatFloat(p, 'f', 1, 64) + hard + "%"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + hard + "%"
	}
}

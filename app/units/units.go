// Package units writes quantities for people to read.
package units

import "strconv"

// Bytes returns n with a decimal unit (IEC 80000-13: 1 kB is 1000 B), three significant digits, and a blank of the caller's before the
// unit: "0 B", "999 B", "1.00 kB", "12.3 MB".
func Bytes(n uint64, blank string) string { return scaled(float64(n), blank, "B") }

// Bits returns a rate of bytes per second in bits per second: "0 bit/s", "41.5 kbit/s".
func Bits(bytesPerSecond float64, blank string) string {
	return scaled(bytesPerSecond*8, blank, "bit/s")
}

func scaled(v float64, blank, unit string) string {
	if v < 999.5 {
		return strconv.FormatFloat(v, 'f', 0, 64) + blank + unit
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
	return strconv.FormatFloat(v, 'f', decimals, 64) + blank + prefixes[i:i+1] + unit
}

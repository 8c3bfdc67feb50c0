package export

import "strconv"

// inBytes returns n with a decimal unit and three significant digits: "0 B", "999 B", "1.00 kB", "12.3 MB".
func inBytes(n uint64) string { return scaled(float64(n), "B") }

// inBits returns a rate of bytes per second in bits per second: "0 bit/s", "41.5 kbit/s".
func inBits(bytesPerSecond float64) string { return scaled(bytesPerSecond*8, "bit/s") }

func scaled(v float64, unit string) string {
	if v < 999.5 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " " + unit
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
	return strconv.FormatFloat(v, 'f', decimals, 64) + " " + prefixes[i:i+1] + unit
}

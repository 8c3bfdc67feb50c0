package report

import "gonetmon/app/units"

func inBytes(n uint64) string { return units.Bytes(n, " ") }

func inBits(bytesPerSecond float64) string { return units.Bits(bytesPerSecond, " ") }

package units_test

import (
	"math"
	"strings"
	"testing"

	"gonetmon/app/units"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

func TestUnits(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0_B", 1: "1_B", 999: "999_B", 1000: "1.00_kB", 1234: "1.23_kB", 9994: "9.99_kB", 9995: "10.0_kB", 12_345: "12.3_kB",
		99_949: "99.9_kB", 99_950: "100_kB", 123_456: "123_kB", 999_499: "999_kB", 999_500: "1.00_MB", 1e9: "1.00_GB", 1e12: "1.00_TB",
		1e15: "1.00_PB", 1e18: "1.00_EB", math.MaxUint64: "18.4_EB",
	} {
		if got := units.Bytes(n, "_"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for r, want := range map[float64]string{
		0: "0_bit/s", 0.01: "0_bit/s", 1: "8_bit/s", 124.9: "999_bit/s", 124.95: "1.00_kbit/s", 5187.5: "41.5_kbit/s",
		125e6: "1.00_Gbit/s",
	} {
		if got := units.Bits(r, "_"); got != want {
			t.Errorf("%v: %q, want %q", r, got, want)
		}
	}
	plain := strings.NewReplacer("\u00a0", " ", "\u202f", "_")
	for want, got := range map[string]string{
		"7": units.Grouped(7), "999": units.Grouped(uint64(999)), "1_000": units.Grouped(1000), "12_345_678": units.Grouped(12_345_678),
		"0 %": units.Percent(0, 0), "< 0.1 %": units.Percent(1, 1e6), "9.9 %": units.Percent(99, 1000),
		"10 %": units.Percent(100, 1000), "100 %": units.Percent(1, 1),
	} {
		if got = plain.Replace(got); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

package units_test

import (
	"math"
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
}

package mac

import (
	"strings"
	"testing"
)

func TestParseMAC(t *testing.T) {
	good := Addr{0xb0, 0xc5, 0x54, 0x01, 0x9a, 0xef}
	for _, tt := range []struct {
		name, in string
		want     Addr
		ok       bool
	}{
		{"colons", "b0:c5:54:01:9a:ef", good, true},
		{"hyphens", "b0-c5-54-01-9a-ef", good, true},
		{"upper case", "B0:C5:54:01:9A:EF", good, true},
		{"mixed case", "b0:C5:54:01:9a:eF", good, true},
		{"zero", "00:00:00:00:00:00", Addr{}, true},
		{"broadcast", "ff:ff:ff:ff:ff:ff", Addr{255, 255, 255, 255, 255, 255}, true},
		{"empty", "", Addr{}, false},
		{"mixed separators", "b0:c5-54:01-9a:ef", Addr{}, false},
		{"other separator", "b0.c5.54.01.9a.ef", Addr{}, false},
		{"no separators", "b0c554019aef", Addr{}, false},
		{"Cisco's form", "b0c5.5401.9aef", Addr{}, false},
		{"five bytes", "b0:c5:54:01:9a", Addr{}, false},
		{"EUI-64", "b0:c5:54:ff:fe:01:9a:ef", Addr{}, false},
		{"one digit", "b0:c5:54:1:9a:0ef", Addr{}, false},
		{"bad digit", "b0:c5:54:01:9a:eg", Addr{}, false},
		{"space", "b0:c5:54:01:9a:ef ", Addr{}, false},
		{"sign", "+0:c5:54:01:9a:ef", Addr{}, false},
		{"separator at the end", "b0:c5:54:01:9a:e:", Addr{}, false},
		{"not ASCII", "b0:c5:54:01:9a:é", Addr{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.in)
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("Parse(%q) = %v, %v, want %v, ok %t", tt.in, got, err, tt.want, tt.ok)
			}
		})
	}
}

// Whatever is accepted is read the same again in the form of String.
func FuzzParse(f *testing.F) {
	f.Add("b0:c5:54:01:9a:ef")
	f.Add("B0-C5-54-01-9A-EF")
	f.Add("b0c5.5401.9aef")
	f.Fuzz(func(t *testing.T, in string) {
		addr, err := Parse(in)
		if err != nil || addr == (Addr{}) {
			return
		}
		if again, err := Parse(addr.String()); err != nil || again != addr ||
			!strings.EqualFold(addr.String(), strings.ReplaceAll(in, "-", ":")) {
			t.Errorf("Parse(%q) = %v, again %v, %v", in, addr, again, err)
		}
	})
}

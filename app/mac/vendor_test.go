package mac

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestVendor(t *testing.T) {
	for _, tt := range []struct{ name, mac, want string }{
		{"Apple", "fc:fc:48:00:00:01", "Apple"},
		{"Espressif", "fc:f5:c4:12:34:56", "Espressif"},
		{"Roku", "dc:3a:5e:12:34:56", "Roku"},
		{"Amazon", "fc:a6:67:12:34:56", "Amazon Technologies"},
		{"Sonos", "f0:f6:c1:12:34:56", "Sonos"},
		{"Raspberry Pi", "dc:a6:32:12:34:56", "Raspberry Pi Trading"},
		{"TP-Link", "f8:d1:11:12:34:56", "TP-LINK TECHNOLOGIES"},
		{"Philips Hue", "00:17:88:12:34:56", "Philips Lighting BV"},
		{"D-Link", "b0:c5:54:12:34:56", "D-Link International"},
		{"the first MA-L", "00:00:00:00:00:01", "XEROX"},
		{"MA-M", "10:63:a3:30:00:00", "Nextvision Stabilized Systems"},
		{"end of the same MA-M", "10:63:a3:3f:ff:ff", "Nextvision Stabilized Systems"},
		{"the next MA-M", "c8:5c:e2:70:00:00", "SYNERGY SYSTEMS AND SOLUTIONS"},
		{"MA-S", "70:b3:d5:8f:e0:00", "Selmatec AS"},
		{"end of the same MA-S", "70:b3:d5:8f:ef:ff", "Selmatec AS"},
		{"unassigned MA-S", "00:1b:c5:ff:ff:ff", ""},
		{"private", "00:05:78:00:00:01", ""},
		{"unknown", "00:fe:dc:00:00:01", ""},
		{"locally administered", "da:a1:19:12:34:56", ""},
		{"locally administered, but in the registry", "aa:00:04:00:00:01", ""},
		{"container", "02:42:ac:11:00:02", ""},
		{"group address of Apple", "fd:fc:48:00:00:01", ""},
		{"broadcast", "ff:ff:ff:ff:ff:ff", ""},
		{"zero", "00:00:00:00:00:00", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mac, err := Parse(tt.mac)
			if err != nil {
				t.Fatal(err)
			}
			if got := Vendor(mac); got != tt.want {
				t.Errorf("Vendor(%s) = %q, want %q", tt.mac, got, tt.want)
			}
		})
	}
}

// One Addr has an owner in each registry.
func TestVendor_LongestPrefixWins(t *testing.T) {
	mac := Addr{0x10, 0x63, 0xa3, 0x35, 0x67, 0x89}
	for _, tt := range []struct {
		bits int
		want uint64
	}{
		{24, 0x1063a3}, {28, 0x1063a33}, {36, 0x1063a3356},
	} {
		if got := mac.prefix(tt.bits); got != tt.want {
			t.Errorf("first %d bits of %s are %x, want %x", tt.bits, mac, got, tt.want)
		}
	}
	v := &vendorTable{
		blocks: [...]vendorBlock{
			{24, []uint64{0x1063a3}, []uint16{0}}, {28, []uint64{0x1063a33}, []uint16{1}}, {36, []uint64{0x1063a3356}, []uint16{2}},
		},
		text: "large\nmedium\nsmall\n", starts: []uint32{0, 6, 13, 19},
	}
	for _, tt := range []struct {
		name, want string
		mac        Addr
	}{
		{"all three", "small", mac},
		{"two", "medium", Addr{0x10, 0x63, 0xa3, 0x35, 0x77, 0x89}},
		{"one", "large", Addr{0x10, 0x63, 0xa3, 0x45, 0x67, 0x89}},
		{"none", "", Addr{0x10, 0x63, 0xa4, 0x35, 0x67, 0x89}},
	} {
		if got := v.find(tt.mac); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestVendorTable_IsValid(t *testing.T) {
	title := regexp.MustCompile(`^gonetmon vendors 1: IEEE MA-L, MA-M and MA-S of 20\d\d-\d\d-\d\d, from .+\n`)
	if len(vendorBin) > 500_000 || !title.Match(vendorBin) {
		t.Errorf("vendor.bin has %d bytes and the title %.100q", len(vendorBin), vendorBin)
	}
	v := vendors()
	minPrefixes := []int{35_000, 5_500, 6_500} // what the registries had in 2024
	for i, b := range v.blocks {
		if len(b.prefixes) < minPrefixes[i] {
			t.Errorf("%d prefixes of %d bits, want at least %d", len(b.prefixes), b.bits, minPrefixes[i])
		}
		for j, p := range b.prefixes {
			if j > 0 && p <= b.prefixes[j-1] || p>>b.bits != 0 {
				t.Errorf("prefix %d of %d bits is %x, after %x", j, b.bits, p, b.prefixes[j-1])
			}
			if p>>(b.bits-8)&3 != 0 {
				t.Errorf("prefix %x of %d bits is not a globally unique station's", p, b.bits)
			}
		}
	}
	if int(v.starts[len(v.starts)-1]) != len(v.text) || slices.Max(v.blocks[0].owners) >= uint16(len(v.starts)-1) {
		t.Error("names are missing")
	}
	seen := map[string]bool{}
	for i := range len(v.starts) - 1 {
		name := v.name(i)
		switch {
		case name == "" || len(name) > 40:
			t.Errorf("%q has %d bytes", name, len(name))
		case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) || strings.ContainsAny(name, "\"\\<>`"):
			t.Errorf("%q is not clean", name)
		case name != strings.Join(strings.Fields(name), " "):
			t.Errorf("%q has spaces", name)
		case seen[name]:
			t.Errorf("%q is listed twice", name)
		}
		seen[name] = true
	}
}

package traffic

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func prefixes(s ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

func TestPrefixes_Locate(t *testing.T) {
	tests := []struct {
		name     string
		prefixes []string
		ours     string
		not      string
	}{
		{"a /24", []string{"192.168.2.0/24"}, "192.168.2.1 192.168.2.254",
			"192.168.2.0 192.168.2.255 192.168.3.1 0.0.0.0 255.255.255.255 224.0.0.1 ::ffff:192.168.2.1 fe80::1"},
		{"host bits are ignored", []string{"192.168.2.17/24"}, "192.168.2.1", "192.168.2.255"},
		{"a /31 has no broadcast address", []string{"192.168.2.6/31"}, "192.168.2.6 192.168.2.7", "192.168.2.5"},
		{"a /32", []string{"92.104.1.1/32"}, "92.104.1.1", "92.104.1.2"},
		{"the most specific prefix decides", []string{"10.0.0.0/8", "10.1.2.0/24"}, "10.0.0.255 10.1.3.0",
			"10.1.2.0 10.1.2.255 10.0.0.0 10.255.255.255"},
		{"a /31 in place of the broadcast address", []string{"10.0.0.0/8", "10.255.255.254/31"}, "10.255.255.255", ""},
		{"everything", []string{"0.0.0.0/0", "::/0"}, "1.2.3.4 240.0.0.1 ::1 fe80::1 ::ffff:1.2.3.4",
			"0.0.0.0 255.255.255.255 239.0.0.1 :: ff02::1"},
		{"a prefix of groups", []string{"224.0.0.0/16", "ff00::/8"}, "", "224.0.0.5 ff02::1"},
		{"above the groups", []string{"240.1.0.0/16"}, "240.1.0.1", "240.1.255.255"},
		{"ipv6", []string{"fe80::/10", "2001:db8::/64", "2001:db8:1::5/128"}, "fe80:: febf::1 2001:db8::ffff 2001:db8:1::5",
			"fec0::1 2001:db8:0:1::1 2001:db8:1::6"},
		{"no prefixes", nil, "", "192.168.2.1 fe80::1"},
		{"more than the flat part holds", []string{"10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/17"}, "10.0.0.1 10.1.0.1 10.2.0.1",
			"10.1.255.255 10.2.127.255 10.2.128.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPrefixes(prefixes(tt.prefixes...))
			for want, addrs := range map[bool]string{true: tt.ours, false: tt.not} {
				for _, text := range strings.Fields(addrs) {
					a := netip.MustParseAddr(text)
					location := p.locate6(addrFrom(a))
					if a.Is4() {
						location = p.locate4(uint32(addrFrom(a).Lo))
					}
					if (location >= local) != want {
						t.Errorf("%s: location %d, want ours: %v", text, location, want)
					}
				}
			}
		})
	}
}

func TestPrefixes_ListHasEachOnce(t *testing.T) {
	p := NewPrefixes(append(prefixes("192.168.2.17/24", "fe80::1/10", "192.168.2.0/24"), netip.Prefix{}))
	if got, want := p.List(), prefixes("192.168.2.0/24", "fe80::/10"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

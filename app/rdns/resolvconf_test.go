package rdns

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseResolvConf(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		servers  []string
		search   []string
	}{
		{"empty", "", nil, nil},
		{"common", "# by hand\nnameserver 192.168.1.1\nsearch lan fritz.box\noptions edns0\n", []string{"192.168.1.1:53"},
			[]string{"lan", "fritz.box"}},
		{"IPv6 with zone", "nameserver fe80::1%eth0\nnameserver 2001:db8::1\n", []string{"[fe80::1%eth0]:53", "[2001:db8::1]:53"}, nil},
		{"mapped IPv4", "nameserver ::ffff:10.0.0.1\n", []string{"10.0.0.1:53"}, nil},
		{"at most three", "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n",
			[]string{"10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53"}, nil},
		{"bad servers are skipped", "nameserver\nnameserver dns.lan\nnameserver 10.0.0.1\n", []string{"10.0.0.1:53"}, nil},
		{"comments", "; nameserver 10.0.0.1\n#nameserver 10.0.0.2\nnameserver 10.0.0.3 # mine\n", []string{"10.0.0.3:53"}, nil},
		{"tabs and CR", "nameserver\t10.0.0.1\r\nsearch\tlan\r\n", []string{"10.0.0.1:53"}, []string{"lan"}},
		{"the last of domain and search wins", "search a b\ndomain c\n", nil, []string{"c"}},
		{"search domains are canonical", "search LAN. . <b> x\n", nil, []string{"lan", "x"}},
		{"no newline at the end", "nameserver 10.0.0.1", []string{"10.0.0.1:53"}, nil},
		{"binary", "\x00\xff\nnameserver 10.0.0.1\n", []string{"10.0.0.1:53"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			servers, search := ParseResolvConf(strings.NewReader(tt.in))
			var want []netip.AddrPort
			for _, s := range tt.servers {
				want = append(want, netip.MustParseAddrPort(s))
			}
			if diff := cmp.Diff(want, servers, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
				t.Errorf("servers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.search, search); diff != "" {
				t.Errorf("search (-want +got):\n%s", diff)
			}
		})
	}
}

package rdns

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"gonetmon/app/names"
	"gonetmon/test/testnet"
)

func FuzzAnswer(f *testing.F) {
	q := newQuery("17.2.0.192.in-addr.arpa.")
	q.Id = 0x1234
	for _, a := range []testnet.Answer{
		{Names: []string{"nas.lan", "b.lan"}, TTL: 300},
		{Mode: testnet.NXDomain, TTL: 300},
		{Mode: testnet.NoData, TTL: 1 << 31},
		{Mode: testnet.ServFail},
		{Mode: testnet.TruncatedUDP},
		{Mode: testnet.WrongOwner, Names: []string{"nas.lan"}},
		{Mode: testnet.Chain, Links: 8, Names: []string{"nas.lan"}},
		{Mode: testnet.Loop},
		{Mode: testnet.CompressionLoop},
		{Mode: testnet.Huge},
		{Mode: testnet.Overstated, Names: []string{"nas.lan"}},
		{Mode: testnet.Garbage},
		{Mode: testnet.RawName, RData: testnet.WireName("<script>", "\n\"", "10.0.0.1")},
	} {
		for _, raw := range a.Messages(q, false) {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, reason := match(raw, q)
		if m == nil {
			if reason != Malformed && reason != Mismatch {
				t.Errorf("ignored for %v", reason)
			}
			return
		}
		a := parse(m, q.Question[0].Name, netip.MustParseAddr("192.0.2.17"))
		if again, ok := names.Canonical(a.name); a.name != "" && (!ok || again != a.name) {
			t.Errorf("%q is not canonical", a.name)
		}
		if ok := a.reason == none; a.name != "" && !ok || ok && !a.final || a.ttl < 0 {
			t.Errorf("contradictory answer %+v", a)
		}
		if a.name != "" && m.Rcode != dns.RcodeSuccess {
			t.Errorf("name %q with rcode %d", a.name, m.Rcode)
		}
	})
}

func TestReason_String(t *testing.T) {
	seen := make(map[string]bool)
	for r := range NumReasons {
		if s := r.String(); s == "" || seen[s] || s == "none" {
			t.Errorf("reason %d is %q", r, s)
		} else {
			seen[s] = true
		}
	}
}

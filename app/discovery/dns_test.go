package discovery

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"gonetmon/test/testnet"
)

// FuzzDNS reads any message. Whatever miekg/dns reads, too, is the same, but for the names: it escapes them.
func FuzzDNS(f *testing.F) {
	for name, frame := range samples() {
		if protocol, _, _ := strings.Cut(name, " "); protocol == "mdns" || protocol == "llmnr" {
			f.Add(frame[42:])
		}
	}
	// The labels that the pointer of the second name points to go on behind the pointer.
	f.Add([]byte("0000\x00\x00\x00\x02\x00\x00\x00\x00" + "\x0500000\x0500000\x00" + "00000000\x00\x04000\x08" +
		"\xc0\x26000000\x000\x00\x0000000\x00\x000"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, whole := readDNS(raw)
		if n := len(got.questions) + len(got.records); n > maxDNSRecords {
			t.Fatalf("%d questions and records", n)
		}
		for i := range got.records {
			r := &got.records[i]
			got.addr(r)
			got.target(r)
			got.text(r)
			reverseAddr(r.name)
		}
		var want dns.Msg
		if !whole || want.Unpack(raw) != nil {
			return
		}
		rrs := slices.Concat(want.Answer, want.Ns, want.Extra)
		if len(want.Question) != len(got.questions) || len(rrs) != len(got.records) {
			return // it takes less than the header says, or more than our limit
		}
		for i, rr := range rrs {
			r, h := &got.records[i], rr.Header()
			name, _, err := dns.UnpackDomainName(testnet.WireName(r.name...), 0)
			if err != nil || name != h.Name || r.typ != h.Rrtype || r.class != h.Class || r.ttl != h.Ttl || r.end-r.at != int(h.Rdlength) {
				t.Errorf("record %d of %x is %+v, want %v", i, raw, r, rr)
			}
			if a, ok := rr.(*dns.AAAA); ok && r.end > r.at && got.addr(r).String() != a.AAAA.String() && a.AAAA.To4() == nil {
				t.Errorf("address %d of %x is %v, want %v", i, raw, got.addr(r), rr)
			}
			if p, ok := rr.(*dns.PTR); ok && r.end > r.at {
				if target, _, err := dns.UnpackDomainName(testnet.WireName(got.target(r)...), 0); err != nil || target != p.Ptr {
					t.Errorf("target %d of %x is %q, want %v", i, raw, target, rr)
				}
			}
		}
	})
}

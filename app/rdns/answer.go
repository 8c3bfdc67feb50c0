package rdns

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"gonetmon/app/names"
)

const (
	maxCNAMEs          = 8         // between an address and its name (RFC 2317)
	defaultNegativeTTL = time.Hour // of an answer that has neither a name nor a SOA
)

// An answer is the result of a query, or of a lookup of several queries. The zero answer is a failure.
type answer struct {
	name    string        // canonical, or "" if there is none
	alias   string        // of the address, whose name the server has not looked up; "" if it has, or if there is none
	ttl     time.Duration // of a final answer
	reason  Reason        // none if it is no failure
	final   bool          // the server has answered for this address: no other server need be asked
	refused int           // names that are not canonical, or placeholders
	sent    int           // messages
}

// unreachable reports whether the lookup failed without any usable response.
func (a answer) unreachable() bool {
	return !a.final && (a.reason == Timeout || a.reason == Network || a.reason == Mismatch || a.reason == Malformed)
}

// match returns the message in raw if it answers query, and otherwise the reason to ignore it.
func match(raw []byte, query *dns.Msg) (*dns.Msg, Reason) {
	if len(raw) < 12 {
		return nil, Malformed
	}
	if id := uint16(raw[0])<<8 | uint16(raw[1]); id != query.Id || raw[2]&0x80 == 0 { // QR
		return nil, Mismatch
	}
	m := unpack(raw)
	switch {
	case m == nil:
		return nil, Malformed
	case m.Opcode != dns.OpcodeQuery:
		return nil, Mismatch
	case len(m.Question) == 0 && m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return m, none // a server may leave the question out of an error; it can claim nothing else that way
	case len(m.Question) != 1 || !sameQuestion(m.Question[0], query.Question[0]):
		return nil, Mismatch
	}
	return m, none
}

func sameQuestion(a, b dns.Question) bool {
	return strings.EqualFold(a.Name, b.Name) && a.Qtype == b.Qtype && a.Qclass == b.Qclass
}

// unpack decodes raw; of a truncated message at least the question. It returns nil if that fails or the library panics.
func unpack(raw []byte) (m *dns.Msg) {
	defer func() {
		if recover() != nil {
			m = nil
		}
	}()
	m = new(dns.Msg)
	if err := m.Unpack(raw); err != nil && !m.Truncated {
		return nil
	}
	return m
}

// parse returns what a matching, complete message says about owner, the reverse name of addr or an alias of it.
func parse(m *dns.Msg, owner string, addr netip.Addr) answer {
	switch m.Rcode {
	case dns.RcodeSuccess:
		return parseNames(m, owner, addr)
	case dns.RcodeNameError:
		return answer{reason: none, final: true, ttl: negativeTTL(m)}
	case dns.RcodeServerFailure:
		return answer{reason: ServFail}
	case dns.RcodeRefused:
		return answer{reason: Refused}
	}
	return answer{reason: RCode}
}

// parseNames returns the name of owner. Of several names it takes the one that tells people most, and of those the first in
// alphabetical order, so that it is always the same one. Placeholders, such as localhost, are refused.
func parseNames(m *dns.Msg, owner string, addr netip.Addr) answer {
	targets, end, ttl, ok := followCNAMEs(m.Answer, owner)
	switch {
	case !ok:
		return answer{reason: Mismatch, final: true, ttl: minTTL}
	case len(targets) == 0 && end != owner:
		return answer{reason: none, final: true, ttl: min(seconds(ttl), negativeTTL(m)), alias: end}
	case len(targets) == 0:
		return answer{reason: none, final: true, ttl: negativeTTL(m)}
	}
	a := answer{reason: none, final: true, ttl: seconds(ttl)}
	var found []string
	for _, target := range targets {
		if name, ok := names.Canonical(target); ok && !names.IsPlaceholder(name) {
			found = append(found, name)
		} else {
			a.refused++
		}
	}
	if len(found) == 0 {
		a.reason = BadName
		return a
	}
	a.name = slices.MinFunc(found, func(x, y string) int {
		return cmp.Or(cmp.Compare(vagueness(x, addr), vagueness(y, addr)), strings.Compare(x, y))
	})
	return a
}

// vagueness ranks a name of addr: the lower, the more it tells people.
func vagueness(name string, addr netip.Addr) int {
	switch {
	case names.IsFromAddress(name, addr):
		return 2
	case names.IsGeneric(name):
		return 1
	}
	return 0
}

// followCNAMEs returns the targets of the PTR records of owner, or of the end of its chain of CNAMEs, that end, and the
// lowest TTL on the way. It is not ok if the chain is too long, or if all PTR records belong to other owners.
func followCNAMEs(rrs []dns.RR, owner string) (targets []string, end string, ttl uint32, ok bool) {
	ttl, foreign := 1<<32-1, false
	for range maxCNAMEs + 1 {
		next, nextTTL := "", ttl
		for _, rr := range rrs {
			h := rr.Header()
			owned := h.Class == dns.ClassINET && strings.EqualFold(h.Name, owner)
			switch rr := rr.(type) {
			case *dns.PTR:
				if !owned {
					foreign = true
					continue
				}
				targets = append(targets, rr.Ptr)
				nextTTL = min(nextTTL, h.Ttl)
			case *dns.CNAME:
				if owned && next == "" {
					next = rr.Target
					nextTTL = min(nextTTL, h.Ttl)
				}
			}
		}
		ttl = nextTTL
		if len(targets) > 0 || next == "" {
			return targets, owner, ttl, len(targets) > 0 || !foreign
		}
		owner = next
	}
	return nil, "", 0, false
}

// negativeTTL returns how long to believe that there is no name (RFC 2308, 5).
func negativeTTL(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return seconds(min(soa.Hdr.Ttl, soa.Minttl))
		}
	}
	return defaultNegativeTTL
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

package rdns

import (
	"strings"
	"time"

	"github.com/miekg/dns"

	"gonetmon/app/names"
)

const (
	maxLinks    = 8         // CNAMEs between an address and its name (RFC 2317)
	negativeTTL = time.Hour // of an answer without a name and without a SOA
)

// An answer is how a query, or a lookup of several, ended. The zero answer is a failure.
type answer struct {
	name    string        // clean, or none
	ttl     time.Duration // how long a final answer holds
	reason  Reason        // none if it is no failure
	final   bool          // a server has spoken about this address: no other need be asked
	refused int           // names refused by Clean
	sent    int           // messages
}

// silent reports a failure in which no server said a thing that makes sense.
func (a answer) silent() bool {
	return !a.final && (a.reason == Timeout || a.reason == Network || a.reason == Mismatch || a.reason == Malformed)
}

// match returns the message in raw if it answers query, and else the reason to ignore it.
func match(raw []byte, query *dns.Msg) (*dns.Msg, Reason) {
	if len(raw) < 12 {
		return nil, Malformed
	}
	if id := uint16(raw[0])<<8 | uint16(raw[1]); id != query.Id || raw[2]&0x80 == 0 {
		return nil, Mismatch
	}
	m := unpack(raw)
	switch {
	case m == nil:
		return nil, Malformed
	case m.Opcode != dns.OpcodeQuery:
		return nil, Mismatch
	case len(m.Question) == 0 && m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return m, none // a server that gives up may leave the question out; a failure is all it can claim
	case len(m.Question) != 1 || !asks(m.Question[0], query.Question[0]):
		return nil, Mismatch
	}
	return m, none
}

func asks(a, b dns.Question) bool {
	return strings.EqualFold(a.Name, b.Name) && a.Qtype == b.Qtype && a.Qclass == b.Qclass
}

// unpack decodes raw, of a truncated message at least the question. It returns nil if that fails, by a panic too.
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

// read returns what a matching, complete message says about owner.
func read(m *dns.Msg, owner string) answer {
	switch m.Rcode {
	case dns.RcodeSuccess:
		return readNames(m, owner)
	case dns.RcodeNameError:
		return answer{reason: none, final: true, ttl: silence(m)}
	case dns.RcodeServerFailure:
		return answer{reason: ServFail}
	case dns.RcodeRefused:
		return answer{reason: Refused}
	}
	return answer{reason: RCode}
}

// readNames chooses among the names of owner: of several, the one that sorts first, so that it is the same each time.
func readNames(m *dns.Msg, owner string) answer {
	targets, ttl, ok := chase(m.Answer, owner)
	if !ok {
		return answer{reason: Mismatch, final: true, ttl: minTTL}
	}
	if len(targets) == 0 {
		return answer{reason: none, final: true, ttl: silence(m)}
	}
	a := answer{reason: none, final: true, ttl: seconds(ttl)}
	for _, target := range targets {
		switch name, ok := names.Canonical(target); {
		case !ok:
			a.refused++
		case a.name == "" || name < a.name:
			a.name = name
		}
	}
	if a.name == "" {
		a.reason = BadName
	}
	return a
}

// chase returns the targets of the PTR records that belong to owner, or to the end of its chain of CNAMEs, and the
// lowest TTL on the way. It is not ok if the chain is too long, or there are PTR records, but all of somebody else.
func chase(rrs []dns.RR, owner string) (targets []string, ttl uint32, ok bool) {
	ttl, strangers := 1<<32-1, false
	for range maxLinks + 1 {
		next, nextTTL := "", ttl
		for _, rr := range rrs {
			h := rr.Header()
			mine := h.Class == dns.ClassINET && strings.EqualFold(h.Name, owner)
			switch rr := rr.(type) {
			case *dns.PTR:
				if !mine {
					strangers = true
					continue
				}
				targets = append(targets, rr.Ptr)
				nextTTL = min(nextTTL, h.Ttl)
			case *dns.CNAME:
				if mine && next == "" {
					next = rr.Target
					nextTTL = min(nextTTL, h.Ttl)
				}
			}
		}
		ttl = nextTTL
		if len(targets) > 0 || next == "" {
			return targets, ttl, len(targets) > 0 || !strangers
		}
		owner = next
	}
	return nil, 0, false
}

// silence returns how long the absence of a name holds (RFC 2308, 5).
func silence(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return seconds(min(soa.Hdr.Ttl, soa.Minttl))
		}
	}
	return negativeTTL
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

package testnet

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A Mode is a way to answer a DNS query.
type Mode int

// The modes. Each answers with Names, except as noted.
const (
	OK              Mode = iota
	NXDomain             // with a SOA
	NoData               // with a SOA
	ServFail             //
	RefusedCode          //
	NotImp               //
	DropEDNS             // never answers a query with EDNS
	BlackHole            // never answers
	TruncatedUDP         // TC over UDP, right over TCP
	TruncatedNoTCP       // TC over UDP, TCP is closed without an answer
	SilentUDP            // answers over TCP only
	WrongID              //
	WrongQuestion        // the question of another address
	WrongOwner           // the record belongs to another address
	NotResponse          // without QR
	Chain                // through Links CNAMEs
	Alias                // one of Links CNAMEs in each answer: the end must be asked for
	Loop                 // a loop of CNAMEs
	RuntFirst            // a datagram of 5 bytes, then the right answer
	GarbageFirst         // an undecodable datagram and one with a wrong ID, then the right answer
	Garbage              // an undecodable datagram, with the right ID
	CompressionLoop      // a name that points to itself
	Huge                 // a name of 10,000 bytes
	Overstated           // 65,535 records announced, one present
	RawName              // RData as the PTR's data
)

// An Answer is how to answer for an address.
type Answer struct {
	Mode  Mode
	Names []string      // PTR targets, in presentation format
	TTL   uint32        // of all records; the minimum of the SOA too
	NoSOA bool          // for NXDomain and NoData
	Links int           // of Chain
	RData []byte        // of RawName; see WireName
	Delay time.Duration // before the answer
}

// WireName returns a name in wire format. Its labels may hold any bytes, and the name may be longer than allowed.
func WireName(labels ...string) []byte {
	var out []byte
	for _, label := range labels {
		out = append(append(out, byte(len(label))), label...)
	}
	return append(out, 0)
}

// Messages returns what to send for q, each a datagram.
func (a Answer) Messages(q *dns.Msg, stream bool) [][]byte {
	m := new(dns.Msg).SetReply(q)
	name := q.Question[0].Name
	switch a.Mode {
	case BlackHole:
		return nil
	case NXDomain, NoData:
		if a.Mode == NXDomain {
			m.Rcode = dns.RcodeNameError
		}
		if !a.NoSOA {
			m.Ns = []dns.RR{&dns.SOA{Hdr: a.header(".", dns.TypeSOA), Ns: "ns.test.", Mbox: "root.test.", Minttl: a.TTL}}
		}
		return pack(m)
	case ServFail:
		m.Rcode = dns.RcodeServerFailure
		return pack(m)
	case RefusedCode:
		m.Rcode = dns.RcodeRefused
		return pack(m)
	case NotImp:
		m.Rcode = dns.RcodeNotImplemented
		return pack(m)
	case DropEDNS:
		if q.IsEdns0() != nil {
			return nil
		}
	case SilentUDP:
		if !stream {
			return nil
		}
	case TruncatedUDP, TruncatedNoTCP:
		if !stream {
			m.Truncated = true
			return pack(m)
		}
		if a.Mode == TruncatedNoTCP {
			return nil
		}
	case WrongID:
		m.Id++
	case WrongQuestion:
		m.Question = []dns.Question{{Name: "1." + name, Qtype: dns.TypePTR, Qclass: dns.ClassINET}}
	case WrongOwner:
		name = "1." + name
	case NotResponse:
		m.Response = false
	case Chain, Loop:
		m.Answer, name = a.chain(name)
		if a.Mode == Loop {
			return pack(m)
		}
	case Alias:
		if links, rest := aliasOf(name); links < a.Links {
			alias := strconv.Itoa(links+1) + aliasMark + rest
			m.Answer = []dns.RR{&dns.CNAME{Hdr: a.header(name, dns.TypeCNAME), Target: alias}}
			return pack(m)
		}
	case CompressionLoop:
		return [][]byte{rawAnswer(q, 1, a.TTL, []byte{0xc0, byte(len(header(q)) + 12)})}
	case Huge:
		return [][]byte{rawAnswer(q, 1, a.TTL, WireName(slices.Repeat([]string{strings.Repeat("x", 49)}, 200)...))}
	case Overstated:
		return [][]byte{rawAnswer(q, 65535, a.TTL, WireName(strings.Split(strings.TrimSuffix(a.Names[0], "."), ".")...))}
	case RawName:
		return [][]byte{rawAnswer(q, 1, a.TTL, a.RData)}
	case Garbage:
		return [][]byte{garbage(q)}
	}
	for _, target := range a.Names {
		m.Answer = append(m.Answer, &dns.PTR{Hdr: a.header(name, dns.TypePTR), Ptr: dns.Fqdn(target)})
	}
	truth := pack(m)
	switch a.Mode {
	case RuntFirst:
		return append([][]byte{{byte(m.Id >> 8), byte(m.Id), 0x80, 0, 0}}, truth...)
	case GarbageFirst:
		forged := append([]byte(nil), truth[0]...)
		forged[0]++
		return append([][]byte{garbage(q), forged}, truth...)
	}
	return truth
}

// aliasMark follows the number of an alias of Mode Alias, and precedes the name that it stands for.
const aliasMark = "-alias."

// aliasOf returns how many aliases lead from a reverse name to name, and that reverse name.
func aliasOf(name string) (links int, reverse string) {
	number, rest, ok := strings.Cut(name, aliasMark)
	if !ok {
		return 0, name
	}
	links, _ = strconv.Atoi(number)
	return links, rest
}

// chain returns the CNAMEs from name on, and where they end.
func (a Answer) chain(name string) ([]dns.RR, string) {
	if a.Mode == Loop {
		return []dns.RR{
			&dns.CNAME{Hdr: a.header(name, dns.TypeCNAME), Target: "a." + name},
			&dns.CNAME{Hdr: a.header("a."+name, dns.TypeCNAME), Target: name},
		}, name
	}
	var rrs []dns.RR
	for i := range a.Links {
		next := "l" + strconv.Itoa(i) + ".test."
		rrs = append([]dns.RR{&dns.CNAME{Hdr: a.header(name, dns.TypeCNAME), Target: next}}, rrs...) // last link first
		name = next
	}
	return rrs, name
}

func (a Answer) header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: a.TTL}
}

func pack(m *dns.Msg) [][]byte {
	m.Compress = true
	raw, err := m.Pack()
	if err != nil {
		panic("testnet: pack: " + err.Error())
	}
	return [][]byte{raw}
}

// header returns an answer to q up to its records.
func header(q *dns.Msg) []byte { return pack(new(dns.Msg).SetReply(q))[0] }

// rawAnswer returns an answer to q with one PTR record of any data and any count.
func rawAnswer(q *dns.Msg, count uint16, ttl uint32, data []byte) []byte {
	out := header(q)
	out[6], out[7] = byte(count>>8), byte(count)
	out = append(out, 0xc0, 12, 0, byte(dns.TypePTR), 0, dns.ClassINET)
	out = append(out, byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl), byte(len(data)>>8), byte(len(data)))
	return append(out, data...)
}

func garbage(q *dns.Msg) []byte {
	return append(header(q)[:12], 0xff, 0xff, 0xff, 0xff, 0xff)
}

// addrOf returns the address of a name under in-addr.arpa or ip6.arpa.
func addrOf(name string) (netip.Addr, bool) {
	name = strings.ToLower(name)
	if rest, ok := strings.CutSuffix(name, ".in-addr.arpa."); ok {
		labels := strings.Split(rest, ".")
		slices.Reverse(labels)
		addr, err := netip.ParseAddr(strings.Join(labels, "."))
		return addr, err == nil
	}
	digits := strings.Split(strings.TrimSuffix(name, ".ip6.arpa."), ".")
	slices.Reverse(digits)
	b, err := hex.DecodeString(strings.Join(digits, ""))
	if err != nil || len(b) != 16 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16([16]byte(b)), true
}

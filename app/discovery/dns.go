package discovery

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Types and classes of records (RFC 1035, 3.2; RFC 3596; RFC 2782; RFC 1002, 4.2.1.3).
const (
	dnsA       = 1
	dnsPTR     = 12
	dnsTXT     = 16
	dnsAAAA    = 28
	dnsNB      = 32 // of NetBIOS
	dnsSRV     = 33
	dnsAny     = 255
	dnsClassIN = 1
)

// maxDNSRecords limits the questions and records of a message that are decoded.
const maxDNSRecords = 256

// A dnsSection is one of the sections of records.
type dnsSection uint8

const (
	dnsAnswer dnsSection = iota
	dnsAuthority
	dnsAdditional
)

// A dnsMessage is a message in the format of RFC 1035, 4.1, which mDNS, LLMNR and NetBIOS have too, as far as it can be read.
type dnsMessage struct {
	raw       []byte
	flags     uint16
	questions []dnsQuestion
	records   []dnsRecord
}

// A dnsQuestion asks for the records of a name.
type dnsQuestion struct {
	name []string
	typ  uint16
}

// A dnsRecord is a resource record. Its data are at raw[at:end].
type dnsRecord struct {
	section    dnsSection
	name       []string // labels, without the root
	typ, class uint16
	ttl        uint32
	at, end    int
}

// isResponse reports whether the flag QR is set.
func (m *dnsMessage) isResponse() bool { return m.flags&0x8000 != 0 }

// opcode returns the kind of query, 0 to 15.
func (m *dnsMessage) opcode() uint16 { return m.flags >> 11 & 15 }

// readDNS reads a message. It returns false if that is not as long as it says.
func readDNS(raw []byte) (m dnsMessage, whole bool) {
	if len(raw) < 12 {
		return m, false
	}
	m.raw, m.flags = raw, binary.BigEndian.Uint16(raw[2:])
	at, left := 12, maxDNSRecords
	for range binary.BigEndian.Uint16(raw[4:]) {
		name, next, ok := readDNSName(raw, at)
		if !ok || len(raw) < next+4 {
			return m, false
		}
		if left--; left < 0 {
			return m, true
		}
		m.questions = append(m.questions, dnsQuestion{name, binary.BigEndian.Uint16(raw[next:])})
		at = next + 4
	}
	for section := dnsAnswer; section <= dnsAdditional; section++ {
		for range binary.BigEndian.Uint16(raw[6+2*int(section):]) {
			name, next, ok := readDNSName(raw, at)
			if !ok || len(raw) < next+10 {
				return m, false
			}
			h := raw[next : next+10]
			at = next + 10 + int(binary.BigEndian.Uint16(h[8:]))
			if at > len(raw) {
				return m, false
			}
			if left--; left < 0 {
				return m, true
			}
			m.records = append(m.records, dnsRecord{section: section, name: name, typ: binary.BigEndian.Uint16(h),
				class: binary.BigEndian.Uint16(h[2:]), ttl: binary.BigEndian.Uint32(h[4:]), at: next + 10, end: at})
		}
	}
	return m, true
}

// readDNSName reads a name (RFC 1035, 4.1.4). It returns its labels and where the name ends. A pointer must point to before the
// name that it is in.
func readDNSName(raw []byte, at int) (labels []string, next int, ok bool) {
	const maxOctets = 255
	first := at // of the part behind the last pointer
	for octets := 0; at < len(raw) && octets < maxOctets; octets++ {
		n := int(raw[at])
		switch {
		case n == 0:
			return labels, cmp.Or(next, at+1), true
		case n < 64 && at+1+n <= len(raw):
			labels = append(labels, string(raw[at+1:at+1+n]))
			octets, at = octets+n, at+1+n
		case n >= 0xc0 && at+2 <= len(raw):
			to := int(binary.BigEndian.Uint16(raw[at:]) & 0x3fff)
			if to >= first {
				return nil, 0, false
			}
			next = cmp.Or(next, at+2) // of the first pointer
			first, at = to, to
		default:
			return nil, 0, false
		}
	}
	return nil, 0, false
}

// addr returns the address in an A or AAAA record.
func (m *dnsMessage) addr(r *dnsRecord) (addr netip.Addr) {
	if data := m.raw[r.at:r.end]; r.typ == dnsA && len(data) == 4 || r.typ == dnsAAAA && len(data) == 16 {
		addr, _ = netip.AddrFromSlice(data)
	}
	return addr
}

// target returns the name in a PTR or SRV record, or nil.
func (m *dnsMessage) target(r *dnsRecord) []string {
	at := r.at
	if r.typ == dnsSRV {
		at += 6 // priority, weight and port
	}
	if name, next, ok := readDNSName(m.raw[:r.end], at); ok && next == r.end {
		return name
	}
	return nil
}

// text returns the strings of a TXT record, as far as they can be read.
func (m *dnsMessage) text(r *dnsRecord) (text []string) {
	for b := m.raw[r.at:r.end]; len(b) > 0 && len(b) > int(b[0]); b = b[1+int(b[0]):] {
		text = append(text, string(b[1:1+int(b[0])]))
	}
	return text
}

// hostName joins the labels of a host name. A dot in a label is not one between labels.
func hostName(labels []string) string {
	if slices.ContainsFunc(labels, func(l string) bool { return strings.Contains(l, ".") }) {
		labels = slices.Clone(labels)
		for i := range labels {
			labels[i] = strings.ReplaceAll(labels[i], ".", "-")
		}
	}
	return strings.Join(labels, ".")
}

// reverseAddr returns the address that a name under in-addr.arpa or ip6.arpa stands for (RFC 1035, 3.5; RFC 3596, 2.5).
func reverseAddr(labels []string) (addr netip.Addr) {
	n := len(labels) - 2
	if n < 0 || !strings.EqualFold(labels[n+1], "arpa") {
		return addr
	}
	switch {
	case n == 4 && strings.EqualFold(labels[n], "in-addr"):
		addr, _ = netip.ParseAddr(labels[3] + "." + labels[2] + "." + labels[1] + "." + labels[0])
	case n == 32 && strings.EqualFold(labels[n], "ip6"):
		var b [16]byte
		for i, label := range labels[:n] {
			digit, err := strconv.ParseUint(label, 16, 4)
			if err != nil || len(label) != 1 {
				return addr
			}
			b[15-i/2] |= byte(digit) << (i % 2 * 4)
		}
		addr = netip.AddrFrom16(b)
	}
	return addr
}

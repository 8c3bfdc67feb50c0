package discovery

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// netbiosNames decodes a message of the NetBIOS name service (RFC 1002, 4.2): the name that a host registers or refreshes, or
// says that it has.
func (d *Decoder) netbiosNames(m *message) {
	msg, whole := readDNS(m.payload)
	if !whole && !m.truncated {
		d.malformed[NetBIOS].Add(1)
	}
	const query, registration, refresh, altRefresh, multihomed = 0, 5, 8, 9, 15
	section := dnsAdditional
	switch op := msg.opcode() & 15; {
	case msg.isResponse() && op == query:
		section = dnsAnswer
	case !msg.isResponse() && (op == registration || op == refresh || op == altRefresh || op == multihomed):
	default:
		return
	}
	var all []addrName
	for i := range msg.records {
		r := &msg.records[i]
		if r.section != section || r.typ != dnsNB || r.class != dnsClassIN || len(r.name) == 0 {
			continue
		}
		const isGroup = 0x8000
		for b := msg.raw[r.at:r.end]; len(b) >= 6; b = b[6:] { // flags and an address
			addr := netip.AddrFrom4([4]byte(b[2:6]))
			if binary.BigEndian.Uint16(b)&isGroup != 0 || !isUnicast(addr) {
				continue
			}
			if name, ok := d.netbiosName(r.name[0]); ok {
				all = append(all, addrName{addr, name, false})
			}
		}
	}
	d.addrNames(m, NetBIOS, all)
}

// netbiosDatagram decodes a message of the NetBIOS datagram service (RFC 1002, 4.4.2): the name of its source.
func (d *Decoder) netbiosDatagram(m *message) {
	const directUnique, broadcast, header = 0x10, 0x12, 14
	b := m.payload
	if len(b) == 0 || b[0] < directUnique || b[0] > broadcast {
		return
	}
	if len(b) < header {
		d.malformed[NetBIOS].Add(1)
		return
	}
	labels, _, ok := readDNSName(b, header)
	if !ok || len(labels) == 0 {
		d.malformed[NetBIOS].Add(1)
		return
	}
	if addr := netip.AddrFrom4([4]byte(b[4:8])); isUnicast(addr) {
		if name, ok := d.netbiosName(labels[0]); ok {
			d.addrNames(m, NetBIOS, []addrName{{addr, name, false}})
		}
	}
}

// netbiosName decodes the name of a computer (RFC 1001, 14.1): 15 characters, padded with spaces, and a byte that says what has
// the name, 0x00 for a workstation and 0x20 for a file server. Each byte is two letters.
func (d *Decoder) netbiosName(label string) (string, bool) {
	const size, workstation, server = 16, 0x00, 0x20
	if len(label) != 2*size {
		return "", false
	}
	var b [size]byte
	for i := range 2 * size {
		c := label[i] - 'A'
		if c > 15 {
			return "", false
		}
		b[i/2] = b[i/2]<<4 | c
	}
	if kind := b[size-1]; kind != workstation && kind != server {
		return "", false
	}
	return d.clean(NetBIOS, strings.TrimRight(string(b[:size-1]), " \x00"))
}

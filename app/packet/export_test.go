package packet

import (
	"encoding/binary"
	"net/netip"
)

// Ends returns source and destination. They are valid if Class is IPv4 or IPv6.
func (p *Packet) Ends() (src, dst netip.Addr) {
	addr := func(a Addr) netip.Addr {
		var b [16]byte
		binary.BigEndian.PutUint64(b[:8], a.Hi)
		binary.BigEndian.PutUint64(b[8:], a.Lo)
		if p.Class == IPv4 {
			return netip.AddrFrom4([4]byte(b[12:]))
		}
		return netip.AddrFrom16(b)
	}
	if p.Class > IPv6 {
		return
	}
	return addr(p.Src), addr(p.Dst)
}

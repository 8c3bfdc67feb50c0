package packet

// Values of gso_type in struct virtio_net_hdr (linux/virtio_net.h).
const (
	gsoTCP4 = 1
	gsoUDP  = 3 // UFO: one datagram that becomes IP fragments
	gsoTCP6 = 4
	gsoUDP4 = 5 // USO and UDP GRO: datagrams of one flow
	gsoECN  = 0x80
)

// IP protocol numbers (IANA) on the way to the transport header of a merged frame.
const (
	protoHopByHop = 0
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoAH       = 51
	protoOptions  = 60
)

// Resegment corrects p for a frame that stands for several on the wire, because the sender or the receiver merges segments (TSO,
// GSO, LRO, GRO). It adds the headers that each segment has on the wire. It must follow Decode of the same data. gso, size and
// transport come from the virtio header of the frame (linux/virtio_net.h): the type, the segment size in bytes, and the offset of
// the innermost transport header in data, which is 0 if it is unknown.
//
// Every segment has size bytes of payload, and the last one the rest. If the offset is unknown, the headers are read from data.
// If that is not possible (data is too short, or the encapsulation is unknown), the shortest transport header is assumed to
// follow. If gso or size is 0, or p has no IP packet, nothing changes. Resegment does not allocate.
func (p *Packet) Resegment(data []byte, gso uint8, size, transport uint16) {
	if gso == 0 || size == 0 || p.Class > IPv6 || len(data) <= p.offset {
		return
	}
	h := headers{data: data[p.offset:]}
	gso &^= gsoECN
	h.walk(p.Class == IPv6, gso)
	if next := int(transport) - p.offset; next > 0 {
		h.end = h.transportEnd(next, gso)
	}
	total, end := int(p.Bytes), h.end
	if total <= end {
		return
	}
	payload := total - end
	each := end + h.extra
	n := (payload + int(size) - 1) / int(size)
	p.Frames = uint64(n)
	p.Bytes = uint64(n*each + payload)
	p.Wire = uint64(n*(p.offset+p.tag+each) + payload)
}

// headers measures the headers that each segment of a merged frame repeats, from the outermost IP header on.
type headers struct {
	data  []byte
	end   int // offset of the payload
	extra int // bytes by which the headers of a segment are longer than those of the merged frame
}

// walk sets end to the length of all headers up to and including the transport header of kind gso.
func (h *headers) walk(v6 bool, gso uint8) {
	off := 0
	for range 8 { // tunnels in tunnels
		proto, next, ok := h.ip(off, v6)
		h.end = next + 8
		if !ok {
			return
		}
		switch {
		case gso == gsoUDP:
			h.end = next // a fragment repeats only the IP header
			if v6 {
				h.extra += 8 // and adds a fragment header
			}
			return
		case proto == protoTCP:
			h.end = h.transportEnd(next, gsoTCP4)
			return
		case proto == protoUDP && gso == gsoUDP4:
			return
		}
		if off, v6, ok = h.tunnel(next, proto); !ok {
			return
		}
	}
}

// transportEnd returns the end of the transport header at off.
func (h *headers) transportEnd(off int, gso uint8) int {
	switch {
	case gso != gsoTCP4 && gso != gsoTCP6:
		return off + 8 // UDP
	case len(h.data) <= off+12:
		return off + 20
	}
	return off + int(h.data[off+12]>>4)*4
}

// ip skips the IP header at off and its extension headers. It returns the protocol and the offset of what follows.
func (h *headers) ip(off int, v6 bool) (proto byte, next int, ok bool) {
	d := h.data
	if !v6 {
		if len(d) < off+20 {
			return 0, off + 20, false
		}
		return d[off+9], off + int(d[off]&15)*4, true
	}
	if len(d) < off+40 {
		return 0, off + 40, false
	}
	proto, next = d[off+6], off+40
	for range 16 { // extension headers (RFC 8200, 4; AH: RFC 4302)
		switch proto {
		case protoHopByHop, protoRouting, protoOptions, protoFragment, protoAH:
		default:
			return proto, next, true
		}
		if len(d) < next+8 {
			return proto, next, false
		}
		size := 8 + int(d[next+1])*8
		switch proto {
		case protoFragment:
			size = 8
		case protoAH:
			size = 8 + int(d[next+1])*4
		case protoHopByHop:
			if size == 8 && d[next+2] == 0xc2 {
				h.extra -= 8 // only the jumbo payload option (RFC 2675): added by BIG TCP, not on the wire
			}
		}
		proto, next = d[next], next+size
	}
	return proto, next, true
}

// tunnel skips the tunnel header at off: IP in IP (RFC 2003, 2473, 4213) and GRE (RFC 2784, 2890). A tunnel in UDP cannot be told
// by its port; the kernel says where the transport header of its frames is.
func (h *headers) tunnel(off int, proto byte) (next int, v6, ok bool) {
	d := h.data
	switch proto {
	case protoIPv4:
		return off, false, true
	case protoIPv6:
		return off, true, true
	case protoGRE:
	default:
		return 0, false, false
	}
	if len(d) < off+4 {
		return 0, false, false
	}
	next = off + 4
	for bit := byte(0x80); bit >= 0x10; bit >>= 1 { // checksum, (routing), key, sequence number: four bytes each
		if d[off]&bit != 0 {
			next += 4
		}
	}
	typ := be16(d, off+2)
	if typ == etherBridging {
		next += 12 // the MAC addresses
		for {
			if len(d) < next+2 {
				return 0, false, false
			}
			typ, next = be16(d, next), next+2
			if typ != etherVLAN && typ != etherQinQ {
				break
			}
			next += 2
		}
	}
	return next, typ == etherIPv6, typ == etherIPv4 || typ == etherIPv6
}

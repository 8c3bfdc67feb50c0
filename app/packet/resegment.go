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
// GSO, LRO, GRO). It adds the headers that each segment has on the wire. It must follow Decode of the same data. gso and size are
// the type and the segment size in bytes from the virtio header of the frame (linux/virtio_net.h).
//
// Every segment has size bytes of payload, and the last one the rest. The headers are read from data. If that is not possible (data
// is too short, or the encapsulation is unknown), they are assumed to end eight bytes after the IP header. If gso or size is 0, or
// p has no IP packet, nothing changes. Resegment does not allocate.
func (p *Packet) Resegment(data []byte, gso uint8, size uint16) {
	if gso == 0 || size == 0 || p.Class > IPv6 || len(data) <= p.offset {
		return
	}
	h := headers{data: data[p.offset:]}
	h.walk(p.Class == IPv6, gso&^gsoECN)
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
			if len(h.data) > next+12 {
				h.end = next + int(h.data[next+12]>>4)*4
			}
			return
		case proto == protoUDP && gso == gsoUDP4:
			return
		}
		if off, v6, ok = h.tunnel(next, proto); !ok {
			return
		}
	}
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

// tunnel skips the tunnel header at off: IP in IP (RFC 2003, 2473, 4213), GRE (RFC 2784, 2890) and VXLAN (RFC 7348).
func (h *headers) tunnel(off int, proto byte) (next int, v6, ok bool) {
	d := h.data
	ethernet := false
	switch proto {
	case protoIPv4:
		return off, false, true
	case protoIPv6:
		return off, true, true
	case protoGRE:
		if len(d) < off+4 {
			return 0, false, false
		}
		next = off + 4
		for bit := byte(0x80); bit >= 0x10; bit >>= 1 { // checksum, (routing), key, sequence number: four bytes each
			if d[off]&bit != 0 {
				next += 4
			}
		}
		switch be16(d, off+2) {
		case etherIPv4:
			return next, false, true
		case etherIPv6:
			return next, true, true
		case 0x6558: // transparent Ethernet bridging
			ethernet = true
		}
	case protoUDP:
		if len(d) >= off+16 && be16(d, off+2) == 4789 {
			next, ethernet = off+16, true
		}
	}
	if !ethernet || len(d) < next+14 {
		return 0, false, false
	}
	typ := be16(d, next+12)
	return next + 14, typ == etherIPv6, typ == etherIPv4 || typ == etherIPv6
}

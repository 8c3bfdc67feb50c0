package capture

import "io"

// openPcap reads the header of a pcap file that begins with magic (draft-ietf-opsawg-pcap, section 4). The third magic
// is that of Kuznetsov's patch, which libpcap still reads (sf-pcap.c): its record headers are eight bytes longer.
func (f *File) openPcap(magic []byte) error {
	for _, f.big = range []bool{false, true} {
		switch f.u32(magic) {
		case 0xa1b2c3d4:
			f.info.Format, f.header, f.ticks = "pcap-us", 16, 1e6
		case 0xa1b23c4d:
			f.info.Format, f.header, f.ticks = "pcap-ns", 16, 1e9
		case 0xa1b2cd34:
			f.info.Format, f.header, f.ticks = "pcap-modified", 24, 1e6
		default:
			continue
		}
		b, err := f.in.Peek(24)
		if err != nil {
			return err
		}
		f.link = uint16(f.u32(b[20:])) // the upper half holds the FCS length and reserved bits
		f.info.Interfaces = 1
		f.pos = 24
		f.skip(24)
		return nil
	}
	return io.EOF
}

// readRecord reads the next record, or ends the reading (draft-ietf-opsawg-pcap, section 5).
func (f *File) readRecord(frame *Frame) bool {
	b, ok := f.peek(f.header)
	if !ok {
		return false
	}
	stored, wire := f.u32(b[8:]), f.u32(b[12:])
	if stored > maxStored {
		f.damage("corrupt", "%s: captured length %d is above %d", f.where(), stored, maxStored)
		return false
	}
	if b, ok = f.peek(f.header + int(stored)); !ok {
		return false
	}
	f.span.add(uint64(f.u32(b))*f.ticks+uint64(f.u32(b[4:])), f.ticks, 0)
	data := b[f.header:len(b):len(b)]
	*frame = Frame{Data: data, Wire: wireLength(wire, len(data)), Link: f.link}
	f.records++
	f.pos += int64(len(b))
	return f.skip(int64(len(b)))
}

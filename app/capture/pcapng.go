package capture

import (
	"encoding/binary"
	"io"
)

// Block types of draft-ietf-opsawg-pcapng, section 4 and appendix A (the obsolete packet block).
const (
	sectionHeader  = 0x0a0d0d0a // the same in both byte orders
	interfaceBlock = 1
	packetBlock    = 2
	simpleBlock    = 3
	enhancedBlock  = 6
)

const (
	byteOrderMagic = 0x1a2b3c4d

	// maxInterfaces is the maximum number of interfaces in a section. The interface ID of obsolete packet blocks has 16 bits.
	maxInterfaces = 1 << 16

	// longHead is the part of a block that can matter: type, length, the fixed fields of an enhanced packet block, data.
	longHead = 28 + maxStored
)

// A pcapngInterface is the part of an interface description block that packets depend on.
type pcapngInterface struct {
	link uint16
	snap uint32 // maximum captured length; 0: no limit

	ticks  uint64 // of its clock per second
	offset int64  // seconds to add to its clock
}

// readBlock reads the next packet and skips other blocks before it, or ends the reading.
func (f *File) readBlock(frame *Frame) bool {
	for !f.stopped.Load() {
		b, size, ok := f.peekBlock()
		if !ok {
			return false
		}
		packet := false
		switch kind := f.u32(b); kind {
		case sectionHeader:
			f.checkSection(b, size)
		case interfaceBlock:
			f.addInterface(b, size)
		case packetBlock, simpleBlock, enhancedBlock:
			packet = f.packet(frame, kind, b, size)
		}
		if f.end != nil {
			return false
		}
		f.pos += int64(size)
		if size > fileBuffer {
			size = 4 // skipLong has left only the copy of the length
		}
		f.skip(int64(size))
		if packet {
			return true
		}
	}
	f.end = io.EOF
	return false
}

// peekBlock returns the next block without the copy of its length at the end, which it checks. Of a block that does not fit into
// the buffer it returns only the head.
func (f *File) peekBlock() (b []byte, size uint32, ok bool) {
	if b, ok = f.peek(12); !ok {
		return nil, 0, false
	}
	if binary.BigEndian.Uint32(b) == sectionHeader && !f.startSection(b[8:]) {
		return nil, 0, false
	}
	size = f.u32(b[4:])
	switch {
	case size < 12:
		f.damage("corrupt", "%s: length %d is below 12", f.where(), size)
		return nil, 0, false
	case size%4 != 0:
		f.damage("corrupt", "%s: length %d is not a multiple of four", f.where(), size)
		return nil, 0, false
	case size > fileBuffer:
		b, ok = f.skipLong(size)
	default:
		b, ok = f.peek(int(size))
	}
	if !ok {
		return nil, 0, false
	}
	end := len(b) - 4
	if again := f.u32(b[end:]); again != size {
		f.damage("corrupt", "%s: length %d is %d at its end", f.where(), size, again)
		return nil, 0, false
	}
	return b[:end], size, true
}

// skipLong skips a long block up to the copy of its length, and returns its head followed by that copy.
func (f *File) skipLong(size uint32) ([]byte, bool) {
	if f.lent {
		return nil, false
	}
	b, ok := f.peek(longHead)
	if !ok {
		return nil, false
	}
	f.long = append(f.long[:0], b...)
	if !f.skip(int64(size) - 4) {
		return nil, false
	}
	b, err := f.in.Peek(4)
	if err != nil {
		f.fail(false, err)
		return nil, false
	}
	f.long = append(f.long, b...)
	return f.long, true
}

// startSection reads the byte order of a section from order, and drops the interfaces of the previous one. It may be called twice
// for a section, if its block has to wait for a refill, which is harmless.
func (f *File) startSection(order []byte) bool {
	f.big = order[0] == byteOrderMagic>>24
	if f.u32(order) != byteOrderMagic {
		f.damage("corrupt", "%s: section without a byte-order magic", f.where())
		return false
	}
	f.interfaces = f.interfaces[:0]
	return true
}

// checkSection ends the reading at a section of an unknown version. Some writers wrote 1.2 instead of 1.0.
func (f *File) checkSection(b []byte, size uint32) {
	if !f.checkSize(28, size) {
		return
	}
	if major, minor := f.u16(b[12:]), f.u16(b[14:]); major != 1 || minor != 0 && minor != 2 {
		f.damage("corrupt", "%s: unknown section version %d.%d", f.where(), major, minor)
	}
}

func (f *File) addInterface(b []byte, size uint32) {
	if !f.checkSize(20, size) {
		return
	}
	if len(f.interfaces) == maxInterfaces {
		f.damage("corrupt", "%s: more than %d interfaces", f.where(), maxInterfaces)
		return
	}
	i := pcapngInterface{link: f.u16(b[8:]), snap: f.u32(b[12:])}
	i.ticks, i.offset = f.clock(b[16:])
	f.interfaces = append(f.interfaces, i)
	f.info.Interfaces++
}

// packet reads the packet of a block of one of the three kinds.
func (f *File) packet(frame *Frame, kind uint32, b []byte, size uint32) bool {
	var id, stored, wire, start uint32
	if kind == simpleBlock {
		if !f.checkSize(16, size) {
			return false
		}
		start, wire = 12, f.u32(b[8:])
		stored = min(wire, size-16)
		if len(f.interfaces) > 0 && f.interfaces[0].snap != 0 {
			stored = min(stored, f.interfaces[0].snap)
		}
	} else {
		if !f.checkSize(32, size) {
			return false
		}
		start, id, stored, wire = 28, f.u32(b[8:]), f.u32(b[20:]), f.u32(b[24:])
		if kind == packetBlock {
			id = uint32(f.u16(b[8:])) // the other half counts drops
		}
	}
	switch {
	case id >= uint32(len(f.interfaces)):
		f.damage("corrupt", "%s: interface %d was not described", f.where(), id)
		return false
	case stored > maxStored:
		f.damage("corrupt", "%s: captured length %d is above %d", f.where(), stored, maxStored)
		return false
	case stored > size-start-4:
		f.damage("corrupt", "%s: captured length %d in a block of %d bytes", f.where(), stored, size)
		return false
	}
	i := &f.interfaces[id]
	if kind != simpleBlock {
		f.span.add(uint64(f.u32(b[12:]))<<32|uint64(f.u32(b[16:])), i.ticks, i.offset)
	}
	data := b[start : start+stored : start+stored]
	*frame = Frame{Data: data, Wire: wireLength(wire, len(data)), Link: i.link}
	return true
}

// checkSize ends the reading and returns false at a block that is too short for its type.
func (f *File) checkSize(minSize, size uint32) bool {
	if size < minSize {
		f.damage("corrupt", "%s: length %d is below %d", f.where(), size, minSize)
		return false
	}
	return true
}

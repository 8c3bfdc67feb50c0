package capture

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A block is one block of a ring that the kernel has handed over, and how far it has been read (struct tpacket_block_desc,
// linux/if_packet.h). It checks every length and offset in the block, so it never reads outside of it.
type block struct {
	memory []byte
	next   int // offset of the header of the next frame
	left   int // frames from next on
}

const (
	blockHeader = 48 // sizeof(struct tpacket_block_desc): no frame begins earlier
	frameHeader = int(unsafe.Sizeof(unix.Tpacket3Hdr{}))
	frameAlign  = 8 // V3_ALIGNMENT: the alignment of struct tpacket3_hdr
)

// virtioHeader is struct virtio_net_hdr (linux/virtio_net.h), in the byte order of the machine.
type virtioHeader struct {
	flags, gsoType                                       uint8
	headerLength, gsoSize, checksumStart, checksumOffset uint16
}

const (
	vnetHeader    = int(unsafe.Sizeof(virtioHeader{})) // in front of each frame
	needsChecksum = 1                                  // VIRTIO_NET_HDR_F_NEEDS_CSUM
)

// A verdict is the result of reading a frame from a block.
type verdict uint8

const (
	frameWhole      verdict = iota
	frameUnfinished         // the kernel could not describe the frame: it left an old header and counted a drop
	frameBroken             // the header is impossible
	blockBroken             // the header is impossible, and so nothing can be read from here on
)

// openBlock begins to read a block.
func openBlock(memory []byte) block {
	h := blockStatus(memory)
	return block{memory: memory, next: int(h.Offset_to_first_pkt), left: int(h.Num_pkts)}
}

// blockStatus returns the struct tpacket_hdr_v1 of a block, which follows version and offset_to_priv.
func blockStatus(memory []byte) *unix.TpacketHdrV1 {
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&memory[8]))
}

// read reads the next frame into f and steps over it; left must be above 0. headroom is what precedes the data of each frame in
// bytes: the virtio header, or 0. f is valid only if the frame is whole. read is part of the hot path.
func (b *block) read(f *Frame, headroom int) verdict {
	if uint(b.next-blockHeader) > uint(len(b.memory)-blockHeader-frameHeader) || b.next%frameAlign != 0 {
		b.left = 0
		return blockBroken
	}
	p := unsafe.Pointer(&b.memory[b.next])
	h := (*unix.Tpacket3Hdr)(p)
	start, room := int(h.Mac), len(b.memory)-b.next
	b.left--
	if b.left > 0 {
		step := int(h.Next_offset)
		if step < frameHeader { // 0 follows the last frame only
			b.left = 0
			return blockBroken
		}
		room = min(room, step)
		b.next += step
	}
	switch {
	case h.Status&unix.TP_STATUS_USER == 0:
		return frameUnfinished
	case start < frameHeader+headroom || start >= room || uint(h.Snaplen) > uint(room-start):
		return frameBroken
	}
	mac := unsafe.Add(p, start)
	f.Data = unsafe.Slice((*byte)(mac), h.Snaplen)
	f.Wire, f.Tag = int(h.Len), 0
	if h.Status&unix.TP_STATUS_VLAN_VALID != 0 { // the kernel removed the outer tag
		f.Wire, f.Tag = f.Wire+4, 4
	}
	f.GSO = GSO{}
	if headroom != 0 {
		if v := (*virtioHeader)(unsafe.Add(mac, -vnetHeader)); v.gsoType != 0 {
			f.GSO = GSO{Type: v.gsoType, Size: v.gsoSize}
			if v.flags&needsChecksum != 0 { // the checksum begins with the transport header
				f.GSO.Transport = v.checksumStart
			}
		}
	}
	return frameWhole
}

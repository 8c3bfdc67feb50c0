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
	frameHeader = int(unsafe.Sizeof(tpacket3{}))
	frameAlign  = 8 // V3_ALIGNMENT: the alignment of struct tpacket3_hdr
)

// tpacket3 is what the kernel writes in front of each frame: struct tpacket3_hdr, and struct sockaddr_ll behind it (packet(7)).
type tpacket3 struct {
	unix.Tpacket3Hdr
	address unix.RawSockaddrLinklayer
}

// virtioHeader is struct virtio_net_hdr (linux/virtio_net.h), in the byte order of the machine.
type virtioHeader struct {
	flags, gsoType                                       uint8
	headerLength, gsoSize, checksumStart, checksumOffset uint16
}

const (
	vnetHeader    = int(unsafe.Sizeof(virtioHeader{})) // in front of each frame
	needsChecksum = 1                                  // VIRTIO_NET_HDR_F_NEEDS_CSUM
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

// read fills batch with the next frames. It returns their number, and the number of frames that it had to skip because their
// headers are impossible. It also skips, uncounted, the frames that the kernel did not finish: it has left an old header there
// and counted a drop. headroom is what precedes the data of each frame in bytes: the virtio header, or 0. link is the LINKTYPE of
// frames that arrived while the interface was of the type hardware, which may have changed meanwhile. read is part of the hot
// path.
func (b *block) read(batch []Frame, headroom int, hardware, link uint16) (n, broken int) {
	next, left := b.next, b.left
	for n < len(batch) && left > 0 {
		if uint(next-blockHeader) > uint(len(b.memory)-blockHeader-frameHeader) || next%frameAlign != 0 {
			broken, left = broken+left, 0
			break
		}
		p := unsafe.Pointer(&b.memory[next])
		h := (*tpacket3)(p)
		start, room := int(h.Mac), len(b.memory)-next
		if left > 1 { // the last frame leads nowhere
			step := int(h.Next_offset)
			if step < frameHeader {
				broken, left = broken+left, 0
				break
			}
			room = min(room, step)
			next += step
		}
		left--
		switch {
		case h.Status&unix.TP_STATUS_USER == 0:
			continue
		case start < frameHeader+headroom || start >= room || uint(h.Snaplen) > uint(room-start):
			broken++
			continue
		}
		mac := unsafe.Add(p, start)
		f := &batch[n]
		n++
		f.Data = unsafe.Slice((*byte)(mac), h.Snaplen)
		f.Wire, f.Tag, f.Link, f.GSO = int(h.Len), 0, link, GSO{}
		if h.address.Hatype != hardware {
			f.Link = linkOf(h.address.Hatype)
		}
		if h.Status&unix.TP_STATUS_VLAN_VALID != 0 { // the kernel removed the outer tag
			f.Wire, f.Tag = f.Wire+4, 4
		}
		if headroom != 0 {
			if v := (*virtioHeader)(unsafe.Add(mac, -vnetHeader)); v.gsoType != 0 {
				f.GSO = GSO{Type: v.gsoType, Size: v.gsoSize}
				if v.flags&needsChecksum != 0 { // the checksum begins with the transport header
					f.GSO.Transport = v.checksumStart
				}
			}
		}
	}
	b.next, b.left = next, left
	return n, broken
}

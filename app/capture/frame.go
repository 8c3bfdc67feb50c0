// Package capture is where frames come from: a ring of the kernel (Ring) or a capture file (File), both of which lend
// frames in batches, and the filters that the kernel runs for it. It knows nothing of addresses, hosts or metrics.
package capture

// A Frame is what one tap or file record lends. Data is valid until the next call to Next.
type Frame struct {
	// Data holds the stored bytes, link header first. The kernel may have taken out the outer VLAN tag: then Tag is 4.
	Data []byte
	// Wire is the length on the wire in bytes without FCS, the taken-out tag included.
	Wire int
	// Tag is how many bytes of the outer VLAN tag are counted in Wire but not stored in Data: 0 or 4.
	Tag int
	// Link is the LINKTYPE number, https://www.tcpdump.org/linktypes.html.
	Link uint16
	// GSO tells of segmentation offload; it is zero for a frame as it was on the wire.
	GSO GSO
}

// GSO tells of segments that the interface or the kernel merged into one frame, from struct virtio_net_hdr
// (linux/virtio_net.h).
type GSO struct {
	Type uint8  // VIRTIO_NET_HDR_GSO_*; 0 is none
	Size uint16 // payload bytes of each segment but the last
}

// LINKTYPE numbers of what an interface hands over.
const (
	linkEthernet = 1
	linkRaw      = 101
	linkRadiotap = 127
	linkUnknown  = 65535
)

// Package capture reads frames in batches: from a ring shared with the kernel (Ring) or from a capture file (File). It also has
// the filters that the kernel runs for a ring. It knows nothing of addresses, hosts or metrics.
package capture

// A Frame is one frame of a Ring or File. Data is valid until the next call to Next.
type Frame struct {
	// Data holds the captured bytes, link header first. The kernel may have removed the outer VLAN tag: then Tag is 4.
	Data []byte
	// Wire is the length on the wire in bytes, without FCS and including a removed tag.
	Wire int
	// Tag is the size of the removed tag: 0 or 4. Its bytes are counted in Wire but missing in Data.
	Tag int
	// Link is the LINKTYPE number, https://www.tcpdump.org/linktypes.html.
	Link uint16
	// GSO describes segmentation offload. It is zero for a frame as it was on the wire.
	GSO GSO
}

// GSO describes the segments that the interface or the kernel merged into one frame, as struct virtio_net_hdr does
// (linux/virtio_net.h).
type GSO struct {
	Type uint8  // VIRTIO_NET_HDR_GSO_*; 0 is none
	Size uint16 // payload bytes of each segment but the last

	// Transport is the offset of the innermost transport header in Data, or 0 if the kernel does not say it.
	Transport uint16
}

// LINKTYPE numbers of interfaces.
const (
	linkEthernet = 1
	linkRaw      = 101
	linkUnknown  = 65535 // no LINKTYPE: the frames are not read
)

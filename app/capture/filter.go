package capture

import "golang.org/x/net/bpf"

// How many bytes of a frame the kernel copies into the ring. Copying is the main cost of capturing, so frames are cut after
// their headers where the IP header is at the usual place: 160 bytes hold Ethernet, a tag, the longest IPv4 header, or IPv6 with
// a tunnel of Ethernet and IPv6, and enough of the TCP header to tell how long the headers of merged segments are. If the header
// may be anywhere, the whole frame is kept.
const (
	keepHeaders = 160
	keepAll     = 1 << 18
)

// filterFor returns the filter for a link type: for all frames, or for control frames only, which only Ethernet has.
func filterFor(link uint16, control bool) []bpf.Instruction {
	switch {
	case link != linkEthernet && control:
		return rejectFilter()
	case link != linkEthernet:
		return rawFilter()
	case control:
		return controlFilter()
	}
	return ethernetFilter()
}

// ethernetFilter keeps every frame, and as much of it as may be needed to find its IP header. It must not read past the end of
// a frame, or the kernel would discard the frame uncounted. An Ethernet frame always has its 14 header bytes.
func ethernetFilter() []bpf.Instruction {
	const tag, whole, headers = 10, 16, 15
	f := []bpf.Instruction{
		0:  bpf.LoadAbsolute{Off: 12, Size: 2},
		1:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0800, SkipTrue: headers - 2},
		2:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipTrue: headers - 3},
		3:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8864, SkipTrue: headers - 4},
		4:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: tag - 5},
		5:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: tag - 6},
		6:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x9100, SkipTrue: tag - 7},
		7:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8847, SkipTrue: whole - 8},
		8:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8848, SkipTrue: whole - 9},
		9:  bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 1500, SkipTrue: headers - 10, SkipFalse: whole - 10}, // up to 1500: LLC
		10: bpf.LoadExtension{Num: bpf.ExtLen},
		11: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 18, SkipTrue: whole - 12},
		12: bpf.LoadAbsolute{Off: 16, Size: 2},
		13: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0800, SkipTrue: headers - 14},
		14: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipTrue: headers - 15, SkipFalse: whole - 15},
		15: bpf.RetConstant{Val: keepHeaders},
		16: bpf.RetConstant{Val: keepAll},
	}
	return f
}

// rawFilter is the filter for interfaces whose frames begin with the IP header.
func rawFilter() []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: keepHeaders}} }

// rejectFilter rejects every frame.
func rejectFilter() []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: 0}} }

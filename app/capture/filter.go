package capture

import "golang.org/x/net/bpf"

// What the kernel copies into the ring of each frame. Copying is what capture costs, so a frame whose IP header lies where it
// nearly always does is cut behind its headers: 128 bytes hold Ethernet, the longest IPv4 header and the TCP header that
// tells how long the headers of merged segments are. Where the header may lie anywhere, the frame is kept whole.
const (
	keepHeaders = 96
	keepAll     = 1 << 18
)

// filterFor is the filter for the frames of a link type: for all of them or for the control frames, which only Ethernet has.
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

// ethernetFilter keeps every frame, and of it as much as finding its IP header may need. It must not read behind the end of a
// frame: the kernel would throw the frame away, unseen and uncounted. An Ethernet frame always has its 14 bytes.
func ethernetFilter() []bpf.Instruction {
	const tag, mpls, other = 10, 16, 15
	f := []bpf.Instruction{
		0:  bpf.LoadAbsolute{Off: 12, Size: 2},
		1:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0800, SkipTrue: other - 2},
		2:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipTrue: other - 3},
		3:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8864, SkipTrue: other - 4},
		4:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: tag - 5},
		5:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: tag - 6},
		6:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x9100, SkipTrue: tag - 7},
		7:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8847, SkipTrue: mpls - 8},
		8:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8848, SkipTrue: mpls - 9},
		9:  bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 1500, SkipTrue: other - 10, SkipFalse: mpls - 10}, // a length: LLC follows
		10: bpf.LoadExtension{Num: bpf.ExtLen},
		11: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 18, SkipTrue: mpls - 12},
		12: bpf.LoadAbsolute{Off: 16, Size: 2},
		13: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0800, SkipTrue: other - 14},
		14: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipTrue: other - 15, SkipFalse: mpls - 15},
		15: bpf.RetConstant{Val: keepHeaders},
		16: bpf.RetConstant{Val: keepAll},
	}
	return f
}

// rawFilter is for interfaces whose frames begin with the IP header.
func rawFilter() []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: keepHeaders}} }

// rejectFilter lets nothing in.
func rejectFilter() []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: 0}} }

package capture

import "golang.org/x/net/bpf"

// How many bytes of a frame the kernel copies into the ring. Copying is the main cost of capturing, so frames are cut after their
// headers: 160 bytes hold Ethernet, two tags and the longest IPv4 header, or IPv6 with a tunnel of Ethernet and IPv6, and enough
// of the TCP header to tell how long the headers of merged segments are. A frame is kept whole if its headers may be longer than
// that, or if it is a control frame, whose content is read.
const (
	keepHeaders = 160
	keepAll     = 1 << 18
)

// filterFor returns the filter for a link type.
func filterFor(link uint16) []bpf.Instruction {
	if link != linkEthernet {
		return []bpf.Instruction{bpf.RetConstant{Val: keepHeaders}}
	}
	return ethernetFilter()
}

// ethernetFilter keeps every frame, and as much of it as may be needed. The frames that packet.Packet.IsControl takes for control
// frames are kept whole behind at most two tags besides the one that the kernel removes. A filter that reads past the end of a
// frame makes the kernel discard the frame uncounted: short frames, which are kept whole anyway, never get that far.
func ethernetFilter() []bpf.Instruction {
	// Jump targets. X holds the number of bytes by which VLAN tags shift the headers.
	const tag, tag2, ethertype, ipv4, ipv6, udp6, ports, ports2, headers, whole = 7, 12, 14, 23, 31, 37, 38, 51, 62, 63
	return []bpf.Instruction{
		0:  bpf.LoadExtension{Num: bpf.ExtLen},
		1:  bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: keepHeaders, SkipFalse: whole - 2},
		2:  bpf.LoadConstant{Dst: bpf.RegX, Val: 0},
		3:  bpf.LoadAbsolute{Off: 12, Size: 2},
		4:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: tag - 5},
		5:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: tag - 6},
		6:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x9100, SkipTrue: tag - 7, SkipFalse: ethertype - 7},
		7:  bpf.LoadConstant{Dst: bpf.RegX, Val: 4},
		8:  bpf.LoadAbsolute{Off: 16, Size: 2},
		9:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: tag2 - 10},
		10: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: tag2 - 11},
		11: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x9100, SkipTrue: tag2 - 12, SkipFalse: ethertype - 12},
		12: bpf.LoadConstant{Dst: bpf.RegX, Val: 8},
		13: bpf.LoadAbsolute{Off: 20, Size: 2},

		14: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0800, SkipTrue: ipv4 - 15},
		15: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipTrue: ipv6 - 16},
		16: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0806, SkipTrue: whole - 17},
		17: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8847, SkipTrue: whole - 18}, // MPLS
		18: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8848, SkipTrue: whole - 19},
		19: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: whole - 20}, // a third tag
		20: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: whole - 21},
		21: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x9100, SkipTrue: whole - 22},
		22: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 1500, SkipTrue: headers - 23, SkipFalse: whole - 23}, // up to 1500: LLC

		23: bpf.LoadIndirect{Off: 14 + 9, Size: 1},
		24: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 17, SkipFalse: headers - 25},
		25: bpf.LoadIndirect{Off: 14 + 6, Size: 2},
		26: bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: headers - 27}, // a later fragment
		27: bpf.LoadIndirect{Off: 14, Size: 1},
		28: bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x0f},
		29: bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2},
		30: bpf.Jump{Skip: ports - 31},

		31: bpf.LoadIndirect{Off: 14 + 6, Size: 1},
		32: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 17, SkipTrue: udp6 - 33},
		33: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 58, SkipFalse: headers - 34},
		34: bpf.LoadIndirect{Off: 14 + 40, Size: 1},
		35: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 133, SkipTrue: headers - 36},
		36: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 136, SkipTrue: headers - 37, SkipFalse: whole - 37},
		37: bpf.LoadConstant{Dst: bpf.RegA, Val: 40},

		38: bpf.ALUOpX{Op: bpf.ALUOpAdd}, // A is the length of the IP header
		39: bpf.TAX{},
		40: bpf.LoadIndirect{Off: 14, Size: 2},
		41: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 5355, SkipTrue: ports2 - 42},
		42: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 67, SkipTrue: whole - 43},
		43: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 68, SkipTrue: whole - 44},
		44: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 137, SkipTrue: whole - 45},
		45: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 138, SkipTrue: whole - 46},
		46: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 546, SkipTrue: whole - 47},
		47: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 547, SkipTrue: whole - 48},
		48: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 1900, SkipTrue: whole - 49},
		49: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5353, SkipTrue: whole - 50},
		50: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5355, SkipTrue: whole - 51},
		51: bpf.LoadIndirect{Off: 14 + 2, Size: 2},
		52: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 5355, SkipTrue: headers - 53},
		53: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 67, SkipTrue: whole - 54},
		54: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 68, SkipTrue: whole - 55},
		55: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 137, SkipTrue: whole - 56},
		56: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 138, SkipTrue: whole - 57},
		57: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 546, SkipTrue: whole - 58},
		58: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 547, SkipTrue: whole - 59},
		59: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 1900, SkipTrue: whole - 60},
		60: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5353, SkipTrue: whole - 61},
		61: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5355, SkipTrue: whole - 62},
		62: bpf.RetConstant{Val: keepHeaders},
		63: bpf.RetConstant{Val: keepAll},
	}
}

// rejectFilter rejects every frame.
func rejectFilter() []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: 0}} }

package capture

import "golang.org/x/net/bpf"

// How many bytes of a frame the kernel copies into the ring. Copying is the main cost of capturing, so frames are cut after their
// headers: 160 bytes hold Ethernet, two tags and the longest IPv4 header, or IPv6 with a tunnel of Ethernet and IPv6, and enough
// of the TCP header to tell how long the headers of merged segments are. TCP without a tunnel needs 96 bytes for that. A frame is
// kept whole if its headers may be longer, or if it is a control frame, whose content is read.
const (
	keepTCP     = 96
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
	const tag, tag2, ethertype, ipv4, ipv6, udp6, ports, ports2, headers, tcp, whole = 8, 13, 15, 24, 33, 40, 41, 54, 65, 66, 67
	return []bpf.Instruction{
		0:  bpf.LoadExtension{Num: bpf.ExtLen},
		1:  bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: keepHeaders, SkipFalse: whole - 2},
		2:  bpf.LoadConstant{Dst: bpf.RegX, Val: 0},
		3:  bpf.LoadAbsolute{Off: 12, Size: 2},
		4:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0800, SkipTrue: ipv4 - 5},
		5:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: tag - 6},
		6:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: tag - 7},
		7:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x9100, SkipTrue: tag - 8, SkipFalse: ethertype - 8},
		8:  bpf.LoadConstant{Dst: bpf.RegX, Val: 4},
		9:  bpf.LoadAbsolute{Off: 16, Size: 2},
		10: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: tag2 - 11},
		11: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: tag2 - 12},
		12: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x9100, SkipTrue: tag2 - 13, SkipFalse: ethertype - 13},
		13: bpf.LoadConstant{Dst: bpf.RegX, Val: 8},
		14: bpf.LoadAbsolute{Off: 20, Size: 2},

		15: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0800, SkipTrue: ipv4 - 16},
		16: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipTrue: ipv6 - 17},
		17: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0806, SkipTrue: whole - 18},
		18: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8847, SkipTrue: whole - 19}, // MPLS
		19: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8848, SkipTrue: whole - 20},
		20: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: whole - 21}, // a third tag
		21: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: whole - 22},
		22: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x9100, SkipTrue: whole - 23},
		23: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 1500, SkipTrue: headers - 24, SkipFalse: whole - 24}, // up to 1500: LLC

		24: bpf.LoadIndirect{Off: 14 + 9, Size: 1},
		25: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 6, SkipTrue: tcp - 26},
		26: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 17, SkipFalse: headers - 27},
		27: bpf.LoadIndirect{Off: 14 + 6, Size: 2},
		28: bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: headers - 29}, // a later fragment
		29: bpf.LoadIndirect{Off: 14, Size: 1},
		30: bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x0f},
		31: bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2},
		32: bpf.Jump{Skip: ports - 33},

		33: bpf.LoadIndirect{Off: 14 + 6, Size: 1},
		34: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 6, SkipTrue: tcp - 35},
		35: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 17, SkipTrue: udp6 - 36},
		36: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 58, SkipFalse: headers - 37},
		37: bpf.LoadIndirect{Off: 14 + 40, Size: 1},
		38: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 133, SkipTrue: headers - 39},
		39: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 136, SkipTrue: headers - 40, SkipFalse: whole - 40},
		40: bpf.LoadConstant{Dst: bpf.RegA, Val: 40},

		41: bpf.ALUOpX{Op: bpf.ALUOpAdd}, // A is the length of the IP header
		42: bpf.TAX{},
		43: bpf.LoadIndirect{Off: 14, Size: 2},
		44: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 5355, SkipTrue: ports2 - 45},
		45: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 67, SkipTrue: whole - 46},
		46: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 68, SkipTrue: whole - 47},
		47: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 137, SkipTrue: whole - 48},
		48: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 138, SkipTrue: whole - 49},
		49: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 546, SkipTrue: whole - 50},
		50: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 547, SkipTrue: whole - 51},
		51: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 1900, SkipTrue: whole - 52},
		52: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5353, SkipTrue: whole - 53},
		53: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5355, SkipTrue: whole - 54},
		54: bpf.LoadIndirect{Off: 14 + 2, Size: 2},
		55: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 5355, SkipTrue: headers - 56},
		56: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 67, SkipTrue: whole - 57},
		57: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 68, SkipTrue: whole - 58},
		58: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 137, SkipTrue: whole - 59},
		59: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 138, SkipTrue: whole - 60},
		60: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 546, SkipTrue: whole - 61},
		61: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 547, SkipTrue: whole - 62},
		62: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 1900, SkipTrue: whole - 63},
		63: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5353, SkipTrue: whole - 64},
		64: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5355, SkipTrue: whole - 65},
		65: bpf.RetConstant{Val: keepHeaders},
		66: bpf.RetConstant{Val: keepTCP},
		67: bpf.RetConstant{Val: keepAll},
	}
}

// rejectFilter rejects every frame.
func rejectFilter() []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: 0}} }

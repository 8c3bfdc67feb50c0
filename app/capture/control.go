package capture

import (
	"sync"

	"golang.org/x/net/bpf"
)

// controlFilter keeps control frames, uncut, and nothing else: ARP, neighbor and router discovery (RFC 4861), DHCP, DHCPv6 and
// mDNS, behind at most two tags besides the one that the kernel removes. Either UDP port is enough, as datagrams of relays and
// older clients have only one of them. A frame that is too short to tell is rejected.
func controlFilter() []bpf.Instruction {
	// Jump targets. X holds the number of bytes by which VLAN tags shift the headers.
	const tag, ethertype, ipv6, udp6, ports, reject, accept = 10, 12, 23, 29, 30, 44, 45
	return []bpf.Instruction{
		0:  bpf.LoadConstant{Dst: bpf.RegX, Val: 0},
		1:  bpf.LoadAbsolute{Off: 12, Size: 2},
		2:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: 5 - 3},
		3:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: 5 - 4},
		4:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x9100, SkipFalse: ethertype - 5},
		5:  bpf.LoadConstant{Dst: bpf.RegX, Val: 4},
		6:  bpf.LoadAbsolute{Off: 16, Size: 2},
		7:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: tag - 8},
		8:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: tag - 9},
		9:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x9100, SkipFalse: ethertype - 10},
		10: bpf.LoadConstant{Dst: bpf.RegX, Val: 8},
		11: bpf.LoadAbsolute{Off: 20, Size: 2},
		12: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0806, SkipTrue: accept - 13},
		13: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipTrue: ipv6 - 14},
		14: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0800, SkipFalse: reject - 15},
		15: bpf.LoadIndirect{Off: 14 + 9, Size: 1},
		16: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 17, SkipFalse: reject - 17},
		17: bpf.LoadIndirect{Off: 14 + 6, Size: 2},
		18: bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: reject - 19}, // a later fragment
		19: bpf.LoadIndirect{Off: 14, Size: 1},
		20: bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x0f},
		21: bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2},
		22: bpf.Jump{Skip: ports - 23},
		23: bpf.LoadIndirect{Off: 14 + 6, Size: 1},
		24: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 17, SkipTrue: udp6 - 25},
		25: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 58, SkipFalse: reject - 26},
		26: bpf.LoadIndirect{Off: 14 + 40, Size: 1},
		27: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 133, SkipTrue: reject - 28},
		28: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 136, SkipTrue: reject - 29, SkipFalse: accept - 29},
		29: bpf.LoadConstant{Dst: bpf.RegA, Val: 40},
		30: bpf.ALUOpX{Op: bpf.ALUOpAdd}, // A is the length of the IP header
		31: bpf.TAX{},
		32: bpf.LoadIndirect{Off: 14, Size: 2},
		33: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 67, SkipTrue: accept - 34},
		34: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 68, SkipTrue: accept - 35},
		35: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 546, SkipTrue: accept - 36},
		36: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 547, SkipTrue: accept - 37},
		37: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5353, SkipTrue: accept - 38},
		38: bpf.LoadIndirect{Off: 14 + 2, Size: 2},
		39: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 67, SkipTrue: accept - 40},
		40: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 68, SkipTrue: accept - 41},
		41: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 546, SkipTrue: accept - 42},
		42: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 547, SkipTrue: accept - 43},
		43: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5353, SkipTrue: accept - 44},
		44: bpf.RetConstant{Val: 0},
		45: bpf.RetConstant{Val: keepAll},
	}
}

// controlVM runs controlFilter in this process. It has no state, so goroutines may share it.
var controlVM = sync.OnceValue(func() *bpf.VM {
	vm, err := bpf.NewVM(controlFilter())
	if err != nil {
		panic("capture: filter: " + err.Error())
	}
	return vm
})

// IsControl reports whether a ring for control frames would capture f, a frame of a capture file. It runs the same filter. For
// link types other than Ethernet it is always true. Any goroutine may call it, and it does not allocate.
func IsControl(f *Frame) bool {
	if f.Link != linkEthernet {
		return true
	}
	kept, _ := controlVM().Run(f.Data)
	return kept > 0
}

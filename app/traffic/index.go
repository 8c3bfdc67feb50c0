package traffic

import (
	"math/bits"
	"math/rand/v2"
)

// An index finds the slot of an address: a hash table with open addressing, at most half full, of 32-bit numbers that hold a slot
// and as many bits of the address's hash as are left. So the walk to an address's counters touches one line here, which for
// 65,536 hosts lies in half a megabyte, and then the counters themselves, with the address beside them.
//
// The hash is one multiplication to 128 bits with two secret numbers (as in wyhash): nobody outside can make addresses that collide.
type index struct {
	cells    []uint32 // 0: free; else slot+1 in the low bits, hash bits above
	used     int
	slotBits uint
	secret   Addr
}

func newIndex(limit int) index {
	return index{
		cells:    make([]uint32, 256),
		slotBits: uint(bits.Len(uint(limit) + 1)),
		secret:   Addr{rand.Uint64(), rand.Uint64()},
	}
}

// start is where the walk for a begins, and the hash bits that its cell holds.
func (x *index) start(a Addr) (i, tag uint32) {
	hi, lo := bits.Mul64(a.Hi^x.secret.Hi, a.Lo^x.secret.Lo)
	h := hi ^ lo
	return uint32(h), uint32(h>>32) &^ (1<<x.slotBits - 1)
}

// insert notes the slot of a, which must not be there yet. address returns the address of a slot.
func (x *index) insert(a Addr, slot uint32, address func(slot uint32) Addr) {
	if 2*(x.used+1) > len(x.cells) {
		old := x.cells
		x.cells, x.used = make([]uint32, 2*len(old)), 0
		for _, c := range old {
			if c != 0 {
				s := c&(1<<x.slotBits-1) - 1
				x.insert(address(s), s, nil)
			}
		}
	}
	i, tag := x.start(a)
	for i &= uint32(len(x.cells) - 1); x.cells[i] != 0; i = (i + 1) & uint32(len(x.cells)-1) {
	}
	x.cells[i] = tag | (slot + 1)
	x.used++
}

package traffic

import (
	"math/bits"
	"math/rand/v2"
)

// An index finds the slot of an address. It is a hash table with open addressing, at most half full. Its 32-bit cells hold a slot
// and as many bits of the address's hash as fit. So a lookup reads one cache line here, and then the entry of the host, which has
// its address beside the counters.
//
// The hash is one multiplication to 128 bits with two secret numbers, as in wyhash. So nobody can forge addresses that collide.
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

// start returns where the search for a begins, and the hash bits that its cell has.
func (x *index) start(a Addr) (i, tag uint32) {
	hi, lo := bits.Mul64(a.Hi^x.secret.Hi, a.Lo^x.secret.Lo)
	h := hi ^ lo
	return uint32(h), uint32(h>>32) &^ (1<<x.slotBits - 1)
}

// insert stores the slot of a, which must not be in the index yet. address returns the address of a slot.
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

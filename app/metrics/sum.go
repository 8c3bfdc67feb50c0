package metrics

import (
	"hash/crc32"
)

// A sum is what the trailer of a gzip stream says of its content.
type sum struct {
	crc  uint32
	size uint64
}

func (s *sum) add(b []byte) {
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b)
	s.size += uint64(len(b))
}

// with is the sum of what s is of and, behind it, what o is of.
//
// A CRC is what is left of the content, taken for a polynomial over two elements, when it is divided by the polynomial of the CRC. So n
// bytes behind it multiply it by x to the power of 8n, and the rest is an addition.
func (s sum) with(o sum) sum {
	power := uint32(1 << 31)  // x⁰: the highest bit is the lowest power
	square := uint32(1 << 23) // x⁸: of a byte
	for n := o.size; n > 0; n >>= 1 {
		if n&1 != 0 {
			power = multiply(power, square)
		}
		square = multiply(square, square)
	}
	return sum{multiply(s.crc, power) ^ o.crc, s.size + o.size}
}

// multiply is the product of two polynomials, of which the rest of the division by that of the CRC is left.
func multiply(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		if a&(1<<31) != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= crc32.IEEE
		}
	}
	return product
}

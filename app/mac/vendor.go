package mac

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"io"
	"slices"
	"sync"
)

// REGISTRY holds the generator's flags and files, as its package comment shows.
//go:generate sh -c "exec go run ../../test/vendorgen -o vendor.bin $REGISTRY"

// vendorBin is a line of text with the date and origin of the data, and a DEFLATE stream (RFC 1951) of uvarints and text:
//   - for MA-L, MA-M and MA-S each: the number of prefixes, and the prefixes in ascending order as differences
//   - the vendor of each prefix in the same order: 0 for a new vendor, n for the n-th one so far
//   - the number of vendors and the size of their names in bytes
//   - the names in the order in which they first occur, each with a newline
//
//go:embed vendor.bin
var vendorBin []byte

// Vendor returns the organization that bought the prefix of a from the IEEE, without its legal form: "Apple" for "Apple,
// Inc.". The longest prefix wins: MA-S (36 bits), MA-M (28), MA-L (24). The name is printable ASCII of at most 40 bytes,
// without `"`, `\`, `<`, `>` and "`". It is empty if the prefix is unknown or its owner wants to stay private, and for
// addresses that nobody buys: random and other locally administered ones, groups, and the zero Addr. The registry of Individual
// Address Blocks (IAB, closed in 2014) is not in the data.
func Vendor(a Addr) string {
	if !a.IsStation() || a[0]&2 != 0 { // IEEE 802, U/L bit
		return ""
	}
	return vendors().find(a)
}

// prefix returns the first bits of a as a number.
func (a Addr) prefix(bits int) uint64 {
	return (uint64(binary.BigEndian.Uint16(a[:]))<<32 | uint64(binary.BigEndian.Uint32(a[2:]))) >> (48 - bits)
}

// A vendorTable is the unpacked vendorBin, 1.2 MB for binary search.
type vendorTable struct {
	blocks [3]vendorBlock // MA-L, MA-M and MA-S
	text   string         // the names, each with a newline
	starts []uint32       // of each name in text, and the end of text
}

// A vendorBlock is one registry.
type vendorBlock struct {
	bits     int
	prefixes []uint64 // ascending
	owners   []uint16 // index of the name of each prefix
}

// find returns the name of the longest prefix of a.
func (v *vendorTable) find(a Addr) string {
	for i := len(v.blocks) - 1; i >= 0; i-- {
		b := &v.blocks[i]
		if at, ok := slices.BinarySearch(b.prefixes, a.prefix(b.bits)); ok {
			return v.name(int(b.owners[at]))
		}
	}
	return ""
}

func (v *vendorTable) name(i int) string { return v.text[v.starts[i] : v.starts[i+1]-1] }

// vendors unpacks the table on first use. The program was built wrong if that fails.
var vendors = sync.OnceValue(func() *vendorTable {
	_, packed, _ := bytes.Cut(vendorBin, []byte("\n"))
	data, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		panic("mac: vendor.bin: " + err.Error())
	}
	next := func() uint64 {
		v, n := binary.Uvarint(data)
		data = data[n:]
		return v
	}
	v := &vendorTable{blocks: [...]vendorBlock{{bits: 24}, {bits: 28}, {bits: 36}}}
	for i := range v.blocks {
		v.blocks[i].prefixes = make([]uint64, next())
		last := uint64(0)
		for j := range v.blocks[i].prefixes {
			last += next()
			v.blocks[i].prefixes[j] = last
		}
	}
	known := uint64(0) // vendors so far
	for i := range v.blocks {
		v.blocks[i].owners = make([]uint16, len(v.blocks[i].prefixes))
		for j := range v.blocks[i].owners {
			owner := next()
			if owner == 0 {
				known++
				owner = known
			}
			v.blocks[i].owners[j] = uint16(owner - 1)
		}
	}
	v.starts = make([]uint32, 1, next()+1)
	size := next()
	v.text = string(data[:size])
	for i := range v.text {
		if v.text[i] == '\n' {
			v.starts = append(v.starts, uint32(i+1))
		}
	}
	return v
})

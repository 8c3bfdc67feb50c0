package mac

import (
	"bufio"
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// REGISTRY holds the generator's flags and files, as its package comment shows.
//go:generate sh -c "exec go run ./internal/vendorgen -o vendor.bin $REGISTRY"

// vendorBin is a line of text with the date and origin of the data, and a DEFLATE stream (RFC 1951) of uvarints and text:
//   - for MA-L, MA-M and MA-S each: the number of prefixes, and the prefixes in ascending order as differences
//   - the vendor of each prefix in the same order: 0 for a new vendor, n for the n-th one so far
//   - the number of vendors and the size of their names in bytes
//   - the names in the order in which they first occur, each with a newline
//
//go:embed vendor.bin
var vendorBin []byte

// vendorTitle begins the line of text. Its number is the version of the format.
const vendorTitle = "gonetmon vendors 1: "

// Vendor returns the organization that bought the prefix of a from the IEEE, without its legal form: "Apple" for "Apple,
// Inc.". The longest prefix wins: MA-S (36 bits), MA-M (28), MA-L (24). The name is printable ASCII of at most 40 bytes,
// without `"`, `\`, `<`, `>` and "`". It is empty if the prefix is unknown or its owner wants to stay private, and for
// addresses that nobody buys: random and other locally administered ones, groups, and the zero Addr.
//
// VendorData says how old the data is. The registry of Individual Address Blocks (IAB, closed in 2014) is not in it.
func Vendor(a Addr) string {
	if !a.IsStation() || a[0]&2 != 0 { // IEEE 802, U/L bit
		return ""
	}
	return vendors().find(a)
}

// VendorData returns the date and the origin of the data behind Vendor.
func VendorData() string {
	title, _, _ := bytes.Cut(vendorBin, []byte("\n"))
	return strings.TrimPrefix(string(title), vendorTitle)
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
	v, err := unpackVendors(vendorBin)
	if err != nil {
		panic("mac: vendor.bin: " + err.Error())
	}
	return v
})

func unpackVendors(file []byte) (*vendorTable, error) {
	title, packed, _ := bytes.Cut(file, []byte("\n"))
	if !bytes.HasPrefix(title, []byte(vendorTitle)) {
		return nil, fmt.Errorf("begins with %q, not %q", title[:min(len(title), 40)], vendorTitle)
	}
	r := uvarintReader{r: bufio.NewReader(flate.NewReader(bytes.NewReader(packed)))}
	v := &vendorTable{blocks: [...]vendorBlock{{bits: 24}, {bits: 28}, {bits: 36}}}
	for i := range v.blocks {
		v.blocks[i].prefixes = make([]uint64, r.next(1<<20))
		last := uint64(0)
		for j := range v.blocks[i].prefixes {
			last += r.next(1 << 36)
			v.blocks[i].prefixes[j] = last
		}
	}
	known := uint64(0) // vendors so far
	for i := range v.blocks {
		v.blocks[i].owners = make([]uint16, len(v.blocks[i].prefixes))
		for j := range v.blocks[i].owners {
			owner := r.next(known)
			if owner == 0 {
				known++
				owner = known
			}
			v.blocks[i].owners[j] = uint16(owner - 1)
		}
	}
	v.starts = make([]uint32, 1, r.next(1<<16)+1)
	text := make([]byte, r.next(1<<24))
	if r.err != nil {
		return nil, r.err
	}
	if _, err := io.ReadFull(r.r, text); err != nil {
		return nil, err
	}
	v.text = string(text)
	for i := range text {
		if text[i] == '\n' {
			v.starts = append(v.starts, uint32(i+1))
		}
	}
	if names := uint64(len(v.starts) - 1); names != known || known > 1<<16 || int(v.starts[known]) != len(text) {
		return nil, fmt.Errorf("%d names for %d vendors", names, known)
	}
	return v, nil
}

// A uvarintReader reads uvarints. After the first error it returns 0.
type uvarintReader struct {
	r   *bufio.Reader
	err error
}

// next returns the next number, which must not be greater than limit.
func (u *uvarintReader) next(limit uint64) uint64 {
	if u.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(u.r)
	if err == nil && v > limit {
		err = fmt.Errorf("number %d, want at most %d", v, limit)
	}
	if u.err = err; err != nil {
		return 0
	}
	return v
}

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

// REGISTRY holds the generator's flags and files, as its package comment shows them.
//go:generate sh -c "exec go run ./internal/vendorgen -o vendor.bin $REGISTRY"

// vendorBin is one line of text, which says what it is and of which day, and after it a stream of DEFLATE (RFC 1951) with
// numbers as uvarints: for MA-L, MA-M and MA-S each how many prefixes follow, and then the prefixes in ascending order
// as distances from the one before; for each prefix, in the same order, which organisation has it, 0 for one not
// met before, or the n-th that was met; how many organisations there are and how many bytes their names have, and then
// the names, in the order in which they are met, each with a newline at its end.
//
//go:embed vendor.bin
var vendorBin []byte

// vendorTitle is how that line begins. Numbers would count versions of the form of what follows it.
const vendorTitle = "gonetmon vendors 1: "

// Vendor returns the organisation that has bought the prefix of m from the IEEE (MA-L of 24, MA-M of 28, MA-S of 36 bits;
// the longest wins), without its legal form: "Apple" for "Apple, Inc.". It is printable ASCII of at most 40 bytes, without
// `"`, `\`, `<`, `>` and "`". It is empty if the prefix is not known or its owner wants to stay private, and for MACs that
// nobody bought: random and otherwise locally administered ones, groups, the zero MAC.
//
// The data are what VendorData says. The closed registry of Individual Address Blocks (IAB, until 2014) is not in it.
func Vendor(m Addr) string {
	if !m.IsStation() || m[0]&2 != 0 { // IEEE 802, U/L bit
		return ""
	}
	return vendors().find(m)
}

// VendorData says of which day the table of Vendor is, and where it was had.
func VendorData() string {
	title, _, _ := bytes.Cut(vendorBin, []byte("\n"))
	return strings.TrimPrefix(string(title), vendorTitle)
}

// prefix returns the first bits of m as a number.
func (m Addr) prefix(bits int) uint64 {
	return (uint64(binary.BigEndian.Uint16(m[:]))<<32 | uint64(binary.BigEndian.Uint32(m[2:]))) >> (48 - bits)
}

// A vendorTable is what vendorBin holds, 1.2 MB ready for binary search.
type vendorTable struct {
	blocks [3]vendorBlock // of MA-L, MA-M and MA-S
	text   string         // the names, each with a newline at its end
	starts []uint32       // of each name in text, and the end of text
}

// A vendorBlock is one registry.
type vendorBlock struct {
	bits     int
	prefixes []uint64 // ascending
	owners   []uint16 // of each prefix: which name it has
}

// find returns the name of the longest prefix that m has.
func (v *vendorTable) find(m Addr) string {
	for i := len(v.blocks) - 1; i >= 0; i-- {
		b := &v.blocks[i]
		if at, ok := slices.BinarySearch(b.prefixes, m.prefix(b.bits)); ok {
			return v.name(int(b.owners[at]))
		}
	}
	return ""
}

func (v *vendorTable) name(i int) string { return v.text[v.starts[i] : v.starts[i+1]-1] }

// vendors unpacks the table when it is first asked for. A bad table is a bad build.
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
	r := numbers{r: bufio.NewReader(flate.NewReader(bytes.NewReader(packed)))}
	v := &vendorTable{blocks: [...]vendorBlock{{bits: 24}, {bits: 28}, {bits: 36}}}
	for i := range v.blocks {
		v.blocks[i].prefixes = make([]uint64, r.next(1<<20))
		last := uint64(0)
		for j := range v.blocks[i].prefixes {
			last += r.next(1 << 36)
			v.blocks[i].prefixes[j] = last
		}
	}
	met := uint64(0)
	for i := range v.blocks {
		v.blocks[i].owners = make([]uint16, len(v.blocks[i].prefixes))
		for j := range v.blocks[i].owners {
			owner := r.next(met)
			if owner == 0 {
				met++
				owner = met
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
	if names := uint64(len(v.starts) - 1); names != met || met > 1<<16 || int(v.starts[met]) != len(text) {
		return nil, fmt.Errorf("%d names for %d organisations", names, met)
	}
	return v, nil
}

// numbers reads uvarints until one is wrong, and 0 from there on.
type numbers struct {
	r   *bufio.Reader
	err error
}

// next returns the next number, which may be limit at most.
func (n *numbers) next(limit uint64) uint64 {
	if n.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(n.r)
	if err == nil && v > limit {
		err = fmt.Errorf("%d where at most %d may stand", v, limit)
	}
	if n.err = err; err != nil {
		return 0
	}
	return v
}

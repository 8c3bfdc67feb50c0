package main

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"slices"
)

// title begins the file. Package mac describes the rest of it, at vendorBin.
const title = "gonetmon vendors 1: "

// pack returns the file that package mac embeds. data is the date and origin of the registry.
func (r registry) pack(data string) ([]byte, error) {
	var prefixes, owners, text []byte
	known := map[string]uint64{}
	for _, bits := range []int{24, 28, 36} {
		block := r.block(bits)
		prefixes = binary.AppendUvarint(prefixes, uint64(len(block)))
		last := uint64(0)
		for _, p := range block {
			prefixes = binary.AppendUvarint(prefixes, p.value-last)
			last = p.value
			name := r[p]
			owners = binary.AppendUvarint(owners, known[name])
			if known[name] == 0 {
				known[name] = uint64(len(known) + 1)
				text = append(text, name+"\n"...)
			}
		}
	}
	if len(known) > 1<<16 {
		return nil, fmt.Errorf("%d vendors, more than 16 bits can count", len(known))
	}
	sizes := binary.AppendUvarint(nil, uint64(len(known)))
	sizes = binary.AppendUvarint(sizes, uint64(len(text)))

	var out bytes.Buffer
	out.WriteString(title + data + "\n")
	z, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(slices.Concat(prefixes, owners, sizes, text)); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// block returns the prefixes of one length in ascending order.
func (r registry) block(bits int) []prefix {
	var block []prefix
	for p := range r {
		if p.bits == bits {
			block = append(block, p)
		}
	}
	slices.SortFunc(block, func(a, b prefix) int { return cmp.Compare(a.value, b.value) })
	return block
}

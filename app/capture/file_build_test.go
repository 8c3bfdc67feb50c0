package capture_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
)

// A fileBuilder builds capture files in either byte order.
type fileBuilder struct {
	order interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
	modified bool // pcap: 24-byte record headers
	b        []byte
}

func (f *fileBuilder) u16(v ...uint16) *fileBuilder {
	for _, v := range v {
		f.b = f.order.AppendUint16(f.b, v)
	}
	return f
}

func (f *fileBuilder) u32(v ...uint32) *fileBuilder {
	for _, v := range v {
		f.b = f.order.AppendUint32(f.b, v)
	}
	return f
}

func (f *fileBuilder) pcap(magic, link uint32) *fileBuilder {
	f.modified = magic == 0xa1b2cd34
	return f.u32(magic).u16(2, 4).u32(0, 0, 65535, link)
}

func (f *fileBuilder) record(data string, wire uint32) *fileBuilder {
	f.u32(1, 2, uint32(len(data)), wire)
	if f.modified {
		f.u32(7).u16(0x0800).u16(0)
	}
	f.b = append(f.b, data...)
	return f
}

// block pads body to a multiple of four.
func (f *fileBuilder) block(kind uint32, body []byte) *fileBuilder {
	pad := -len(body) & 3
	size := uint32(12 + len(body) + pad)
	f.u32(kind, size)
	f.b = append(append(f.b, body...), make([]byte, pad)...)
	f.u32(size)
	return f
}

// body returns what fill appends, followed by data.
func (f *fileBuilder) body(fill func(*fileBuilder), data string) []byte {
	g := &fileBuilder{order: f.order}
	fill(g)
	return append(g.b, data...)
}

func (f *fileBuilder) section(major, minor uint16) *fileBuilder {
	return f.block(0x0a0d0d0a, f.body(func(g *fileBuilder) {
		g.u32(0x1a2b3c4d).u16(major, minor).u32(0xffffffff, 0xffffffff)
	}, ""))
}

func (f *fileBuilder) iface(link uint16, snap uint32) *fileBuilder {
	return f.block(1, f.body(func(g *fileBuilder) { g.u16(link, 0).u32(snap) }, ""))
}

func (f *fileBuilder) enhanced(number uint32, data string, wire uint32, options ...byte) *fileBuilder {
	pad := string(make([]byte, -len(data)&3))
	return f.block(6, f.body(func(g *fileBuilder) {
		g.u32(number, 1, 2, uint32(len(data)), wire)
	}, data+pad+string(options)))
}

func (f *fileBuilder) obsolete(number, drops uint16, data string, wire uint32) *fileBuilder {
	return f.block(2, f.body(func(g *fileBuilder) {
		g.u16(number, drops).u32(1, 2, uint32(len(data)), wire)
	}, data))
}

func (f *fileBuilder) simple(data string, wire uint32) *fileBuilder {
	return f.block(3, f.body(func(g *fileBuilder) { g.u32(wire) }, data))
}

func (f *fileBuilder) other(kind uint32, body string) *fileBuilder {
	return f.block(kind, []byte(body))
}

func littleFile() *fileBuilder { return &fileBuilder{order: binary.LittleEndian} }
func bigFile() *fileBuilder    { return &fileBuilder{order: binary.BigEndian} }

// append adds a section of another byte order.
func (f *fileBuilder) append(g *fileBuilder) *fileBuilder {
	f.b = append(f.b, g.b...)
	return f
}

// smallFiles returns small captures that together have everything that a File reads.
func smallFiles() map[string]*fileBuilder {
	records := func(f *fileBuilder) *fileBuilder {
		return f.record("first", 5).record("", 60).record("third record", 3).record("cut at its snap length", 1514)
	}
	blocks := func(f *fileBuilder) *fileBuilder {
		return f.section(1, 0).iface(1, 9).other(5, "statistics").enhanced(0, "one", 60).iface(101, 0).
			enhanced(1, "second", 2, 1, 0, 2, 0, 'h', 'i', 0, 0).simple("123456789", 1500).obsolete(1, 17, "obsolete", 8).
			other(0x80000bad, "").section(1, 2).iface(276, 0).simple("four", 4).simple("", 0)
	}
	return map[string]*fileBuilder{
		"us little":       records(littleFile().pcap(0xa1b2c3d4, 1)),
		"us big":          records(bigFile().pcap(0xa1b2c3d4, 1)),
		"ns little":       records(littleFile().pcap(0xa1b23c4d, 113)),
		"ns big":          records(bigFile().pcap(0xa1b23c4d, 113)),
		"modified little": records(littleFile().pcap(0xa1b2cd34, 0xf0000000|101)),
		"modified big":    records(bigFile().pcap(0xa1b2cd34, 0xf0000000|101)),
		"pcapng little":   blocks(littleFile()),
		"pcapng big":      blocks(bigFile()),
		"pcapng both":     littleFile().section(1, 0).iface(1, 0).enhanced(0, "a", 1).append(blocks(bigFile())),
	}
}

// gzipped compresses each part into its own gzip member.
func gzipped(parts ...[]byte) []byte {
	var b bytes.Buffer
	for _, part := range parts {
		z := gzip.NewWriter(&b)
		_, _ = z.Write(part)
		_ = z.Close()
	}
	return b.Bytes()
}

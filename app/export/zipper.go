package export

import (
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// A sum is what the trailer of a gzip stream says of its content.
type sum struct {
	crc  uint32
	size uint32 // modulo 2³²
}

// A zipper makes a gzip stream (RFC 1952), like gzip.Writer, but can begin it with blocks that were deflated before: a stream
// of several members would do too, were it not that browsers read the first one only.
type zipper struct {
	w io.Writer
	z *flate.Writer
	sum
}

func newZipper() *zipper {
	z, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic("export: " + err.Error()) // the level is wrong
	}
	return &zipper{z: z}
}

// reset begins a new stream to w.
func (z *zipper) reset(w io.Writer) {
	z.w, z.sum = w, sum{}
	z.z.Reset(w)
}

// begin writes the header and the deflated blocks of r.
func (z *zipper) begin(r *rendering) {
	const deflate, noFlags, fastest, unknownSystem = 8, 0, 4, 255
	_, _ = z.w.Write([]byte{0x1f, 0x8b, deflate, noFlags, 0, 0, 0, 0, fastest, unknownSystem})
	_, _ = z.w.Write(r.deflated.Bytes())
	z.sum = r.sum
}

func (z *zipper) Write(b []byte) (int, error) {
	z.crc = crc32.Update(z.crc, crc32.IEEETable, b)
	z.size += uint32(len(b))
	return z.z.Write(b)
}

// flush ends a block, so that the stream can be continued by others, and returns the sum of the content so far.
func (z *zipper) flush() sum {
	_ = z.z.Flush()
	return z.sum
}

// end writes the last block and the trailer.
func (z *zipper) end() {
	_ = z.z.Close()
	trailer := binary.LittleEndian.AppendUint32(nil, z.crc)
	_, _ = z.w.Write(binary.LittleEndian.AppendUint32(trailer, z.size))
}

// wantsGzip says whether the Accept-Encoding of a request asks for gzip (RFC 9110, 12.5.3).
func wantsGzip(r *http.Request) bool {
	wanted, named := false, false
	for _, header := range r.Header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(header, ",") {
			name, params, _ := strings.Cut(coding, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			if name != "gzip" && (name != "*" || named) {
				continue
			}
			named = named || name == "gzip"
			wanted = weight(params) > 0
		}
	}
	return wanted
}

// weight returns the q of a coding's parameters, 1 if there is none and 0 if it is no number.
func weight(params string) float64 {
	name, value, ok := strings.Cut(params, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return 0
	}
	return q
}

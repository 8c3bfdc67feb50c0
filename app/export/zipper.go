package export

import (
	"compress/flate"
	"net/http"
	"strconv"
	"strings"
)

// blockSize is how large the blocks of a rendering are: what a reader is given at a time.
const blockSize = 32 << 10

// A zipper deflates text (RFC 1951) into blocks.
type zipper struct {
	text   lines
	z      *flate.Writer
	blocks [][]byte
	sum    sum
}

func newZipper() *zipper {
	z := &zipper{}
	z.text.w = z
	var err error
	if z.z, err = flate.NewWriter((*packed)(z), flate.BestSpeed); err != nil {
		panic("export: " + err.Error()) // the level is wrong
	}
	return z
}

// Write takes what the text has collected.
func (z *zipper) Write(b []byte) (int, error) {
	z.sum.add(b)
	return z.z.Write(b)
}

// end returns what has become of the text, and begins anew. It is the end of the stream, or other blocks may follow it.
func (z *zipper) end(last bool) ([][]byte, sum) {
	z.text.flush()
	if last {
		_ = z.z.Close()
	} else {
		_ = z.z.Flush()
	}
	blocks, total := z.blocks, z.sum
	z.blocks, z.sum = nil, sum{}
	z.z.Reset((*packed)(z))
	return blocks, total
}

// packed is a zipper seen from inside: what was deflated is written to it.
type packed zipper

func (p *packed) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		last := len(p.blocks) - 1
		if last < 0 || len(p.blocks[last]) == blockSize {
			p.grow()
			continue
		}
		fits := min(len(b), blockSize-len(p.blocks[last]))
		p.blocks[last] = append(p.blocks[last], b[:fits]...)
		b = b[fits:]
	}
	return n, nil
}

// grow adds a block. The first may be all that there is, and begins small.
func (p *packed) grow() {
	var block []byte
	if len(p.blocks) > 0 {
		block = make([]byte, 0, blockSize)
	}
	p.blocks = append(p.blocks, block)
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

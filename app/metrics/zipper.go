package metrics

import (
	"bytes"
	"compress/flate"
	"net/http"
	"strconv"
	"strings"
)

// A zipper deflates text (RFC 1951).
type zipper struct {
	text     lines
	z        *flate.Writer
	deflated bytes.Buffer
	sum      sum
}

func newZipper() *zipper {
	z := &zipper{}
	z.text.w = z
	var err error
	if z.z, err = flate.NewWriter(&z.deflated, flate.BestSpeed); err != nil {
		panic("metrics: " + err.Error()) // the level is wrong
	}
	return z
}

// Write takes what the text has collected.
func (z *zipper) Write(b []byte) (int, error) {
	z.sum.add(b)
	return z.z.Write(b)
}

// end returns what has become of the text, and begins anew. It is the end of the stream, or other pieces may follow it.
func (z *zipper) end(last bool) piece {
	z.text.flush()
	if last {
		_ = z.z.Close()
	} else {
		_ = z.z.Flush()
	}
	p := piece{bytes.Clone(z.deflated.Bytes()), z.sum}
	z.deflated.Reset()
	z.z.Reset(&z.deflated)
	z.sum = sum{}
	return p
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

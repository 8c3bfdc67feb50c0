package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"

	"gonetmon/app/httpd"
)

// An answer is JSON with its entity tag. A shared answer is kept only gzipped, so that slow clients cost little memory.
type answer struct {
	tag           string // without quotes
	body, gzipped []byte // one of them is nil; neither is changed
}

func newAnswer(v any) answer {
	body := encode(v)
	sum := sha256.Sum256(body)
	return answer{tag: hex.EncodeToString(sum[:12]), body: body}
}

// zip returns the answer gzipped.
func (a answer) zip() answer {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		panic("api: " + err.Error()) // not a compression level
	}
	_, _ = z.Write(a.body)
	_ = z.Close() // a buffer takes everything
	return answer{tag: a.tag, gzipped: b.Bytes()}
}

// send sends the answer, or 304 to a client that has it already. The gzipped answer has an entity tag of its own (RFC 9110,
// section 8.8.3.3).
func (a answer) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	tag, zipped := a.tag, a.gzipped != nil && httpd.AcceptsGzip(r)
	if a.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
	}
	if zipped {
		tag += "-gzip"
	}
	h.Set("ETag", `"`+tag+`"`)
	if knows(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	if zipped {
		h.Set("Content-Encoding", "gzip")
	}
	switch {
	case r.Method == http.MethodHead:
	case zipped:
		_, _ = w.Write(a.gzipped)
	case a.gzipped == nil:
		_, _ = w.Write(a.body)
	default:
		plain, err := gzip.NewReader(bytes.NewReader(a.gzipped))
		if err != nil {
			panic("api: " + err.Error()) // we have just compressed it
		}
		_, _ = io.Copy(w, plain)
	}
}

// knows reports whether the client already has the answer with this tag, by weak comparison (RFC 9110, section 13.1.2).
func knows(r *http.Request, tag string) bool {
	for known := range strings.SplitSeq(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		known = strings.TrimSpace(known)
		if known == "*" || strings.TrimPrefix(known, "W/") == `"`+tag+`"` {
			return true
		}
	}
	return false
}

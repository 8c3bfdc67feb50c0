package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"testing"
)

// Long answers are gzipped for clients that accept it, with a tag of their own; the content is the same.
func TestAnswer_Gzip(t *testing.T) {
	cfg := home()
	for _, target := range []string{"/api/v1/devices", "/api/v1/usage"} {
		plain, zipped := ask(cfg, http.MethodGet, target), ask(cfg, http.MethodGet, target, "Accept-Encoding", "gzip")
		if plain.Header().Get("Content-Encoding") != "" || zipped.Header().Get("Content-Encoding") != "gzip" ||
			zipped.Header().Get("Vary") != "Accept-Encoding" || plain.Header().Get("Vary") != "Accept-Encoding" {
			t.Fatalf("%s: %v and %v", target, plain.Header(), zipped.Header())
		}
		r, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(r); err != nil || string(body) != plain.Body.String() {
			t.Errorf("%s: gzipped %s, %v, want %s", target, body, err, plain.Body)
		}
		tag := zipped.Header().Get("ETag")
		if tag == plain.Header().Get("ETag") {
			t.Errorf("%s: both have the tag %s", target, tag)
		}
		for encoding, status := range map[string]int{"gzip": 304, "identity": 200} {
			if w := ask(cfg, http.MethodGet, target, "If-None-Match", tag, "Accept-Encoding", encoding); w.Code != status {
				t.Errorf("%s as %s: status %d, want %d", target, encoding, w.Code, status)
			}
		}
	}
}

package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"time"
)

//go:embed assets
var assets embed.FS

// An asset is a file of the app.
type asset struct {
	content   []byte
	mediaType string
	tag       string // entity tag (RFC 9110, section 8.8.3)
}

// modules returns the names of the scripts that app.js imports: all but itself and the worker.
func modules() []string {
	names, err := fs.Glob(assets, "assets/*.js")
	if err != nil {
		panic("web: " + err.Error())
	}
	for i, name := range names {
		names[i] = path.Base(name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "app.js" || name == "stream.js" })
}

// NewAssets returns the handler of /assets/: the style sheet and the scripts of the app. Browsers ask each time whether they have
// changed, so that the app is never older than gonetmon.
func NewAssets() http.Handler {
	files := map[string]asset{}
	entries, err := assets.ReadDir("assets")
	if err != nil {
		panic("web: " + err.Error())
	}
	for _, e := range entries {
		content, err := assets.ReadFile("assets/" + e.Name())
		if err != nil {
			panic("web: " + err.Error())
		}
		sum := sha256.Sum256(content)
		files["/assets/"+e.Name()] = asset{
			content:   content,
			mediaType: map[string]string{".css": "text/css", ".js": "text/javascript"}[path.Ext(e.Name())] + "; charset=utf-8",
			tag:       `"` + hex.EncodeToString(sum[:12]) + `"`,
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.mediaType)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", a.tag)
		h.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'") // of the worker; other files have that of the page
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
	})
}

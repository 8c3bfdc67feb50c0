package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
)

// maxAssets is how many bytes the app may have, uncompressed, with the page without devices.
const maxAssets = 150_000

func getAsset(path, etag string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
	r.Header.Set("If-None-Match", etag)
	NewAssets().ServeHTTP(w, r)
	return w
}

func TestAssets(t *testing.T) {
	for path, mediaType := range map[string]string{
		"/assets/app.js": "text/javascript; charset=utf-8", "/assets/app.css": "text/css; charset=utf-8",
	} {
		w := getAsset(path, "")
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != mediaType {
			t.Errorf("%s: %d %s", path, w.Code, got)
		}
		if got := w.Header().Get("Content-Security-Policy"); got != "default-src 'none'; connect-src 'self'" {
			t.Errorf("%s: Content-Security-Policy: %s", path, got)
		}
		if got := w.Header().Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s: Cache-Control: %s", path, got)
		}
		if w := getAsset(path, w.Header().Get("ETag")); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("%s, known: %d with %d bytes", path, w.Code, w.Body.Len())
		}
	}
	for _, path := range []string{"/assets/", "/assets/none.js", "/assets/../page.html"} {
		if w := getAsset(path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Each import of a script exists, and the page loads it early.
func TestAssets_Imports(t *testing.T) {
	page := get(none(), "").Body.String()
	size := len(page)
	known, err := assets.ReadDir("assets")
	if err != nil {
		t.Fatal(err)
	}
	imported := 0
	for _, e := range known {
		text := getAsset("/assets/"+e.Name(), "").Body.String()
		size += len(text)
		for _, m := range regexp.MustCompile(`from '\./([^']+)'`).FindAllStringSubmatch(text, -1) {
			imported++
			if getAsset("/assets/"+m[1], "").Code != http.StatusOK {
				t.Errorf("%s imports %s, which does not exist", e.Name(), m[1])
			}
			if !strings.Contains(page, `<link rel="modulepreload" href="/assets/`+m[1]+`">`) {
				t.Errorf("the page does not load %s", m[1])
			}
		}
		for _, unsafe := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if strings.Contains(text, unsafe) {
				t.Errorf("%s uses %s", e.Name(), unsafe)
			}
		}
	}
	if imported < 5 {
		t.Errorf("only %d imports", imported)
	}
	if size > maxAssets {
		t.Errorf("the page has %d bytes with all that it loads, want at most %d", size, maxAssets)
	}
	t.Logf("%d bytes", size)
}

// The groups are those of the dashboard in Grafana.
func TestAssets_Groups(t *testing.T) {
	b, err := os.ReadFile("../../grafana/dashboards/groups.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Templating struct {
			List []struct{ Name, Query string }
		}
	}
	if err := json.Unmarshal(b, &dashboard); err != nil {
		t.Fatal(err)
	}
	script, found := getAsset("/assets/list.js", "").Body.String(), 0
	for _, v := range dashboard.Templating.List {
		if v.Name != "group" {
			continue
		}
		for _, group := range strings.Split(v.Query, ",") {
			name, pattern, _ := strings.Cut(strings.TrimSpace(group), " : ")
			found++
			if want := "['" + name + "', '" + pattern + "']"; !strings.Contains(script, want) {
				t.Errorf("list.js lacks %s", want)
			}
		}
	}
	if found == 0 {
		t.Error("the dashboard has no groups")
	}
}

package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/snapshots"
)

// A document is what the tests need of docs/openapi.json.
type document struct {
	Paths map[string]struct {
		Get struct {
			Responses map[string]struct {
				Content map[string]struct{ Schema *schema }
			}
		}
	}
	Components struct{ Schemas map[string]*schema }
}

// A schema is the part of JSON Schema that docs/openapi.json uses.
type schema struct {
	Ref              string `json:"$ref"`
	Description      string
	Type, Format     string
	Enum             []string
	Minimum, Maximum *int64
	Items            *schema
	Required         []string
	Properties       map[string]*schema

	seen bool // in an answer
}

func openAPI(t *testing.T) *document {
	t.Helper()
	text, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	d, decoder := &document{}, json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(d); err != nil {
		t.Fatal(err)
	}
	return d
}

// check returns where a value differs from a schema.
func (d *document) check(where string, s *schema, value any) (wrong []string) {
	if s.Ref != "" {
		name := strings.TrimPrefix(s.Ref, "#/components/schemas/")
		if d.Components.Schemas[name] == nil {
			return []string{where + ": there is no schema " + s.Ref}
		}
		return d.check(where, d.Components.Schemas[name], value)
	}
	s.seen = true
	fail := func(format string, args ...any) {
		wrong = append(wrong, where+": "+fmt.Sprintf(format, args...))
	}
	switch v := value.(type) {
	case map[string]any:
		if s.Type != "object" {
			fail("is an object, want %s", s.Type)
		}
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				fail("%s is missing", name)
			}
		}
		for name, field := range v {
			if s.Properties[name] == nil {
				fail("%s is not in the schema", name)
				continue
			}
			wrong = append(wrong, d.check(where+"."+name, s.Properties[name], field)...)
		}
	case []any:
		if s.Type != "array" {
			fail("is an array, want %s", s.Type)
			break
		}
		for i, item := range v {
			wrong = append(wrong, d.check(fmt.Sprintf("%s[%d]", where, i), s.Items, item)...)
		}
	case string:
		_, err := time.Parse(time.RFC3339, v)
		if s.Type != "string" || s.Format == "date-time" && err != nil || s.Enum != nil && !slices.Contains(s.Enum, v) {
			fail("%q is not of %s %s %v", v, s.Type, s.Format, s.Enum)
		}
	case json.Number:
		n, err := v.Int64()
		if s.Type != "integer" || err != nil || s.Minimum != nil && n < *s.Minimum || s.Maximum != nil && n > *s.Maximum {
			fail("%v is not of %s", v, s.Type)
		}
	case bool:
		if s.Type != "boolean" {
			fail("%v is not of %s", v, s.Type)
		}
	default:
		fail("%v is of no type that is used", v)
	}
	return wrong
}

// unseen returns the parts of a schema that no answer has had.
func (s *schema) unseen(where string) (all []string) {
	if s.Ref != "" {
		return nil
	}
	if !s.seen {
		all = append(all, where)
	}
	if s.Description == "" && s.Type != "object" && !strings.HasSuffix(where, "[]") {
		all = append(all, where+" without a description")
	}
	for name, p := range s.Properties {
		all = append(all, p.unseen(where+"."+name)...)
	}
	for _, name := range s.Required {
		if s.Properties[name] == nil {
			all = append(all, where+"."+name)
		}
	}
	if s.Items != nil {
		all = append(all, s.Items.unseen(where+"[]")...)
	}
	return all
}

// decode decodes JSON with whole numbers.
func decode(t *testing.T, body []byte) (v any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Every field of every answer is in docs/openapi.json with its type, every field there is in an answer, and what is required
// there is in all of them.
func TestOpenAPI_DescribesAnswers(t *testing.T) {
	d := openAPI(t)
	check := func(where string, s *schema, body []byte) {
		t.Helper()
		for _, wrong := range d.check(where, s, decode(t, body)) {
			t.Error(wrong)
		}
	}
	cfg := home()
	cfg.Backup = func(w io.Writer) error { _, err := io.WriteString(w, "file"); return err }
	routes := (&api{}).routes()
	delete(routes, "/api/")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(routes)), slices.Sorted(maps.Keys(d.Paths))); diff != "" {
		t.Errorf("paths (-served +described):\n%s", diff)
	}
	for path, item := range d.Paths {
		target := strings.Replace(path, "{id}", "5", 1)
		responses := item.Get.Responses
		for mime, content := range responses["200"].Content {
			if path == "/api/v1/stream" { // is in other tests
				continue
			}
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				w := ask(cfg, method, target)
				if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != mime {
					t.Errorf("%s %s: status %d, %s, want %s", method, path, w.Code, got, mime)
				}
				if mime == "application/json" && method == http.MethodGet {
					check(target, content.Schema, w.Body.Bytes())
				}
			}
		}
		check(target, responses["400"].Content["application/json"].Schema, ask(cfg, http.MethodGet, target+"?nonsense").Body.Bytes())
	}
	m := messenger{zone: cfg.Zone}
	m.message(cfg.Snapshot(), snapshots.Start)
	message := m.message(cfg.Snapshot(), snapshots.Start.Add(time.Hour))
	for event := range strings.SplitSeq(strings.TrimSpace(string(message)), "\n\n") {
		name, data, _ := strings.Cut(event, "\n")
		name = map[string]string{"event: rates": "RatesEvent", "event: devices": "DevicesEvent"}[name]
		check(name, d.Components.Schemas[name], []byte(strings.TrimPrefix(data, "data: ")))
	}
	for name, s := range d.Components.Schemas {
		for _, missing := range s.unseen(name) {
			t.Errorf("no answer has %s", missing)
		}
	}
}

// An answer has what it has of an empty network, too.
func TestOpenAPI_DescribesEmptyAnswers(t *testing.T) {
	d, cfg := openAPI(t), empty()
	for path, item := range d.Paths {
		if s := item.Get.Responses["200"].Content["application/json"].Schema; s != nil && !strings.Contains(path, "{") {
			for _, wrong := range d.check(path, s, decode(t, ask(cfg, http.MethodGet, path).Body.Bytes())) {
				t.Error(wrong)
			}
		}
	}
}

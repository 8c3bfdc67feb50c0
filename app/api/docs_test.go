package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"gonetmon/app/device"
	"gonetmon/test/golden"
	"gonetmon/test/snapshots"
)

// The examples of docs/api.md are real answers, with long lists of numbers cut. The test rewrites them with -update.
func TestDocs_ExamplesAreAnswers(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	cfg, s := home(), snapshots.Home()
	s.Devices = s.Devices[4:] // one is enough
	cfg.Snapshot = func() *device.Snapshot { return s }
	cfg.Ready = func() error { return errors.New("eth2: no such interface") }
	numbers := regexp.MustCompile(`\[\s+\d+,\s+\d+,\s+(\d+,\s+)*(\d+),\s+(\d+)\s+\]`)
	example := regexp.MustCompile("`GET (\\S+)`\n\n```js\n(?s:.*?)```")
	examples := 0
	text := example.ReplaceAllStringFunc(string(page), func(old string) string {
		target := example.FindStringSubmatch(old)[1]
		w := ask(cfg, http.MethodGet, target)
		if w.Code != http.StatusOK {
			t.Errorf("%s: status %d", target, w.Code)
		}
		var b bytes.Buffer
		if err := json.Indent(&b, w.Body.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		examples++
		answer := numbers.ReplaceAllString(strings.TrimSpace(b.String()), "[…, $2, $3]")
		answer = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(answer)
		return "`GET " + target + "`\n\n```js\n" + answer + "\n```"
	})
	if examples != 5 {
		t.Errorf("%d examples, want 5", examples)
	}
	m := messenger{zone: cfg.Zone}
	m.message(s, s.Time)
	events := string(m.message(s, s.Time.Add(devicesEvery)))
	text = regexp.MustCompile("```text\n(?s:.*?)```").ReplaceAllLiteralString(text, "```text\n"+strings.TrimSpace(events)+"\n```")
	golden.Equal(t, "../../../docs/api.md", text)
}

package faults

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var (
	// record is a line as slog.TextHandler writes it: time, level and msg, then attributes, values quoted where needed.
	record = func() *regexp.Regexp {
		const value = `("(\\.|[^"\\])*"|[^ "=]+)`
		return regexp.MustCompile(`^time=` + value + ` level=[A-Z]+ msg=` + value + `( [^ "=]+=` + value + `)*$`)
	}()

	handler = regexp.MustCompile(`<[a-z][^>]* on[a-z]+=`) // in HTML
)

// plain returns an error for text that is not fit for a terminal: invalid UTF-8, control and bidirectional characters.
func plain(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("invalid UTF-8")
	}
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return fmt.Errorf("a control character, %U", r)
		}
	}
	return nil
}

// checkLog checks that each line of a log is a complete record, fit for a terminal.
func checkLog(text string) error {
	for line := range strings.Lines(text) {
		line, complete := strings.CutSuffix(line, "\n")
		if plain(line) != nil || !complete || !record.MatchString(line) {
			return fmt.Errorf("not a complete record: %.300q", line)
		}
	}
	return nil
}

// checkOutput checks the tables on standard output, which are plain ASCII.
func checkOutput(text string) error {
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }); i >= 0 {
		return fmt.Errorf("not ASCII: %.300q", text[i:])
	}
	return nil
}

// ownScript is the script of the page.
const ownScript = `<script type="module" src="/assets/app.js"></script>`

// checkPage checks that the page for people is complete and runs no script but its own.
func checkPage(html string) error {
	if err := plain(html); err != nil {
		return err
	}
	if strings.Contains(strings.Replace(html, ownScript, "", 1), "<script") || handler.MatchString(html) {
		return fmt.Errorf("it runs a script that is not its own")
	}
	if !strings.HasPrefix(html, "<!DOCTYPE html>") || !strings.HasSuffix(strings.TrimSpace(html), "</html>") {
		return fmt.Errorf("it is not complete")
	}
	return nil
}

func TestChecks(t *testing.T) {
	const good = "time=2026-11-23T12:00:00.000Z level=INFO msg=\"local prefixes \\\"changed\\\"\" local=192.168.2.0/24\n"
	page := func(body string) string { return "<!DOCTYPE html><html><body>" + body + "</body></html>\n" }
	for name, tt := range map[string]struct {
		check func(string) error
		text  string
		ok    bool
	}{
		"a log":                {checkLog, good + good, true},
		"a cut line":           {checkLog, good + strings.TrimSuffix(good, "\n"), false},
		"two in one line":      {checkLog, strings.TrimSuffix(good, "\n") + good, false},
		"a panic":              {checkLog, good + "panic: runtime error: index out of range [3] with length 3\n", false},
		"a library's line":     {checkLog, "2026/11/23 12:00:00 ERROR: metrics: cannot open /proc/self/stat\n", false},
		"an escape":            {checkLog, strings.Replace(good, "local=", "local=\x1b[31m", 1), false},
		"invalid UTF-8":        {checkLog, strings.Replace(good, "local=", "local=\xff", 1), false},
		"no quotes":            {checkLog, strings.Replace(good, `"local`, "local", 1), false},
		"a table":              {checkOutput, "2026-11-23 12:00:00  1m0s  1 device\n  tv  192.168.2.7\n", true},
		"a table with umlauts": {checkOutput, "  k\u00fcche\n", false},
		"a page":               {checkPage, page("<svg><rect x=\"1\"/></svg>"), true},
		"half a page":          {checkPage, page("")[:40], false},
		"a script":             {checkPage, page("<script>alert(1)</script>"), false},
		"a handler":            {checkPage, page("<b class=\"x\" onclick=\"x\"></b>"), false},
		"right to left":        {checkPage, page("\u202e"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tt.check(tt.text); (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

package faults

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// checkLog returns what is wrong with a log: each line must be a complete logfmt record, fit for a terminal.
func checkLog(text string) (errs []error) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		errs = append(errs, fmt.Errorf("the last line is incomplete"))
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if err := checkRecord(line); err != nil && len(errs) < maxErrors {
			errs = append(errs, fmt.Errorf("%w: %.300q", err, line))
		}
	}
	return errs
}

// checkRecord checks a record as slog.TextHandler writes it: time, level and msg, then attributes, values quoted where needed.
func checkRecord(line string) error {
	if err := plain(line); err != nil {
		return err
	}
	var keys []string
	for rest := line; rest != ""; {
		key, value, ok := strings.Cut(rest, "=")
		if !ok || key == "" || strings.ContainsAny(key, " \"") {
			return fmt.Errorf("not a logfmt record")
		}
		keys = append(keys, key)
		if strings.HasPrefix(value, `"`) {
			quoted, err := strconv.QuotedPrefix(value)
			if err != nil {
				return fmt.Errorf("the value of %s does not end", key)
			}
			rest = value[len(quoted):]
		} else {
			bare := value
			if i := strings.IndexByte(value, ' '); i >= 0 {
				bare = value[:i]
			}
			if strings.ContainsAny(bare, `"=`) {
				return fmt.Errorf("the value of %s is not quoted", key)
			}
			rest = value[len(bare):]
		}
		if rest != "" && !strings.HasPrefix(rest, " ") {
			return fmt.Errorf("no space after the value of %s", key)
		}
		rest = strings.TrimPrefix(rest, " ")
	}
	if len(keys) < 3 || !slices.Equal(keys[:3], []string{"time", "level", "msg"}) {
		return fmt.Errorf("it does not start with time, level and msg")
	}
	return nil
}

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

// checkOutput returns what is wrong with the tables on standard output, which are plain ASCII.
func checkOutput(text string) (errs []error) {
	for line := range strings.Lines(text) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r > '~' }) &&
			len(errs) < maxErrors {
			errs = append(errs, fmt.Errorf("%.300q", line))
		}
	}
	return errs
}

var voidElements = []string{"meta", "link", "br", "rect", "path", "img", "input", "hr"}

// checkHTML returns what is wrong with the page: each element must be closed, and none may run a script.
func checkHTML(page string) (errs []error) {
	if err := plain(page); err != nil {
		errs = append(errs, err)
	}
	var open []string
	for z := html.NewTokenizer(strings.NewReader(page)); len(errs) < maxErrors; {
		kind := z.Next()
		if kind == html.ErrorToken {
			if !errors.Is(z.Err(), io.EOF) {
				errs = append(errs, z.Err())
			}
			break
		}
		token := z.Token()
		switch {
		case kind != html.StartTagToken && kind != html.SelfClosingTagToken && kind != html.EndTagToken:
			continue
		case token.Data == "script":
			errs = append(errs, fmt.Errorf("a script"))
		case slices.ContainsFunc(token.Attr, func(a html.Attribute) bool { return strings.HasPrefix(a.Key, "on") }):
			errs = append(errs, fmt.Errorf("an element has a handler: %s", token))
		}
		switch {
		case slices.Contains(voidElements, token.Data) || kind == html.SelfClosingTagToken:
		case kind == html.StartTagToken:
			open = append(open, token.Data)
		case len(open) == 0 || open[len(open)-1] != token.Data:
			errs = append(errs, fmt.Errorf("</%s> closes %v", token.Data, open))
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		errs = append(errs, fmt.Errorf("not closed: %v", open))
	}
	return errs
}

func TestChecks(t *testing.T) {
	const record = "time=2026-11-23T12:00:00.000Z level=INFO msg=\"local prefixes changed\" local=192.168.2.0/24\n"
	for name, tt := range map[string]struct {
		read func(string) []error
		text string
		bad  bool
	}{
		"a log":                {checkLog, record + record, false},
		"no log":               {checkLog, "", false},
		"a cut line":           {checkLog, record + strings.TrimSuffix(record, "\n"), true},
		"two in one line":      {checkLog, strings.TrimSuffix(record, "\n") + record, true},
		"a panic":              {checkLog, record + "panic: runtime error: index out of range [3] with length 3\n", true},
		"another library line": {checkLog, "2026/11/23 12:00:00 ERROR: metrics: cannot open /proc/self/stat\n", true},
		"an escape":            {checkLog, strings.Replace(record, "local=", "local=\x1b[31m", 1), true},
		"invalid UTF-8":        {checkLog, strings.Replace(record, "local=", "local=\xff", 1), true},
		"no quotes":            {checkLog, strings.Replace(record, "\"", "", 2), true},
		"no time":              {checkLog, record[strings.Index(record, "level"):], true},
		"a table":              {checkOutput, "2026-11-23 12:00:00  1m0s  1 device\n  tv  192.168.2.7\n", false},
		"a table with umlauts": {checkOutput, "  k\u00fcche\n", true},
		"a page":               {checkHTML, "<!DOCTYPE html><html><head><meta charset=\"utf-8\"></head><body><svg><rect x=\"1\"/></svg></body></html>", false},
		"an open element":      {checkHTML, "<html><b></html>", true},
		"a script":             {checkHTML, "<html><script>alert(1)</script></html>", true},
		"a handler":            {checkHTML, "<html><b onclick=\"x\"></b></html>", true},
		"right to left":        {checkHTML, "<html>\u202e</html>", true},
	} {
		t.Run(name, func(t *testing.T) {
			if errs := tt.read(tt.text); (len(errs) > 0) != tt.bad {
				t.Errorf("got %v", errs)
			}
		})
	}
}

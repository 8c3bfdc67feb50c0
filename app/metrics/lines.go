package metrics

import (
	"bytes"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// chunk is how many bytes are collected before they are written on.
const chunk = 64 << 10

// The types of families.
const (
	counter = "counter"
	gauge   = "gauge"
)

// lines writes the text format of Prometheus, version 0.0.4. It writes a label's value as it must be, whatever is in it: one
// bad label would cost the reader the whole page.
type lines struct {
	w    io.Writer
	b    []byte
	name string // of the family
}

// family begins a family of series. Help is one line without backslashes.
func (l *lines) family(name, kind, help string) {
	l.name = name
	l.b = append(l.b, "# HELP "...)
	l.b = append(l.b, name...)
	l.b = append(l.b, ' ')
	l.b = append(l.b, help...)
	l.b = append(l.b, "\n# TYPE "...)
	l.b = append(l.b, name...)
	l.b = append(l.b, ' ')
	l.b = append(l.b, kind...)
	l.b = append(l.b, '\n')
}

// series writes the value of one series of the family. Labels are names and values in turn.
func (l *lines) series(value uint64, labels ...string) {
	l.labels(labels)
	l.b = strconv.AppendUint(l.b, value, 10)
	l.end()
}

// time writes a time as seconds since 1970, to the millisecond.
func (l *lines) time(t time.Time, labels ...string) {
	l.labels(labels)
	l.appendTime(t)
	l.end()
}

// seconds writes a duration as seconds, to the millisecond.
func (l *lines) seconds(d time.Duration, labels ...string) {
	l.labels(labels)
	l.b = strconv.AppendFloat(l.b, float64(d.Milliseconds())/1000, 'f', -1, 64)
	l.end()
}

func (l *lines) labels(labels []string) {
	l.b = append(l.b, l.name...)
	for i := 0; i+1 < len(labels); i += 2 {
		before := byte(',')
		if i == 0 {
			before = '{'
		}
		l.label(before, labels[i], labels[i+1])
	}
	if len(labels) > 0 {
		l.b = append(l.b, '}')
	}
	l.b = append(l.b, ' ')
}

// device begins a series of a device: other labels may follow, and then its value.
func (l *lines) device(name string) {
	l.b = append(l.b, l.name...)
	l.label('{', "device", name)
}

func (l *lines) label(before byte, name, value string) {
	l.b = append(l.b, before)
	l.b = append(l.b, name...)
	l.b = append(l.b, '=', '"')
	l.b = appendLabel(l.b, value)
	l.b = append(l.b, '"')
}

// value ends a series that has labels.
func (l *lines) value(value uint64) {
	l.b = append(l.b, '}', ' ')
	l.b = strconv.AppendUint(l.b, value, 10)
	l.end()
}

// moment ends a series that has labels with a time, as seconds since 1970, to the millisecond.
func (l *lines) moment(t time.Time) {
	l.b = append(l.b, '}', ' ')
	l.appendTime(t)
	l.end()
}

func (l *lines) appendTime(t time.Time) {
	milli := t.UnixMilli()
	if milli < 0 {
		l.b = strconv.AppendFloat(l.b, float64(milli)/1000, 'f', -1, 64)
		return
	}
	l.b = strconv.AppendInt(l.b, milli/1000, 10)
	if milli %= 1000; milli > 0 {
		l.b = append(l.b, '.', '0'+byte(milli/100), '0'+byte(milli/10%10), '0'+byte(milli%10))
		l.b = bytes.TrimRight(l.b, "0")
	}
}

func (l *lines) end() {
	l.b = append(l.b, '\n')
	l.spill()
}

// spill writes on what was collected when it is much.
func (l *lines) spill() {
	if len(l.b) >= chunk {
		l.flush()
	}
}

// flush writes on what was collected. A reader that has gone away is no concern of ours.
func (l *lines) flush() {
	_, _ = l.w.Write(l.b)
	l.b = l.b[:0]
}

// appendLabel appends the value of a label, escaped. A byte that is not UTF-8 becomes U+FFFD and the byte in hexadecimal, and
// so do those of a U+FFFD: different values stay different, as two series of the same labels would spoil the page too.
func appendLabel(b []byte, value string) []byte {
	plain := 0 // where what can be copied begins
	for i := 0; i < len(value); {
		c := value[i]
		if c < utf8.RuneSelf {
			switch c {
			case '\\', '"':
				b = append(b, value[plain:i]...)
				b = append(b, '\\', c)
				plain = i + 1
			case '\n':
				b = append(b, value[plain:i]...)
				b = append(b, '\\', 'n')
				plain = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(value[i:])
		if r == utf8.RuneError {
			b = append(b, value[plain:i]...)
			for _, c := range []byte(value[i : i+size]) {
				const hex = "0123456789abcdef"
				b = append(b, "\uFFFD"...)
				b = append(b, hex[c>>4], hex[c&15])
			}
			plain = i + size
		}
		i += size
	}
	return append(b, value[plain:]...)
}

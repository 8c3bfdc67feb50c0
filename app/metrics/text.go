package metrics

import (
	"bufio"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/VictoriaMetrics/metrics"
)

// The types of families.
const (
	counter = "counter"
	gauge   = "gauge"
)

// A textWriter writes the text format of Prometheus, version 0.0.4. The samples are written by VictoriaMetrics/metrics;
// what that library leaves out is added: HELP and TYPE once for each family, and escaping. Errors of the writer below
// are ignored.
type textWriter struct {
	*bufio.Writer
	name, kind string // of the family
}

func newTextWriter(w io.Writer) *textWriter {
	return &textWriter{Writer: bufio.NewWriterSize(w, 64<<10)}
}

// startFamily starts a family of samples. Help is one line without backslashes.
func (t *textWriter) startFamily(name, kind, help string) {
	t.name, t.kind = name, kind
	for _, s := range [...]string{"# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"} {
		_, _ = t.WriteString(s)
	}
}

// single writes a family of one sample without labels.
func (t *textWriter) single(name, kind, help string, value uint64) {
	t.startFamily(name, kind, help)
	t.sample(value)
}

// sample writes a sample of the family. Labels are names and values in turn.
func (t *textWriter) sample(value uint64, labels ...string) {
	series := string(t.appendSeries(labels...))
	if t.kind == counter {
		metrics.WriteCounterUint64(t, series, value)
	} else {
		metrics.WriteGaugeUint64(t, series, value)
	}
}

// deviceSample writes what sample writes. There are up to 17 of them for each device, and the library would take 24 ms for
// those of 4,096 devices instead of 4 ms.
func (t *textWriter) deviceSample(value uint64, labels ...string) {
	b := append(t.appendSeries(labels...), ' ')
	b = strconv.AppendUint(b, value, 10)
	_, _ = t.Write(append(b, '\n'))
}

// timestamp writes a sample that is a time in seconds since 1970, to the millisecond.
func (t *textWriter) timestamp(at time.Time, labels ...string) {
	b := append(t.appendSeries(labels...), ' ')
	b = strconv.AppendFloat(b, float64(at.UnixMilli())/1000, 'f', -1, 64)
	_, _ = t.Write(append(b, '\n'))
}

// appendSeries appends the name and labels of a series to the unused part of the buffer. It is valid until the next write.
func (t *textWriter) appendSeries(labels ...string) []byte {
	b := append(t.AvailableBuffer(), t.name...)
	before := byte('{')
	for i := 0; i+1 < len(labels); i += 2 {
		b = append(b, before)
		b = append(b, labels[i]...)
		b = append(b, '=', '"')
		b = appendEscaped(b, labels[i+1])
		b = append(b, '"')
		before = ','
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	return b
}

// appendEscaped appends the value of a label. A single bad label would cost the reader the whole page, so any value is
// made valid: a byte that is not UTF-8 becomes U+FFFD followed by the byte in hexadecimal, and so do the bytes of a
// U+FFFD. Different values stay different.
func appendEscaped(b []byte, value string) []byte {
	copied := 0 // bytes of value
	for i := 0; i < len(value); {
		if c := value[i]; c < utf8.RuneSelf && c != '\\' && c != '"' && c != '\n' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(value[i:])
		switch r {
		case '\\', '"':
			b = append(append(b, value[copied:i]...), '\\', byte(r))
			copied = i + size
		case '\n':
			b = append(append(b, value[copied:i]...), `\n`...)
			copied = i + size
		case utf8.RuneError:
			b = append(b, value[copied:i]...)
			for _, c := range []byte(value[i : i+size]) {
				const hex = "0123456789abcdef"
				b = append(append(b, "\uFFFD"...), hex[c>>4], hex[c&15])
			}
			copied = i + size
		}
		i += size
	}
	return append(b, value[copied:]...)
}

package sloglimit

import "bytes"

const mostText = 4 << 10 // bytes of what is written that are kept: a panic comes with its stack

// A Writer is for programs that write text to a log of theirs: it calls the function, which logs it, with what they write at once,
// without white space at the ends and at most 4 KiB of it.
type Writer func(text string)

// Write implements io.Writer.
func (w Writer) Write(b []byte) (int, error) {
	w(string(bytes.TrimSpace(b[:min(len(b), mostText)])))
	return len(b), nil
}

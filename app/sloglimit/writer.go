package sloglimit

import "bytes"

const maxText = 4 << 10 // a panic comes with its stack

// A Writer is an io.Writer for libraries that write log messages as text. It calls the function with the text of each Write, cut
// to 4 KiB and without surrounding white space.
type Writer func(text string)

// Write implements io.Writer.
func (w Writer) Write(b []byte) (int, error) {
	w(string(bytes.TrimSpace(b[:min(len(b), maxText)])))
	return len(b), nil
}

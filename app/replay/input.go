package replay

import (
	"bytes"
	"io"
	"os"

	"gonetmon/app/capture"
	"gonetmon/app/discovery"
	"gonetmon/app/localnet"
)

// standardInput is the name that stands for standard input instead of a file.
const standardInput = "-"

// maxAhead is how many bytes of a stream are searched for announcements before it is counted. Routers announce a prefix about
// every ten minutes (RFC 4861, 6.2.1).
const maxAhead = 32 << 20

// An input is a file to count, or a stream, which can be read only once.
type input struct {
	path   string
	name   string    // for people
	ahead  []byte    // of a stream: its beginning
	stream io.Reader // what follows; nil if it is a file
	whole  bool      // searchPrefixes has searched all of it
}

func newInput(path string, in io.Reader) *input {
	if path == standardInput {
		return &input{path: path, name: "standard input", stream: in}
	}
	i := &input{path: path, name: path}
	if info, err := os.Stat(path); err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) != 0 {
		if file, err := os.Open(path); err == nil { // it stays open until the process ends
			i.stream = file
		}
	}
	return i
}

// open opens the input at its beginning; a stream only once after searchPrefixes.
func (i *input) open() (*capture.File, error) {
	if i.stream == nil {
		return capture.OpenFile(i.path)
	}
	return capture.NewFile(io.MultiReader(bytes.NewReader(i.ahead), i.stream), i.name)
}

// searchPrefixes hands all announcements of prefixes in a file to the tracker, and those in the first 32 MiB of a stream. What is
// wrong with the file is said when it is counted.
func (i *input) searchPrefixes(lan *localnet.Tracker) {
	var file *capture.File
	var err error
	if i.stream == nil {
		file, err = capture.OpenFile(i.path)
		i.whole = true
	} else {
		i.ahead, _ = io.ReadAll(io.LimitReader(i.stream, maxAhead))
		file, err = capture.NewFile(bytes.NewReader(i.ahead), i.name)
		i.whole = len(i.ahead) < maxAhead
	}
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	decoder, frame := discovery.NewDecoder(), make([]capture.Frame, 1)
	for {
		if _, err := file.Next(frame); err != nil {
			return
		}
		decoder.Decode(frame[0].Link, frame[0].Data, func(f discovery.Fact) {
			if f.Kind == discovery.OnLinkPrefix {
				lan.Announce(file.Info().Last, f.Prefix, f.Lifetime)
			}
		})
	}
}

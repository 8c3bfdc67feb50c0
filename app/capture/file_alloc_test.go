package capture_test

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"gonetmon/app/capture"
)

// An endless reader returns head once and then body for ever.
type endless struct{ head, body, rest []byte }

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		e.rest, e.head = e.head, e.body
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func TestFile_NextDoesNotAllocate(t *testing.T) {
	data := strings.Repeat("x", 700)
	head, ng := littleFile().pcap(0xa1b2c3d4, 1), littleFile().section(1, 0).iface(1, 0)
	long := &fileBuilder{order: binary.LittleEndian}
	long.enhanced(0, data, 700, make([]byte, 600_000)...).enhanced(0, data, 700).simple(data, 700).other(5, data)
	record := (&fileBuilder{order: binary.LittleEndian}).record(data, 1500)
	for name, r := range map[string]io.Reader{
		"pcap":   &endless{head: head.b, body: record.b},
		"pcapng": &endless{head: ng.b, body: long.b},
	} {
		f, err := capture.NewFile(r, name)
		if err != nil {
			t.Fatal(err)
		}
		batch := make([]capture.Frame, 64)
		if _, err := f.Next(batch); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(1000, func() { _, _ = f.Next(batch) }); n != 0 {
			t.Errorf("Next of %s: %v allocs", name, n)
		}
	}
}

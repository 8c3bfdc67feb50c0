package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"gonetmon/app/capture"
)

// A reading is a summary of the content of a capture file.
type reading struct {
	Format, Status      string
	Interfaces, Packets int
	Sum                 uint32 // CRC-32 over link type, wire length, captured length and data of each frame
}

func (r *reading) add(link uint16, data []byte, wire int64) {
	r.Packets++
	var b []byte
	b = binary.LittleEndian.AppendUint16(b, link)
	b = binary.LittleEndian.AppendUint32(b, uint32(wire))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	r.Sum = crc32.Update(crc32.Update(r.Sum, crc32.IEEETable, b), crc32.IEEETable, data)
}

// readCapture reads r to its end with batches of n frames. It looks at the frames of a batch when it is full.
func readCapture(t testing.TB, r io.Reader, n int) (reading, string) {
	t.Helper()
	f, err := capture.NewFile(r, "test")
	if err != nil {
		if !errors.Is(err, capture.ErrNoCapture) {
			t.Fatalf("NewFile: %v", err)
		}
		info := f.Info()
		return reading{Format: info.Format, Status: info.Status}, err.Error()
	}
	var got reading
	batch := make([]capture.Frame, n)
	for i := range batch {
		batch[i] = capture.Frame{Tag: 4, GSO: capture.GSO{Type: 1}} // Next must clear it
	}
	for {
		n, err := f.Next(batch)
		for _, frame := range batch[:n] {
			if frame.Tag != 0 || frame.GSO != (capture.GSO{}) || len(frame.Data) > 262144 || frame.Wire < len(frame.Data) {
				t.Fatalf("frame of a file: %+v", frame)
			}
			got.add(frame.Link, frame.Data, int64(frame.Wire))
		}
		if errors.Is(err, io.EOF) && n == 0 {
			break
		}
		if err != nil || n == 0 {
			t.Fatalf("Next: %d, %v", n, err)
		}
	}
	if n, err := f.Next(batch); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("Next after the end: %d, %v", n, err)
	}
	info := f.Info()
	if (info.Status == "ok") != (info.Damage == "") {
		t.Fatalf("status %q with damage %q", info.Status, info.Damage)
	}
	got.Format, got.Status, got.Interfaces = info.Format, info.Status, info.Interfaces
	return got, info.Damage
}

func readBytes(t testing.TB, b []byte) reading {
	t.Helper()
	got, _ := readCapture(t, bytes.NewReader(b), 8)
	return got
}

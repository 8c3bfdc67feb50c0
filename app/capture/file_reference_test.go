package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"testing"

	"gonetmon/app/capture"
)

// A reading is a summary of the content of a capture file.
type reading struct {
	Format     string         `json:"format"`
	Status     string         `json:"status"`
	Interfaces int            `json:"interfaces"`
	Links      map[uint16]int `json:"linktypes"`
	Packets    int            `json:"packets"`
	WireBytes  int64          `json:"wire_bytes"`
	Sum        uint32         `json:"sum"` // CRC-32 over link type, wire length, captured length and data of each frame
}

func (r *reading) add(link uint16, data []byte, wire int64) {
	if r.Links == nil {
		r.Links = map[uint16]int{}
	}
	wire = min(wire, math.MaxInt) // as in Frame, where an int has 32 bits
	r.Links[link]++
	r.Packets++
	r.WireBytes += wire
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

// reference reads an uncompressed capture by the rules of oracle.py, all of it in memory.
func reference(b []byte) reading {
	if bytes.HasPrefix(b, []byte("\x0a\x0d\x0d\x0a")) {
		return referencePcapng(b)
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if len(b) < 24 {
			break
		}
		switch order.Uint32(b) {
		case 0xa1b2c3d4:
			return referencePcap(b, order, 16, "pcap-us")
		case 0xa1b23c4d:
			return referencePcap(b, order, 16, "pcap-ns")
		case 0xa1b2cd34:
			return referencePcap(b, order, 24, "pcap-modified")
		}
	}
	return reading{Format: "unknown", Status: "bad"}
}

func referencePcap(b []byte, order binary.ByteOrder, header int64, format string) reading {
	r := reading{Format: format, Status: "ok", Interfaces: 1}
	link := uint16(order.Uint32(b[20:]))
	for b = b[24:]; len(b) > 0; {
		if int64(len(b)) < header {
			r.Status = "cut"
			break
		}
		stored, wire := int64(order.Uint32(b[8:])), int64(order.Uint32(b[12:]))
		if stored > 262144 {
			r.Status = "corrupt"
			break
		}
		if int64(len(b)) < header+stored {
			r.Status = "cut"
			break
		}
		r.add(link, b[header:header+stored], max(wire, stored))
		b = b[header+stored:]
	}
	return r
}

func referencePcapng(b []byte) reading {
	type described struct {
		link uint16
		snap int64
	}
	var (
		r          = reading{Format: "pcapng"}
		order      = binary.ByteOrder(binary.LittleEndian)
		interfaces []described
	)
	end := func(status string) reading { r.Status = status; return r }
	for len(b) > 0 {
		if len(b) < 12 {
			return end("cut")
		}
		section := bytes.HasPrefix(b, []byte("\x0a\x0d\x0d\x0a"))
		if section {
			interfaces = nil
			switch string(b[8:12]) {
			case "\x4d\x3c\x2b\x1a":
				order = binary.LittleEndian
			case "\x1a\x2b\x3c\x4d":
				order = binary.BigEndian
			default:
				return end("corrupt")
			}
		}
		u32 := func(at int64) int64 { return int64(order.Uint32(b[at:])) }
		kind, size := u32(0), u32(4)
		if size < 12 || size%4 != 0 {
			return end("corrupt")
		}
		if int64(len(b)) < size {
			return end("cut")
		}
		minSize := map[int64]int64{1: 20, 2: 32, 3: 16, 6: 32, 0x0a0d0d0a: 28}[kind]
		if u32(size-4) != size || size < minSize {
			return end("corrupt")
		}
		if section && (order.Uint16(b[12:]) != 1 || order.Uint16(b[14:])&^2 != 0) {
			return end("corrupt")
		}
		var number, stored, wire, start int64
		switch kind {
		case 1:
			interfaces = append(interfaces, described{order.Uint16(b[8:]), u32(12)})
			r.Interfaces++
		case 2:
			number, stored, wire, start = int64(order.Uint16(b[8:])), u32(20), u32(24), 28
		case 3:
			wire, start = u32(8), 12
			stored = min(wire, size-16)
			if len(interfaces) > 0 && interfaces[0].snap != 0 {
				stored = min(stored, interfaces[0].snap)
			}
		case 6:
			number, stored, wire, start = u32(8), u32(20), u32(24), 28
		}
		if start > 0 {
			if number >= int64(len(interfaces)) || stored > 262144 || start+stored > size-4 {
				return end("corrupt")
			}
			r.add(interfaces[number].link, b[start:start+stored], max(wire, stored))
		}
		b = b[size:]
	}
	return end("ok")
}

package capture_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"gonetmon/app/capture"
)

func TestFile_BoundsInterfaces(t *testing.T) {
	f := littleFile().section(1, 0)
	for range 65536 {
		f.iface(1, 0)
	}
	f.enhanced(65535, "x", 1).section(1, 0).iface(1, 0)
	if got := readBytes(t, f.b); got.Status != "ok" || got.Interfaces != 65537 || got.Packets != 1 {
		t.Errorf("65,536 interfaces in a section: %+v", got)
	}
	for range 65536 {
		f.iface(1, 0)
	}
	got, damage := readCapture(t, bytes.NewReader(f.b), 1)
	if want := fmt.Sprintf("block at byte %d: more than 65536 interfaces",
		len(f.b)-20); damage != want || got.Interfaces != 2*65536 {
		t.Errorf("65,537 interfaces in a section: %+v, %q, want %q", got, damage, want)
	}
}

// Blocks about as long as the buffer are read, with the largest packets in them.
func TestFile_ReadsBlocksAsLongAsBuffer(t *testing.T) {
	data := strings.Repeat("0123456789abcdef", 262144/16)
	for size := 524288 - 16; size <= 524288+16; size += 4 {
		f := littleFile().section(1, 0).iface(1, 0).enhanced(0, "before", 60)
		f.enhanced(0, data, 60, make([]byte, size-32-len(data))...).enhanced(0, "after", 60)
		f.obsolete(0, 1, data+strings.Repeat("\x00", size-32-len(data)), 60) // what it stores is too long
		for _, n := range []int{1, 8} {
			got, damage := readCapture(t, bytes.NewReader(f.b), n)
			if got.Packets != 3 || got.Status != "corrupt" {
				t.Errorf("block of %d, batch of %d: %s, %+v", size, n, damage, got)
			}
		}
	}
}

func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pcap := smallFiles()["us little"].b
	for _, c := range []struct {
		name, path, want string
		is               error
	}{
		{"missing", filepath.Join(dir, "missing.pcap"), "open DIR/missing.pcap: no such file or directory", os.ErrNotExist},
		{"a folder", dir, "read DIR: is a directory", nil},
		{"text", write("notes.txt", []byte("It is no capture.")), "DIR/notes.txt: not a pcap or pcapng file", capture.ErrNoCapture},
		{"empty", write("empty.pcap", nil), "DIR/empty.pcap: empty: not a pcap or pcapng file", capture.ErrNoCapture},
		{"xz", write("a.xz", []byte("\xfd7zXZ\x00")), "DIR/a.xz: compressed with xz, unpack it first: not a pcap or pcapng file",
			capture.ErrNoCapture},
		{"short", write("short.pcap", pcap[:23]), "DIR/short.pcap: cut short in its header: not a pcap or pcapng file",
			capture.ErrNoCapture},
		{"gzip of text", write("a.gz", gzipped([]byte("text"))), "DIR/a.gz: not a pcap or pcapng file", capture.ErrNoCapture},
		{"gzip cut", write("b.gz", gzipped(pcap)[:5]), "DIR/b.gz: gzip data is damaged: not a pcap or pcapng file",
			capture.ErrNoCapture},
		{"gzip twice", write("c.gz", gzipped(gzipped(pcap))), "DIR/c.gz: not a pcap or pcapng file", capture.ErrNoCapture},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := capture.OpenFile(c.path)
			if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != c.want || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if got := f.Info(); got.Format != "unknown" || got.Status != "bad" {
				t.Errorf("info %+v", got)
			}
		})
	}
	f, err := capture.OpenFile(write("good.pcap", pcap))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Next(make([]capture.Frame, 9)); n != 4 || err != nil {
		t.Errorf("Next: %d, %v", n, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Next(make([]capture.Frame, 9)); err == nil || !strings.HasSuffix(err.Error(), "good.pcap: file already closed") {
		t.Errorf("Next of a closed file: %v", err)
	}
}

func TestFile_ReturnsReadError(t *testing.T) {
	b := smallFiles()["pcapng little"].b
	for _, b := range [][]byte{b, gzipped(b)[:100]} {
		f, err := capture.NewFile(io.MultiReader(bytes.NewReader(b), iotest.ErrReader(errors.New("input/output error"))), "disk")
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Next(make([]capture.Frame, 1))
		}
		if want := "read disk: input/output error"; err.Error() != want || f.Info().Damage != want || f.Info().Status != "cut" {
			t.Errorf("got %v, %+v, want %s", err, f.Info(), want)
		}
	}
}

// Stop ends a Next that skips blocks for ever.
func TestFile_StopEndsSkipping(t *testing.T) {
	file := littleFile().section(1, 0)
	f, err := capture.NewFile(&endless{head: file.b, body: (&fileBuilder{order: file.order}).other(5, "statistics").b}, "test")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, f.Stop)
	if n, err := f.Next(make([]capture.Frame, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("Next: %d, %v", n, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestFile_StopWakesPipeReader(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	defer func() { _ = w.Close() }()
	if _, err := w.Write(smallFiles()["us little"].b); err != nil {
		t.Fatal(err)
	}
	f, err := capture.OpenFile(fmt.Sprintf("/dev/fd/%d", r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	batch := make([]capture.Frame, 9)
	if n, err := f.Next(batch); n != 4 || err != nil {
		t.Fatalf("Next: %d, %v", n, err)
	}
	time.AfterFunc(20*time.Millisecond, f.Stop)
	for range 2 {
		if n, err := f.Next(batch); n != 0 || !errors.Is(err, io.EOF) || f.Info().Status != "ok" {
			t.Errorf("Next after Stop: %d, %v, %+v", n, err, f.Info())
		}
		f.Stop()
	}
}

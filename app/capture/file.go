package capture

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"sync/atomic"
	"time"
)

const (
	// maxStored is the largest captured length that a record may have: MAXIMUM_SNAPLEN of libpcap.
	maxStored = 262144

	// fileBuffer is twice the size of the largest record, so that most refills of the buffer move few bytes.
	fileBuffer = 2 * maxStored
)

// gzipMagic is the first bytes of a gzip file, RFC 1952 section 2.3.1.
var gzipMagic = []byte{0x1f, 0x8b}

// packed are other kinds of compression, by the first bytes of a file.
var packed = map[string]string{"\xfd7zXZ": "xz", "\x28\xb5\x2f\xfd": "zstd", "BZh": "bzip2"}

// ErrNoCapture is the error for a file without a readable capture header: something else, an empty file, or a pcap file of fewer
// than 24 bytes.
var ErrNoCapture = errors.New("not a pcap or pcapng file")

// Info describes a File.
type Info struct {
	// Format is "pcap-us", "pcap-ns", "pcap-modified" or "pcapng", and "unknown" when there is none.
	Format string

	// Status is "ok"; "cut" if the last record is cut short; "corrupt" if reading ended at invalid data; "bad" if the file is
	// no capture at all. The records before that point are valid.
	Status string

	// Interfaces is the number of interfaces described so far, in all sections together; 1 for a pcap file.
	Interfaces int

	// First and Last are the times of the earliest and the latest record; zero if no record has a time.
	First, Last time.Time

	// Damage is one phrase for people about what is wrong and where; "" if Status is "ok". Bytes are counted from 0, in a gzip
	// file in the uncompressed data; records are counted from 1.
	Damage string
}

// A File reads the frames of a capture file. It uses a fixed amount of memory, whatever the length of the file or the lengths in
// it.
//
// It reads pcap (draft-ietf-opsawg-pcap: microseconds, nanoseconds, and the modified form with 24-byte record headers)
// and pcapng (draft-ietf-opsawg-pcapng: any number of sections and interfaces; enhanced, simple and obsolete packet
// blocks; other blocks are skipped), of either byte order. Both may be compressed with gzip (RFC 1952). The first bytes
// decide the format, not the name of the file.
//
// Reading ends at the first invalid value: a captured length above 262,144; in pcapng also a block length that is below the
// minimum of its type, not a multiple of four or different from its copy at the end of the block, an interface that was
// not described, a version other than 1.0 and 1.2, and more than 65,536 interfaces in a section. The frames before that point
// are returned, also from a damaged gzip file, which is "cut" or "corrupt" too.
type File struct {
	name    string
	in      *bufio.Reader // uncompressed
	file    *os.File      // closed by Close; nil if made by NewFile
	stopped atomic.Bool

	info Info
	span span
	end  error // returned by Next from now on
	lent bool  // this call of Next has filled frames that point into the buffer of in, so it must not be refilled
	big  bool  // numbers are big-endian
	pos  int64 // of the next record or block, in uncompressed bytes

	// pcap
	link    uint16
	header  int    // length of a record header
	ticks   uint64 // per second
	records int64  // read so far

	// pcapng
	interfaces []pcapngInterface // of the current section
	long       []byte            // beginning and end of a block that does not fit into the buffer
}

// OpenFile opens the capture file at path and reads its header. Its errors are those of package os ("open a.pcap: no such
// file or directory"), and "notes.txt: not a pcap or pcapng file", which wraps ErrNoCapture.
func OpenFile(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := NewFile(file, path)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	f.file = file
	return f, nil
}

// NewFile reads a capture and its header from r; name is used in messages. It reads up to 512 KiB ahead, but never waits for
// more data than the next frame needs. Close does not close r.
func NewFile(r io.Reader, name string) (*File, error) {
	f := &File{name: name, info: Info{Format: "unknown", Status: "ok"}, in: bufio.NewReaderSize(r, fileBuffer)}
	if b, _ := f.in.Peek(len(gzipMagic)); bytes.Equal(b, gzipMagic) {
		z, err := gzip.NewReader(f.in)
		if err != nil {
			return nil, f.headerError(err)
		}
		f.in = bufio.NewReaderSize(z, fileBuffer)
	}
	b, err := f.in.Peek(4)
	if err != nil {
		return nil, f.headerError(err)
	}
	if binary.BigEndian.Uint32(b) == sectionHeader {
		f.info.Format = "pcapng"
		return f, nil
	}
	if err := f.openPcap(b); err != nil {
		return nil, f.headerError(err)
	}
	return f, nil
}

// Next fills batch with the next frames: at least one, and as many more as fit and are already in memory. Their Data is valid
// until the next call to Next. At the end of the readable part it returns 0 and io.EOF; Info tells whether that is the end of
// the file. Read errors are returned as "read a.pcap: ...". Next does not allocate. It must be called by one goroutine, with a
// batch that is not empty.
func (f *File) Next(batch []Frame) (int, error) {
	for n := range batch {
		f.lent = n > 0
		if f.read(&batch[n]) {
			continue
		}
		if n > 0 {
			return n, nil
		}
		return 0, f.end
	}
	return len(batch), nil
}

// More reports whether Next would not block, which is not known of a file.
func (f *File) More() bool { return false }

// read fills in one frame. It returns false at the end of the file, or if the buffer would have to be refilled while lent.
func (f *File) read(frame *Frame) bool {
	if f.stopped.Load() {
		f.end = io.EOF
	}
	if f.end != nil {
		return false
	}
	if f.info.Format == "pcapng" {
		return f.readBlock(frame)
	}
	return f.readRecord(frame)
}

// Stop makes the next call to Next return io.EOF. It also wakes a Next that waits for a pipe opened by OpenFile. Any goroutine
// may call it, at any time and more than once.
func (f *File) Stop() {
	f.stopped.Store(true)
	if f.file != nil {
		_ = f.file.SetReadDeadline(time.Now()) // fails for regular files, which need no deadline
	}
}

// Close closes the file that OpenFile opened. It must not be called during Next.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// Info returns what is known so far. It is final when Next has returned io.EOF, and must not be called during Next. A nil File,
// which OpenFile and NewFile return with an error, has Format "unknown" and Status "bad".
func (f *File) Info() Info {
	if f == nil {
		return Info{Format: "unknown", Status: "bad", Damage: ErrNoCapture.Error()}
	}
	info := f.info
	info.First, info.Last = f.span.times()
	return info
}

// peek returns the next n bytes. If there are fewer, it ends the reading and returns false. If the buffer would have to be
// refilled while lent, it only returns false.
func (f *File) peek(n int) ([]byte, bool) {
	if f.lent && n > f.in.Buffered() {
		return nil, false
	}
	b, err := f.in.Peek(n)
	if err != nil {
		f.fail(len(b) == 0, err)
		return nil, false
	}
	return b, true
}

// skip discards n bytes, or ends the reading and returns false if there are fewer. It cannot fail for bytes that were peeked at.
func (f *File) skip(n int64) bool {
	for n > 0 {
		d, err := f.in.Discard(int(min(n, math.MaxInt32)))
		if err != nil {
			f.fail(false, err)
			return false
		}
		n -= int64(d)
	}
	return true
}

// fail ends the reading because of a read error; between means that it happened between two records.
func (f *File) fail(between bool, err error) {
	switch {
	case f.stopped.Load(), between && errors.Is(err, io.EOF):
		f.end = io.EOF
	case errors.Is(err, io.EOF):
		f.damage("cut", "%s is cut short", f.where())
	case errors.Is(err, io.ErrUnexpectedEOF):
		f.damage("cut", "gzip data is cut short, in %s", f.where())
	case isGzipDamage(err):
		f.damage("corrupt", "gzip data is corrupt, near %s: %v", f.where(), err)
	default:
		err = f.readError(err)
		f.damage("cut", "%v", err)
		f.end = err
	}
}

// isGzipDamage reports whether err means corrupt gzip data, rather than a failing reader.
func isGzipDamage(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	_, internal := errors.AsType[flate.InternalError](err)
	return corrupt || internal || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum)
}

// damage ends the reading and records why.
func (f *File) damage(status, format string, args ...any) {
	f.info.Status = status
	f.info.Damage = fmt.Sprintf(format, args...)
	f.end = io.EOF
}

// where returns the position of the next record or block in words.
func (f *File) where() string {
	if f.info.Format == "pcapng" {
		return fmt.Sprintf("block at byte %d", f.pos)
	}
	return fmt.Sprintf("record %d at byte %d", f.records+1, f.pos)
}

// headerError returns the error for a file whose header cannot be read.
func (f *File) headerError(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		b, _ := f.in.Peek(8)
		if len(b) == 0 {
			return fmt.Errorf("%s: empty: %w", f.name, ErrNoCapture)
		}
		for magic, name := range packed {
			if bytes.HasPrefix(b, []byte(magic)) {
				return fmt.Errorf("%s: compressed with %s, unpack it first: %w", f.name, name, ErrNoCapture)
			}
		}
		if f.info.Format != "unknown" {
			return fmt.Errorf("%s: cut short in its header: %w", f.name, ErrNoCapture)
		}
		return fmt.Errorf("%s: %w", f.name, ErrNoCapture)
	case errors.Is(err, io.ErrUnexpectedEOF), isGzipDamage(err):
		return fmt.Errorf("%s: gzip data is damaged: %w", f.name, ErrNoCapture)
	}
	return f.readError(err)
}

// readError wraps a read error. It strips the operation and the path that package os adds, as they would appear twice.
func (f *File) readError(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return fmt.Errorf("read %s: %w", f.name, err)
}

func (f *File) u16(b []byte) uint16 {
	if f.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (f *File) u32(b []byte) uint32 {
	if f.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// wireLength returns the length on the wire of a record that claims wire bytes and has n captured ones. If an int has 32 bits,
// 2 GiB and more become the largest int.
func wireLength(wire uint32, n int) int {
	return max(n, int(min(uint64(wire), math.MaxInt)))
}

package capture

import (
	"bufio"
	"bytes"
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
	// maxStored is the largest number of stored bytes that a record may claim: MAXIMUM_SNAPLEN of libpcap.
	maxStored = 262144

	// fileBuffer holds the largest record whole, and as much again, so that most refills of the buffer move little.
	fileBuffer = 2 * maxStored
)

// ErrNoCapture says that a file has no readable header of a capture: it is something else, or empty, or a pcap file of
// fewer than 24 bytes.
var ErrNoCapture = errors.New("not a pcap or pcapng file")

// Info is what a File knows of itself.
type Info struct {
	// Format is "pcap-us", "pcap-ns", "pcap-modified" or "pcapng", and "unknown" when there is none.
	Format string

	// Status is "ok"; "cut" when the last record is cut short; "corrupt" when the reading ended at something that
	// cannot be true; "bad" when there is no capture at all. The records before that point count.
	Status string

	// Interfaces is how many interfaces were described so far, in all sections together; 1 in a pcap file.
	Interfaces int

	// First and Last are the times of the earliest and the latest record; zero if no record has a time.
	First, Last time.Time

	// Damage says to people what is wrong and where, in one phrase; it is "" when Status is "ok". Bytes are counted
	// from 0 and, in a gzip file, in the unpacked data; records are counted from 1.
	Damage string
}

// A File lends the frames of a capture file, in memory of fixed size, however long the file or a length in it.
//
// It reads pcap (draft-ietf-opsawg-pcap: microseconds, nanoseconds, and the modified form with 24-byte record headers)
// and pcapng (draft-ietf-opsawg-pcapng: any number of sections and interfaces, enhanced, simple and obsolete packet
// blocks; other blocks are passed over), of either byte order, and either of them as a whole in gzip (RFC 1952: any
// number of members, zeros between and after them). The name of the file plays no part.
//
// The first thing that cannot be true ends the reading: a captured length above 262,144; in pcapng also a block length
// below the minimum of its type, not a multiple of four or unlike its copy at the block's end, an interface that was
// not described, a version other than 1.0 and 1.2, and more than 65,536 interfaces in a section. What came before counts, also
// in a gzip file that is damaged: then it is "cut" or "corrupt" too.
type File struct {
	name    string
	in      *bufio.Reader // unpacked
	file    *os.File      // what Close closes; nil of NewFile
	stopped atomic.Bool

	info Info
	span span
	end  error // what Next returns from now on
	lent bool  // this call of Next has lent memory of in, which may not be refilled now
	big  bool  // numbers are big-endian
	pos  int64 // of the record or block that is to be read, in unpacked bytes

	// pcap
	link    uint16
	header  int    // bytes in front of each record's data
	ticks   uint64 // in a second
	records int64  // read so far

	// pcapng
	interfaces []pcapngInterface // of this section
	long       []byte            // the head of a block that does not fit into in
}

// OpenFile opens the capture file at path and reads its header. Its errors are those of os, as "open a.pcap: no such
// file or directory", and "notes.txt: not a pcap or pcapng file", which wraps ErrNoCapture.
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

// NewFile reads the header of the capture that r gives, which messages call name. It reads ahead of the frames by up to
// 512 KiB, but never waits for more than the frame that it returns next. Close does not close r.
func NewFile(r io.Reader, name string) (*File, error) {
	f := &File{name: name, info: Info{Format: "unknown", Status: "ok"}, in: bufio.NewReaderSize(r, fileBuffer)}
	if b, _ := f.in.Peek(len(gzipMagic)); bytes.Equal(b, gzipMagic) {
		z, err := newGunzip(f.in)
		if err != nil {
			return nil, f.refuse(err)
		}
		f.in = bufio.NewReaderSize(z, fileBuffer)
	}
	b, err := f.in.Peek(4)
	if err != nil {
		return nil, f.refuse(err)
	}
	if binary.BigEndian.Uint32(b) == sectionHeader {
		f.info.Format = "pcapng"
		return f, nil
	}
	if err := f.openPcap(b); err != nil {
		return nil, f.refuse(err)
	}
	return f, nil
}

// Next lends the next frames of the file: at least one, and as many more as fit into batch and are in memory already.
// Their Data is valid until the next call to Next. At the end of what can be read it returns 0 and io.EOF, and Info
// says whether that is the end of the file; an error of the reader below it returns as "read a.pcap: ...". It does not
// allocate. Only one goroutine may call Next, with a batch that is not empty.
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

// More says that Next would not have to wait, which of a file nobody knows.
func (f *File) More() bool { return false }

// read fills in one frame. When it does not, the file is at its end, or the next frame needs memory that is lent.
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

// Stop makes the next call to Next return io.EOF; any goroutine may call it, at any time, more than once. It also wakes a
// Next that waits for a pipe which OpenFile opened.
func (f *File) Stop() {
	f.stopped.Store(true)
	if f.file != nil {
		_ = f.file.SetReadDeadline(time.Now()) // An ordinary file has no deadlines, and needs none.
	}
}

// Close closes what OpenFile opened. Only who calls Next may call it.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// Info tells what was found so far; it is final when Next has returned io.EOF. It is for who calls Next. A nil File,
// which is what OpenFile and NewFile return with an error, has Format "unknown" and Status "bad".
func (f *File) Info() Info {
	if f == nil {
		return Info{Format: "unknown", Status: "bad", Damage: ErrNoCapture.Error()}
	}
	info := f.info
	info.First, info.Last = f.span.times()
	return info
}

// peek shows the next n bytes, or ends the reading if there are none such. It shows nothing and ends nothing when that
// would take memory away that is lent.
func (f *File) peek(n int) ([]byte, bool) {
	if f.lent && n > f.in.Buffered() {
		return nil, false
	}
	b, err := f.in.Peek(n)
	if err != nil {
		f.broken(len(b) == 0, err)
		return nil, false
	}
	return b, true
}

// skip passes over n bytes, or ends the reading if there are fewer. It ends nothing when n bytes were peeked at.
func (f *File) skip(n int64) bool {
	for n > 0 {
		d, err := f.in.Discard(int(min(n, math.MaxInt32)))
		if err != nil {
			f.broken(false, err)
			return false
		}
		n -= int64(d)
	}
	return true
}

// broken ends the reading because of err, which came from the reader below, in the midst of a record or between two.
func (f *File) broken(between bool, err error) {
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

// damage ends the reading and notes why.
func (f *File) damage(status, format string, args ...any) {
	f.info.Status = status
	f.info.Damage = fmt.Sprintf(format, args...)
	f.end = io.EOF
}

// where names the record or block that is to be read.
func (f *File) where() string {
	if f.info.Format == "pcapng" {
		return fmt.Sprintf("block at byte %d", f.pos)
	}
	return fmt.Sprintf("record %d at byte %d", f.records+1, f.pos)
}

// refuse makes the error for a file whose header can't be read.
func (f *File) refuse(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: %w", f.name, ErrNoCapture)
	case errors.Is(err, io.ErrUnexpectedEOF), isGzipDamage(err):
		return fmt.Errorf("%s: gzip data is damaged: %w", f.name, ErrNoCapture)
	}
	return f.readError(err)
}

// readError wraps an error of the reader below; what os says of the operation and the path would only say it twice.
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

// wireLength is the length on the wire of a record that claims wire and stores n bytes. Where an int has 32 bits, a
// claim of 2 GiB and more becomes the largest int.
func wireLength(wire uint32, n int) int {
	return max(n, int(min(uint64(wire), math.MaxInt)))
}

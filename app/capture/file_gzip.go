package capture

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
)

// gzipMagic begins each member of a gzip file, RFC 1952 section 2.3.1.
var gzipMagic = []byte{0x1f, 0x8b}

// A gunzip unpacks the members of a gzip file one after the other. Unlike gzip.Reader's own way over many members it
// takes zeros between and behind them for padding, as the gzip command and Python do.
type gunzip struct {
	in *bufio.Reader
	z  *gzip.Reader
}

func newGunzip(in *bufio.Reader) (*gunzip, error) {
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return &gunzip{in: in, z: z}, nil
}

// Read returns io.ErrUnexpectedEOF where the packed data is cut short, and an isGzipDamage error where it is corrupt.
func (g *gunzip) Read(p []byte) (int, error) {
	for {
		n, err := g.z.Read(p)
		if errors.Is(err, io.EOF) {
			err = g.nextMember()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// nextMember starts the next member; it returns io.EOF if there is none.
func (g *gunzip) nextMember() error {
	for {
		b, err := g.in.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			break
		}
	}
	if err := g.in.UnreadByte(); err != nil {
		return err
	}
	b, err := g.in.Peek(len(gzipMagic))
	if err != nil && err != io.EOF {
		return err
	}
	if !bytes.HasPrefix(gzipMagic, b) {
		return gzip.ErrHeader
	}
	if err := g.z.Reset(g.in); err != nil {
		return err
	}
	g.z.Multistream(false)
	return nil
}

// isGzipDamage tells packed data that is corrupt from a reader that fails.
func isGzipDamage(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	_, internal := errors.AsType[flate.InternalError](err)
	return corrupt || internal || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum)
}

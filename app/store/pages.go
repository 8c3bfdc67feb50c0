package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// damage is the error of a file that is damaged, or that is not a state file.
type damage struct{ error }

func damagef(format string, args ...any) error { return damage{fmt.Errorf(format, args...)} }

// check reads all of a file. The error is a damage, or says that the format is newer, or that the file cannot be read.
func check(file *os.File) (state State, err error) {
	info, err := file.Stat()
	if err != nil {
		return state, err
	}
	if err = walk(file, info.Size(), state.add); err == nil {
		err = state.checkFormat()
	}
	return state, err
}

// The layout of a file of bbolt (internal/common in its source). Integers have the byte order of the machine. A file consists of
// pages; the first two have a meta each, of which the valid one with the higher transaction ID is in force.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	pageHeader = 16 // ID (8), flags (2), count (2), number of pages that follow it and belong to it (4)
	pageBranch = 0x01
	pageLeaf   = 0x02
	pageFree   = 0x10

	metaSize     = 64 // magic, version, page size, flags (4 each), root, sequence, free list, end, transaction ID, checksum (8 each)
	noFreelist   = ^uint64(0)
	elementSize  = 16 // branch: position (4), key size (4), page (8); leaf: flags (4), position (4), key size (4), value size (4)
	leafBucket   = 0x01
	bucketHeader = 16 // root page (8), 0: a page within the value; sequence (8)
)

var order = binary.NativeEndian

// walk visits every entry of every bucket, and checks each page: bbolt maps the file into memory and follows what it finds there,
// so that a damaged page ends the process: by a fault, by endless recursion, or by a panic in a goroutine of bbolt. Its own check
// of consistency has the same faults.
func walk(file io.ReaderAt, size int64, visit func(bucket, key, value []byte)) error {
	m, err := readMeta(file)
	if err != nil {
		return err
	}
	if m.end > uint64(size)/uint64(m.pageSize) {
		return damagef("%d bytes long, but it has %d pages of %d bytes", size, m.end, m.pageSize)
	}
	w := walker{file: file, meta: m, seen: make([]bool, m.end), visit: visit}
	if err := w.tree(m.root, 0, nil, nil, nil); err != nil {
		return err
	}
	return w.freelist()
}

type meta struct {
	pageSize                 int64
	root, freelist, end, txn uint64
}

// readMeta returns the meta that is in force.
func readMeta(file io.ReaderAt) (best meta, err error) {
	var buf [pageHeader + metaSize]byte
	newer := false
	for at := int64(0); at <= 1<<24; at = max(2*at, 1024) { // the second one is at the page size, which the first one says
		if _, err := file.ReadAt(buf[:], at); err != nil && !errors.Is(err, io.EOF) {
			return best, err
		} else if err != nil {
			break
		}
		b := buf[pageHeader:]
		sum := fnv.New64a()
		_, _ = sum.Write(b[:metaSize-8])
		if order.Uint32(b) != boltMagic || order.Uint64(b[metaSize-8:]) != sum.Sum64() {
			continue
		}
		if order.Uint32(b[4:]) != boltVersion {
			newer = true
			continue
		}
		m := meta{int64(order.Uint32(b[8:])), order.Uint64(b[16:]), order.Uint64(b[32:]), order.Uint64(b[40:]), order.Uint64(b[48:])}
		if m.pageSize < 1024 || at > 0 && at != m.pageSize {
			continue
		}
		if best.pageSize == 0 || m.txn > best.txn {
			best = m
		}
	}
	switch {
	case best.pageSize > 0:
		return best, nil
	case newer:
		return best, fmt.Errorf("it has another format of bbolt than %d; use a newer gonetmon, or move the file away to begin"+
			" a new one", boltVersion)
	}
	return best, damagef("no valid first page")
}

type walker struct {
	file io.ReaderAt
	meta
	seen  []bool // by page
	visit func(bucket, key, value []byte)
}

// page reads a page and marks it as used: nothing else may refer to it.
func (w *walker) page(id uint64) ([]byte, error) {
	if id < 2 || id >= w.end {
		return nil, damagef("page %d does not exist", id)
	}
	var header [pageHeader]byte
	if _, err := w.file.ReadAt(header[:], int64(id)*w.pageSize); err != nil {
		return nil, err
	}
	pages := uint64(order.Uint32(header[12:])) + 1
	if order.Uint64(header[:]) != id || pages > w.end-id {
		return nil, damagef("page %d has a wrong header", id)
	}
	for i := range pages {
		if err := w.use(id + i); err != nil {
			return nil, err
		}
	}
	data := make([]byte, int64(pages)*w.pageSize)
	if _, err := w.file.ReadAt(data, int64(id)*w.pageSize); err != nil {
		return nil, err
	}
	return data, nil
}

// use marks a page as used. A second use is damage.
func (w *walker) use(id uint64) error {
	if w.seen[id] {
		return damagef("page %d is used twice", id)
	}
	w.seen[id] = true
	return nil
}

// tree checks the tree of pages below page id. Its keys must be at least from and, unless to is nil, less than to. Its entries
// are in the bucket, inside as many buckets as depth.
func (w *walker) tree(id uint64, depth int, bucket, from, to []byte) error {
	data, err := w.page(id)
	if err == nil {
		err = w.node(data, depth, bucket, from, to)
	}
	if errors.As(err, &damage{}) {
		return damagef("page %d: %w", id, err)
	}
	return err
}

// node checks a page of a tree, and what is below it.
func (w *walker) node(data []byte, depth int, bucket, from, to []byte) error {
	flags, count := order.Uint16(data[8:]), int(order.Uint16(data[10:]))
	if pageHeader+count*elementSize > len(data) {
		return damagef("%d elements do not fit", count)
	}
	switch {
	case flags == pageBranch && count > 0:
		for i := range count {
			key, child, err := branchElement(data, i)
			if err != nil {
				return err
			}
			if bytes.Compare(key, from) < 0 || to != nil && bytes.Compare(key, to) >= 0 {
				return damagef("key %x is out of order", key)
			}
			next := to
			if i+1 < count {
				if next, _, err = branchElement(data, i+1); err != nil {
					return err
				}
			}
			if err := w.tree(child, depth, bucket, key, next); err != nil {
				return err
			}
			from = append(bytes.Clone(key), 0) // the next key must be higher
		}
	case flags == pageLeaf:
		for i := range count {
			key, value, isBucket, err := leafElement(data, i)
			if err != nil {
				return err
			}
			if bytes.Compare(key, from) < 0 || to != nil && bytes.Compare(key, to) >= 0 {
				return damagef("key %x is out of order", key)
			}
			switch {
			case isBucket:
				err = w.bucket(key, value, depth+1)
			case depth == 0:
				err = damagef("key %x is in no bucket", key)
			case depth == 1:
				w.visit(bucket, key, value)
			}
			if err != nil {
				return err
			}
			from = append(bytes.Clone(key), 0)
		}
	default:
		return damagef("wrong type %#x of a page with %d elements", flags, count)
	}
	return nil
}

// bucket checks a bucket: its tree or, if it is small, the page in its value.
func (w *walker) bucket(name, value []byte, depth int) error {
	if len(value) < bucketHeader {
		return damagef("bucket %q has no header", name)
	}
	if root := order.Uint64(value); root != 0 {
		return w.tree(root, depth, name, nil, nil)
	}
	value = value[bucketHeader:]
	if len(value) < pageHeader || order.Uint16(value[8:]) != pageLeaf {
		return damagef("bucket %q has a wrong page in it", name)
	}
	return w.node(value, depth, name, nil, nil)
}

// branchElement returns element i of a branch page: the first key of another page, and its ID.
func branchElement(data []byte, i int) (key []byte, page uint64, err error) {
	at := pageHeader + i*elementSize
	e := data[at:]
	key, err = part(data, uint64(at)+uint64(order.Uint32(e)), uint64(order.Uint32(e[4:])))
	return key, order.Uint64(e[8:]), err
}

// leafElement returns element i of a leaf page.
func leafElement(data []byte, i int) (key, value []byte, isBucket bool, err error) {
	at := pageHeader + i*elementSize
	e := data[at:]
	start, keySize := uint64(at)+uint64(order.Uint32(e[4:])), uint64(order.Uint32(e[8:]))
	key, err = part(data, start, keySize)
	if err == nil {
		value, err = part(data, start+keySize, uint64(order.Uint32(e[12:])))
	}
	flags := order.Uint32(e)
	if err == nil && (len(key) == 0 || flags > leafBucket) {
		err = damagef("element %d has no key or unknown flags", i)
	}
	return key, value, flags == leafBucket, err
}

// part returns size bytes of data.
func part(data []byte, start, size uint64) ([]byte, error) {
	if start+size > uint64(len(data)) {
		return nil, damagef("an element ends beyond the page")
	}
	return data[start : start+size : start+size], nil
}

// freelist checks the list of free pages, into which bbolt writes.
func (w *walker) freelist() error {
	if w.meta.freelist == noFreelist {
		return nil
	}
	data, err := w.page(w.meta.freelist)
	if err != nil {
		return err
	}
	ids, count := data[pageHeader:], uint64(order.Uint16(data[10:]))
	if count == 0xffff { // then the first number is the count
		ids, count = ids[8:], order.Uint64(ids)
	}
	if order.Uint16(data[8:]) != pageFree || count > uint64(len(ids)/8) {
		return damagef("wrong list of free pages")
	}
	for i := range count {
		id := order.Uint64(ids[8*i:])
		if id < 2 || id >= w.end {
			return damagef("free page %d does not exist", id)
		}
		if err := w.use(id); err != nil {
			return err
		}
	}
	return nil
}

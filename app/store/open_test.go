package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"gonetmon/app/device"
	"gonetmon/app/usage"
)

func TestOpen_Refuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		dir  string
		want error
	}{
		"no parent":    {filepath.Join(t.TempDir(), "a", "b"), fs.ErrNotExist},
		"a file":       {file, errors.New("not a directory")},
		"below a file": {filepath.Join(file, "a"), errors.New("not a directory")},
		"/proc/self":   {"/proc/self", fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Open(tt.dir, discard()); err == nil || !errors.Is(err, tt.want) &&
				!strings.Contains(err.Error(), tt.want.Error()) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// A file that another process has is refused after a while.
func TestOpen_RefusesFileInUse(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	for name, call := range map[string]func() error{
		"Open": func() error { _, _, err := Open(dir, discard()); return err },
		"Restore": func() error {
			_, err := Restore(dir, bytes.NewReader(newFile(t)))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := call(); !errors.Is(err, ErrInUse) {
				t.Errorf("%v, want %v", err, ErrInUse)
			}
		})
	}
}

// newFile returns the bytes of a store with some history.
func newFile(tb testing.TB) []byte {
	tb.Helper()
	dir := tb.TempDir()
	s := open(tb, dir)
	save(tb, s, history(12)...)
	if err := s.Save(Changes{Devices: []device.Record{record(1), record(2)}, Usage: minute(12, 1)}); err != nil {
		tb.Fatal(err)
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return read(tb, filepath.Join(dir, fileName))
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// folderWith returns a new folder with data as the file.
func folderWith(tb testing.TB, data []byte) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// A damaged file is set aside, whatever the damage, and the store begins a new one.
func TestOpen_SetsDamagedFileAside(t *testing.T) {
	whole := newFile(t)
	damaged := func(change func(data []byte)) []byte {
		data := bytes.Clone(whole)
		change(data)
		return data
	}
	for name, data := range map[string][]byte{
		"no file of bbolt":    []byte(strings.Repeat("gonetmon", 10000)),
		"truncated":           whole[:len(whole)/3],
		"shorter than a page": whole[:100],
		"empty":               {},
		"both metas": damaged(func(data []byte) {
			data[40]++
			data[pageSize+40]++
		}),
		"zeros from page 2": damaged(func(data []byte) { clear(data[2*pageSize:]) }),
		"ones from page 2": damaged(func(data []byte) {
			for i := range data[2*pageSize:] {
				data[2*pageSize+i] = 0xff
			}
		}),
		"format of somebody else": damaged(func(data []byte) {
			i := bytes.LastIndex(data, []byte("format1"))
			copy(data[i:], "colour1")
		}),
	} {
		t.Run(name, func(t *testing.T) {
			dir := folderWith(t, data)
			log, lines := newLog()
			s, state, err := Open(dir, log)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			save(t, s, entry(usage.Day, 20261129, 1, 1))
			if got := load(t, s); len(got) != 1 || len(state.Usage) > 0 {
				t.Errorf("it has %v, and had %v", got, state.Usage)
			}
			aside, err := filepath.Glob(filepath.Join(dir, fileName+".damaged-20*"))
			if err != nil || len(aside) != 1 || !bytes.Equal(read(t, aside[0]), data) {
				t.Errorf("set aside: %q, %v", aside, err)
			}
			if len(aside) == 1 && !strings.Contains(lines(), aside[0]) {
				t.Errorf("the log does not name it: %q", lines())
			}
		})
	}
}

// A file in a newer format, of ours or of bbolt, stays as it is.
func TestOpen_RefusesNewerFormat(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	err := s.db.Update(func(tx *bolt.Tx) error {
		deeper, err := tx.CreateBucket([]byte("a later one"))
		if err == nil {
			_, err = deeper.CreateBucket([]byte("deeper"))
		}
		return errors.Join(err, tx.Bucket([]byte(bucketMeta)).Put([]byte(keyFormat), []byte("2")))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	newer := newFile(t)
	for _, at := range []int{0, pageSize} {
		m := newer[at+pageHeader:]
		order.PutUint32(m[4:], boltVersion+1)
		order.PutUint64(m[metaSize-8:], checksum(m))
	}
	for name, data := range map[string][]byte{"format 2": read(t, filepath.Join(dir, fileName)), "another format of bbolt": newer} {
		t.Run(name, func(t *testing.T) {
			dir := folderWith(t, data)
			_, _, err := Open(dir, discard())
			if err == nil {
				t.Fatal("opened")
			}
			for _, part := range []string{filepath.Join(dir, fileName), name, "newer gonetmon"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not contain %q", err, part)
				}
			}
			if names, err := filepath.Glob(dir + "/*"); err != nil || len(names) != 1 || !bytes.Equal(data, read(t, names[0])) {
				t.Errorf("changed: %q, %v", names, err)
			}
			if _, err := Restore(t.TempDir(), bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("Restore: %v", err)
			}
		})
	}
}

// FuzzOpen damages a file. What the check lets through, bbolt reads and writes without a fault.
func FuzzOpen(f *testing.F) {
	whole := newFile(f)
	const page = pageSize
	for i := range uint32(len(whole)) / page {
		f.Add(i*page+8, []byte{1})
		f.Add(i*page+16, []byte{0xff, 0xff})
		f.Add(i*page+24, []byte{3, 0, 0, 0, 0, 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		data := bytes.Clone(whole)
		for i, c := range change {
			data[(at+uint32(i))%uint32(len(data))] ^= c
		}
		dir := folderWith(t, data)
		file, err := os.Open(filepath.Join(dir, fileName))
		if err != nil {
			t.Fatal(err)
		}
		_, err = check(file)
		if closed := file.Close(); closed != nil {
			t.Fatal(closed)
		}
		if err != nil {
			return
		}
		s, state := reopen(t, dir)
		if err := inconsistency(s); err != nil {
			t.Errorf("bbolt finds %v", err)
		}
		before := load(t, s)
		if diff := gocmp.Diff(state.Usage, before); diff != "" {
			t.Errorf("-Open +bbolt\n%s", diff)
		}
		save(t, s, minute(10, 1)...)
		if after := load(t, s); len(after) < len(before) {
			t.Errorf("%d entries, before %d", len(after), len(before))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// inconsistency returns what bbolt's own check says of the file, besides pages that are lost and the headers of the first two,
// which nothing reads.
func inconsistency(s *Store) (all error) {
	harmless := regexp.MustCompile(`unreachable unfreed|page [01]: has unexpected type|Page expected to be: [01],`)
	err := s.db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			if !harmless.MatchString(err.Error()) {
				all = errors.Join(all, err)
			}
		}
		return nil
	})
	return errors.Join(all, err)
}

// checksum returns the checksum of a meta.
func checksum(m []byte) uint64 {
	sum := uint64(14695981039346656037) // FNV-1a
	for _, b := range m[:metaSize-8] {
		sum = (sum ^ uint64(b)) * 1099511628211
	}
	return sum
}

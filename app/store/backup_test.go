package store

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"gonetmon/app/usage"
)

func TestStore_BackupIsConsistent(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, history(40)...)
	save(t, s, minute(40, 1)...)
	done := make(chan error)
	stop := make(chan struct{})
	go func() {
		for n := uint64(2); ; n++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := s.Save(Changes{Usage: minute(40, n)}); err != nil {
				done <- err
				return
			}
		}
	}()
	for range 20 {
		var backup bytes.Buffer
		if err := s.Backup(&backup); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if kept, err := Restore(dir, &backup); err != nil || kept != "" {
			t.Fatalf("Restore: %q, %v", kept, err)
		}
		copied := open(t, dir)
		seen := map[uint64]bool{}
		for _, e := range load(t, copied) {
			if e.Start == map[usage.Kind]int64{usage.Hour: 72, usage.Day: 62, usage.Period: 24}[e.Kind]*3600 {
				seen[e.InternetIn] = true
			}
		}
		if len(seen) != 1 {
			t.Errorf("the copy has parts of %d states", len(seen))
		}
		if err := copied.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A reader that does not read holds up neither Save nor the status, and other backups are refused.
func TestStore_BackupToSlowReader(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, history(10)...)
	r, w := io.Pipe()
	done := make(chan error)
	go func() { done <- s.Backup(w) }()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(io.Discard); !errors.Is(err, errBusy) {
		t.Errorf("a second backup: %v", err)
	}
	pages := func() (n int64) {
		info, err := os.Stat(s.path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	was := pages()
	for n := range uint64(100) {
		save(t, s, minute(10, n)...)
	}
	if now := pages(); now > 2*was {
		t.Errorf("the file grew from %d to %d bytes: the reader holds old pages", was, now)
	}
	_ = r.Close()
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the first backup: %v", err)
	}
	if err := s.Backup(io.Discard); err != nil {
		t.Errorf("a third backup: %v", err)
	}
}

// Restore keeps the previous file, and refuses a file that is not a backup.
func TestRestore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	save(t, s, entry(usage.Day, 20261129, 1, 4711))
	want := load(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	old, backup := read(t, s.path), newFile(t)
	for name, data := range map[string][]byte{
		"empty": nil, "half": backup[:len(backup)/2], "no backup": []byte("hello"),
		"a page of an error": []byte(strings.Repeat("<p>", 9000)),
	} {
		if _, err := Restore(dir, bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: %v", name, err)
		}
		if names, err := filepath.Glob(dir + "/*"); err != nil || len(names) != 1 || !bytes.Equal(read(t, names[0]), old) {
			t.Errorf("%s: changed %q, %v", name, names, err)
		}
	}
	kept, err := Restore(dir, bytes.NewReader(backup))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kept, s.path+".replaced-20") || !bytes.Equal(read(t, kept), old) {
		t.Errorf("it keeps %q", kept)
	}
	if !bytes.Equal(read(t, s.path), backup) {
		t.Error("the backup is not in place")
	}
	for range 20 { // as fast as possible
		if _, err := Restore(dir, bytes.NewReader(old)); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := filepath.Glob(s.path + ".replaced-*"); err != nil || len(all) != 21 {
		t.Errorf("it keeps %q, %v", all, err)
	}
	if diff := gocmp.Diff(want, load(t, open(t, dir))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

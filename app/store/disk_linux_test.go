package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gonetmon/app/usage"
	"gonetmon/test/testnet"
)

// While the disk is full nothing is written, and the log says so once. When there is room again all of it is.
func TestStore_SurvivesFullDisk(t *testing.T) {
	testnet.NeedKernel(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	log, lines := newLog()
	s, _, err := Open(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	save(t, s, entry(usage.Day, 20261129, 1, 1))
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	changes := Changes{Usage: history(10)}
	for range 3 {
		if err := s.Save(changes); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Save on a full disk: %v", err)
		}
	}
	if got := s.Status(); !strings.Contains(got.Error, "no space left on device") || got.Saved.IsZero() {
		t.Errorf("status %+v", got)
	}
	if n := strings.Count(lines(), "cannot be written"); n != 1 {
		t.Errorf("%d lines say so: %s", n, lines())
	}
	if _, _, err := Open(filepath.Join(dir, "another"), discard()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a new store on a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(changes); err != nil {
		t.Fatal(err)
	}
	if got := s.Status(); got.Error != "" || !strings.Contains(lines(), "written again") {
		t.Errorf("status %+v, log %s", got, lines())
	}
	if want := sorted(append(changes.Usage, entry(usage.Day, 20261129, 1, 1))); !slices.Equal(load(t, s), want) {
		t.Errorf("%d entries, want %d", len(load(t, s)), len(want))
	}
	if err := inconsistency(s); err != nil {
		t.Error(err)
	}
}

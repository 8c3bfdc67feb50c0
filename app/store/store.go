// Package store keeps the state in one file: the devices and their usage, which outlive a restart. It knows nothing of how
// devices are found or how bytes are booked.
package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

// fileName is the name of the file in the folder.
const fileName = "gonetmon.db"

// pageSize is that of a new file, in bytes. By default bbolt takes the machine's, which is 16 or 64 KiB on some ARM: four times
// as much to write.
const pageSize = 4096

// patience is how long Open and Restore wait for another process to close the file.
const patience = 3 * time.Second

// ErrInUse means that another process has the file open.
var ErrInUse = errors.New("another gonetmon is using it")

// errBusy means that another backup is still being written.
var errBusy = errors.New("another backup is under way; try again")

// A Status is the state of a store, for people and metrics.
type Status struct {
	Kept  bool      // on disk
	Path  string    // of the file
	Error string    // why the last write failed; "" if it did not
	Saved time.Time // when everything was last written; zero: not yet
}

// A Store is the open file. It is safe for concurrent use.
type Store struct {
	path string
	log  *slog.Logger
	db   *bolt.DB

	copying sync.Mutex // held while a backup is written

	saving  sync.Mutex // held while the file is written; guards broken and devices
	broken  error      // a panic, after which bbolt's locks are in an unknown state
	devices devices

	mu    sync.Mutex // guards all below
	err   error      // of the last write
	saved time.Time
}

// Open opens the file in a folder, and returns its state. It creates both if they do not exist; the parent of the folder must
// exist. It sets a damaged file aside, and begins a new one. A file in a newer format stays as it is, and is an error. After Open
// the file is only read and written, never opened, created or renamed again.
func Open(dir string, log *slog.Logger) (*Store, State, error) {
	if err := makeFolder(dir); err != nil {
		return nil, State{}, err
	}
	s := &Store{path: filepath.Join(dir, fileName), log: log}
	s.devices = devices{}
	file, err := openLocked(s.path)
	if err != nil {
		return nil, State{}, err
	}
	state, err := check(file)
	if errors.As(err, &damage{}) {
		aside := s.path + ".damaged-" + stamp()
		if renamed := errors.Join(file.Close(), os.Rename(s.path, aside)); renamed != nil {
			return nil, State{}, renamed
		}
		log.Error("the state file is damaged; it was set aside, and a new one begun", "file", aside, "error", err)
		state = State{}
		if file, err = openLocked(s.path); err != nil {
			return nil, State{}, err
		}
	}
	if err == nil {
		err = guard(func() (err error) {
			s.db, err = bolt.Open(s.path, 0, &bolt.Options{
				Timeout:  patience, // it has the lock, which belongs to the open file
				OpenFile: func(string, int, os.FileMode) (*os.File, error) { return file, nil },
			})
			return err
		})
	}
	if err != nil {
		_ = file.Close()
		return nil, State{}, fmt.Errorf("%s: %w", s.path, err)
	}
	if state.bad != nil {
		log.Error("entries of the state file cannot be read, and are left out", "file", s.path, "error", state.bad)
	}
	for _, rec := range state.Devices {
		s.devices[rec.ID] = written{} // the next Save replaces or removes it
	}
	return s, state, nil
}

// makeFolder makes sure that the folder exists.
func makeFolder(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &os.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	return err
}

// openLocked opens the file and locks it. It creates the file if there is none.
func openLocked(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path); err == nil {
			file, err = os.OpenFile(path, os.O_RDWR, 0)
		}
	}
	if err != nil {
		return nil, err
	}
	for waited := time.Duration(0); ; waited += patience / 50 {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) // the lock that bbolt takes
		switch {
		case err == nil:
			return file, nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			err = &os.PathError{Op: "lock", Path: path, Err: err}
		case waited < patience:
			time.Sleep(patience / 50)
			continue
		default:
			err = fmt.Errorf("%s: %w", path, ErrInUse)
		}
		_ = file.Close()
		return nil, err
	}
}

// create creates an empty file in one step: under another name, which it then changes.
func create(path string) error {
	part := path + ".new"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := bolt.Open(part, 0o600, &bolt.Options{Timeout: patience, PageSize: pageSize})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte(bucketMeta))
		if err != nil {
			return err
		}
		return b.Put([]byte(keyFormat), []byte(format))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		_ = os.Remove(part)
		return err
	}
	return replace(part, path)
}

// replace renames a file that is complete on disk, and makes the new name safe on disk.
func replace(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// syncFolder writes the names in a folder to disk.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// stamp is the time as part of a file's name. Files that are set aside one right after the other have different ones.
func stamp() string { return time.Now().UTC().Format("20060102T150405.000000000Z") }

// guard calls f. It turns a panic, and a fault while f reads the mapped file, into an error of type damage: pages of a failing
// disk cannot be read.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damage{fmt.Errorf("%v", p)}
		}
	}()
	return f()
}

// Save writes changes: all of them, or none and an error. It logs the first of several failures, and the success after them.
func (s *Store) Save(c Changes) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	if s.broken != nil {
		return s.broken
	}
	err := guard(func() error { return s.write(&c) })
	if errors.As(err, &damage{}) {
		s.broken = err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && s.err == nil:
		s.log.Error("state cannot be written; counting goes on", "file", s.path, "error", err)
	case err == nil && s.err != nil:
		s.log.Info("state is written again", "file", s.path)
	}
	if s.err = err; err == nil {
		s.saved = time.Now()
	}
	return err
}

// write writes changes in one transaction, if there are any.
func (s *Store) write(c *Changes) error {
	values, all, err := s.devices.changed(time.Now(), c)
	if err != nil || len(values) == 0 && len(c.Usage) == 0 {
		return err
	}
	err = s.db.Update(func(tx *bolt.Tx) error {
		return errors.Join(writeDevices(tx, values), writeUsage(tx, c.Usage))
	})
	if err == nil {
		s.devices = all
	}
	return err
}

// Status returns the state of the store. A nil Store keeps nothing.
func (s *Store) Status() Status {
	if s == nil {
		return Status{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{Kept: true, Path: s.path, Saved: s.saved}
	if s.err != nil {
		status.Error = s.err.Error()
	}
	return status
}

// Backup writes a consistent copy of the file. The copy is in memory before its first byte is written, so a slow reader delays
// nothing but other backups, which fail.
func (s *Store) Backup(w io.Writer) error {
	if !s.copying.TryLock() {
		return errBusy
	}
	defer s.copying.Unlock()
	var copied bytes.Buffer
	err := guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error {
			copied.Grow(int(tx.Size()))
			_, err := tx.WriteTo(&copied)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	_, err = copied.WriteTo(w)
	return err
}

// Close closes the file.
func (s *Store) Close() error {
	s.saving.Lock()
	defer s.saving.Unlock()
	if s.broken != nil {
		return nil // its locks may be held for good; the process is about to end
	}
	return guard(s.db.Close)
}

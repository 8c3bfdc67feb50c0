package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Restore checks a backup, and puts it into the folder. It keeps the previous file, and returns its new path ("" if there was no
// file). It returns ErrInUse while a gonetmon runs with this folder.
func Restore(dir string, backup io.Reader) (kept string, err error) {
	if err := makeFolder(dir); err != nil {
		return "", err
	}
	path := filepath.Join(dir, fileName)
	part, err := os.CreateTemp(dir, fileName+".restore-*") // it has mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		_ = part.Close()
		_ = os.Remove(part.Name()) // if it was not put in place
	}()
	if err := fill(part, backup, dir); err != nil {
		return "", fmt.Errorf("the backup: %w", err)
	}
	if _, err := os.Stat(path); err == nil {
		old, err := openLocked(path)
		if err != nil {
			return "", err
		}
		defer func() { _ = old.Close() }()
		kept = path + ".replaced-" + stamp()
		err = os.Link(path, kept)
		if errors.Is(err, syscall.EPERM) { // a file system without links
			err = os.Rename(path, kept)
		}
		if err != nil {
			return "", err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return kept, replace(part.Name(), path)
}

// fill copies the backup to file, checks it, and makes it safe on disk. It gives file the owner of the folder.
func fill(file *os.File, backup io.Reader, dir string) error {
	if _, err := io.Copy(file, backup); err != nil {
		return err
	}
	if _, err := check(file); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		if err := file.Chown(int(owner.Uid), int(owner.Gid)); err != nil { // systemd's DynamicUser has to open it
			return err
		}
	}
	return file.Sync()
}

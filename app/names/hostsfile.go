package names

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

const hostsInterval = 2 * time.Second

// A HostsFile loads a hosts file again when it changes.
//
// It polls instead of using inotify: one system call in two seconds sees every change on any filesystem, including files
// that are replaced or bind-mounted into a container.
type HostsFile struct {
	path    string
	log     *slog.Logger
	changed func(*Hosts)

	hosts   *Hosts      // the last good ones
	loaded  fs.FileInfo // of the file when hosts were loaded; nil to load it again
	pending fs.FileInfo // of a changed file that is not loaded yet
	failing bool        // the last check failed
}

// NewHostsFile returns the hosts file at path. Load and Run call changed with new Hosts, which must not be modified.
func NewHostsFile(path string, log *slog.Logger, changed func(*Hosts)) *HostsFile {
	return &HostsFile{path: path, log: log.With("file", path), changed: changed}
}

// Load reads the file; call it once before Run to have names from the start. The error names the file.
func (f *HostsFile) Load() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if info.IsDir() { // Docker Compose creates one if the file to mount is missing
		return &fs.PathError{Op: "read", Path: f.path, Err: errors.New("is a directory")}
	}
	if !info.Mode().IsRegular() { // opening a named pipe would wait for its writer
		return &fs.PathError{Op: "read", Path: f.path, Err: errors.New("not a regular file")}
	}
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if info, err = file.Stat(); err != nil {
		return err
	}
	hosts, errs := ParseHosts(file)
	if hosts == nil {
		return fmt.Errorf("%s: %w", f.path, errs[0])
	}
	recovered := f.failing
	f.loaded, f.pending, f.failing = info, nil, false
	for _, err := range errs {
		f.log.Warn("bad line in hosts file", "error", err)
	}
	changed := !hosts.equal(f.hosts)
	if recovered || changed {
		f.log.Info("hosts file loaded", "names", hosts.Len())
	}
	if changed {
		f.hosts = hosts
		f.changed(hosts)
	}
	return nil
}

// Run checks for changes every two seconds until ctx ends, and then returns nil. It loads a file that has changed in size,
// time or inode once it is the same in two checks, as it may still be being written. If the file is missing or unreadable,
// the last good Hosts stay.
func (f *HostsFile) Run(ctx context.Context) error {
	tick := time.NewTicker(hostsInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := f.check(); err != nil && !f.failing {
			f.log.Warn("cannot read hosts file, keeping its last names", "error", err)
			f.failing, f.loaded = true, nil
		}
	}
}

// check loads the file if it has changed.
func (f *HostsFile) check() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	switch {
	case Unchanged(info, f.loaded):
		f.pending = nil
	case !Unchanged(info, f.pending):
		f.pending = info
	default:
		return f.Load()
	}
	return nil
}

// Unchanged reports whether a file was neither written to nor replaced since old, which may be nil.
func Unchanged(info, old fs.FileInfo) bool {
	return old != nil && os.SameFile(info, old) && info.Size() == old.Size() && info.ModTime().Equal(old.ModTime())
}

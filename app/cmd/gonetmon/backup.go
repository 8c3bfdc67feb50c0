package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gonetmon/app/config"
	"gonetmon/app/misuse"
	"gonetmon/app/store"
)

// backup copies the state of the running daemon into a file. If it fails, a file of that name stays as it was.
func backup(c *config.Config, args []string, stdout io.Writer) (err error) {
	name, err := fileArgument("backup", args)
	if err != nil {
		return err
	}
	if info, err := os.Lstat(name); name != "-" && err == nil && !info.Mode().IsRegular() {
		return misuse.Errorf("backup %s: not a regular file; choose another name, or - for standard output", name)
	}
	answer, err := get(c, "/api/v1/backup")
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if name == "-" {
		_, err = io.Copy(stdout, answer.Body)
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".part")
	if err != nil {
		return err
	}
	part := file.Name()
	_, err = io.Copy(file, answer.Body)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		_ = os.Remove(part)
	}
	return err
}

// restore puts a backup in place of the state file. The daemon must not run.
func restore(c *config.Config, args []string, stdout io.Writer) error {
	name, err := fileArgument("restore", args)
	if err != nil {
		return err
	}
	const example = "for example GONETMON_STATE_DIR=/var/lib/gonetmon"
	if c.StateDir == "" {
		return misuse.Errorf("restore: GONETMON_STATE_DIR is not set; it says where gonetmon keeps its state, %s", example)
	}
	in := os.Stdin
	if name != "-" {
		if in, err = os.Open(name); err != nil {
			return misuse.Errorf("restore: %w", err)
		}
		defer func() { _ = in.Close() }()
	}
	kept, err := store.Restore(string(c.StateDir), in)
	switch {
	case errors.Is(err, store.ErrInUse):
		return misuse.Errorf("restore: %w; stop it first, for example with `systemctl stop gonetmon` or"+
			" `docker compose stop gonetmon`", err)
	case errors.As(err, new(*fs.PathError)):
		return misuse.Errorf("GONETMON_STATE_DIR=%s: restore %s: %w; it must be a folder that you may write to, %s",
			c.StateDir, name, err, example)
	case err != nil:
		return misuse.Errorf("restore %s: %w; only a file of this or an older `gonetmon backup` can be restored", name, err)
	case kept != "":
		_, err = fmt.Fprintf(stdout, "restored; the previous file is %s\n", kept)
	default:
		_, err = fmt.Fprintln(stdout, "restored; there was no file before")
	}
	return err
}

// fileArgument returns the only argument of a command, which is a file.
func fileArgument(command string, args []string) (string, error) {
	if len(args) == 1 && len(args[0]) > 1 && args[0][0] == '-' {
		return "", unknownArgument(args[0])
	}
	if len(args) != 1 {
		return "", misuse.Errorf("%s: %d arguments, not one FILE (or -); for example gonetmon %s gonetmon.backup",
			command, len(args), command)
	}
	return args[0], nil
}

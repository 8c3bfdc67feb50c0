package daemon

import (
	"os"

	"gonetmon/app/misuse"
	"gonetmon/app/privilege"
)

// dropPrivileges leaves the process nothing but what is open.
func (d *Daemon) dropPrivileges() error {
	if d.cfg.KeepPrivileges {
		d.log.Warn("all privileges are kept, which is for debugging only: unset GONETMON_KEEP_PRIVILEGES", "uid", os.Geteuid())
		return nil
	}
	left, err := privilege.Drop()
	if err != nil {
		return misuse.Errorf("drop privileges: %w; what forbids it (a system call filter?) must allow capset, prctl and"+
			" setresuid, or set GONETMON_KEEP_PRIVILEGES=true", err)
	}
	switch {
	case left.Root != nil && privilege.InUserNamespace():
		d.log.Warn("still uid 0, though without any capability: this is a user namespace, which may have no user 65534",
			"error", left.Root)
	case left.Root != nil:
		d.log.Warn("still uid 0, which owns root's files, though without any capability; to change the user gonetmon needs"+
			" CAP_SETUID and CAP_SETGID (in a container cap_add: [SETUID, SETGID])", "error", left.Root)
	}
	if left.Filter != nil {
		d.log.Warn("system calls are not filtered", "error", left.Filter)
	}
	d.log.Info("privileges dropped",
		"uid", os.Geteuid(), "gid", os.Getegid(), "capabilities", "none", "seccomp", left.Filter == nil)
	return nil
}

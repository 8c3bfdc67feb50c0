package main

import (
	"fmt"
	"os"

	"gonetmon/app/privilege"
)

// giveUpRights leaves the daemon nothing but what it has opened.
func (d *daemon) giveUpRights() error {
	if d.cfg.KeepPrivileges {
		d.log.Warn("all rights are kept, which is for debugging only: unset GONETMON_KEEP_PRIVILEGES", "uid", os.Geteuid())
		return nil
	}
	left, err := privilege.Drop()
	if err != nil {
		return wrong{fmt.Errorf("give up rights: %w; what forbids it (a filter of system calls?) must allow capset, prctl and setresuid, or GONETMON_KEEP_PRIVILEGES=true", err)}
	}
	if left.Root != nil {
		d.log.Warn("still uid 0, to which root's files belong, though without any capability; to become another user takes CAP_SETUID and CAP_SETGID (in a container cap_add: [SETUID, SETGID])",
			"error", left.Root)
	}
	if left.Filter != nil {
		d.log.Warn("system calls are not filtered", "error", left.Filter)
	}
	d.log.Info("rights given up", "uid", os.Geteuid(), "gid", os.Getegid(), "capabilities", "none", "seccomp", left.Filter == nil)
	return nil
}

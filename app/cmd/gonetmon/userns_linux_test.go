package main

import (
	"syscall"
	"testing"

	"gonetmon/test/testnet"
)

// In a user namespace root has all capabilities, and still may not capture on the interfaces of the host. The message names the
// namespace, as no capability is missing.
func TestUserNamespace(t *testing.T) {
	testnet.NeedRoot(t)
	cmd := gonetmon(nil, []string{"GONETMON_INTERFACE=lo", "GONETMON_PORT=0"})
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	testnet.RequireUsageError(t, cmd, "open ring on lo: socket: operation not permitted: this is a user namespace")
}

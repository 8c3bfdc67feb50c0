package privilege

import "golang.org/x/sys/unix"

const (
	arch = unix.AUDIT_ARCH_AARCH64
	mmap = unix.SYS_MMAP
)

var archAllowed = []uint32{unix.SYS_FSTATAT, unix.SYS_GETRLIMIT}

var archConditional []call

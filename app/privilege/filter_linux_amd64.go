package privilege

import "golang.org/x/sys/unix"

const (
	arch = unix.AUDIT_ARCH_X86_64
	mmap = unix.SYS_MMAP
)

var archAllowed = []uint32{
	unix.SYS_ARCH_PRCTL, unix.SYS_TIME,
	unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_NEWFSTATAT, unix.SYS_ACCESS, unix.SYS_READLINK, unix.SYS_GETDENTS, unix.SYS_DUP2,
	unix.SYS_PIPE,
	unix.SYS_EPOLL_CREATE, unix.SYS_EPOLL_WAIT, unix.SYS_EVENTFD, unix.SYS_POLL, unix.SYS_SELECT, unix.SYS_PAUSE,
	unix.SYS_GETRLIMIT, unix.SYS_GETPGRP,
}

var archConditional = []call{{unix.SYS_OPEN, none(1, writing)}}

package privilege

import "golang.org/x/sys/unix"

const (
	arch = unix.AUDIT_ARCH_ARM
	mmap = unix.SYS_MMAP2

	// System calls of this architecture only (arch/arm/include/uapi/asm/unistd.h).
	armCacheFlush = 0x0f0002
	armSetTLS     = 0x0f0005
	armGetTLS     = 0x0f0006
)

// Most of these are variants with 64-bit file sizes, 32-bit user IDs and, since Linux 5.1, 64-bit times.
var archAllowed = []uint32{
	armCacheFlush, armSetTLS, armGetTLS, unix.SYS_SIGRETURN, unix.SYS_ARM_FADVISE64_64,
	unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_STAT64, unix.SYS_LSTAT64, unix.SYS_FSTAT64, unix.SYS_FSTATAT64,
	unix.SYS_FSTATFS64, unix.SYS__LLSEEK,
	unix.SYS_ACCESS, unix.SYS_READLINK, unix.SYS_GETDENTS, unix.SYS_DUP2, unix.SYS_PIPE, unix.SYS_SENDFILE64, unix.SYS_FTRUNCATE64,
	unix.SYS_EPOLL_CREATE, unix.SYS_EPOLL_WAIT, unix.SYS_EVENTFD, unix.SYS_POLL, unix.SYS__NEWSELECT, unix.SYS_PAUSE,
	unix.SYS_SEND, unix.SYS_RECV,
	unix.SYS_PPOLL_TIME64, unix.SYS_PSELECT6_TIME64, unix.SYS_RECVMMSG_TIME64, unix.SYS_FUTEX_TIME64,
	unix.SYS_CLOCK_NANOSLEEP_TIME64,
	unix.SYS_CLOCK_GETTIME64, unix.SYS_CLOCK_GETRES_TIME64, unix.SYS_TIMER_SETTIME64, unix.SYS_TIMER_GETTIME64,
	unix.SYS_TIMERFD_SETTIME64, unix.SYS_TIMERFD_GETTIME64, unix.SYS_RT_SIGTIMEDWAIT_TIME64,
	unix.SYS_GETUID32, unix.SYS_GETEUID32, unix.SYS_GETGID32, unix.SYS_GETEGID32, unix.SYS_GETRESUID32, unix.SYS_GETRESGID32,
	unix.SYS_GETGROUPS32,
	unix.SYS_UGETRLIMIT, unix.SYS_GETPGRP,
}

var archConditional = []call{{unix.SYS_OPEN, none(1, writing)}, {unix.SYS_FCNTL64, descriptor()}}

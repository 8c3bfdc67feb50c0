//go:build amd64 || arm64 || arm

package privilege

import (
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The system call filter allows what the started daemon does, what Go's runtime and (in builds with the race detector) the C
// library do on their own, and equally harmless calls that other releases of them may make. The others are handled in three ways:
//   - calls that only an attacker would make kill the process: see killed;
//   - calls that are newer than these lists return ENOSYS, so that callers fall back to older ones; so do clone3 and openat2;
//   - all others return EPERM.
//
// So the process cannot execute programs, start processes, open files for writing, create, rename or remove files, make memory
// executable, open sockets other than TCP, UDP and rtnetlink, listen, or send signals to other processes. Open sockets keep
// working: a packet socket can be bound to an interface that was recreated.

// Verdicts (seccomp(2)).
var (
	allow  = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	refuse = bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	absent = bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)}
	kill   = bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS}
)

// Offsets in struct seccomp_data.
const (
	offsetCall = 0
	offsetArch = 4
	offsetArgs = 16 // arguments of 8 bytes, lower half first; the kernel uses only the lower half of those tested here
)

// newest is the newest system call that these lists cover. New numbers are the same on all architectures since Linux 5.1.
const newest = unix.SYS_RSEQ_SLICE_YIELD

// allowed are the calls that are allowed with any arguments. Those of one architecture are in its own file.
var allowed = []uint32{
	// Open files, and information about files.
	unix.SYS_READ, unix.SYS_READV, unix.SYS_PREAD64, unix.SYS_PREADV, unix.SYS_PREADV2,
	unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_PWRITE64, unix.SYS_PWRITEV, unix.SYS_PWRITEV2,
	unix.SYS_CLOSE, unix.SYS_CLOSE_RANGE, unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_LSEEK, unix.SYS_FSTAT, unix.SYS_STATX,
	unix.SYS_GETDENTS64, unix.SYS_READLINKAT, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_GETCWD, unix.SYS_FSTATFS,
	unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_PIPE2, unix.SYS_SENDFILE, unix.SYS_SPLICE,
	// The state file, which is open: bbolt makes it longer before it writes behind its end, and unlocks it when it closes it. Both
	// calls work on descriptors only; ftruncate needs one that was opened for writing before the filter was installed.
	unix.SYS_FTRUNCATE, unix.SYS_FLOCK,
	// Open sockets. bind attaches a ring to an interface that was recreated.
	unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_ACCEPT4, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME, unix.SYS_SETSOCKOPT,
	unix.SYS_GETSOCKOPT,
	unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_SENDMMSG, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_RECVMMSG,
	unix.SYS_SHUTDOWN,
	// Waiting.
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2, unix.SYS_EVENTFD2,
	unix.SYS_PPOLL, unix.SYS_PSELECT6,
	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_RESTART_SYSCALL,
	unix.SYS_FUTEX, unix.SYS_FUTEX_WAITV, unix.SYS_FUTEX_WAIT, unix.SYS_FUTEX_WAKE, unix.SYS_FUTEX_REQUEUE,
	unix.SYS_TIMERFD_CREATE, unix.SYS_TIMERFD_SETTIME, unix.SYS_TIMERFD_GETTIME,
	// Time.
	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_GETTIMEOFDAY, unix.SYS_TIMES,
	unix.SYS_SETITIMER, unix.SYS_GETITIMER, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_GETTIME,
	unix.SYS_TIMER_DELETE,
	// Memory. For mmap and mprotect see conditional.
	unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_MSEAL, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_BRK, unix.SYS_MSYNC,
	unix.SYS_MLOCK, unix.SYS_MUNLOCK,
	// Threads, and signals to the process itself.
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_GETPARAM,
	unix.SYS_SCHED_GETATTR, unix.SYS_SCHED_GETSCHEDULER,
	unix.SYS_SET_TID_ADDRESS, unix.SYS_SET_ROBUST_LIST, unix.SYS_GET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_RSEQ_SLICE_YIELD,
	unix.SYS_MEMBARRIER, unix.SYS_GETCPU,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGPENDING, unix.SYS_RT_SIGTIMEDWAIT,
	unix.SYS_RT_SIGSUSPEND,
	unix.SYS_SIGALTSTACK,
	// Identity and limits.
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETPPID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
	unix.SYS_GETRESUID, unix.SYS_GETRESGID, unix.SYS_GETGROUPS, unix.SYS_GETPGID, unix.SYS_GETSID, unix.SYS_CAPGET,
	unix.SYS_UNAME, unix.SYS_SYSINFO, unix.SYS_GETRUSAGE, unix.SYS_GETPRIORITY, unix.SYS_GETRANDOM,
}

// killed are the calls that nobody makes by mistake.
var killed = []uint32{
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_PIDFD_GETFD,
	unix.SYS_BPF, unix.SYS_MOUNT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT,
}

// A call is a system call that is allowed with some arguments. Its program always returns a verdict.
type call struct {
	number  uint32
	program []bpf.Instruction
}

// conditional returns the calls that are allowed with some arguments. Those of one architecture are in its own file.
func conditional(pid uint32) []call {
	return append([]call{
		{unix.SYS_CLONE, all(0, unix.CLONE_THREAD)},  // threads, not processes
		{unix.SYS_CLONE3, []bpf.Instruction{absent}}, // a filter cannot read its flags, nor those of openat2
		{unix.SYS_OPENAT2, []bpf.Instruction{absent}},
		{unix.SYS_OPENAT, none(2, writing)},
		{mmap, none(2, unix.PROT_EXEC)},
		{unix.SYS_MPROTECT, none(2, unix.PROT_EXEC)},
		{unix.SYS_SOCKET, socket()},
		{unix.SYS_FCNTL, descriptor()},
		{unix.SYS_TGKILL, oneOf(0, pid)}, // Go preempts threads with it
		{unix.SYS_KILL, oneOf(0, pid)},
		{unix.SYS_PRLIMIT64, oneOf(0, 0)}, // the process itself
		{unix.SYS_PRCTL, oneOf(0, unix.PR_SET_VMA, unix.PR_SET_NAME, unix.PR_GET_NAME)},
		{unix.SYS_IOCTL, oneOf(1, unix.SIOCINQ, unix.TCGETS)},
	}, archConditional...)
}

// writing are the flags that open a file for writing, create it or truncate it.
const writing = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC

// descriptor allows fcntl(2) on the descriptor itself, and not to have signals sent.
func descriptor() []bpf.Instruction {
	return oneOf(1, unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL)
}

// program returns the filter for the process pid.
func program(pid uint32) []unix.SockFilter {
	raw, err := bpf.Assemble(filter(pid))
	if err != nil {
		panic("privilege: filter: " + err.Error())
	}
	f := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		f[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return f
}

func filter(pid uint32) []bpf.Instruction {
	f := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: arch, SkipTrue: 1},
		kill, // system call numbers of another architecture
		bpf.LoadAbsolute{Off: offsetCall, Size: 4},
	}
	add := func(number uint32, program ...bpf.Instruction) {
		f = append(append(f, bpf.JumpIf{Cond: bpf.JumpEqual, Val: number, SkipFalse: uint8(len(program))}), program...)
	}
	for _, c := range conditional(pid) {
		add(c.number, c.program...)
	}
	for _, number := range slices.Concat(allowed, archAllowed) {
		add(number, allow)
	}
	for _, number := range killed {
		add(number, kill)
	}
	return append(f, bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: newest, SkipFalse: 1}, absent, refuse)
}

// argument loads the lower half of argument n.
func argument(n int) bpf.Instruction { return bpf.LoadAbsolute{Off: uint32(offsetArgs + 8*n), Size: 4} }

// all allows the call if argument n has all of the bits.
func all(n int, bits uint32) []bpf.Instruction {
	return []bpf.Instruction{
		argument(n),
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: bits},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: bits, SkipTrue: 1},
		refuse,
		allow,
	}
}

// none allows the call if argument n has none of the bits.
func none(n int, bits uint32) []bpf.Instruction {
	return []bpf.Instruction{argument(n), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: bits, SkipFalse: 1}, refuse, allow}
}

// oneOf allows the call if argument n is one of the values.
func oneOf(n int, values ...uint32) []bpf.Instruction {
	f := []bpf.Instruction{argument(n)}
	for i, v := range values {
		f = append(f, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(len(values) - i)})
	}
	return append(f, refuse, allow)
}

// socket allows TCP, UDP and rtnetlink(7), which lists interfaces and addresses. SCTP and MPTCP have the types of TCP, and ICMP
// that of UDP, so the protocol counts too; 0 stands for TCP or UDP.
func socket() []bpf.Instruction {
	const typ, stream, datagram, reject, accept = 6, 10, 13, 16, 17
	return []bpf.Instruction{
		0:  argument(0),
		1:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_INET, SkipTrue: typ - 2},
		2:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_INET6, SkipTrue: typ - 3},
		3:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_NETLINK, SkipFalse: reject - 4},
		4:  argument(2),
		5:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.NETLINK_ROUTE, SkipTrue: accept - 6, SkipFalse: reject - 6},
		6:  argument(1),
		7:  bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf}, // without SOCK_CLOEXEC and SOCK_NONBLOCK
		8:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SOCK_STREAM, SkipTrue: stream - 9},
		9:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SOCK_DGRAM, SkipTrue: datagram - 10, SkipFalse: reject - 10},
		10: argument(2),
		11: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: accept - 12},
		12: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: accept - 13, SkipFalse: reject - 13},
		13: argument(2),
		14: bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: accept - 15},
		15: bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipTrue: accept - 16},
		16: refuse,
		17: allow,
	}
}

//go:build amd64 || arm64 || arm

package privilege

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// verdict returns the verdict of the filter on a system call. The VM of package bpf reads big-endian numbers.
func verdict(t *testing.T, arch, number uint32, arguments ...uint32) bpf.RetConstant {
	t.Helper()
	vm, err := bpf.NewVM(filter(self))
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[offsetCall:], number)
	binary.BigEndian.PutUint32(data[offsetArch:], arch)
	for i, a := range arguments {
		binary.BigEndian.PutUint32(data[offsetArgs+8*i:], a)
	}
	v, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return bpf.RetConstant{Val: uint32(v)}
}

const self = 4711

func TestFilter_Verdicts(t *testing.T) {
	for _, tt := range []struct {
		name      string
		number    uint32
		arguments []uint32
		want      bpf.RetConstant
	}{
		{"read", unix.SYS_READ, nil, allow},
		{"futex", unix.SYS_FUTEX, nil, allow},
		{"restart after a stop", unix.SYS_RESTART_SYSCALL, nil, allow},
		{"thread", unix.SYS_CLONE, []uint32{unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND}, allow},
		{"process", unix.SYS_CLONE, []uint32{unix.CLONE_VM | unix.CLONE_VFORK | uint32(unix.SIGCHLD)}, refuse},
		{"clone3", unix.SYS_CLONE3, nil, absent},
		{"open to read", unix.SYS_OPENAT, []uint32{0, 0, unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK}, allow},
		{"open to write", unix.SYS_OPENAT, []uint32{0, 0, unix.O_WRONLY}, refuse},
		{"open to read and write", unix.SYS_OPENAT, []uint32{0, 0, unix.O_RDWR | unix.O_CLOEXEC}, refuse},
		{"create a file", unix.SYS_OPENAT, []uint32{0, 0, unix.O_CREAT}, refuse},
		{"truncate a file", unix.SYS_OPENAT, []uint32{0, 0, unix.O_TRUNC}, refuse},
		{"unnamed file", unix.SYS_OPENAT, []uint32{0, 0, unix.O_TMPFILE | unix.O_RDWR}, refuse},
		{"openat2", unix.SYS_OPENAT2, nil, absent},
		{"make an open file longer", unix.SYS_FTRUNCATE, nil, allow},
		{"truncate a file by name", unix.SYS_TRUNCATE, nil, refuse},
		{"unlock an open file", unix.SYS_FLOCK, nil, allow},
		{"rename", unix.SYS_RENAMEAT2, nil, refuse},
		{"remove", unix.SYS_UNLINKAT, nil, refuse},
		{"map memory", mmap, []uint32{0, 4096, unix.PROT_READ | unix.PROT_WRITE}, allow},
		{"map a program", mmap, []uint32{0, 4096, unix.PROT_READ | unix.PROT_EXEC}, refuse},
		{"make memory readable", unix.SYS_MPROTECT, []uint32{0, 4096, unix.PROT_READ}, allow},
		{"make memory executable", unix.SYS_MPROTECT, []uint32{0, 4096, unix.PROT_EXEC}, refuse},
		{"TCP", unix.SYS_SOCKET, []uint32{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK}, allow},
		{"UDP over IPv6", unix.SYS_SOCKET, []uint32{unix.AF_INET6, unix.SOCK_DGRAM | unix.SOCK_CLOEXEC}, allow},
		{"TCP by number", unix.SYS_SOCKET, []uint32{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP}, allow},
		{"UDP by number", unix.SYS_SOCKET, []uint32{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP}, allow},
		{"SCTP", unix.SYS_SOCKET, []uint32{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_SCTP}, refuse},
		{"MPTCP", unix.SYS_SOCKET, []uint32{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}, refuse},
		{"ICMP", unix.SYS_SOCKET, []uint32{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP}, refuse},
		{"UDP-Lite", unix.SYS_SOCKET, []uint32{unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE}, refuse},
		{"raw IP", unix.SYS_SOCKET, []uint32{unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP}, refuse},
		{"rtnetlink", unix.SYS_SOCKET, []uint32{unix.AF_NETLINK, unix.SOCK_RAW | unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE}, allow},
		{"another netlink", unix.SYS_SOCKET, []uint32{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, refuse},
		{"packet socket", unix.SYS_SOCKET, []uint32{unix.AF_PACKET, unix.SOCK_RAW}, refuse},
		{"obsolete packet socket", unix.SYS_SOCKET, []uint32{unix.AF_INET, unix.SOCK_PACKET}, refuse},
		{"unix", unix.SYS_SOCKET, []uint32{unix.AF_UNIX, unix.SOCK_STREAM}, refuse},
		{"vsock", unix.SYS_SOCKET, []uint32{unix.AF_VSOCK, unix.SOCK_STREAM}, refuse},
		{"listen", unix.SYS_LISTEN, nil, refuse},
		{"bind again", unix.SYS_BIND, nil, allow},
		{"signal to itself", unix.SYS_TGKILL, []uint32{self, self + 1, uint32(unix.SIGURG)}, allow},
		{"signal to another", unix.SYS_TGKILL, []uint32{self - 1, self - 1, uint32(unix.SIGURG)}, refuse},
		{"kill itself", unix.SYS_KILL, []uint32{self, uint32(unix.SIGABRT)}, allow},
		{"kill all", unix.SYS_KILL, []uint32{^uint32(0), uint32(unix.SIGKILL)}, refuse},
		{"its own limits", unix.SYS_PRLIMIT64, []uint32{0}, allow},
		{"limits of another", unix.SYS_PRLIMIT64, []uint32{1}, refuse},
		{"close a descriptor on exec", unix.SYS_FCNTL, []uint32{0, unix.F_SETFD}, allow},
		{"send signals to another process", unix.SYS_FCNTL, []uint32{0, unix.F_SETOWN}, refuse},
		{"name memory", unix.SYS_PRCTL, []uint32{unix.PR_SET_VMA}, allow},
		{"become dumpable", unix.SYS_PRCTL, []uint32{unix.PR_SET_DUMPABLE, 1}, refuse},
		{"bytes that wait in a socket", unix.SYS_IOCTL, []uint32{0, unix.SIOCINQ}, allow},
		{"bring an interface up", unix.SYS_IOCTL, []uint32{0, unix.SIOCSIFFLAGS}, refuse},
		{"type into a terminal", unix.SYS_IOCTL, []uint32{0, unix.TIOCSTI}, refuse},
		{"capset", unix.SYS_CAPSET, nil, refuse},
		{"setuid", unix.SYS_SETUID, nil, refuse},
		{"io_uring", unix.SYS_IO_URING_SETUP, nil, refuse},
		{"execve", unix.SYS_EXECVE, nil, kill},
		{"execveat", unix.SYS_EXECVEAT, nil, kill},
		{"ptrace", unix.SYS_PTRACE, nil, kill},
		{"bpf", unix.SYS_BPF, nil, kill},
		{"future call", newest + 1, nil, absent},
		{"x32's execve", 0x40000000 + 520, nil, absent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := verdict(t, arch, tt.number, tt.arguments...); got != tt.want {
				t.Errorf("%#x, want %#x", got.Val, tt.want.Val)
			}
		})
	}
	if got := verdict(t, unix.AUDIT_ARCH_I386, 1); got != kill {
		t.Errorf("a call of another architecture: %#x, want %#x", got.Val, kill.Val)
	}
}

// Each call is in one list only: the first match decides.
func TestFilter_ListsEachCallOnce(t *testing.T) {
	all := slices.Concat(allowed, archAllowed, killed)
	for _, c := range conditional(self) {
		all = append(all, c.number)
		switch c.program[len(c.program)-1] {
		case allow, absent:
		default:
			t.Errorf("system call %d: no verdict at the end", c.number)
		}
	}
	slices.Sort(all)
	for i := range all[1:] {
		if all[i] == all[i+1] {
			t.Errorf("system call %d is decided twice", all[i])
		}
	}
	if n := len(program(self)); n > unix.BPF_MAXINSNS {
		t.Errorf("%d instructions", n)
	}
}

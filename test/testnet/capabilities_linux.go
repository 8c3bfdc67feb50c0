package testnet

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// onThread calls fn on a thread of its own. What prepare does to the thread holds for processes that fn starts, too.
func onThread(tb testing.TB, prepare func() error, fn func()) {
	tb.Helper()
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)      // even if fn ends the test
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err = prepare(); err == nil {
			fn()
		}
	}()
	<-done
	if err != nil {
		tb.Fatal(err)
	}
	if tb.Failed() {
		tb.FailNow()
	}
}

// WithoutCapabilities calls fn on a thread without capabilities; processes that fn starts have none either.
func WithoutCapabilities(tb testing.TB, fn func()) {
	tb.Helper()
	onThread(tb, func() error {
		var none [2]unix.CapUserData
		return errors.Join(dropBounding(0), unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]))
	}, fn)
}

// WithBounding calls fn on a thread with this bounding set: processes that fn starts as root have exactly these capabilities.
func WithBounding(tb testing.TB, set uint64, fn func()) {
	tb.Helper()
	onThread(tb, func() error { return dropBounding(set) }, fn)
}

// dropBounding removes all capabilities except those of the set, one bit each, from the bounding set of this thread
// (capabilities(7)). The thread must be locked, and end with its goroutine. An ordinary user has none to begin with.
func dropBounding(set uint64) error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if set&(1<<c) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && (!errors.Is(err, unix.EPERM) || os.Geteuid() == 0) {
			return err
		}
	}
	return nil
}

// SetCapabilities gives a program capabilities, permitted and effective, as setcap(8) does (capabilities(7), struct
// vfs_cap_data).
func SetCapabilities(tb testing.TB, name string, set uint64) {
	tb.Helper()
	const version2, effective = 0x02000000, 1
	b := binary.LittleEndian.AppendUint32(nil, version2|effective)
	for _, half := range []uint32{uint32(set), 0, uint32(set >> 32), 0} {
		b = binary.LittleEndian.AppendUint32(b, half)
	}
	if err := unix.Setxattr(name, "security.capability", b, 0); err != nil {
		tb.Fatalf("setcap %s: %v", name, err)
	}
}

// WithSyscallError calls fn on a thread for which a system call fails with this error, as in a sandbox or on an old kernel
// (seccomp(2)); processes that fn starts are affected too. It needs root.
func WithSyscallError(tb testing.TB, call uint32, errno unix.Errno, fn func()) {
	tb.Helper()
	onThread(tb, func() error {
		raw, err := bpf.Assemble([]bpf.Instruction{
			bpf.LoadAbsolute{Off: 0, Size: 4}, // the number of the call
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: call, SkipFalse: 1},
			bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)},
			bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
		})
		if err != nil {
			return err
		}
		var filter []unix.SockFilter
		for _, r := range raw {
			filter = append(filter, unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K})
		}
		program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	}, fn)
}

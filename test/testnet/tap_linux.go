package testnet

import (
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Tap captures every frame on an interface of the namespace, or with "" on all present and future ones, until the test ends;
// the test fails if one was dropped. It calls fn with each frame, from one goroutine; the frame is valid until fn returns.
func Tap(n *Namespace, iface string, fn func(frame []byte)) {
	n.tb.Helper()
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}) // in network byte order
	fd := -1
	var err error
	n.Do(func() {
		i := new(net.Interface)
		if iface != "" {
			if i, err = net.InterfaceByName(iface); err != nil {
				return
			}
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return
		}
		wait := unix.NsecToTimeval(int64(50 * time.Millisecond))
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index}),
		)
	})
	if err != nil {
		n.tb.Fatalf("tap: %v", err)
	}
	var ended atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<17)
		for !ended.Load() {
			if size, err := unix.Read(fd, buf); err == nil {
				fn(buf[:size])
			}
		}
	}()
	n.tb.Cleanup(func() {
		ended.Store(true)
		<-done
		stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err != nil || stats.Drops > 0 {
			n.tb.Errorf("tap: %+v, %v", stats, err)
		}
		_ = unix.Close(fd)
	})
}

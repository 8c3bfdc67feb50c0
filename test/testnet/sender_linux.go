package testnet

import (
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Sender sends raw frames on an interface. It knows exactly how many the other end received: a frame for which the kernel had
// no room is sent again.
type Sender struct {
	tb    testing.TB
	fd    int
	Sent  uint64 // frames
	Bytes uint64 // of them, as given
}

// NewSender opens a sender on an interface of the namespace.
func NewSender(n *Namespace, name string) *Sender {
	n.tb.Helper()
	s := &Sender{tb: n.tb, fd: -1}
	var err error
	n.Do(func() {
		var i *net.Interface
		if i, err = net.InterfaceByName(name); err != nil {
			return
		}
		if s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return
		}
		err = errors.Join(
			// Bypasses the queueing discipline, whose drops are not reported.
			unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1),
			unix.Bind(s.fd, &unix.SockaddrLinklayer{Ifindex: i.Index}),
		)
	})
	if err != nil {
		s.Close()
		n.tb.Fatalf("sender on %s: %v", name, err)
	}
	n.tb.Cleanup(s.Close)
	return s
}

// Close closes the sender before the test ends.
func (s *Sender) Close() {
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
		s.fd = -1
	}
}

// Send sends one frame as soon as there is room; false means that the interface is down or gone. While the other end of a veth
// pair is down, there is no room.
func (s *Sender) Send(frame []byte) bool {
	for {
		ok, full := s.TrySend(frame)
		if !full {
			return ok
		}
		runtime.Gosched()
	}
}

// TrySend sends one frame if there is room.
func (s *Sender) TrySend(frame []byte) (ok, full bool) {
	_, err := unix.Write(s.fd, frame)
	switch {
	case err == nil:
		s.Sent++
		s.Bytes += uint64(len(frame))
		return true, false
	case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return false, true
	case errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENETUNREACH):
	default:
		s.tb.Errorf("send frame of %d bytes: %v", len(frame), err)
	}
	return false, false
}

// SendAll sends each frame once, rate of them a second, in bursts of a millisecond; 0 is as fast as possible.
func (s *Sender) SendAll(frames [][]byte, rate int) {
	start := time.Now()
	for i, f := range frames {
		if rate > 0 {
			if ahead := time.Duration(i)*time.Second/time.Duration(rate) - time.Since(start); ahead > time.Millisecond {
				time.Sleep(ahead)
			}
		}
		if !s.Send(f) {
			s.tb.Errorf("frame %d of %d: the interface is down", i, len(frames))
			return
		}
	}
}

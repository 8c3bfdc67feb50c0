package capture

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// openLinkEvents opens a socket that becomes readable when an interface appears, changes or goes (rtnetlink(7), RTMGRP_LINK).
func openLinkEvents() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, fmt.Errorf("netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("bind netlink socket: %w", err)
	}
	return fd, nil
}

// drainLinkEvents reads what has come. What it says does not matter: what the kernel says now is asked for instead. An
// overflow (ENOBUFS) is an event like any other.
func drainLinkEvents(fd int) {
	var buf [4096]byte
	for {
		if _, _, err := unix.Recvfrom(fd, buf[:], unix.MSG_TRUNC); err != nil && err != unix.ENOBUFS && err != unix.EINTR {
			return
		}
	}
}

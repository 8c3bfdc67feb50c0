package capture

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// linkEvents reports when an interface appears, changes or disappears (rtnetlink(7), RTMGRP_LINK).
type linkEvents struct {
	file    *os.File
	reading sync.WaitGroup
}

// openLinkEvents calls changed after each event until close, from its own goroutine. The content of the events is not used: the
// caller asks the kernel for the current state instead.
func openLinkEvents(changed func()) (*linkEvents, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("bind netlink socket: %w", err)
	}
	e := &linkEvents{file: os.NewFile(uintptr(fd), "netlink socket")}
	e.reading.Go(func() {
		var buf [4096]byte
		for {
			_, err := e.file.Read(buf[:])
			switch {
			case errors.Is(err, os.ErrClosed):
				return
			case err != nil && !errors.Is(err, unix.ENOBUFS): // an overflow counts as an event
				time.Sleep(time.Second)
			}
			changed()
		}
	})
	return e, nil
}

func (e *linkEvents) close() error {
	err := e.file.Close()
	e.reading.Wait()
	return err
}

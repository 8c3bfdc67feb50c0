package httpd

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// hasUnreadInput reports whether the client has sent something that the server has not read yet (tcp(7)).
func hasUnreadInput(conn net.Conn) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	err = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ) })
	return err == nil && n > 0
}

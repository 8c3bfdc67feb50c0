//go:build !linux

package httpd

import "net"

func hasUnreadInput(net.Conn) bool { return false }

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

// asService returns the command as systemd runs it, with sockets and the variables that go with them.
func asService(cmd *exec.Cmd, sockets ...*os.File) *exec.Cmd {
	service := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`}, cmd.Args...)...)
	service.Env, service.ExtraFiles = append(cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(sockets))), sockets
	return service
}

// Sockets that cannot be served on are refused with what to change.
func TestDaemon_RefusesSockets(t *testing.T) {
	file := func(c interface {
		io.Closer
		File() (*os.File, error)
	}, err error) *os.File {
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.File()
		if err := errors.Join(err, c.Close()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	loopback := net.IPv4(127, 0, 0, 1)
	tcp := func() *os.File { return file(net.ListenTCP("tcp", &net.TCPAddr{IP: loopback})) }
	for name, tt := range map[string]struct {
		sockets []*os.File
		want    string
	}{
		"two": {[]*os.File{tcp(), tcp()}, "systemd passed 2 sockets"},
		"a datagram": {[]*os.File{file(net.ListenUDP("udp", &net.UDPAddr{IP: loopback}))},
			"gonetmon.socket needs ListenStream=, for example ListenStream="},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := asService(gonetmon(nil, []string{"GONETMON_INTERFACE=lo", "GONETMON_DNS_SERVERS=none"}), tt.sockets...)
			status, _, log := testnet.Run(t, cmd)
			if status != exitUsage || !strings.Contains(log, tt.want) {
				t.Errorf("status %d, said %q, want %q", status, log, tt.want)
			}
		})
	}
}

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gonetmon/test/testnet"
)

// asService returns the command as systemd runs it, with sockets and the variables that go with them.
func asService(cmd *exec.Cmd, sockets ...*os.File) *exec.Cmd {
	service := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`}, cmd.Args...)...)
	service.Env, service.ExtraFiles = append(cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(sockets))), sockets
	return service
}

// As a service the daemon serves on the socket that systemd passes, and tells systemd when it is ready, that it
// lives, what it captures, and when it stops.
func TestDaemon_SystemdService(t *testing.T) {
	t.Parallel()
	n, peer := testnet.NewNamespace(t), testnet.NewNamespace(t)
	testnet.Veth(n, "mon0", peer, "peer0")
	var listener net.Listener
	var err error
	n.Do(func() { listener, err = net.Listen("tcp", "127.0.0.1:8081") })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	path := filepath.Join(t.TempDir(), "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = notify.Close() }()
	// The address is not this machine's, and the port is another: neither is used.
	cmd := asService(gonetmon(n, append(usual(), "GONETMON_PORT=9999", "GONETMON_ADDR=192.0.2.1", "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=2000000")), socket)
	d := testnet.StartDaemon(t, n, cmd)
	received := func(want string) {
		t.Helper()
		_ = notify.SetReadDeadline(time.Now().Add(20 * time.Second))
		for message := make([]byte, 1<<10); ; {
			length, err := notify.Read(message)
			if err != nil {
				t.Fatalf("want %q: %v\n%s", want, err, d.Log.String())
			}
			switch got := string(message[:length]); {
			case got == want:
				return
			case got != "WATCHDOG=1": // which may come at any time
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
	received("READY=1\nSTATUS=listening on mon0, 0 devices")
	if status, body := d.Get("healthz"); status != 200 || d.URL != "http://127.0.0.1:8081/" {
		t.Errorf("%shealthz: %d %s", d.URL, status, body)
	}
	received("WATCHDOG=1")
	n.IP("link delete mon0")
	received("STATUS=waiting for mon0 (no such interface), 0 devices")
	if err := d.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	received("STOPPING=1")
	if <-d.Ended; d.Cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("exit status %d", d.Cmd.ProcessState.ExitCode())
	}
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
		"two":        {[]*os.File{tcp(), tcp()}, "systemd passed 2 sockets"},
		"a datagram": {[]*os.File{file(net.ListenUDP("udp", &net.UDPAddr{IP: loopback}))}, "gonetmon.socket needs ListenStream=, for example ListenStream="},
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

package testnet

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Namespace is a network namespace (network_namespaces(7)). It is removed at the end of the test.
type Namespace struct {
	tb   testing.TB
	Name string
}

var serial atomic.Int64

// NewNamespace makes a namespace with its loopback interface up and IPv6 off, so that an interface without an address is silent.
func NewNamespace(tb testing.TB) *Namespace {
	tb.Helper()
	NeedKernel(tb)
	n := newNamespace(tb)
	n.run("ip", "netns", "add", n.Name)
	n.quiet()
	return n
}

// NamespaceOf names the namespace of a process, and sets it up as NewNamespace does.
func NamespaceOf(tb testing.TB, pid int) *Namespace {
	tb.Helper()
	NeedKernel(tb)
	n := newNamespace(tb)
	n.run("ip", "netns", "attach", n.Name, strconv.Itoa(pid))
	n.quiet()
	return n
}

func newNamespace(tb testing.TB) *Namespace {
	n := &Namespace{tb, fmt.Sprintf("gonetmon-%d-%d", os.Getpid(), serial.Add(1))}
	tb.Cleanup(func() { n.run("ip", "netns", "delete", n.Name) })
	return n
}

func (n *Namespace) quiet() {
	n.tb.Helper()
	n.Do(func() {
		for _, c := range []string{"all", "default"} {
			n.sysctl("net/ipv6/conf/"+c+"/disable_ipv6", "1")
		}
	})
	n.IP("link set lo up")
}

func (n *Namespace) run(name string, args ...string) {
	n.tb.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		n.tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// IP runs ip(8) with the words of line, in the namespace.
func (n *Namespace) IP(line string) {
	n.tb.Helper()
	n.run("ip", append([]string{"-n", n.Name}, strings.Fields(line)...)...)
}

// Run runs a command in the namespace to its end.
func (n *Namespace) Run(line string) {
	n.tb.Helper()
	n.run("ip", append([]string{"netns", "exec", n.Name}, strings.Fields(line)...)...)
}

// Etc sets the content of /etc/NAME for the commands of the namespace (ip-netns(8)), those that run already included if the
// file existed when they started.
func (n *Namespace) Etc(name, text string) {
	n.tb.Helper()
	dir := "/etc/netns/" + n.Name
	if err := os.MkdirAll(dir, 0o755); err != nil {
		n.tb.Fatal(err)
	}
	n.tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(dir+"/"+name, []byte(text), 0o644); err != nil { // in place: it may be mounted
		n.tb.Fatal(err)
	}
}

// Command returns a command in the namespace, not yet started. Its process is the command itself, without a wrapper.
func (n *Namespace) Command(args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", n.Name}, args...)...)
}

// Do calls fn on a thread in the namespace: sockets that it opens belong there. They must not be opened by goroutines that it
// starts.
func (n *Namespace) Do(fn func()) {
	n.tb.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		fd, err := unix.Open("/run/netns/"+n.Name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			_ = unix.Close(fd)
		}
		if err == nil {
			fn()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		n.tb.Fatalf("enter namespace %s: %v", n.Name, err)
	}
}

func (n *Namespace) sysctl(name, value string) {
	// /proc/sys/net shows the namespace of the thread that opens the file.
	if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0); err != nil {
		n.tb.Errorf("sysctl %s: %v", name, err)
	}
}

// Sysctl sets a variable of the namespace; name is written with slashes.
func (n *Namespace) Sysctl(name, value string) {
	n.tb.Helper()
	n.Do(func() { n.sysctl(name, value) })
}

// HTTP returns a client whose connections start in the namespace.
func (n *Namespace) HTTP() *http.Client {
	dial := func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
		n.Do(func() { conn, err = new(net.Dialer).DialContext(ctx, network, addr) })
		return conn, err
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

// Veth joins two namespaces by a pair of interfaces that are up and take frames of any length (veth(4)).
func Veth(a *Namespace, aName string, b *Namespace, bName string) {
	a.tb.Helper()
	a.IP(fmt.Sprintf("link add %s mtu 65535 type veth peer name %s mtu 65535 netns %s", aName, bName, b.Name))
	a.IP("link set " + aName + " up")
	b.IP("link set " + bName + " up")
}

// NewPair makes two connected namespaces: frames sent on in0 of there arrive on mon0 of here.
func NewPair(tb testing.TB) (here, there *Namespace) {
	tb.Helper()
	here, there = NewNamespace(tb), NewNamespace(tb)
	Veth(there, "in0", here, "mon0")
	return here, there
}

// Promiscuity returns how many sockets keep an interface of the namespace promiscuous (ip-link(8), -details).
func (n *Namespace) Promiscuity(iface string) int {
	n.tb.Helper()
	out, err := exec.Command("ip", "-n", n.Name, "-details", "-json", "link", "show", iface).Output()
	if err != nil {
		n.tb.Fatalf("ip link show %s: %v", iface, err)
	}
	var links []struct{ Promiscuity int }
	if err := json.Unmarshal(out, &links); err != nil || len(links) != 1 {
		n.tb.Fatalf("ip link show %s: %v: %s", iface, err, out)
	}
	return links[0].Promiscuity
}

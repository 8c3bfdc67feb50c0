package testnet

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

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

// LinkCounters returns the frames and bytes that an interface of the namespace has sent and received in total.
func (n *Namespace) LinkCounters(iface string) (frames, bytes uint64) {
	n.tb.Helper()
	dir := "/sys/class/net/" + iface + "/statistics/"
	out, err := n.Command("cat", dir+"rx_packets", dir+"tx_packets", dir+"rx_bytes", dir+"tx_bytes").Output()
	if err != nil {
		n.tb.Fatal(err)
	}
	var v [4]uint64
	for i, f := range strings.Fields(string(out)) {
		if v[i], err = strconv.ParseUint(f, 10, 64); err != nil {
			n.tb.Fatal(err)
		}
	}
	return v[0] + v[1], v[2] + v[3]
}

// Bulk sends n bytes from one namespace to the other over TCP, and as many back.
func Bulk(tb testing.TB, from, to *Namespace, addr string, n int64) {
	tb.Helper()
	var listener net.Listener
	var client net.Conn
	var err error
	to.Do(func() { listener, err = net.Listen("tcp", addr) })
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	from.Do(func() { client, err = net.DialTimeout("tcp", addr, 10*time.Second) })
	if err != nil {
		tb.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	zero, err := os.Open("/dev/zero")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = zero.Close() }()
	var wg sync.WaitGroup
	for _, c := range [][2]net.Conn{{client, server}, {server, client}} {
		wg.Go(func() {
			if _, err := io.Copy(c[0], io.LimitReader(struct{ io.Reader }{zero}, n)); err != nil {
				tb.Error(err)
			}
			_ = c[0].(*net.TCPConn).CloseWrite()
		})
		wg.Go(func() {
			if got, err := io.Copy(io.Discard, c[1]); err != nil || got != n {
				tb.Errorf("%d of %d bytes arrived: %v", got, n, err)
			}
		})
	}
	wg.Wait()
	_, _ = client.Close(), server.Close()
}

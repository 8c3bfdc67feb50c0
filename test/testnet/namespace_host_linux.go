package testnet

import (
	"bufio"
	"bytes"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// MAC returns the hardware address of an interface of the namespace.
func (n *Namespace) MAC(iface string) (mac [6]byte) {
	n.tb.Helper()
	copy(mac[:], n.iface(iface).HardwareAddr)
	return mac
}

func (n *Namespace) iface(name string) *net.Interface {
	n.tb.Helper()
	var i *net.Interface
	var err error
	n.Do(func() { i, err = net.InterfaceByName(name) })
	if err != nil {
		n.tb.Fatalf("interface %s: %v", name, err)
	}
	return i
}

// An Addr6 is an IPv6 address of an interface.
type Addr6 struct {
	Addr      netip.Addr
	Temporary bool // a privacy address (RFC 8981)
}

// Addrs6 returns the IPv6 addresses of an interface that duplicate address detection has finished with.
func (n *Namespace) Addrs6(iface string) (all []Addr6) {
	n.tb.Helper()
	var table []byte
	var err error
	n.Do(func() { table, err = os.ReadFile("/proc/thread-self/net/if_inet6") })
	if err != nil {
		n.tb.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		f := strings.Fields(lines.Text()) // address, interface, prefix, scope, flags, name
		if len(f) != 6 || len(f[0]) != 32 || f[5] != iface {
			continue
		}
		flags, err := strconv.ParseUint(f[4], 16, 32)
		if err != nil {
			n.tb.Fatalf("if_inet6: %q", lines.Text())
		}
		if flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0 {
			continue
		}
		var text []string
		for i := 0; i < 32; i += 4 {
			text = append(text, f[0][i:i+4])
		}
		all = append(all, Addr6{netip.MustParseAddr(strings.Join(text, ":")), flags&unix.IFA_F_TEMPORARY != 0})
	}
	return all
}

// SendUDP sends count datagrams of size bytes of payload through the kernel, from an address of the interface to another, to
// this port.
func (n *Namespace) SendUDP(iface string, from, to netip.Addr, port uint16, count, size int) {
	n.tb.Helper()
	udp := func(a netip.Addr, port uint16) *net.UDPAddr {
		if a.Is6() && a.IsLinkLocalUnicast() {
			a = a.WithZone(strconv.Itoa(n.iface(iface).Index))
		}
		return net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, port))
	}
	source, sink := udp(from, 0), udp(to, port)
	var err error
	n.Do(func() {
		var conn *net.UDPConn
		if conn, err = net.DialUDP("udp", source, sink); err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		for range count {
			if _, err = conn.Write(make([]byte, size)); err != nil {
				return
			}
		}
	})
	if err != nil {
		n.tb.Fatalf("datagrams from %s to %s: %v", from, to, err)
	}
}

// DiscardUDP keeps a port of the namespace open until the test ends, so that the kernel does not reject datagrams to it.
func (n *Namespace) DiscardUDP(port uint16) {
	n.tb.Helper()
	var conn net.PacketConn
	var err error
	n.Do(func() { conn, err = net.ListenPacket("udp", ":"+strconv.Itoa(int(port))) })
	if err != nil {
		n.tb.Fatal(err)
	}
	n.tb.Cleanup(func() { _ = conn.Close() })
}

package testnet

import (
	"encoding/json"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
)

// MAC returns the hardware address of an interface of the namespace.
func (n *Namespace) MAC(iface string) [6]byte {
	n.tb.Helper()
	return [6]byte(n.iface(iface).HardwareAddr)
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
	Addr      netip.Addr `json:"local"`
	Temporary bool       // a privacy address (RFC 8981)
	Tentative bool       // duplicate address detection has not finished with it
}

// Addrs6 returns the IPv6 addresses of an interface (ip-address(8), -json).
func (n *Namespace) Addrs6(iface string) []Addr6 {
	n.tb.Helper()
	out, err := exec.Command("ip", "-n", n.Name, "-json", "-6", "address", "show", "dev", iface).Output()
	if err != nil {
		n.tb.Fatalf("ip address show %s: %v", iface, err)
	}
	var links []struct {
		All []Addr6 `json:"addr_info"`
	}
	if err := json.Unmarshal(out, &links); err != nil || len(links) > 1 {
		n.tb.Fatalf("ip address show %s: %v: %s", iface, err, out)
	}
	if len(links) == 0 {
		return nil
	}
	return links[0].All
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

package testnet

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// AnnounceMDNS announces to the mDNS groups, over IPv4 and IPv6 from an interface of the namespace, that name, which ends in
// .local, has these addresses and no others (RFC 6762, 8.3).
func AnnounceMDNS(n *Namespace, iface, name string, addrs ...netip.Addr) {
	n.tb.Helper()
	m := new(dns.Msg)
	m.Response, m.Authoritative = true, true
	for _, a := range addrs {
		m.Answer = append(m.Answer, Record{name, a}.RR(120, true))
	}
	payload, err := m.Pack()
	if err != nil {
		n.tb.Fatalf("mdns: %v", err)
	}
	index := n.index(iface)
	conn := n.listenUDP("udp4", ":5353", iface, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 255)
	})
	n.sendOnce(conn, payload, &net.UDPAddr{IP: mdnsGroup4.AsSlice(), Port: 5353})
	conn = n.listenUDP("udp6", ":5353", iface, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255)
	})
	n.sendOnce(conn, payload, &net.UDPAddr{IP: mdnsGroup6.AsSlice(), Port: 5353, Zone: strconv.Itoa(index)})
}

// sendOnce sends a datagram and closes the socket.
func (n *Namespace) sendOnce(conn net.PacketConn, payload []byte, to net.Addr) {
	n.tb.Helper()
	_, err := conn.WriteTo(payload, to)
	_ = conn.Close()
	if err != nil {
		n.tb.Fatalf("udp: %v", err)
	}
}

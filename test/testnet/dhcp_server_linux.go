package testnet

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

const (
	leaseLife  = time.Hour
	answerTime = 300 * time.Millisecond // after which a client asks again
)

var broadcast4 = net.UDPAddr{IP: net.IPv4bcast, Port: 68}

// A DHCPServer leases addresses over a UDP socket (RFC 2131). It broadcasts its answers, so that clients need no address.
type DHCPServer struct {
	addr netip.Addr
	conn net.PacketConn

	mu     sync.Mutex // guards all below
	pool   []netip.Addr
	leases map[netip.Addr][6]byte
}

// ServeDHCP starts a server on an interface of the namespace, which has addr. It gives each client the first address of the pool
// that no other has, and ends with the test.
func ServeDHCP(n *Namespace, iface string, addr netip.Addr, pool ...netip.Addr) *DHCPServer {
	n.tb.Helper()
	s := &DHCPServer{addr: addr, conn: n.listenUDP("udp4", ":67", iface, nil), pool: pool, leases: map[netip.Addr][6]byte{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve()
	}()
	n.tb.Cleanup(func() {
		_ = s.conn.Close()
		<-done
	})
	return s
}

// Expire ends the lease of an address: the next client may get it.
func (s *DHCPServer) Expire(addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.leases, addr)
}

func (s *DHCPServer) serve() {
	buf := make([]byte, 1500)
	for {
		size, _, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		h, ok := readDHCP(buf[:size])
		if !ok {
			continue
		}
		m := DHCP{MAC: h.mac, Your: s.lease(h.mac), Life: leaseLife,
			Options: map[byte][]byte{1: {255, 255, 255, 0}, 3: s.addr.AsSlice(), 54: s.addr.AsSlice()}}
		switch {
		case !m.Your.IsValid():
			continue // none left
		case h.typ == Discover:
			m.Type = Offer
		case h.typ == Request && h.from == s.addr && h.asked == m.Your:
			m.Type = Ack
		default:
			continue
		}
		_, _ = s.conn.WriteTo(m.Message(), &broadcast4)
	}
}

func (s *DHCPServer) lease(mac [6]byte) netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	for addr, of := range s.leases {
		if of == mac {
			return addr
		}
	}
	for _, addr := range s.pool {
		if _, taken := s.leases[addr]; !taken {
			s.leases[addr] = mac
			return addr
		}
	}
	return netip.Addr{}
}

// RequestLease requests an address for an interface of the namespace from a DHCP server, with the name, if any, in option 12. The
// caller assigns it to the interface.
func RequestLease(n *Namespace, iface, name string) netip.Addr {
	n.tb.Helper()
	conn := n.listenUDP("udp4", ":68", iface, nil)
	defer func() { _ = conn.Close() }()
	server := broadcast4
	server.Port = 67
	say := DHCP{Type: Discover, MAC: n.MAC(iface), Name: name}
	buf := make([]byte, 1500)
	for range 20 {
		message := say.Message()
		message[10] = 0x80 // answer by broadcast
		if _, err := conn.WriteTo(message, &server); err != nil {
			n.tb.Fatalf("dhcp: %v", err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(answerTime))
		for {
			size, _, err := conn.ReadFrom(buf)
			if err != nil {
				break // too late: ask again
			}
			h, ok := readDHCP(buf[:size])
			if !ok || h.mac != say.MAC {
				continue
			}
			if h.typ == Ack && say.Type == Request {
				return h.your
			}
			if h.typ == Offer && say.Type == Discover {
				say.Type, say.Asked, say.Options = Request, h.your, map[byte][]byte{54: h.from.AsSlice()}
				break
			}
		}
	}
	n.tb.Fatal("dhcp: no address")
	return netip.Addr{}
}

// dhcpMessage is what matters of a received message.
type dhcpMessage struct {
	typ         byte
	mac         [6]byte
	your        netip.Addr
	asked, from netip.Addr // invalid if absent
}

func readDHCP(b []byte) (h dhcpMessage, ok bool) {
	var m layers.DHCPv4
	if len(b) < 240 || m.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil {
		return h, false
	}
	copy(h.mac[:], m.ClientHWAddr)
	h.your, _ = netip.AddrFromSlice(m.YourClientIP.To4())
	for _, o := range m.Options {
		switch {
		case o.Type == layers.DHCPOptMessageType && len(o.Data) == 1:
			h.typ = o.Data[0]
		case o.Type == layers.DHCPOptRequestIP:
			h.asked, _ = netip.AddrFromSlice(o.Data)
		case o.Type == layers.DHCPOptServerID:
			h.from, _ = netip.AddrFromSlice(o.Data)
		}
	}
	return h, true
}

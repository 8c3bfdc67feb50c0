package testnet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A DNS is a DNS server for PTR queries over UDP and TCP. Its Answers make it honest or hostile.
type DNS struct {
	Addr netip.AddrPort

	packets  net.PacketConn
	listener net.Listener // nil: TCP is refused by the kernel
	handler  func(addr netip.Addr) Answer
	ctx      context.Context // until it is closed
	cancel   context.CancelFunc
	running  sync.WaitGroup

	mu          sync.Mutex // guards all below
	answers     map[string]Answer
	every       *Answer
	total       int
	inFlight    int
	maxInFlight int
}

// StartDNS starts a server on a free port of 127.0.0.1, UDP and TCP, that ends with the test. It gives the answers of Set and
// SetAll, else those of handler, else, if handler is nil, NXDOMAIN.
func StartDNS(tb testing.TB, handler func(addr netip.Addr) Answer) *DNS {
	tb.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatalf("dns peer: %v", err)
		}
		packets, err := net.ListenPacket("udp", listener.Addr().String())
		if err == nil {
			return ServeDNS(tb, packets, listener, handler)
		}
		_ = listener.Close() // the port is taken for UDP
	}
	tb.Fatal("dns peer: no port free for both UDP and TCP")
	return nil
}

// NamespaceDNS starts a server on 127.0.0.1:53 in a namespace. Without streams TCP is refused.
func NamespaceDNS(tb testing.TB, n *Namespace, streams bool, handler func(addr netip.Addr) Answer) *DNS {
	tb.Helper()
	var packets net.PacketConn
	var listener net.Listener
	var err error
	n.Do(func() {
		if packets, err = net.ListenPacket("udp", "127.0.0.1:53"); err == nil && streams {
			listener, err = net.Listen("tcp", "127.0.0.1:53")
		}
	})
	if err != nil {
		tb.Fatalf("dns peer: %v", err)
	}
	return ServeDNS(tb, packets, listener, handler)
}

// ServeDNS is StartDNS with sockets of the caller, for example of another network namespace. It closes them. Without a listener
// there is no TCP.
func ServeDNS(tb testing.TB, packets net.PacketConn, listener net.Listener, handler func(addr netip.Addr) Answer) *DNS {
	tb.Helper()
	d := &DNS{
		Addr:     packets.LocalAddr().(*net.UDPAddr).AddrPort(),
		packets:  packets,
		listener: listener,
		handler:  handler,
		answers:  make(map[string]Answer),
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.running.Go(d.servePackets)
	if listener != nil {
		d.running.Go(d.serveStreams)
	}
	tb.Cleanup(d.Close)
	return d
}

// Close stops the server: from then on its port is unreachable.
func (d *DNS) Close() {
	d.cancel()
	_ = d.packets.Close()
	if d.listener != nil {
		_ = d.listener.Close()
	}
	d.running.Wait()
}

// Set sets the answer for one address.
func (d *DNS) Set(addr netip.Addr, a Answer) {
	name, err := dns.ReverseAddr(addr.String())
	if err != nil {
		panic("testnet: set: " + err.Error())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[name] = a
}

// SetAll sets the answer for all addresses, whatever was set for one. Nil takes that back.
func (d *DNS) SetAll(a *Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.every = a
}

// Queries returns how many queries have come, over UDP and TCP.
func (d *DNS) Queries() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.total
}

// MaxInFlight returns the maximum number of queries that were unanswered at once. One that is never answered counts for its
// Delay.
func (d *DNS) MaxInFlight() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.maxInFlight
}

func (d *DNS) servePackets() {
	buf := make([]byte, 65535)
	for {
		n, from, err := d.packets.ReadFrom(buf)
		if err != nil {
			if d.ctx.Err() != nil {
				return
			}
			continue // an ICMP error for an answer that nobody waited for
		}
		raw := append([]byte(nil), buf[:n]...)
		d.running.Go(func() {
			for _, out := range d.answer(raw, false) {
				_, _ = d.packets.WriteTo(out, from)
			}
		})
	}
}

func (d *DNS) serveStreams() {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.running.Go(func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			length := make([]byte, 2)
			if _, err := io.ReadFull(conn, length); err != nil {
				return
			}
			raw := make([]byte, int(length[0])<<8|int(length[1]))
			if _, err := io.ReadFull(conn, raw); err != nil {
				return
			}
			for _, out := range d.answer(raw, true) {
				_, _ = conn.Write(append([]byte{byte(len(out) >> 8), byte(len(out))}, out...))
			}
		})
	}
}

// answer returns the messages to send for the query in raw.
func (d *DNS) answer(raw []byte, stream bool) [][]byte {
	q := new(dns.Msg)
	if err := q.Unpack(raw); err != nil || len(q.Question) != 1 {
		return nil
	}
	a := d.begin(q.Question[0].Name)
	defer d.end()
	if a.Delay > 0 {
		select {
		case <-time.After(a.Delay):
		case <-d.ctx.Done():
			return nil
		}
	}
	return a.Messages(q, stream)
}

// begin counts a query and returns the answer to it.
func (d *DNS) begin(name string) Answer {
	_, name = aliasOf(name)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.total++
	d.inFlight++
	d.maxInFlight = max(d.maxInFlight, d.inFlight)
	if d.every != nil {
		return *d.every
	}
	if a, ok := d.answers[name]; ok {
		return a
	}
	if addr, ok := addrOf(name); ok && d.handler != nil {
		return d.handler(addr)
	}
	return Answer{Mode: NXDomain}
}

func (d *DNS) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inFlight--
}

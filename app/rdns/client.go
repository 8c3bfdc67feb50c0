package rdns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/miekg/dns"
)

const (
	tryTimeout   = 2 * time.Second
	maxMessage   = 65535
	maxDatagrams = 1000 // read per try, so a flood of forged answers gets few guesses
	maxAliases   = 2    // queries for a name that a server gave as an alias and did not look up (RFC 2317 needs one)
)

// A client asks one server for the name of one address. It uses miekg/dns to pack and unpack messages only: the library's
// own client takes the first datagram for the answer and checks neither question nor owner. A client opens a new socket,
// and so uses a new port, for each query, and ignores everything but the answer until the deadline.
type client struct {
	timeout time.Duration // per try
}

// ask does one lookup at one server. The queries have no EDNS: a name fits into 512 bytes, and some home routers drop
// queries that have it. If ctx ends, ask returns at once.
func (c client) ask(ctx context.Context, server netip.AddrPort, addr netip.Addr) answer {
	name, err := dns.ReverseAddr(addr.String())
	if err != nil {
		panic("rdns: reverse name: " + err.Error())
	}
	var total answer
	for range maxAliases + 1 {
		a := c.query(ctx, server, newQuery(name), addr)
		a.sent += total.sent
		if total.alias != "" {
			a.ttl = min(a.ttl, total.ttl)
		}
		if a.alias == "" {
			return a
		}
		total, name = a, a.alias
	}
	total.alias = ""
	return total
}

// query sends one query for a name of addr: over TCP too if the answer over UDP was truncated, or if there was none.
func (c client) query(ctx context.Context, server netip.AddrPort, q *dns.Msg, addr netip.Addr) answer {
	m, reason := c.try(ctx, "udp", server, q)
	sent := 1
	if silent := m == nil && reason == Timeout; silent && ctx.Err() == nil || m != nil && m.Truncated {
		sent++
		m, _ = c.try(ctx, "tcp", server, q)
		if m != nil && m.Truncated {
			m = nil
		}
		if !silent {
			reason = Truncated
		}
	}
	if m == nil {
		return answer{reason: reason, sent: sent}
	}
	a := parse(m, q.Question[0].Name, addr)
	a.sent = sent
	return a
}

// newQuery returns the PTR query for a name, with a random ID.
func newQuery(name string) *dns.Msg {
	q := new(dns.Msg)
	q.Id = uint16(rand.Uint32())
	q.RecursionDesired = true
	q.Question = []dns.Question{{Name: name, Qtype: dns.TypePTR, Qclass: dns.ClassINET}}
	return q
}

// try sends query and returns the message that answers it, or the reason why there is none.
func (c client) try(ctx context.Context, network string, server netip.AddrPort, query *dns.Msg) (*dns.Msg, Reason) {
	deadline := time.Now().Add(c.timeout)
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, reasonOf(err, Timeout)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	stream := network == "tcp"
	raw, err := query.Pack()
	if err != nil {
		panic("rdns: pack: " + err.Error())
	}
	if stream {
		raw = append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...)
	}
	if _, err := conn.Write(raw); err != nil {
		return nil, reasonOf(err, Timeout)
	}
	buf := make([]byte, maxMessage)
	lastReason := Timeout
	for range maxDatagrams {
		n, err := receive(conn, buf, stream)
		if err != nil {
			return nil, reasonOf(err, lastReason)
		}
		m, reason := match(buf[:n], query)
		if m != nil {
			return m, none
		}
		lastReason = reason
	}
	return nil, lastReason
}

// receive reads one message: a datagram, or from a stream a message behind its length in two bytes (RFC 1035, 4.2.2).
func receive(conn net.Conn, buf []byte, stream bool) (int, error) {
	if !stream {
		return conn.Read(buf)
	}
	if _, err := io.ReadFull(conn, buf[:2]); err != nil {
		return 0, err
	}
	return io.ReadFull(conn, buf[:binary.BigEndian.Uint16(buf)])
}

// reasonOf returns the reason for a connection's error. At the deadline it is that of the last message.
func reasonOf(err error, lastReason Reason) Reason {
	var timeout net.Error
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return lastReason
	}
	return Network
}

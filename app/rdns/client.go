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
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	tryTimeout   = 2 * time.Second
	maxMessage   = 65535
	maxDatagrams = 1000 // looked at per try: who floods us with wrong answers does not get to guess on
	ednsSize     = 1232 // fits any path without fragments (DNS flag day 2020)
)

// A wire asks one server for the name of one address. miekg/dns packs and unpacks; its Client takes the first datagram
// for the answer and checks neither question nor owner, so the asking is done here: a fresh socket and port per query,
// and everything that is not the answer is ignored until the deadline.
type wire struct {
	timeout time.Duration // of a try
	buffers sync.Pool     // of *[maxMessage]byte
}

func newWire(timeout time.Duration) *wire {
	return &wire{timeout: timeout, buffers: sync.Pool{New: func() any { return new([maxMessage]byte) }}}
}

// ask does one lookup at one server: with EDNS, once more without if the server does not know it, and over TCP if the
// answer was truncated. If ctx ends, it returns at once.
func (w *wire) ask(ctx context.Context, server netip.AddrPort, addr netip.Addr) answer {
	q := question(addr)
	q.SetEdns0(ednsSize, false)
	sent := 1
	m, reason := w.try(ctx, "udp", server, q)
	if m != nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		q = question(addr)
		sent++
		m, reason = w.try(ctx, "udp", server, q)
	}
	if m != nil && m.Truncated {
		sent++
		if m, reason = w.try(ctx, "tcp", server, q); m == nil || m.Truncated {
			m, reason = nil, Truncated
		}
	}
	if m == nil {
		return answer{reason: reason, sent: sent}
	}
	a := read(m, q.Question[0].Name)
	a.sent = sent
	return a
}

// question returns the query for the name of addr, with a random ID.
func question(addr netip.Addr) *dns.Msg {
	name, err := dns.ReverseAddr(addr.String())
	if err != nil {
		panic("rdns: question: " + err.Error())
	}
	q := new(dns.Msg)
	q.Id = uint16(rand.Uint32())
	q.RecursionDesired = true
	q.Question = []dns.Question{{Name: name, Qtype: dns.TypePTR, Qclass: dns.ClassINET}}
	return q
}

// try sends query and returns the message that answers it, or the reason why there is none.
func (w *wire) try(ctx context.Context, network string, server netip.AddrPort, query *dns.Msg) (*dns.Msg, Reason) {
	deadline := time.Now().Add(w.timeout)
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, reasonOf(err, Timeout)
	}
	defer func() { _ = conn.Close() }()
	defer wakeOnEnd(ctx, conn, deadline)()

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
	buf := w.buffers.Get().(*[maxMessage]byte)
	defer w.buffers.Put(buf)
	last := Timeout
	for range maxDatagrams {
		n, err := receive(conn, buf[:], stream)
		if err != nil {
			return nil, reasonOf(err, last)
		}
		m, reason := match(buf[:n], query)
		if m != nil {
			return m, none
		}
		last = reason
	}
	return nil, last
}

// wakeOnEnd sets the deadline of conn, and wakes its reader when ctx ends. The returned func undoes the latter, and
// returns when nothing of it runs any more.
func wakeOnEnd(ctx context.Context, conn net.Conn, deadline time.Time) func() {
	_ = conn.SetDeadline(deadline)
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0))
		close(woken)
	})
	return func() {
		if !stop() {
			<-woken
		}
	}
}

// receive reads one message: a datagram, or what a length of two bytes announces on a stream (RFC 1035, 4.2.2).
func receive(conn net.Conn, buf []byte, stream bool) (int, error) {
	if !stream {
		return conn.Read(buf)
	}
	if _, err := io.ReadFull(conn, buf[:2]); err != nil {
		return 0, err
	}
	return io.ReadFull(conn, buf[:binary.BigEndian.Uint16(buf)])
}

// reasonOf returns the reason in an error of a connection; when the deadline has passed, it is that of the last message.
func reasonOf(err error, last Reason) Reason {
	var timeout net.Error
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return last
	}
	return Network
}

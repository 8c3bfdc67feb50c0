package faults

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

func httpRows() []row {
	const served = "whoever else asks is served within 1 s, with figures of now; counts exact; memory, goroutines and descriptors bounded, and given back"
	const refused = "refused, nothing of it on the log; counts exact"
	return []row{
		{name: "scrapers", fault: "100 scrapers at once, 65,534 hosts, 20,000 frames/s", holds: "no frame lost; p99 of a scrape at most 250 ms", run: scrapers},
		{name: "slow-readers", fault: "64 readers at 1 byte/s of the metrics of 65,534 hosts", holds: served, run: slowReaders},
		{name: "half-open", fault: "1,000 connections with half a request each, and 1,000 forged SYNs", holds: served, run: halfOpen},
		{name: "idle", fault: "1,000 connections that say nothing any more", holds: served, run: idleConnections},
		{name: "random-bytes", fault: "random bytes in place of a request", holds: refused, run: randomBytes, beside: true},
		{name: "huge-headers", fault: "headers of 1 MiB, 10,000 headers, a path of 1 MiB", holds: refused, run: hugeHeaders, beside: true},
		{name: "bad-methods", fault: "methods that change things, and such that there are not", holds: refused, run: badMethods, beside: true},
		{name: "host-header", fault: "Host headers: none, two, foreign ones (DNS rebinding)", holds: "400 or 421 for them, 200 for its own; counts exact", run: hostHeader, beside: true},
		{name: "path-traversal", fault: "path traversal", holds: "no file of the machine; counts exact", run: pathTraversal, beside: true},
	}
}

const address = "127.0.0.1:" + port

// dial opens connections to the daemon; each must come about.
func (d *daemon) dial(count int) (all []net.Conn) {
	d.b.Helper()
	var err error
	d.n.Do(func() {
		for range count {
			dialer := net.Dialer{Timeout: 5 * time.Second, Control: small}
			var conn net.Conn
			if conn, err = dialer.Dial("tcp", address); err != nil {
				return
			}
			all = append(all, conn)
		}
	})
	if err != nil {
		d.b.Errorf("connection %d of %d: %v", len(all)+1, count, err)
	}
	d.b.Cleanup(func() { hangUp(all) })
	return all
}

func hangUp(all []net.Conn) {
	for _, c := range all {
		_ = c.Close()
	}
}

// siege checks that the daemon serves others while something goes on, for a while.
func (d *daemon) siege(s *testnet.Sender, long time.Duration) (longest time.Duration) {
	d.b.Helper()
	frame := testnet.UDP(netip.MustParseAddr("192.168.2.7"), away, 72)
	for begin := time.Now(); time.Since(begin) < long; {
		s.Send(frame)
		sent, asked := s.Sent, time.Now()
		status, body := d.Get("healthz")
		took := time.Since(asked)
		longest = max(longest, took)
		if status != 200 || took > time.Second {
			d.b.Errorf("healthz: %d %.100q after %v", status, body, took)
			return longest
		}
		// What was sent is read within 60 ms, folded within a second, and on the page then.
		fresh := testnet.Within(3*time.Second, func() bool {
			_, body := d.Get("metrics")
			return find(body, `gonetmon_network_packets_total{family="ipv4",scope="internet"}`)[0] >= sent
		})
		if !fresh {
			d.b.Error("the page stands still")
			return longest
		}
		time.Sleep(200 * time.Millisecond)
	}
	return longest
}

// borne says how the daemon has borne a siege.
func (d *daemon) borne(longest time.Duration, f final) string {
	return fmt.Sprintf("others served within %s; at most %d descriptors, %d goroutines, %.1f MiB beside the ring; %s", ms(longest), d.most.descriptors, d.most.goroutines, mib(d.most.peak-ring), f)
}

// givenBack checks that connections are closed, their descriptors free, and their goroutines gone, on the page too.
func (d *daemon) givenBack(before int) {
	d.b.Helper()
	var now usage
	if !testnet.Within(10*time.Second, func() bool {
		now, _ = usageOf(d.Cmd.Process.Pid)
		return now.descriptors <= before+2
	}) {
		d.b.Errorf("%d descriptors, %d before", now.descriptors, before)
	}
	d.Until("their goroutines are gone", func() bool { return d.values("go_goroutines")[0] < mostGoroutines })
}

func slowReaders(b *bench) string {
	const readers = 64
	d, s, _ := b.crowd()
	before, _ := usageOf(d.Cmd.Process.Pid)
	d.connections.Add(readers)
	stop := make(chan struct{})
	var all sync.WaitGroup
	var conns []net.Conn
	for range 8 { // some of each of several seconds, so that they hold different pages
		some := d.dial(readers / 8)
		conns = append(conns, some...)
		for _, c := range some {
			_, _ = fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n", address)
			all.Go(func() {
				one := make([]byte, 1)
				for {
					if _, err := c.Read(one); err != nil {
						return
					}
					select {
					case <-stop:
						return
					case <-time.After(time.Second):
					}
				}
			})
		}
		time.Sleep(1100 * time.Millisecond)
	}
	longest := d.siege(s, time.Duration(b.of(8, 90))*time.Second)
	close(stop)
	hangUp(conns)
	all.Wait()
	d.givenBack(before.descriptors)
	d.connections.Add(-readers)
	f := d.end(s.Sent)
	return d.borne(longest, f)
}

func halfOpen(b *bench) string {
	const count = 1000
	here, there := testnet.NewPair(b)
	testnet.Veth(there, "in1", here, "srv0") // not listened to: what the kernel answers to SYNs is not to be counted
	here.IP("addr add 192.168.3.2/24 dev srv0")
	d := b.start(here, "GONETMON_ADDR=0.0.0.0")
	s := testnet.NewSender(there, "in0")
	before, _ := usageOf(d.Cmd.Process.Pid)
	d.connections.Add(count)
	conns := d.dial(count)
	for _, c := range conns {
		_, _ = io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: 127.0")
	}
	forger, mac := testnet.NewSender(there, "in1"), here.MAC("srv0")
	for i := range count {
		forger.Send(syn(mac, netip.AddrFrom4([4]byte{192, 168, 3, byte(3 + i%250)}), netip.MustParseAddr("192.168.3.2"), uint16(10000+i)))
	}
	longest := d.siege(s, time.Duration(b.of(8, 90))*time.Second)
	hangUp(conns)
	d.givenBack(before.descriptors)
	d.connections.Add(-count)
	f := d.end(s.Sent)
	return fmt.Sprintf("%d connections and %d SYNs; %s", len(conns), count, d.borne(longest, f))
}

// syn is the first segment of a connection.
func syn(mac [6]byte, from, to netip.Addr, port uint16) []byte {
	b := testnet.UDP(from, to, 12)
	copy(b, mac[:])
	b[14+9] = unix.IPPROTO_TCP
	segment := b[34:]
	clear(segment)
	binary.BigEndian.PutUint16(segment, port)
	binary.BigEndian.PutUint16(segment[2:], 8080)
	binary.BigEndian.PutUint32(segment[4:], uint32(port)) // sequence number
	segment[12], segment[13] = 5<<4, 2                    // 20 bytes; SYN
	binary.BigEndian.PutUint16(segment[14:], 65535)
	pseudo := append(append(append([]byte{}, b[26:34]...), 0, unix.IPPROTO_TCP, 0, 20), segment[:20]...)
	binary.BigEndian.PutUint16(segment[16:], checksum(pseudo))
	clear(b[24:26])
	binary.BigEndian.PutUint16(b[24:], checksum(b[14:34]))
	return b
}

// checksum is the internet's (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func idleConnections(b *bench) string {
	const count = 1000
	here, there := testnet.NewPair(b)
	d := b.start(here)
	s := testnet.NewSender(there, "in0")
	before, _ := usageOf(d.Cmd.Process.Pid)
	d.connections.Add(count)
	conns := d.dial(count)
	for i, c := range conns {
		if i%2 == 0 { // half of them have asked for something
			_, _ = fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", address)
		}
	}
	longest := d.siege(s, time.Duration(b.of(8, 90))*time.Second)
	hangUp(conns)
	d.givenBack(before.descriptors)
	d.connections.Add(-count)
	f := d.end(s.Sent)
	return fmt.Sprintf("%d connections; %s", len(conns), d.borne(longest, f))
}

// small has a socket take next to nothing from the other side before it is read.
func small(_, _ string, raw syscall.RawConn) error {
	var err error
	control := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	if err == nil {
		err = control
	}
	return err
}

package faults

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/app/testnet"
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

const (
	everyHost = 65534 // of a /16
	address   = "127.0.0.1:" + port
)

// crowd has every host of a /16 talk, and returns their frames.
func (b *bench) crowd(variables ...string) (d *daemon, s *testnet.Sender, frames [][]byte) {
	b.Helper()
	here, there := testnet.Joined(b)
	d = b.start(here, append([]string{"GONETMON_CIDR=192.168.0.0/16", "GONETMON_REPORT_INTERVAL=0"}, variables...)...)
	s = testnet.NewSender(there, "in0")
	for host := 1; host <= everyHost; host++ {
		frames = append(frames, testnet.UDP(netip.AddrFrom4([4]byte{192, 168, byte(host >> 8), byte(host)}), away, 72))
	}
	s.SendAll(frames, 50000)
	d.settled(s.Sent)
	d.Until("all hosts are on the page", func() bool {
		_, body := d.Get("metrics")
		return strings.Count(body, "\nnode_bytes_total{") == everyHost
	})
	return d, s, frames
}

// steadily sends the frames again and again until the returned func is called.
func (b *bench) steadily(s *testnet.Sender, frames [][]byte, rate int) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		testnet.Pin(b)
		begin := time.Now()
		for i := 0; ; i++ {
			select {
			case <-ended:
				return
			default:
			}
			if ahead := time.Duration(i)*time.Second/time.Duration(rate) - time.Since(begin); ahead > 0 {
				time.Sleep(max(ahead, time.Millisecond))
			}
			s.Send(frames[i%len(frames)])
		}
	}()
	stop = sync.OnceFunc(func() {
		close(ended)
		<-done
	})
	b.Cleanup(stop)
	return stop
}

// keptAlive is a client that scrapes as Prometheus does: zipped, over one connection.
func (d *daemon) keptAlive() *http.Client {
	dial := d.Client.Transport.(*http.Transport).DialContext
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dial, DisableCompression: true}}
}

// scrape reads the metrics zipped, and says how long it took.
func (d *daemon) scrape(client *http.Client) (took time.Duration, size int64) {
	begin := time.Now()
	r, err := http.NewRequest(http.MethodGet, d.URL+"metrics", nil)
	if err != nil {
		d.b.Error(err)
		return 0, 0
	}
	r.Header.Set("Accept-Encoding", "gzip")
	answer, err := client.Do(r)
	if err != nil {
		d.b.Errorf("scrape: %v", err)
		return 0, 0
	}
	defer func() { _ = answer.Body.Close() }()
	if size, err = io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Encoding") != "gzip" {
		d.b.Errorf("scrape: %s, %v", answer.Status, err)
	}
	return time.Since(begin), size
}

func scrapers(b *bench) string {
	const clients, interval = 100, 5 * time.Second
	d, s, frames := b.crowd()
	_, before := d.captured()
	d.connections.Add(clients)
	stop := b.steadily(s, frames, 20000)
	var mu sync.Mutex // guards took and size
	var took []time.Duration
	var size int64
	var all sync.WaitGroup
	scrapes := b.of(3, 24)
	for i := range clients {
		client := d.keptAlive()
		b.Cleanup(client.CloseIdleConnections)
		all.Go(func() {
			time.Sleep(time.Duration(i) * interval / clients) // as Prometheus spreads its targets
			for next := time.Now(); ; {
				t, n := d.scrape(client)
				mu.Lock()
				took, size = append(took, t), n
				enough := len(took) >= clients*scrapes
				mu.Unlock()
				if enough {
					return
				}
				next = next.Add(interval)
				time.Sleep(time.Until(next))
			}
		})
	}
	all.Wait()
	burst := d.burst(clients)
	stop()
	_, after := d.captured()
	if after != before {
		b.Errorf("%d frames lost", after-before)
	}
	p := p99(took)
	if p > 250*time.Millisecond {
		b.Errorf("p99 of a scrape: %v", p)
	}
	f := d.end(s.Sent)
	return fmt.Sprintf("%d scrapes of %.1f MB, each client every 5 s: %s (median), %s (p99), %s (longest); all 100 in the same moment: %s (longest); %s; %.1f MiB beside the ring",
		len(took), float64(size)/1e6, ms(median(took)), ms(p), ms(took[len(took)-1]), ms(burst), f, mib(d.most.memory-ring))
}

// burst has clients scrape in the same moment, and returns how long the last one waited.
func (d *daemon) burst(clients int) time.Duration {
	var all sync.WaitGroup
	begin := time.Now()
	for range clients {
		client := d.keptAlive()
		all.Go(func() {
			d.scrape(client)
			client.CloseIdleConnections()
		})
	}
	all.Wait()
	return time.Since(begin)
}

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
	return fmt.Sprintf("others served within %s; at most %d descriptors, %d goroutines, %.1f MiB beside the ring; %s", ms(longest), d.most.descriptors, d.most.goroutines, mib(d.most.memory-ring), f)
}

// givenBack checks that connections are closed and their descriptors free.
func (d *daemon) givenBack(before int) {
	d.b.Helper()
	var now usage
	if !testnet.Within(10*time.Second, func() bool {
		now, _ = usageOf(d.Cmd.Process.Pid)
		return now.descriptors <= before+2
	}) {
		d.b.Errorf("%d descriptors, %d before", now.descriptors, before)
	}
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
	d.connections.Add(-readers)
	d.givenBack(before.descriptors)
	f := d.end(s.Sent)
	return d.borne(longest, f)
}

func halfOpen(b *bench) string {
	const count = 1000
	here, there := testnet.Joined(b)
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
	d.connections.Add(-count)
	d.givenBack(before.descriptors)
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
	here, there := testnet.Joined(b)
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
	d.connections.Add(-count)
	d.givenBack(before.descriptors)
	f := d.end(s.Sent)
	return fmt.Sprintf("%d connections; %s", len(conns), d.borne(longest, f))
}

// ask sends a request as it is, and returns the status and the body; 0 if the connection was closed without an answer.
func (d *daemon) ask(request string) (status int, body string) {
	d.b.Helper()
	conns := d.dial(1)
	if len(conns) == 0 {
		return 0, ""
	}
	c := conns[0]
	defer hangUp(conns)
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	go func() { _, _ = io.WriteString(c, request) }()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

// abuse sends requests that must not be answered with 200, among frames that must be counted.
func (b *bench) abuse(requests []string, also func(request string, status int, body string)) string {
	b.Helper()
	here, there := testnet.Joined(b)
	d := b.start(here)
	s := testnet.NewSender(there, "in0")
	d.connections.Add(8)
	frames := testnet.Conversation(1000)
	answers := map[int]int{}
	for i, r := range requests {
		s.Send(frames[i%len(frames)])
		status, body := d.ask(r)
		answers[status]++
		also(r, status, body)
	}
	d.connections.Add(-8)
	before := strings.Count(d.Log.String(), "\n")
	f := d.end(s.Sent)
	if before > 10 { // the server's complaints are one line in ten seconds
		b.Errorf("%d lines of log", before)
	}
	return fmt.Sprintf("%d requests, answers by status: %s; %d lines of log; %s", len(requests), statuses(answers), before, f)
}

func statuses(answers map[int]int) string {
	var all []string
	for status := range 600 {
		if n := answers[status]; n > 0 {
			what := fmt.Sprint(status)
			if status == 0 {
				what = "closed"
			}
			all = append(all, fmt.Sprintf("%s %d×", what, n))
		}
	}
	return strings.Join(all, ", ")
}

// refuses fails the row if a request was served.
func (b *bench) refuses(request string, status int, _ string) {
	if status != 0 && status < 400 {
		b.Errorf("%.100q was answered with %d", request, status)
	}
}

func randomBytes(b *bench) string {
	random := b.random()
	var requests []string
	for i := range b.of(200, 5000) {
		bytes := make([]byte, 1+random.IntN(1<<random.IntN(15))) // the first is 0: none of them is a request
		for i := range bytes[1:] {
			bytes[1+i] = byte(random.Uint32())
		}
		begin := []string{"", "GET ", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: " + address + "\r\n", "PRI * HTTP/2.0\r\n\r\n", "\x16\x03\x01"}[i%6]
		requests = append(requests, begin+string(bytes)+"\r\n\r\n")
	}
	return b.abuse(requests, b.refuses)
}

func hugeHeaders(b *bench) string {
	head := "GET /metrics HTTP/1.1\r\nHost: " + address + "\r\n"
	many := strings.Repeat("X-A: b\r\n", 10000)
	requests := []string{
		head + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", head + many + "\r\n", head + strings.Repeat("a", 1<<20),
		"GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: " + address + "\r\n\r\n", strings.Repeat("A", 1<<20),
		head + "Cookie: " + strings.Repeat("a=b;", 1<<18) + "\r\n\r\n", head + "Accept-Encoding: " + strings.Repeat("gzip,", 1<<18) + "\r\n\r\n",
		head + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET", head + "Content-Length: -1\r\n\r\n", head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
	}
	return b.abuse(requests, func(request string, status int, body string) {
		if !strings.Contains(request, "Transfer-Encoding") { // what follows that is another request
			b.refuses(request, status, body)
		}
	})
}

func badMethods(b *bench) string {
	var requests []string
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "get", "GE T", "G\x00T", "\u0262ET", strings.Repeat("G", 10000), ""} {
		for _, path := range []string{"/", "/metrics", "/healthz", "/readyz"} {
			requests = append(requests, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\n\r\na=b", method, path, address))
		}
	}
	for _, version := range []string{"HTTP/1.2", "HTTP/9.9", "HTTP/1", "FTP/1.0", "http/1.1", "HTTP/0.9"} {
		requests = append(requests, fmt.Sprintf("GET / %s\r\nHost: %s\r\n\r\n", version, address))
	}
	return b.abuse(requests, func(request string, status int, body string) {
		if !strings.HasPrefix(request, "GET / HTTP/1.2") { // which may be answered (RFC 9110, 2.5)
			b.refuses(request, status, body)
		}
	})
}

func hostHeader(b *bench) string {
	request := func(hosts ...string) string {
		r := "GET /metrics HTTP/1.1\r\n"
		for _, h := range hosts {
			r += "Host: " + h + "\r\n"
		}
		return r + "Connection: close\r\n\r\n"
	}
	bad := []string{
		request(), request(address, "evil.example"), request("evil.example"), request("evil.example:" + port), request("127.0.0.1.evil.example"), request("localhost.evil.example"),
		request("evil.example@127.0.0.1"), request("a b"), request("\"><script>"), request(strings.Repeat("a", 300)),
	}
	good := []string{request(address), request("127.0.0.1"), request("localhost:" + port), request("localhost"), request("[::1]:" + port)}
	served := 0
	figure := b.abuse(append(bad, good...), func(r string, status int, body string) {
		own := false
		for _, g := range good {
			own = own || r == g
		}
		switch {
		case own && status == http.StatusOK:
			served++
		case own:
			b.Errorf("%q was answered with %d %.100q", r, status, body)
		case status != http.StatusBadRequest && status != http.StatusMisdirectedRequest:
			b.Errorf("%q was answered with %d", r, status)
		}
	})
	return fmt.Sprintf("%s; %d of %d of its own served", figure, served, len(good))
}

func pathTraversal(b *bench) string {
	var requests []string
	for _, path := range []string{
		"/../../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/metrics/../../../etc/passwd", "/.%00/etc/passwd", "/etc/passwd%00.html",
		"/....//....//etc/passwd", `/..\..\etc\passwd`, "/proc/self/environ", "/debug/pprof/", "/debug/vars", "/.git/config", "/.env", "file:///etc/passwd", "http://evil.example/", "*", "/%zz", "/?x=../../etc/passwd%", "/;/etc/passwd",
	} {
		requests = append(requests, fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, address))
	}
	return b.abuse(requests, func(request string, status int, body string) {
		if strings.Contains(body, "root:") || strings.Contains(body, "PATH=") || strings.Contains(body, "goroutine") {
			b.Errorf("%q gave a file: %.100q", request, body)
		}
		if status == http.StatusOK && !strings.HasPrefix(request, "GET /?") {
			b.Errorf("%q was answered with 200", request)
		}
	})
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

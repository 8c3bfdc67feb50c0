package faults

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

const manyHosts = 4096 // the default of GONETMON_MAX_HOSTS

// startWithHosts starts a daemon that has as many devices as it may have, and returns a frame of each, which were sent.
func (b *bench) startWithHosts() (d *daemon, there *testnet.Namespace, frames [][]byte) {
	b.Helper()
	here, there := testnet.NewPair(b)
	d = b.start(here, "GONETMON_CIDR=192.168.0.0/16", "GONETMON_REPORT_INTERVAL=0")
	for host := 1; host <= manyHosts; host++ {
		frames = append(frames, testnet.UDP(netip.AddrFrom4([4]byte{192, 168, byte(host >> 8), byte(host)}), away, 72))
	}
	testnet.NewSender(there, "in0").SendAll(frames, 50000)
	d.Until("all hosts are on the page", func() bool {
		_, body := d.Get("metrics")
		return strings.Count(body, "\nnode_bytes_total{") == manyHosts
	})
	return d, there, frames
}

func scrapers(b *bench) string {
	const clients, interval = 10, time.Second
	d, there, frames := b.startWithHosts()
	_, before := d.captured()
	d.allow(clients)
	d.pause(true) // parsing such a page takes the watcher longer than a scrape
	l := b.newLoad(nil, 20000)
	l.next = func(n uint64) []byte { return frames[n%manyHosts] }
	l.begin(there, 0)
	took, together := make([][]time.Duration, clients), make([]time.Duration, clients)
	request, err := http.NewRequest(http.MethodGet, d.URL+"metrics", nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "gzip")
	var all sync.WaitGroup
	start := time.Now()
	rounds := b.of(10, 120)
	for i := range clients {
		transport := &http.Transport{DialContext: d.Client.Transport.(*http.Transport).DialContext, DisableCompression: true}
		client := &http.Client{Timeout: 30 * time.Second, Transport: transport}
		b.Cleanup(client.CloseIdleConnections)
		scrape := func(at time.Duration) time.Duration { // gzipped, as Prometheus does
			time.Sleep(time.Until(start.Add(at)))
			begin := time.Now()
			answer, err := client.Do(request.Clone(b.Context()))
			if err == nil {
				_, err = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
			}
			if err != nil || answer.StatusCode != 200 || answer.Header.Get("Content-Encoding") != "gzip" {
				b.Errorf("scrape: %+v, %v", answer, err)
			}
			return time.Since(begin)
		}
		all.Go(func() {
			for round := range rounds { // spread over the second, as Prometheus does
				took[i] = append(took[i], scrape(interval*time.Duration(i)/clients+interval*time.Duration(round)))
			}
			together[i] = scrape(interval * time.Duration(rounds+1))
		})
	}
	all.Wait()
	l.end()
	d.pause(false)
	if _, after := d.captured(); after != before {
		b.Errorf("%d frames dropped", after-before)
	}
	times := slices.Concat(took...)
	p99 := percentile(99, times)
	if p99 > 250*time.Millisecond {
		b.Errorf("p99 of a scrape: %v", p99)
	}
	d.allow(-clients)
	f := d.finish(manyHosts + l.sent.Load())
	return fmt.Sprintf("%d scrapes: %s (median), %s (p99), %s (max); all ten at the same moment: %s (max); %s; at most %s",
		len(times), ms(percentile(50, times)), ms(p99), ms(slices.Max(times)), ms(slices.Max(together)), f, d.usedBesideRing())
}

// dial opens connections to the daemon, which have small receive buffers; each must succeed.
func (d *daemon) dial(count int) (all []net.Conn) {
	d.b.Helper()
	small := func(_, _ string, raw syscall.RawConn) (err error) {
		control := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
		if err == nil {
			err = control
		}
		return err
	}
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

func slowClients(b *bench) string {
	const idle, half, slow = 1000, 1000, 64
	d, there, _ := b.startWithHosts()
	s := testnet.NewSender(there, "in0")
	s.Sent = manyHosts
	before, _ := usageOf(d.Cmd.Process.Pid)
	d.allow(idle + half + slow)
	conns := d.dial(idle)
	for i, c := range conns {
		if i%2 == 0 { // half of them have asked for something
			_, _ = fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", address)
		}
	}
	for _, c := range d.dial(half) {
		_, _ = io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: 127.0")
		conns = append(conns, c)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for i, c := range d.dial(slow) {
		conns = append(conns, c)
		readers.Go(func() {
			time.Sleep(time.Duration(i%4) * time.Second) // some in each of several seconds, so that they hold different pages
			_, _ = fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n", address)
			for one := make([]byte, 1); ; {
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
	slowest := d.checkServed(s, b.seconds(8, 90))
	close(stop)
	hangUp(conns)
	readers.Wait()
	var now usage
	if !testnet.Within(10*time.Second, func() bool {
		now, _ = usageOf(d.Cmd.Process.Pid)
		return now.descriptors <= before.descriptors+2
	}) {
		b.Errorf("%d descriptors, %d before", now.descriptors, before.descriptors)
	}
	d.Until("their goroutines have ended", func() bool { return d.values("go_goroutines")[0] < maxGoroutines })
	d.allow(-idle - half - slow)
	f := d.finish(s.Sent)
	return fmt.Sprintf("%d connections; other clients answered within %s; at most %d descriptors, %d goroutines, %s; %s",
		len(conns), ms(slowest), d.peak.descriptors, d.peak.goroutines, d.usedBesideRing(), f)
}

// checkServed checks for a while that the daemon serves other clients, with current metrics.
func (d *daemon) checkServed(s *testnet.Sender, long time.Duration) (slowest time.Duration) {
	d.b.Helper()
	frame := testnet.UDP(known4, away, 72)
	for begin := time.Now(); time.Since(begin) < long; {
		s.Send(frame)
		sent, asked := s.Sent, time.Now()
		status, body := d.Get("healthz")
		took := time.Since(asked)
		slowest = max(slowest, took)
		d.sampleUsage() // the watcher may rest for long
		if status != 200 || took > time.Second {
			d.b.Errorf("healthz: %d %.100q after %v", status, body, took)
			return slowest
		}
		// What was sent is read within 60 ms, and in the registry within a second.
		current := testnet.Within(3*time.Second, func() bool {
			_, body := d.Get("metrics")
			return find(body, `gonetmon_network_packets_total{family="ipv4",scope="internet"}`)[0] >= sent
		})
		if !current {
			d.b.Error("the metrics do not change any more")
			return slowest
		}
		time.Sleep(200 * time.Millisecond)
	}
	return slowest
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

// hostileRequests are what others than browsers and Prometheus may send.
func (b *bench) hostileRequests() (all []string) {
	const host, end = "Host: " + address + "\r\n", "\r\n\r\n"
	const head = "GET /metrics HTTP/1.1\r\n" + host
	random := b.random()
	starts := []string{"", "GET ", "GET / HTTP/1.1\r\n", head, "PRI * HTTP/2.0" + end, "\x16\x03\x01"}
	for i := range b.of(200, 5000) {
		garbage := make([]byte, random.IntN(1<<random.IntN(15)))
		for i := range garbage {
			garbage[i] = byte(random.Uint32())
		}
		all = append(all, starts[i%len(starts)]+"\x00"+string(garbage)+end)
	}
	big := func(text string) string { return strings.Repeat(text, 1<<20/len(text)) }
	all = append(all, head+big("a"), big("A"), "GET /"+big("a")+" HTTP/1.1\r\n"+host+end)
	for _, header := range []string{"X-A: " + big("a"), strings.Repeat("X-A: b\r\n", 10000), "Cookie: " + big("a=b;"),
		"Accept-Encoding: " + big("gzip,"), "Content-Length: -1", "Content-Length: 1\r\nContent-Length: 2"} {
		all = append(all, head+header+end)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "get", "GE T",
		"G\x00T", "\u0262ET", strings.Repeat("G", 10000), ""} {
		all = append(all, method+" /metrics HTTP/1.1\r\n"+host+"Content-Length: 3\r\n\r\na=b")
	}
	for _, version := range []string{"HTTP/9.9", "HTTP/1", "FTP/1.0", "http/1.1", "HTTP/0.9"} {
		all = append(all, "GET / "+version+"\r\n"+host+end)
	}
	for _, path := range []string{"/../../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
		"//etc/passwd", "/metrics/../../../etc/passwd", "/.%00/etc/passwd", "/etc/passwd%00.html", "/....//....//etc/passwd",
		`/..\..\etc\passwd`,
		"/proc/self/environ", "/debug/pprof/", "/debug/vars", "/.git/config", "/.env", "file:///etc/passwd", "http://evil.example/",
		"*", "/%zz", "/;/etc/passwd"} {
		all = append(all, "GET "+path+" HTTP/1.1\r\n"+host+"Connection: close"+end)
	}
	for _, hosts := range []string{"", host + "Host: evil.example\r\n", "Host: evil.example\r\n", "Host: a b\r\n"} {
		all = append(all, "GET /metrics HTTP/1.1\r\n"+hosts+"\r\n")
	}
	return all
}

// requests sends hostile requests among frames that must be counted.
func requests(b *bench) string {
	here, there := testnet.NewPair(b)
	d := b.start(here)
	s := testnet.NewSender(there, "in0")
	d.allow(8)
	answers := map[int]int{}
	for _, request := range b.hostileRequests() {
		s.Send(testnet.UDP(known4, away, 72))
		status, body := d.ask(request)
		answers[status]++
		refused := status == 0 || status >= 400 || status == http.StatusTemporaryRedirect
		if !refused || strings.Contains(body, "root:") || strings.Contains(body, "PATH=") || strings.Contains(body, "goroutine ") {
			b.Errorf("%.100q was answered with %d %.100q", request, status, body)
		}
	}
	d.allow(-8)
	lines := strings.Count(d.Log.String(), "\n")
	if lines > 12 { // complaints of the HTTP server are limited to one line in ten seconds
		b.Errorf("%d lines of log", lines)
	}
	return fmt.Sprintf("answers by status %v; %d lines of log; %s", answers, lines, d.finish(s.Sent))
}

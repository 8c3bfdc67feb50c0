package rdns

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/sloglimit"
	"gonetmon/test/testnet"
)

func TestHostSize(t *testing.T) {
	if n := unsafe.Sizeof(host{}); n > 80 {
		t.Errorf("a host takes %d bytes, want at most 80", n)
	}
}

// Want is called by those who count: with no one answering, a /16 of it takes far less than a second.
func TestWantIsCheap(t *testing.T) {
	p := NewResolver(Config{Servers: servers1, Limit: 1 << 16})
	start := time.Now()
	for i := range 1 << 16 {
		p.Want(ip(i))
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("65,536 Wants took %v", d)
	}
}

func BenchmarkWant(b *testing.B) {
	p := NewResolver(Config{Servers: servers1, Limit: 1 << 16})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p.Want(ip(i & 0xffff))
		i++
	}
}

// The log speaks when a server goes down and when it comes up, and at no other time.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	reply := func(_ int, addr netip.Addr) (answer, time.Duration) {
		if time.Now().Year() == 2000 && time.Now().Hour() < 1 { // the bubble's clock begins with the year 2000
			return dead(0, addr)
		}
		return ok(nameOf(addr), time.Minute), 0
	}
	cfg := Config{Servers: servers1, Limit: 10, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))}
	run(t, cfg, reply, func(p *Resolver, _ *peer) {
		for range 120 {
			for i := range 10 {
				p.Want(ip(i))
			}
			time.Sleep(time.Minute)
		}
	})
	want := "level=WARN msg=\"dns server is down\" server=127.0.0.1:1 reason=timeout\n" +
		"level=INFO msg=\"dns server is up\" server=127.0.0.1:1\n"
	if diff := cmp.Diff(want, log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

// However often a server comes and goes, the log has a few lines of it.
func TestLogIsBounded(t *testing.T) {
	const often = 10_000
	var log bytes.Buffer
	turn := 0
	reply := func(_ int, addr netip.Addr) (answer, time.Duration) {
		if turn++; turn%(downAfter+1) != 0 { // goes down, and answers the probe
			return answer{reason: Timeout}, 0
		}
		return ok(nameOf(addr), time.Minute), 0
	}
	cfg := Config{Servers: servers1, Limit: 200, Log: slog.New(sloglimit.NewHandler(slog.NewTextHandler(&log, nil)))}
	run(t, cfg, reply, func(p *Resolver, f *peer) {
		begin := time.Now()
		for range 2 * often {
			for i := range 200 {
				p.Want(ip(i))
			}
			time.Sleep(2 * time.Second)
		}
		synctest.Wait()
		lines, most := strings.Count(log.String(), "\n"), 2*(12+int(time.Since(begin)/time.Minute))
		skipped := 0
		for _, m := range regexp.MustCompile(`skipped=(\d+)`).FindAllStringSubmatch(log.String(), -1) {
			n, _ := strconv.Atoi(m[1])
			skipped += n
		}
		t.Logf("in %v %d queries, %d lines, %d left out", time.Since(begin), f.count(), lines, skipped)
		if lines > most || lines+skipped < often {
			t.Errorf("%d lines and %d left out in %v, want at most %d, and %d in all", lines, skipped, time.Since(begin), most, often)
		}
	})
}

func TestSweep(t *testing.T) {
	for _, tt := range []struct {
		name, prefix string
		asked        int
	}{
		{"/22", "10.0.0.0/22", 1022},
		{"/24 given by a host", "10.0.0.77/24", 254},
		{"/30", "10.0.0.0/30", 2},
		{"/31", "10.0.0.0/31", 2},
		{"/32", "10.0.0.1/32", 1},
		{"too big", "10.0.0.0/21", 0},
		{"everything", "0.0.0.0/0", 0},
		{"IPv6", "2001:db8::/120", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run(t, Config{Servers: servers1, Limit: 2000}, named(time.Minute), func(p *Resolver, f *peer) {
				prefix := netip.MustParsePrefix(tt.prefix)
				p.Sweep(prefix)
				time.Sleep(30 * time.Minute)
				p.Sweep(prefix.Masked())
				time.Sleep(29 * time.Minute)
				if n := f.count(); n != tt.asked {
					t.Errorf("%d asked in an hour, want %d", n, tt.asked)
				}
				for _, edge := range []string{"10.0.0.0", "10.0.0.255", "10.0.3.255"} {
					if len(f.times(edge)) > 0 && tt.prefix == "10.0.0.77/24" {
						t.Errorf("%s was asked", edge)
					}
				}
				if got := drain(t, p); len(got) != tt.asked {
					t.Errorf("%d drained, want %d", len(got), tt.asked)
				}
				time.Sleep(10 * time.Minute)
				if n := f.count(); n != 2*tt.asked {
					t.Errorf("%d asked in 69 minutes, want %d", n, 2*tt.asked)
				}
			})
		})
	}
	if p := NewResolver(Config{Servers: servers1, Limit: 10}); true {
		p.Sweep(netip.Prefix{})
		p.Sweep(netip.MustParsePrefix("10.0.0.0/24"))
		if n := p.Stats().Cached; n != 10 {
			t.Errorf("%d remembered, with a limit of 10", n)
		}
	}
}

// A swept address without a name is asked again when somebody lives there.
func TestSweptComesAlive(t *testing.T) {
	born := false
	reply := func(_ int, _ netip.Addr) (answer, time.Duration) {
		if born {
			return ok("phone.lan", time.Hour), 0
		}
		return answer{reason: none, final: true, ttl: time.Hour}, 0
	}
	run(t, Config{Servers: servers1, Limit: 10}, reply, func(p *Resolver, f *peer) {
		p.Sweep(netip.MustParsePrefix("10.0.0.7/32"))
		time.Sleep(time.Minute)
		expect(t, p, map[string]string{"10.0.0.7": ""})
		f.mu.Lock()
		born = true
		f.mu.Unlock()
		p.Want(ip(7))
		time.Sleep(time.Second)
		expect(t, p, map[string]string{"10.0.0.7": "phone.lan"})
	})
}

func TestLimit(t *testing.T) {
	run(t, Config{Servers: servers1, Limit: 100}, named(time.Hour), func(p *Resolver, _ *peer) {
		for i := range 150 {
			p.Want(ip(i))
		}
		time.Sleep(10 * time.Second)
		got := drain(t, p)
		for i := range 150 {
			want := nameOf(ip(i))
			if i >= 100 {
				want = ""
			}
			if name, ok := got[ip(i).String()]; !ok || name != want {
				t.Errorf("%s drained as %q, %v, want %q", ip(i), name, ok, want)
			}
		}
		for range 11 { // 0 to 49 stay, the others go
			for i := range 50 {
				p.Want(ip(i))
			}
			time.Sleep(time.Minute)
		}
		for i := 100; i < 160; i++ {
			p.Want(ip(i))
		}
		time.Sleep(10 * time.Second)
		got = drain(t, p)
		for i := 100; i < 160; i++ {
			want := nameOf(ip(i))
			if i >= 150 {
				want = ""
			}
			if got[ip(i).String()] != want {
				t.Errorf("%s drained as %q, want %q", ip(i), got[ip(i).String()], want)
			}
		}
		if n := p.Stats().Cached; n != 100 {
			t.Errorf("%d remembered, want 100", n)
		}
		for range 5 { // nobody drains: what is not remembered must not pile up
			for i := range 1 << 16 {
				p.Want(ip(i))
			}
		}
		if n := len(p.changed); n > 2*100+moreChanges {
			t.Errorf("%d changes kept", n)
		}
	})
}

func TestNoServers(t *testing.T) {
	run(t, Config{Limit: 10}, nil, func(p *Resolver, _ *peer) {
		p.Sweep(netip.MustParsePrefix("10.0.0.0/30"))
		p.Want(ip(1))
		p.Want(ip(1))
		p.Want(netip.Addr{})
		expect(t, p, map[string]string{"10.0.0.1": ""})
		time.Sleep(time.Hour)
		p.Want(ip(1))
		expect(t, p, map[string]string{})
		if s := p.Stats(); s.Queued != 0 || s.Cached != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestAddresses(t *testing.T) {
	run(t, Config{Servers: servers1, Limit: 10}, func(_ int, _ netip.Addr) (answer, time.Duration) { return ok("x.lan", time.Hour), 0 }, func(p *Resolver, _ *peer) {
		p.Want(netip.MustParseAddr("::ffff:10.0.0.1"))
		p.Want(netip.MustParseAddr("10.0.0.1"))
		p.Want(netip.MustParseAddr("fe80::1%eth0"))
		time.Sleep(time.Second)
		expect(t, p, map[string]string{"10.0.0.1": "x.lan", "fe80::1": "x.lan"})
	})
}

// The whole of it against a real server on loopback, with everybody at it at once.
func TestPTR(t *testing.T) {
	server := testnet.StartDNS(t, func(addr netip.Addr) testnet.Answer {
		switch addr.As4()[3] % 4 {
		case 1:
			return testnet.Answer{Mode: testnet.NXDomain, TTL: 300}
		case 2:
			return testnet.Answer{Mode: testnet.RawName, TTL: 300, RData: testnet.WireName("<script>\n\"")}
		}
		return testnet.Answer{Names: []string{nameOf(addr)}, TTL: 300, Delay: 100 * time.Millisecond}
	})
	p := NewResolver(Config{Servers: []netip.AddrPort{server.Addr}, Limit: 100})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()

	got := make(map[string]string)
	for deadline := time.Now().Add(10 * time.Second); len(got) < 62 && time.Now().Before(deadline); {
		var wants sync.WaitGroup
		for range 4 {
			wants.Go(func() {
				for i := range 60 {
					p.Want(ip(i))
				}
				p.Sweep(netip.MustParsePrefix("10.9.0.0/30"))
				p.Stats()
			})
		}
		wants.Wait()
		for addr, name := range drain(t, p) {
			got[addr] = name
		}
		time.Sleep(10 * time.Millisecond)
	}
	stats := p.Stats()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	for i := range 60 {
		want := ""
		if i%4 == 0 || i%4 == 3 {
			want = nameOf(ip(i))
		}
		if name, ok := got[ip(i).String()]; !ok || name != want {
			t.Errorf("%s drained as %q, %v, want %q", ip(i), name, ok, want)
		}
	}
	if len(got) != 62 || server.Queries() != 62 || stats.Queries != 62 || stats.NamesRefused != 16 || stats.Failures[BadName] != 16 {
		t.Errorf("%d drained, %d queries came, stats %+v; want 62, 62, 16 refused", len(got), server.Queries(), stats)
	}
	if n := server.MaxInFlight(); n > 8 {
		t.Errorf("%d queries in flight", n)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if s := string(stacks); strings.Contains(s, "names.(*Resolver).Run") || strings.Contains(s, "names.(*wire)") {
		t.Errorf("goroutines are left:\n%s", s)
	}
}

// The dead server and the /16 once more, on real sockets.
func TestPTRBlackHole(t *testing.T) {
	const n = 65534
	server := testnet.StartDNS(t, func(netip.Addr) testnet.Answer {
		return testnet.Answer{Mode: testnet.BlackHole, Delay: testTimeout * 3 / 4}
	})
	p := NewResolver(Config{Servers: []netip.AddrPort{server.Addr}, Limit: 1 << 16})
	p.ask = newWire(testTimeout).ask
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	start := time.Now()
	for i := 1; i <= n; i++ {
		p.Want(ip(i))
	}
	wanted := time.Since(start)
	got := 0
	for got < n && time.Since(start) < 10*time.Second {
		p.Drain(func(netip.Addr, string) { got++ })
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("%d Wants in %v, all drained after %v, %d queries, at most %d in flight", n, wanted, time.Since(start), server.Queries(), server.MaxInFlight())
	cancel()
	if err := <-ended; err != nil || got != n {
		t.Errorf("Run: %v; %d of %d drained", err, got, n)
	}
	if m := server.MaxInFlight(); m > 8 {
		t.Errorf("%d queries in flight", m)
	}
}

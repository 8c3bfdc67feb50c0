package rdns

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A dead DNS server and a /16: the hosts show up under their addresses within seconds, and nothing grows.
func TestDeadServersAndSlash16(t *testing.T) {
	const n = 65534
	for _, servers := range [][]netip.AddrPort{servers1, servers3} {
		t.Run(fmt.Sprintf("%d servers", len(servers)), func(t *testing.T) {
			run(t, Config{Servers: servers, Limit: 1 << 16}, dead, func(p *Resolver, f *peer) {
				before := heapBytes()
				for i := 1; i <= n; i++ {
					p.Want(ip(i))
				}
				time.Sleep(10 * time.Second)
				got := drain(t, p)
				for addr, name := range got {
					if name != "" {
						t.Errorf("%s drained as %q", addr, name)
					}
				}
				if len(got) != n {
					t.Errorf("%d hosts drained within 10 s, want all %d", len(got), n)
				}
				clear(got)
				perHost := (heapBytes() - before) / n
				first := f.count()
				time.Sleep(time.Hour)
				perHour := f.count() - first
				later := (heapBytes() - before) / n
				t.Logf("heap per host %d bytes, an hour later %d; %d queries in the first 10 s, %d in the hour after", perHost, later, first, perHour)
				if perHost > 160 || later > 160 {
					t.Errorf("heap per host %d bytes, an hour later %d, want at most 160", perHost, later)
				}
				if perHour > 200*len(servers) {
					t.Errorf("%d queries in an hour to dead servers", perHour)
				}
				if s := p.Stats(); s.Cached != n || s.Failures[Timeout] == 0 {
					t.Errorf("stats %+v", s)
				}
				expect(t, p, map[string]string{})
			})
		})
	}
}

// After an outage all hosts get their names, though nobody wants them again, no faster than the rate allows.
func TestRecovery(t *testing.T) {
	up := false
	reply := func(_ int, addr netip.Addr) (answer, time.Duration) {
		if !up {
			return dead(0, addr)
		}
		return ok(nameOf(addr), time.Hour), time.Millisecond
	}
	run(t, Config{Servers: servers1, Limit: 1000}, reply, func(p *Resolver, f *peer) {
		for i := range 500 {
			p.Want(ip(i))
		}
		time.Sleep(5 * time.Second)
		if got := drain(t, p); len(got) != 500 {
			t.Errorf("%d of 500 hosts drained in 5 s", len(got))
		}
		p.Want(ip(500))
		time.Sleep(2 * time.Second)
		expect(t, p, map[string]string{"10.0.1.244": ""})
		time.Sleep(3 * time.Hour)
		f.mu.Lock()
		up = true
		f.mu.Unlock()
		before := f.count()
		time.Sleep(maxBackOff + 2*time.Second)
		if n := f.count() - before; n > 50*62 {
			t.Errorf("%d queries in the minute of the recovery", n)
		}
		time.Sleep(time.Minute) // those that were asked in vain when the server went down have a back-off of their own
		got := drain(t, p)
		for i := range 501 {
			if got[ip(i).String()] != nameOf(ip(i)) {
				t.Errorf("%s is %q", ip(i), got[ip(i).String()])
			}
		}
	})
}

func TestRates(t *testing.T) {
	run(t, Config{Servers: servers1, Limit: 2000}, named(time.Hour), func(p *Resolver, f *peer) {
		for i := range 200 {
			p.Want(ip(i))
		}
		p.Sweep(netip.MustParsePrefix("10.9.0.0/22"))
		time.Sleep(3900 * time.Millisecond)
		for _, addr := range f.order() {
			if strings.HasPrefix(addr, "10.9.") {
				t.Errorf("%s was asked before the wanted hosts", addr)
			}
		}
		if n := f.count(); n < 190 || n > 196 {
			t.Errorf("%d wanted lookups in 3.9 s, want 195", n)
		}
		time.Sleep(10 * time.Second)
		if n := f.count(); n < 295 || n > 305 {
			t.Errorf("%d lookups 10 s later, want 300", n)
		}
		p.Want(netip.MustParseAddr("10.9.3.254"))
		time.Sleep(100 * time.Millisecond)
		if drain(t, p)["10.9.3.254"] == "" {
			t.Error("a swept host that is wanted waits")
		}
	})
}

// A name is refreshed by its TTL while it is wanted, changes are drained once, and the last good one is kept.
func TestRefresh(t *testing.T) {
	now := ok("a.lan", time.Second)
	reply := func(int, netip.Addr) (answer, time.Duration) { return now, 0 }
	run(t, Config{Servers: servers1, Limit: 10}, reply, func(p *Resolver, f *peer) {
		set := func(a answer) {
			f.mu.Lock()
			now = a
			f.mu.Unlock()
		}
		wantFor := func(d time.Duration) (asked int) {
			before := f.count()
			for range d / time.Minute {
				p.Want(ip(1))
				time.Sleep(time.Minute)
			}
			return f.count() - before
		}
		if n := wantFor(10 * time.Minute); n < 9 || n > 11 {
			t.Errorf("TTL 1 s: asked %d times in 10 minutes, want 10", n)
		}
		expect(t, p, map[string]string{"10.0.0.1": "a.lan"})
		expect(t, p, map[string]string{})
		set(ok("b.lan", 30*24*time.Hour))
		wantFor(2 * time.Minute)
		expect(t, p, map[string]string{"10.0.0.1": "b.lan"})
		set(answer{reason: none, final: true, ttl: 5 * time.Minute})
		if n := wantFor(23 * time.Hour); n != 0 {
			t.Errorf("TTL of 30 days: asked %d times within a day", n)
		}
		if n := wantFor(2 * time.Hour); n < 12 || n > 26 {
			t.Errorf("NXDOMAIN for 5 minutes: asked %d times", n)
		}
		for _, gone := range []answer{{reason: ServFail}, {reason: Timeout}, {reason: BadName, final: true, refused: 1}} {
			set(gone)
			if wantFor(2*time.Hour) == 0 {
				t.Error("not asked for 2 hours")
			}
		}
		expect(t, p, map[string]string{})
		set(ok("b.lan", time.Second))
		wantFor(2 * time.Hour)
		expect(t, p, map[string]string{}) // the same name is no change
		set(ok("c.lan", time.Second))
		wantFor(2 * time.Minute)
		expect(t, p, map[string]string{"10.0.0.1": "c.lan"})

		time.Sleep(idleAfter)
		before := f.count()
		time.Sleep(24 * time.Hour)
		if n := f.count() - before; n > 0 {
			t.Errorf("asked %d times in a day in which nobody wanted it", n)
		}
		set(ok("d.lan", time.Second))
		p.Want(ip(1))
		time.Sleep(time.Second)
		expect(t, p, map[string]string{"10.0.0.1": "d.lan"})
		if s := p.Stats(); s.NamesRefused == 0 || s.Failures[BadName] != s.NamesRefused || s.Queries != uint64(f.count()) {
			t.Errorf("stats %+v, %d asked", s, f.count())
		}
	})
}

// One address that fails is asked after 1, 2, 4 … 60 minutes, while others are answered.
func TestBackOffPerAddress(t *testing.T) {
	reply := func(_ int, addr netip.Addr) (answer, time.Duration) {
		if addr == ip(1) {
			return answer{reason: ServFail}, 0
		}
		return ok(nameOf(addr), time.Minute), 0
	}
	run(t, Config{Servers: servers1, Limit: 10}, reply, func(p *Resolver, f *peer) {
		for range 6 * 60 {
			p.Want(ip(1))
			p.Want(ip(2))
			time.Sleep(time.Minute)
		}
		var gaps []int
		when := f.times("10.0.0.1")
		for i := 1; i < len(when); i++ {
			gaps = append(gaps, int(when[i].Sub(when[i-1]).Round(time.Minute)/time.Minute))
		}
		if diff := cmp.Diff([]int{1, 2, 4, 8, 16, 32, 60, 60, 60, 60}, gaps); diff != "" {
			t.Errorf("minutes between tries (-want +got):\n%s", diff)
		}
		if s := p.Stats(); s.Failures[ServFail] != uint64(len(when)) {
			t.Errorf("%d failures counted of %d", s.Failures[ServFail], len(when))
		}
	})
}

// A server that fails for most hosts does not keep the others from their names.
func TestServFailForMost(t *testing.T) {
	reply := func(_ int, addr netip.Addr) (answer, time.Duration) {
		if addr.As4()[3]%4 != 0 {
			return answer{reason: ServFail}, time.Millisecond
		}
		return ok(nameOf(addr), time.Hour), time.Millisecond
	}
	run(t, Config{Servers: servers1, Limit: 1000}, reply, func(p *Resolver, _ *peer) {
		got := make(map[string]string)
		for minute := range 10 {
			for i := range 100 {
				p.Want(ip(i))
			}
			time.Sleep(time.Minute)
			for addr, name := range drain(t, p) {
				got[addr] = name
			}
			named := 0
			for _, name := range got {
				if name != "" {
					named++
				}
			}
			t.Logf("after %d minutes: %d hosts, %d of 25 named", minute+1, len(got), named)
			if minute == 0 && (len(got) != 100 || named != 25) {
				t.Errorf("minute %d: %d hosts, %d named", minute+1, len(got), named)
			}
		}
	})
}

func TestFailOver(t *testing.T) {
	for _, tt := range []struct {
		name   string
		first  answer
		took   time.Duration
		second int // queries that come to the second server, of 100
	}{
		{"timeout", answer{reason: Timeout}, 2 * time.Second, 100},
		{"network", answer{reason: Network}, 0, 100},
		{"servfail", answer{reason: ServFail}, 0, 100},
		{"refused", answer{reason: Refused}, 0, 100},
		{"garbage", answer{reason: Malformed}, 2 * time.Second, 100},
		{"nxdomain", answer{reason: none, final: true}, 0, 0},
		{"bad name", answer{reason: BadName, final: true}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reply := func(server int, addr netip.Addr) (answer, time.Duration) {
				if server == 0 {
					return tt.first, tt.took
				}
				return ok(nameOf(addr), time.Hour), time.Millisecond
			}
			run(t, Config{Servers: servers3[:2], Limit: 1000}, reply, func(p *Resolver, f *peer) {
				for i := range 100 {
					p.Want(ip(i))
				}
				time.Sleep(10 * time.Second)
				if got := drain(t, p); len(got) != 100 {
					t.Errorf("%d of 100 drained", len(got))
				}
				if n := f.load(1); n != tt.second {
					t.Errorf("second server was asked %d times, want %d", n, tt.second)
				}
				if n := f.load(0); tt.second > 0 && !tt.first.reason.answered() && n > 20 {
					t.Errorf("dead first server was asked %d times", n)
				}
				if s := p.Stats(); tt.second > 0 && s.Failures != [NumReasons]uint64{} {
					t.Errorf("failures counted though the second server answered: %v", s.Failures)
				}
			})
		})
	}
}

func TestFlappingServer(t *testing.T) {
	reply := func(_ int, addr netip.Addr) (answer, time.Duration) {
		if time.Now().Unix()/20%2 == 0 {
			return dead(0, addr)
		}
		return ok(nameOf(addr), time.Minute), time.Millisecond
	}
	run(t, Config{Servers: servers1, Limit: 1000}, reply, func(p *Resolver, f *peer) {
		names := make(map[string]string)
		for range 60 {
			for i := range 100 {
				p.Want(ip(i))
			}
			time.Sleep(time.Minute)
			for addr, name := range drain(t, p) {
				if names[addr] != "" {
					t.Errorf("%s was %q, now %q", addr, names[addr], name)
				}
				names[addr] = name
			}
		}
		for i := range 100 {
			if names[ip(i).String()] != nameOf(ip(i)) {
				t.Errorf("%s is %q", ip(i), names[ip(i).String()])
			}
		}
		if n := f.count(); n > 60*101 {
			t.Errorf("%d queries in an hour for 100 hosts with a TTL of a minute", n)
		}
	})
}

// A server that answers, but too slowly for all: hosts are shown after a minute at the latest, and named later.
func TestPatience(t *testing.T) {
	reply := func(_ int, addr netip.Addr) (answer, time.Duration) {
		return ok(nameOf(addr), 24*time.Hour), 1900 * time.Millisecond
	}
	run(t, Config{Servers: servers1, Limit: 1000}, reply, func(p *Resolver, _ *peer) {
		for i := range 1000 {
			p.Want(ip(i))
		}
		time.Sleep(patience + 3*time.Second)
		if got := drain(t, p); len(got) != 1000 {
			t.Errorf("%d of 1000 hosts drained in a minute", len(got))
		}
		time.Sleep(4 * time.Minute)
		if got := drain(t, p); len(got) < 700 {
			t.Errorf("%d names followed, want the other 740", len(got))
		}
	})
}

// Run may end in the middle of lookups and begin again; nothing is lost.
func TestRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &peer{t: t, when: make(map[string][]time.Time), byServer: make(map[int]int)}
		f.reply = func(_ int, addr netip.Addr) (answer, time.Duration) { return ok(nameOf(addr), time.Hour), time.Second }
		p := NewResolver(Config{Servers: servers1, Limit: 100})
		p.ask = f.ask
		for i := range 20 {
			p.Want(ip(i))
		}
		p.Sweep(netip.MustParsePrefix("10.9.0.0/30"))
		got := make(map[string]string)
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			start := time.Now()
			if err := p.Run(ctx); err != nil || time.Since(start) != 1500*time.Millisecond {
				t.Errorf("Run: %v after %v", err, time.Since(start))
			}
			cancel()
			for addr, name := range drain(t, p) {
				got[addr] = name
			}
		}
		if len(got) != 22 || got["10.0.0.19"] != "h10-0-0-19" {
			t.Errorf("%d of 22 hosts drained", len(got))
		}
	})
}

// Other servers are asked from then on; a lookup that goes on ends with those that it began with. What is known of a server's health stays.
func TestSetServers(t *testing.T) {
	reply := func(server int, addr netip.Addr) (answer, time.Duration) {
		if server == 0 {
			return dead(0, addr)
		}
		return ok(nameOf(addr), time.Hour), time.Millisecond
	}
	run(t, Config{Servers: servers1, Limit: 1000}, reply, func(p *Resolver, f *peer) {
		p.Want(ip(1))
		time.Sleep(time.Second) // a query is on its way
		p.SetServers(servers3[1:])
		p.Want(ip(2))
		time.Sleep(5 * time.Second)
		if got := drain(t, p); got[ip(2).String()] != nameOf(ip(2)) {
			t.Errorf("from the other servers: %v", got)
		}
		before := f.load(0)
		p.Want(ip(1))
		time.Sleep(2 * time.Hour)
		if n := f.load(0); n != before {
			t.Errorf("the server that is no more was asked %d times", n-before)
		}
		p.SetServers(nil)
		before = f.count()
		p.Want(ip(3))
		time.Sleep(2 * time.Hour)
		if n := f.count(); n != before {
			t.Errorf("without servers %d were asked", n-before)
		}
		expect(t, p, map[string]string{ip(1).String(): nameOf(ip(1)), ip(3).String(): ""})
		p.SetServers(servers3[1:])
		p.Want(ip(3))
		time.Sleep(5 * time.Second)
		expect(t, p, map[string]string{ip(3).String(): nameOf(ip(3))})
	})
}

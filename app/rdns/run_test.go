package rdns

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// With dead servers, all hosts of a full table are reported within seconds, and the servers are hardly asked.
func TestRun_DeadServers(t *testing.T) {
	const n = 4096
	for _, servers := range [][]netip.AddrPort{oneServer, twoServers} {
		run(t, Config{Servers: servers, Limit: n}, dead, func(r *Resolver, f *fakeServers) {
			for i := range n {
				r.Want(ip(i))
			}
			time.Sleep(10 * time.Second)
			got := drain(t, r)
			for addr, name := range got {
				if name != "" {
					t.Errorf("%s drained as %q", addr, name)
				}
			}
			if len(got) != n {
				t.Errorf("%d hosts drained within 10 s, want all %d", len(got), n)
			}
			before := f.count()
			time.Sleep(time.Hour)
			if asked := f.count() - before; asked > 200*len(servers) {
				t.Errorf("%d queries in an hour to %d dead servers", asked, len(servers))
			}
			if s := r.Stats(); s.Cached != n || s.Failures[Timeout] == 0 {
				t.Errorf("stats %+v", s)
			}
			wantDrained(t, r, map[string]string{})
		})
	}
}

// After an outage all hosts get their names, even if they are not wanted again, and no faster than the rate allows.
func TestRun_Recovery(t *testing.T) {
	run(t, Config{Servers: oneServer, Limit: 1000}, dead, func(r *Resolver, f *fakeServers) {
		for i := range 500 {
			r.Want(ip(i))
		}
		time.Sleep(5 * time.Second)
		if got := drain(t, r); len(got) != 500 {
			t.Errorf("%d of 500 hosts drained in 5 s", len(got))
		}
		r.Want(ip(500))
		time.Sleep(2 * time.Second)
		wantDrained(t, r, map[string]string{"10.0.1.244": ""})
		time.Sleep(3 * time.Hour)
		f.locked(func() { f.reply = named(time.Hour) })
		before := f.count()
		time.Sleep(maxBackOff + 2*time.Second)
		if n := f.count() - before; n > 50*62 {
			t.Errorf("%d queries in the minute of the recovery", n)
		}
		time.Sleep(time.Minute) // those that were in flight when the server went down have a back-off of their own
		got := drain(t, r)
		for i := range 501 {
			if got[ip(i).String()] != nameOf(ip(i)) {
				t.Errorf("%s is %q", ip(i), got[ip(i).String()])
			}
		}
	})
}

func TestRun_Rates(t *testing.T) {
	run(t, Config{Servers: oneServer, Limit: 2000}, named(time.Hour), func(r *Resolver, f *fakeServers) {
		for i := range 200 {
			r.Want(ip(i))
		}
		r.Sweep(netip.MustParsePrefix("10.9.0.0/22"))
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
		r.Want(netip.MustParseAddr("10.9.3.254"))
		time.Sleep(100 * time.Millisecond)
		if drain(t, r)["10.9.3.254"] == "" {
			t.Error("a swept host that is wanted has to wait")
		}
	})
}

// A name is refreshed after its TTL, clamped to a minute and a day, while it is wanted. A change is reported once. An
// answer without a name is cached too, and the last good name stays.
func TestRun_Refresh(t *testing.T) {
	current := found("a.lan", time.Second)
	reply := func(int, netip.Addr) (answer, time.Duration) { return current, 0 }
	run(t, Config{Servers: oneServer, Limit: 10}, reply, func(r *Resolver, f *fakeServers) {
		set := func(a answer) { f.locked(func() { current = a }) }
		wantFor := func(d time.Duration) (asked int) {
			before := f.count()
			for range d / time.Minute {
				r.Want(ip(1))
				time.Sleep(time.Minute)
			}
			return f.count() - before
		}
		if n := wantFor(10 * time.Minute); n < 9 || n > 11 {
			t.Errorf("TTL 1 s: %d queries in 10 minutes, want 10", n)
		}
		wantDrained(t, r, map[string]string{"10.0.0.1": "a.lan"})
		wantDrained(t, r, map[string]string{})
		set(found("b.lan", 30*24*time.Hour))
		wantFor(2 * time.Minute)
		wantDrained(t, r, map[string]string{"10.0.0.1": "b.lan"})
		set(answer{reason: none, final: true, ttl: 5 * time.Minute})
		if n := wantFor(23 * time.Hour); n != 0 {
			t.Errorf("TTL of 30 days: %d queries within a day", n)
		}
		if n := wantFor(2 * time.Hour); n < 12 || n > 26 {
			t.Errorf("NXDOMAIN for 5 minutes: %d queries in two hours", n)
		}
		for _, failure := range []answer{{reason: ServFail}, {reason: Timeout}, {reason: BadName, final: true, refused: 1}} {
			set(failure)
			if wantFor(2*time.Hour) == 0 {
				t.Errorf("%v: no query in two hours", failure.reason)
			}
		}
		wantDrained(t, r, map[string]string{})
		set(found("b.lan", time.Second))
		wantFor(2 * time.Hour)
		wantDrained(t, r, map[string]string{}) // the same name is no change
		set(found("c.lan", time.Second))
		wantFor(2 * time.Minute)
		wantDrained(t, r, map[string]string{"10.0.0.1": "c.lan"})

		time.Sleep(idleAfter)
		before := f.count()
		time.Sleep(24 * time.Hour)
		if n := f.count() - before; n > 0 {
			t.Errorf("%d queries in a day in which it was not wanted", n)
		}
		set(found("d.lan", time.Second))
		r.Want(ip(1))
		time.Sleep(time.Second)
		wantDrained(t, r, map[string]string{"10.0.0.1": "d.lan"})
		if s := r.Stats(); s.NamesRefused == 0 || s.Failures[BadName] != s.NamesRefused || s.Queries != uint64(f.count()) {
			t.Errorf("stats %+v, %d queries", s, f.count())
		}
	})
}

// An address that fails is asked again after 1, 2, 4 … 60 minutes. A server that answers other addresses stays up.
func TestRun_BackOffPerAddress(t *testing.T) {
	reply := func(_ int, addr netip.Addr) (answer, time.Duration) {
		if addr != ip(0) {
			return answer{reason: ServFail}, 0
		}
		return found(nameOf(addr), time.Minute), 0
	}
	run(t, Config{Servers: oneServer, Limit: 10}, reply, func(r *Resolver, f *fakeServers) {
		for range 6 * 60 {
			for i := range 4 {
				r.Want(ip(i))
			}
			time.Sleep(time.Minute)
		}
		var gaps []int
		var times []time.Time
		f.locked(func() { times = slices.Clone(f.times["10.0.0.1"]) })
		for i := 1; i < len(times); i++ {
			gaps = append(gaps, int(times[i].Sub(times[i-1]).Round(time.Minute)/time.Minute))
		}
		if diff := cmp.Diff([]int{1, 2, 4, 8, 16, 32, 60, 60, 60, 60}, gaps); diff != "" {
			t.Errorf("minutes between tries (-want +got):\n%s", diff)
		}
		if s := r.Stats(); s.Failures[ServFail] != uint64(3*len(times)) {
			t.Errorf("%d failures counted of %d", s.Failures[ServFail], 3*len(times))
		}
		wantDrained(t, r, map[string]string{"10.0.0.0": nameOf(ip(0)), "10.0.0.1": "", "10.0.0.2": "", "10.0.0.3": ""})
	})
}

func TestRun_FailOver(t *testing.T) {
	for _, tt := range []struct {
		name   string
		first  answer
		took   time.Duration
		second int // queries to the second server, of 100
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
				return found(nameOf(addr), time.Hour), time.Millisecond
			}
			run(t, Config{Servers: twoServers, Limit: 1000}, reply, func(r *Resolver, f *fakeServers) {
				for i := range 100 {
					r.Want(ip(i))
				}
				time.Sleep(10 * time.Second)
				if got := drain(t, r); len(got) != 100 {
					t.Errorf("%d of 100 drained", len(got))
				}
				if n := f.queriesTo(1); n != tt.second {
					t.Errorf("%d queries to the second server, want %d", n, tt.second)
				}
				if n := f.queriesTo(0); tt.second > 0 && !tt.first.reason.answered() && n > 20 {
					t.Errorf("%d queries to the dead first server", n)
				}
				if s := r.Stats(); tt.second > 0 && s.Failures != [NumReasons]uint64{} {
					t.Errorf("failures counted though the second server answered: %v", s.Failures)
				}
			})
		})
	}
}

// If a server is too slow for all, hosts are reported after a minute at the latest, and get their names later.
func TestRun_SlowServer(t *testing.T) {
	reply := func(_ int, addr netip.Addr) (answer, time.Duration) {
		return found(nameOf(addr), 24*time.Hour), 1900 * time.Millisecond
	}
	run(t, Config{Servers: oneServer, Limit: 1000}, reply, func(r *Resolver, _ *fakeServers) {
		for i := range 1000 {
			r.Want(ip(i))
		}
		time.Sleep(maxPending + 3*time.Second)
		if got := drain(t, r); len(got) != 1000 {
			t.Errorf("%d of 1000 hosts drained in a minute", len(got))
		}
		time.Sleep(4 * time.Minute)
		if got := drain(t, r); len(got) < 700 {
			t.Errorf("%d names followed, want the other 740", len(got))
		}
	})
}

// New servers are asked from then on. A lookup in flight ends with the old ones.
func TestResolver_SetServers(t *testing.T) {
	reply := func(server int, addr netip.Addr) (answer, time.Duration) {
		if server == 0 {
			return dead(0, addr)
		}
		return found(nameOf(addr), time.Hour), time.Millisecond
	}
	run(t, Config{Servers: oneServer, Limit: 1000}, reply, func(r *Resolver, f *fakeServers) {
		r.Want(ip(1))
		time.Sleep(time.Second) // a query is in flight
		r.SetServers(twoServers[1:])
		r.Want(ip(2))
		time.Sleep(5 * time.Second)
		if got := drain(t, r); got[ip(2).String()] != nameOf(ip(2)) {
			t.Errorf("from the new server: %v", got)
		}
		before := f.queriesTo(0)
		r.Want(ip(1))
		time.Sleep(2 * time.Hour)
		if n := f.queriesTo(0); n != before {
			t.Errorf("%d queries to the old server", n-before)
		}
		r.SetServers(nil)
		before = f.count()
		r.Want(ip(3))
		time.Sleep(2 * time.Hour)
		if n := f.count(); n != before {
			t.Errorf("%d queries without servers", n-before)
		}
		wantDrained(t, r, map[string]string{ip(1).String(): nameOf(ip(1)), ip(3).String(): ""})
		r.SetServers(twoServers[1:])
		r.Want(ip(3))
		time.Sleep(5 * time.Second)
		wantDrained(t, r, map[string]string{ip(3).String(): nameOf(ip(3))})
	})
}

package rdns

import (
	"bytes"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestResolver_Sweep(t *testing.T) {
	for _, tt := range []struct {
		name, prefix string
		asked        int
	}{
		{"/22", "10.0.0.0/22", 1022},
		{"/24 given by a host", "10.0.0.77/24", 254},
		{"/30", "10.0.0.0/30", 2},
		{"/31", "10.0.0.0/31", 2},
		{"/32", "10.0.0.1/32", 1},
		{"too large", "10.0.0.0/21", 0},
		{"everything", "0.0.0.0/0", 0},
		{"IPv6", "2001:db8::/120", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run(t, Config{Servers: oneServer, Limit: 2000}, named(time.Minute), func(r *Resolver, f *fakeServers) {
				prefix := netip.MustParsePrefix(tt.prefix)
				r.Sweep(prefix)
				time.Sleep(30 * time.Minute)
				r.Sweep(prefix.Masked())
				time.Sleep(29 * time.Minute)
				if n := f.count(); n != tt.asked {
					t.Errorf("%d queries in an hour, want %d", n, tt.asked)
				}
				if asked := f.order(); tt.prefix == "10.0.0.77/24" &&
					(slices.Contains(asked, "10.0.0.0") || slices.Contains(asked, "10.0.0.255")) {
					t.Error("asked for the address of the network or of the broadcast")
				}
				if got := drain(t, r); len(got) != tt.asked {
					t.Errorf("%d drained, want %d", len(got), tt.asked)
				}
				time.Sleep(10 * time.Minute)
				if n := f.count(); n != 2*tt.asked {
					t.Errorf("%d queries in 69 minutes, want %d", n, 2*tt.asked)
				}
			})
		})
	}
}

// A prefix that is not local any more is not swept any more.
func TestResolver_SweepEnds(t *testing.T) {
	run(t, Config{Servers: oneServer, Limit: 2000}, named(time.Minute), func(r *Resolver, f *fakeServers) {
		old, current := netip.MustParsePrefix("10.0.0.0/29"), netip.MustParsePrefix("10.0.1.0/29")
		r.Sweep(old)
		time.Sleep(time.Minute)
		r.Sweep(old, current)
		time.Sleep(time.Minute)
		r.Sweep(current)
		time.Sleep(65 * time.Minute)
		asked := map[bool]int{}
		for _, addr := range f.order() {
			asked[old.Contains(netip.MustParseAddr(addr))]++
		}
		if diff := cmp.Diff(map[bool]int{true: 6, false: 2 * 6}, asked); diff != "" {
			t.Errorf("queries in the old prefix (true) and in the current one (-want +got):\n%s", diff)
		}
	})
}

func TestResolver_SweepKeepsLimit(t *testing.T) {
	r := NewResolver(Config{Servers: oneServer, Limit: 10})
	r.Sweep(netip.Prefix{})
	r.Sweep(netip.MustParsePrefix("10.0.0.0/24"))
	if n := r.Stats().Cached; n != 10 {
		t.Errorf("%d cached, with a limit of 10", n)
	}
}

// A swept address without a name is looked up again when it is seen.
func TestResolver_RefreshAfterSweep(t *testing.T) {
	reply := func(_ int, _ netip.Addr) (answer, time.Duration) {
		return answer{reason: none, final: true, ttl: time.Hour}, 0
	}
	run(t, Config{Servers: oneServer, Limit: 10}, reply, func(r *Resolver, f *fakeServers) {
		r.Sweep(netip.MustParsePrefix("10.0.0.7/32"))
		time.Sleep(time.Minute)
		wantDrained(t, r, map[string]string{"10.0.0.7": ""})
		f.locked(func() { f.reply = named(time.Hour) })
		r.Refresh(ip(7))
		time.Sleep(time.Second)
		wantDrained(t, r, map[string]string{"10.0.0.7": "h10-0-0-7"})
	})
}

// Refresh forgets a name: that of a host that was forgotten meanwhile, or of the device that had the address before.
func TestResolver_Refresh(t *testing.T) {
	reply := func(name string, after time.Duration) func(int, netip.Addr) (answer, time.Duration) {
		return func(int, netip.Addr) (answer, time.Duration) { return found(name, time.Hour), after }
	}
	for _, tt := range []struct {
		name  string
		again func(int, netip.Addr) (answer, time.Duration)
		want  string
	}{
		{"the same name", reply("tv.lan", 0), "tv.lan"},
		{"another name", reply("nas.lan", 0), "nas.lan"},
		{"no name", reply("", 0), ""},
		{"no server answers", dead, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run(t, Config{Servers: oneServer, Limit: 10}, reply("tv.lan", 0), func(r *Resolver, f *fakeServers) {
				r.Refresh(ip(1))
				time.Sleep(time.Second)
				wantDrained(t, r, map[string]string{"10.0.0.1": "tv.lan"})
				f.locked(func() { f.reply = tt.again })
				r.Want(ip(1))
				time.Sleep(time.Second)
				wantDrained(t, r, map[string]string{})
				r.Refresh(ip(1))
				wantDrained(t, r, map[string]string{})
				time.Sleep(2 * tryTimeout)
				wantDrained(t, r, map[string]string{"10.0.0.1": tt.want})
			})
		})
	}
	run(t, Config{Servers: oneServer, Limit: 10}, reply("old.lan", time.Second), func(r *Resolver, f *fakeServers) {
		r.Want(ip(1))
		time.Sleep(time.Second / 2) // the question for the old name is under way
		f.locked(func() { f.reply = reply("new.lan", time.Second) })
		r.Refresh(ip(1))
		r.Refresh(ip(1))
		time.Sleep(time.Second)
		wantDrained(t, r, map[string]string{})
		time.Sleep(time.Second)
		wantDrained(t, r, map[string]string{"10.0.0.1": "new.lan"})

		r.Refresh(ip(1))
		time.Sleep(2 * time.Second) // the outcome waits for Drain
		f.locked(func() { f.reply = reply("newer.lan", 0) })
		r.Refresh(ip(1))
		wantDrained(t, r, map[string]string{})
		time.Sleep(time.Second)
		wantDrained(t, r, map[string]string{"10.0.0.1": "newer.lan"})
		if s := r.Stats(); f.count() != 4 || s.InFlight != 0 || s.Cached != 1 {
			t.Errorf("%d queries, %+v", f.count(), s)
		}
	})
	run(t, Config{Limit: 10}, nil, func(r *Resolver, _ *fakeServers) {
		for range 2 {
			r.Refresh(ip(1))
			wantDrained(t, r, map[string]string{"10.0.0.1": ""})
		}
	})
}

// A full cache evicts hosts that were not wanted for ten minutes, the oldest first, and no others.
func TestResolver_Limit(t *testing.T) {
	run(t, Config{Servers: oneServer, Limit: 100}, named(time.Hour), func(r *Resolver, _ *fakeServers) {
		check := func(from, to, cached int) {
			t.Helper()
			got := drain(t, r)
			for i := from; i < to; i++ {
				want := nameOf(ip(i))
				if i >= cached {
					want = ""
				}
				if name, ok := got[ip(i).String()]; !ok || name != want {
					t.Errorf("%s drained as %q, %v, want %q", ip(i), name, ok, want)
				}
			}
		}
		for i := range 150 {
			r.Want(ip(i))
		}
		time.Sleep(10 * time.Second)
		check(0, 150, 100)
		for range 11 {
			for i := range 50 {
				r.Want(ip(i))
			}
			time.Sleep(time.Minute)
		}
		for i := 100; i < 160; i++ { // 50 to 99 make room
			r.Want(ip(i))
		}
		time.Sleep(10 * time.Second)
		check(100, 160, 150)
		if n := r.Stats().Cached; n != 100 {
			t.Errorf("%d cached, want 100", n)
		}
		for i := range 1 << 16 { // without Drain, results for hosts that are not cached must not pile up
			r.Want(ip(i))
		}
		if n := len(r.changed); n > 2*100+maxUncached {
			t.Errorf("%d results kept", n)
		}
	})
}

func TestResolver_NoServers(t *testing.T) {
	run(t, Config{Limit: 10}, nil, func(r *Resolver, _ *fakeServers) {
		r.Sweep(netip.MustParsePrefix("10.0.0.0/30"))
		r.Want(ip(1))
		r.Want(ip(1))
		r.Want(netip.Addr{})
		wantDrained(t, r, map[string]string{"10.0.0.1": ""})
		time.Sleep(time.Hour)
		r.Want(ip(1))
		wantDrained(t, r, map[string]string{})
		if s := r.Stats(); s.Queued != 0 || s.Cached != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestResolver_NormalizesAddresses(t *testing.T) {
	reply := func(_ int, _ netip.Addr) (answer, time.Duration) { return found("x.lan", time.Hour), 0 }
	run(t, Config{Servers: oneServer, Limit: 10}, reply, func(r *Resolver, _ *fakeServers) {
		r.Want(netip.MustParseAddr("::ffff:10.0.0.1"))
		r.Want(netip.MustParseAddr("10.0.0.1"))
		r.Want(netip.MustParseAddr("fe80::1%eth0"))
		time.Sleep(time.Second)
		wantDrained(t, r, map[string]string{"10.0.0.1": "x.lan", "fe80::1": "x.lan"})
	})
}

// The resolver logs when a server goes down and when it comes up, and nothing else.
func TestResolver_LogsServerChanges(t *testing.T) {
	var log bytes.Buffer
	cfg := Config{Servers: oneServer, Limit: 10, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))}
	run(t, cfg, dead, func(r *Resolver, f *fakeServers) {
		for minute := range 120 {
			if minute == 60 {
				f.locked(func() { f.reply = named(time.Minute) })
			}
			for i := range 10 {
				r.Want(ip(i))
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

package rdns

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// fakeServers are the DNS servers of a test. They record the queries.
type fakeServers struct {
	reply func(server int, addr netip.Addr) (answer, time.Duration) // the answer and how long it takes

	mu          sync.Mutex
	inFlight    int
	maxInFlight int
	asked       []string // addresses, in order
	times       map[string][]time.Time
	byServer    map[int]int
}

var (
	twoServers = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")}
	oneServer  = twoServers[:1]
)

func newFakeServers(reply func(server int, addr netip.Addr) (answer, time.Duration)) *fakeServers {
	return &fakeServers{reply: reply, times: make(map[string][]time.Time), byServer: make(map[int]int)}
}

func (f *fakeServers) ask(ctx context.Context, server netip.AddrPort, addr netip.Addr) answer {
	f.mu.Lock()
	f.inFlight++
	f.maxInFlight = max(f.maxInFlight, f.inFlight)
	f.asked = append(f.asked, addr.String())
	f.times[addr.String()] = append(f.times[addr.String()], time.Now())
	f.byServer[int(server.Port())-1]++
	a, d := f.reply(int(server.Port())-1, addr)
	f.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	f.mu.Lock()
	f.inFlight--
	f.mu.Unlock()
	a.sent = 1
	return a
}

// locked calls fn while no query begins or ends.
func (f *fakeServers) locked(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

// count returns the number of queries.
func (f *fakeServers) count() (n int) {
	f.locked(func() { n = len(f.asked) })
	return n
}

// order returns the addresses that were asked for.
func (f *fakeServers) order() (asked []string) {
	f.locked(func() { asked = slices.Clone(f.asked) })
	return asked
}

// queriesTo returns the number of queries to one server.
func (f *fakeServers) queriesTo(server int) (n int) {
	f.locked(func() { n = f.byServer[server] })
	return n
}

// run runs a Resolver against fake servers in a synctest bubble, which also checks that no goroutine is left.
func run(t *testing.T, cfg Config, reply func(server int, addr netip.Addr) (answer, time.Duration),
	test func(r *Resolver, f *fakeServers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServers(reply)
		if cfg.Log == nil {
			cfg.Log = slog.New(slog.DiscardHandler)
		}
		r := NewResolver(cfg)
		r.ask = f.ask
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		test(r, f)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if f.maxInFlight > maxInFlight {
			t.Errorf("%d queries in flight, want at most %d", f.maxInFlight, maxInFlight)
		}
	})
}

func ip(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }

func nameOf(addr netip.Addr) string { return "h" + strings.ReplaceAll(addr.String(), ".", "-") }

func found(name string, ttl time.Duration) answer {
	return answer{name: name, ttl: ttl, reason: none, final: true}
}

// named answers every query at once, with a name.
func named(ttl time.Duration) func(int, netip.Addr) (answer, time.Duration) {
	return func(_ int, addr netip.Addr) (answer, time.Duration) {
		return found(nameOf(addr), ttl), time.Millisecond
	}
}

// dead never answers.
func dead(int, netip.Addr) (answer, time.Duration) { return answer{reason: Timeout}, tryTimeout }

// drain returns what Drain reports. An address must not be reported twice.
func drain(t *testing.T, r *Resolver) map[string]string {
	t.Helper()
	got := make(map[string]string)
	r.Drain(func(addr netip.Addr, name string) {
		if old, twice := got[addr.String()]; twice {
			t.Errorf("%s drained twice, as %q and %q", addr, old, name)
		}
		got[addr.String()] = name
	})
	return got
}

func wantDrained(t *testing.T, r *Resolver, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, drain(t, r)); diff != "" {
		t.Errorf("drained (-want +got):\n%s", diff)
	}
}

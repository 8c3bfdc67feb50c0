package rdns

import (
	"context"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/names"
)

// A peer stands for the servers of a test. It counts what is asked, and fails the test if that is too much at once.
type peer struct {
	t     *testing.T
	reply func(server int, addr netip.Addr) (answer, time.Duration) // and how long it takes

	mu       sync.Mutex
	inFlight int
	most     int
	asked    []string               // in order
	when     map[string][]time.Time // by address
	byServer map[int]int
}

var (
	servers3 = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2"), netip.MustParseAddrPort("127.0.0.1:3")}
	servers1 = servers3[:1]
)

func (f *peer) ask(ctx context.Context, server netip.AddrPort, addr netip.Addr) answer {
	f.mu.Lock()
	f.inFlight++
	f.most = max(f.most, f.inFlight)
	f.asked = append(f.asked, addr.String())
	f.when[addr.String()] = append(f.when[addr.String()], time.Now())
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

// count returns how many lookups have begun.
func (f *peer) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// order returns the addresses asked so far.
func (f *peer) order() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// times returns when an address was asked.
func (f *peer) times(addr string) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.when[addr])
}

// load returns how often a server was asked.
func (f *peer) load(server int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byServer[server]
}

// run runs a PTR with a peer in a bubble of its own clock. That no goroutine is left, the bubble checks.
func run(t *testing.T, cfg Config, reply func(server int, addr netip.Addr) (answer, time.Duration), test func(p *Resolver, f *peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &peer{t: t, reply: reply, when: make(map[string][]time.Time), byServer: make(map[int]int)}
		p := NewResolver(cfg)
		p.ask = f.ask
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		test(p, f)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if f.most > 8 {
			t.Errorf("%d queries in flight, want at most 8", f.most)
		}
		if n := p.Stats().InFlight; n != 0 {
			t.Errorf("%d in flight after the end", n)
		}
	})
}

func ip(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
}

func nameOf(addr netip.Addr) string { return "h" + strings.ReplaceAll(addr.String(), ".", "-") }

func ok(name string, ttl time.Duration) answer {
	return answer{name: name, ttl: ttl, reason: none, final: true}
}

func named(ttl time.Duration) func(int, netip.Addr) (answer, time.Duration) {
	return func(_ int, addr netip.Addr) (answer, time.Duration) { return ok(nameOf(addr), ttl), time.Millisecond }
}

func dead(int, netip.Addr) (answer, time.Duration) { return answer{reason: Timeout}, 2 * time.Second }

// drain returns what Drain gives, and fails if it gives an address twice.
func drain(t *testing.T, p *Resolver) map[string]string {
	t.Helper()
	got := make(map[string]string)
	p.Drain(func(addr netip.Addr, name string) {
		if old, twice := got[addr.String()]; twice {
			t.Errorf("%s drained twice, as %q and %q", addr, old, name)
		}
		got[addr.String()] = name
	})
	return got
}

func expect(t *testing.T, p *Resolver, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, drain(t, p)); diff != "" {
		t.Errorf("drained (-want +got):\n%s", diff)
	}
}

func heapBytes() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// checkCanonical fails unless name is in the form that names.Canonical returns.
func checkCanonical(t *testing.T, name string) {
	t.Helper()
	if again, ok := names.Canonical(name); !ok || again != name {
		t.Errorf("%q is not canonical", name)
	}
}

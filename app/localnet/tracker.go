// Package localnet keeps which addresses are ours: configured prefixes, those of interfaces, and those that routers
// announce. It knows neither frames nor devices. Announcements carry the caller's time: that of the machine, or that
// of a capture file.
package localnet

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gonetmon/app/traffic"
)

const (
	maxAnnounced = 32 // prefixes that routers announce: a home has few

	// keptLifetime is how long a prefix stays local although a router withdraws it, as anybody could (RFC 4862, 5.5.3).
	keptLifetime = 2 * time.Hour

	// minLifetime is the shortest time an announced prefix stays local. It bounds how often forged router
	// advertisements can make us rebuild and log the prefix list.
	minLifetime = 10 * time.Minute
)

var linkLocal = netip.MustParsePrefix("fe80::/10")

// Private are the private ranges (RFC 1918, RFC 4193 and RFC 4291), which stand in where the local prefixes are
// unknown.
var Private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("fc00::/7"), linkLocal,
}

// Config says what a Tracker follows.
type Config struct {
	Prefixes   []netip.Prefix          // ours in any case
	Interfaces []string                // whose prefixes are ours too
	Announced  bool                    // fe80::/10 and the prefixes that routers announce are ours too
	Changed    func(*traffic.Prefixes) // called with each change, one at a time; may be nil
	Log        *slog.Logger            // may be nil
}

// A Tracker keeps the prefixes that are ours. All methods may be called at the same time.
type Tracker struct {
	cfg     Config
	current atomic.Pointer[traffic.Prefixes]

	mu        sync.Mutex // guards what is below; held while Changed is called
	base      []netip.Prefix
	announced map[netip.Prefix]time.Time // until when each is ours
}

// NewTracker returns a tracker that has read the interfaces once.
func NewTracker(cfg Config) *Tracker {
	t := &Tracker{cfg: cfg, announced: map[netip.Prefix]time.Time{}}
	t.base = slices.Concat(cfg.Prefixes, interfacePrefixes(cfg.Interfaces))
	t.current.Store(t.join())
	return t
}

// Current returns the prefixes that are ours now.
func (t *Tracker) Current() *traffic.Prefixes { return t.current.Load() }

// Known reports whether anything but link-local addresses is ours.
func (t *Tracker) Known() bool {
	return slices.ContainsFunc(t.Current().List(), func(p netip.Prefix) bool { return p != linkLocal })
}

// String lists the prefixes that are ours now.
func (t *Tracker) String() string {
	var all []string
	for _, p := range t.Current().List() {
		all = append(all, p.String())
	}
	return strings.Join(all, ",")
}

// Announce takes a router's announcement that a prefix is on the link for a lifetime. Until Refresh finds it expired
// the prefix is ours.
func (t *Tracker) Announce(now time.Time, p netip.Prefix, lifetime time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	until, known := t.announced[p]
	switch {
	case !t.cfg.Announced, !known && (lifetime == 0 || len(t.announced) >= maxAnnounced):
		return
	case lifetime < keptLifetime && known:
		lifetime = max(lifetime, min(keptLifetime, until.Sub(now)))
	default:
		lifetime = max(lifetime, minLifetime)
	}
	t.announced[p] = now.Add(lifetime)
	t.update()
}

// Run refreshes the tracker every two seconds until ctx ends.
func (t *Tracker) Run(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			t.Refresh(now)
		}
	}
}

// Refresh reads the interfaces again, and ends announced prefixes that have expired.
func (t *Tracker) Refresh(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// No prefix at all means that the interface is gone for a while: its devices are still ours.
	if p := interfacePrefixes(t.cfg.Interfaces); len(p) > 0 {
		t.base = slices.Concat(t.cfg.Prefixes, p)
	}
	for p, until := range t.announced {
		if now.After(until) {
			delete(t.announced, p)
		}
	}
	t.update()
}

// update publishes the prefixes if they have changed.
func (t *Tracker) update() {
	next := t.join()
	if slices.Equal(next.List(), t.Current().List()) {
		return
	}
	t.current.Store(next)
	if t.cfg.Changed != nil {
		t.cfg.Changed(next)
	}
	if t.cfg.Log != nil {
		t.cfg.Log.Info("local prefixes changed", "local", t.String())
	}
}

// join returns all that is ours: the announced prefixes come last, sorted.
func (t *Tracker) join() *traffic.Prefixes {
	all := slices.Clone(t.base)
	if t.cfg.Announced {
		all = append(all, linkLocal)
	}
	fixed := len(all)
	for p := range t.announced {
		all = append(all, p)
	}
	slices.SortFunc(all[fixed:], func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	return traffic.NewPrefixes(all)
}

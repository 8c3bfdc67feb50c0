package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/traffic"
)

const (
	mostAnnounced = 32            // prefixes that routers advertise: a home has few
	leastLife     = 2 * time.Hour // for which a prefix stays ours though a router takes it back: anybody could (RFC 4862, 5.5.3)

	// For which a prefix is ours that is advertised for less. Who forges routers can then change what is ours, which is laid out anew and
	// logged each time, a few times a minute at most, and not for every frame.
	shortestLife = 10 * time.Minute
)

var linkLocal = netip.MustParsePrefix("fe80::/10")

// lan keeps which addresses are ours: those configured, or those of interfaces, which may change while we run; and if no IPv6
// prefix is configured, the link-local ones and those that routers advertise.
type lan struct {
	interfaces []string
	configured []netip.Prefix // none: those of the interfaces
	six        bool           // as routers advertise
	log        *slog.Logger
	now        atomic.Pointer[traffic.Prefixes]
	apply      func(*traffic.Prefixes) // told of each change

	mu        sync.Mutex // guards what is below; held while a change is applied
	base      []netip.Prefix
	announced map[netip.Prefix]time.Time // until when each is ours
}

func newLAN(interfaces []string, configured []netip.Prefix, log *slog.Logger, apply func(*traffic.Prefixes)) *lan {
	l := &lan{interfaces: interfaces, configured: configured, log: log, apply: apply, base: configured, announced: map[netip.Prefix]time.Time{}}
	l.six = !slices.ContainsFunc(configured, func(p netip.Prefix) bool { return p.Addr().Is6() })
	if len(configured) == 0 {
		l.base = autoPrefixes(interfaces)
	}
	l.now.Store(l.join(time.Now()))
	return l
}

// join returns all that is ours.
func (l *lan) join(now time.Time) *traffic.Prefixes {
	all := slices.Clone(l.base)
	if l.six {
		all = append(all, linkLocal)
	}
	six := len(all)
	for p, until := range l.announced {
		if now.After(until) {
			delete(l.announced, p)
			continue
		}
		all = append(all, p)
	}
	slices.SortFunc(all[six:], func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	return traffic.NewPrefixes(all)
}

// announce takes that a router says that a prefix is on the link for so long.
func (l *lan) announce(p netip.Prefix, life time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	until, known := l.announced[p]
	switch {
	case !l.six, !known && (life == 0 || len(l.announced) >= mostAnnounced):
		return
	case life < leastLife && known:
		life = max(life, min(leastLife, until.Sub(now)))
	default:
		life = max(life, shortestLife)
	}
	l.announced[p] = now.Add(life)
	l.update(now)
}

// update tells of a change, if there is one.
func (l *lan) update(now time.Time) {
	next := l.join(now)
	if slices.Equal(next.List(), l.current().List()) {
		return
	}
	l.now.Store(next)
	l.apply(next)
	l.log.Info("local prefixes changed", "local", l.String())
}

// autoPrefixes are the prefixes of the interfaces; one without addresses is taken for a mirror port and has those of the
// interface of the default route.
func autoPrefixes(interfaces []string) []netip.Prefix {
	var all []netip.Prefix
	for _, name := range interfaces {
		p := capture.Prefixes(name)
		if !slices.ContainsFunc(p, func(p netip.Prefix) bool { return !p.Addr().IsLinkLocalUnicast() }) {
			p = append(p, capture.Prefixes(capture.DefaultInterface())...)
		}
		all = append(all, p...)
	}
	return all
}

func (l *lan) current() *traffic.Prefixes { return l.now.Load() }

func (l *lan) String() string { return prefixes(l.current().List()).String() }

// run looks for changed addresses until ctx ends.
func (l *lan) run(ctx context.Context) error {
	const every = 2 * time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			l.mu.Lock()
			// None at all means that the interface is gone for a while: its devices are still ours.
			if p := autoPrefixes(l.interfaces); len(l.configured) == 0 && len(p) > 0 {
				l.base = p
			}
			l.update(now)
			l.mu.Unlock()
		}
	}
}

// chooseInterfaces returns the interfaces to listen to.
func chooseInterfaces(configured []string) ([]string, error) {
	if len(configured) > 0 {
		return configured, nil
	}
	if name := capture.DefaultInterface(); name != "" {
		return []string{name}, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("GONETMON_INTERFACE=auto: %w", err)
	}
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			return []string{i.Name}, nil
		}
	}
	return nil, fmt.Errorf("GONETMON_INTERFACE=auto: there is no default route, and no interface is up; name one, for example GONETMON_INTERFACE=eth1 (there are: %s)",
		strings.Join(capture.Interfaces(), " "))
}

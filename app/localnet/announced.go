package localnet

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

const (
	// maxAnnounced is how many prefixes that routers announce are kept: a home has few.
	maxAnnounced = 32

	// maxEvictions is how many of them may make room for others in a minute: forged announcements must not change the prefixes
	// all the time.
	maxEvictions = 128

	// keptLifetime is how long a prefix stays local although a router withdraws it, as anybody could (RFC 4862, 5.5.3).
	keptLifetime = 2 * time.Hour

	// minLifetime and maxLifetime bound how long an announced prefix stays local. Routers repeat themselves at least every half
	// hour (RFC 4861, 6.2.1), so a day is enough for a prefix that is announced for ever.
	minLifetime = 10 * time.Minute
	maxLifetime = 24 * time.Hour
)

// announced are the prefixes that routers announce.
type announced struct {
	prefixes map[netip.Prefix]announcement
	full     bool // it was full once
	evicted  int  // prefixes that made room since
	since    time.Time
}

type announcement struct {
	heard time.Time // the last time
	until time.Time
}

// add takes an announcement. If there are too many, the prefix that was not heard of for the longest time makes room.
func (a *announced) add(now time.Time, p netip.Prefix, lifetime time.Duration) {
	old, known := a.prefixes[p]
	switch {
	case !known && lifetime == 0:
		return
	case known && lifetime < keptLifetime:
		lifetime = max(lifetime, min(keptLifetime, old.until.Sub(now)))
	}
	if !known && len(a.prefixes) >= maxAnnounced {
		if now.Sub(a.since) >= time.Minute {
			a.since, a.evicted = now, 0
		}
		if a.full = true; a.evicted >= maxEvictions {
			return
		}
		a.evicted++
		delete(a.prefixes, slices.MinFunc(slices.Collect(maps.Keys(a.prefixes)), func(p, q netip.Prefix) int {
			return cmp.Or(a.prefixes[p].heard.Compare(a.prefixes[q].heard), p.Compare(q))
		}))
	}
	a.prefixes[p] = announcement{heard: now, until: now.Add(min(max(lifetime, minLifetime), maxLifetime))}
}

// expire forgets the prefixes whose time is over.
func (a *announced) expire(now time.Time) {
	maps.DeleteFunc(a.prefixes, func(_ netip.Prefix, x announcement) bool { return now.After(x.until) })
}

// list returns the prefixes, sorted.
func (a *announced) list() []netip.Prefix {
	return slices.SortedFunc(maps.Keys(a.prefixes), netip.Prefix.Compare)
}

package rdns

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	maxInFlight = 8
	maxPending  = time.Minute // a host that waits longer for its first lookup is reported without a name

	minTTL        = time.Minute
	maxTTL        = 24 * time.Hour
	minRetry      = time.Minute // after a failed lookup, doubling
	maxRetry      = time.Hour
	sweepInterval = time.Hour // a swept host that is not wanted is asked no more often

	maxSleep = time.Hour // of Run; nothing depends on it
)

// A rate spaces out queries.
type rate struct {
	interval time.Duration
	next     time.Time // no query before
}

func (r *rate) wait(now time.Time) time.Duration { return max(r.next.Sub(now), 0) }

// A job is one lookup.
type job struct {
	host    *host
	servers []*server
	server  int  // index of the one to start with
	probe   bool // of that server
	rate    *rate
}

// Run asks until ctx ends. Then it returns nil, and all its goroutines have ended. It must not be run again.
func (r *Resolver) Run(ctx context.Context) error {
	var lookups sync.WaitGroup
	defer lookups.Wait()
	for ctx.Err() == nil {
		j, wait := r.next()
		if j.host != nil {
			lookups.Go(func() { r.lookup(ctx, j) })
			continue
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-time.After(min(wait, maxSleep)):
		}
	}
	return nil
}

// next returns the lookup to start now, or how long to wait for one unless woken.
func (r *Resolver) next() (job, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	server, serverWait := firstAvailable(r.servers, 0, now)
	r.expirePending(now, serverWait > 0)
	wait := never
	if q := r.queues[pending]; len(q) > 0 {
		wait = q[0].due.Add(maxPending).Sub(now)
	}
	if r.stats.InFlight == maxInFlight {
		return job{}, wait
	}
	h, hostWait := r.nextHost(now)
	if w := max(hostWait, serverWait); w > 0 {
		return job{}, min(wait, w)
	}

	j := job{host: h, servers: r.servers, server: server, probe: r.servers[server].acquire(), rate: &r.wantedRate}
	if h.state == sweep {
		j.rate = &r.sweptRate
	}
	j.rate.next = now.Add(j.rate.interval)
	r.move(h, inFlight, h.due)
	r.stats.InFlight++
	return j, 0
}

// expirePending reports the pending hosts that have waited too long, or all if no server is available. They stay due.
func (r *Resolver) expirePending(now time.Time, all bool) {
	for len(r.queues[pending]) > 0 {
		h := r.queues[pending][0]
		if !all && h.due.Add(maxPending).After(now) {
			return
		}
		h.retryWhenUp = true
		r.report(h)
		r.move(h, refresh, h.due)
	}
}

// nextHost returns the host to look up next and how long to wait for it; nil and never if there is none.
func (r *Resolver) nextHost(now time.Time) (*host, time.Duration) {
	if q := r.queues[pending]; len(q) > 0 {
		return q[0], r.wantedRate.wait(now)
	}
	next, wait := (*host)(nil), never
	for len(r.queues[refresh]) > 0 {
		h := r.queues[refresh][0]
		if w := h.due.Sub(now); w > 0 {
			next, wait = h, w
			break
		}
		if h.keepFresh(now) {
			return h, r.wantedRate.wait(now)
		}
		r.schedule(h, h.due, now)
	}
	if q := r.queues[sweep]; len(q) > 0 {
		if w := max(q[0].due.Sub(now), r.sweptRate.wait(now)); w < wait {
			return q[0], w
		}
	}
	return next, wait
}

// keepFresh reports whether h was wanted recently enough to be looked up again.
func (h *host) keepFresh(now time.Time) bool {
	return h.wanted() && (h.retryWhenUp || now.Sub(h.lastWanted) < idleAfter)
}

// schedule lets a host wait for its next lookup.
func (r *Resolver) schedule(h *host, due, now time.Time) {
	switch {
	case h.keepFresh(now):
		r.move(h, refresh, due)
	case h.swept:
		if earliest := now.Add(sweepInterval); due.Before(earliest) {
			due = earliest
		}
		r.move(h, sweep, due)
	default:
		r.move(h, idle, due)
	}
}

// lookup asks one server after the other until one answers or none is left.
func (r *Resolver) lookup(ctx context.Context, j job) {
	var a answer
	sent, refused := 0, 0
	for i, probe := j.server, j.probe; i >= 0; i, probe = r.nextServer(j.servers, i) {
		s := j.servers[i]
		a = r.ask(ctx, s.addr, j.host.addr)
		sent += a.sent
		refused += a.refused
		if ctx.Err() != nil {
			return
		}
		if changed, up := r.done(s, probe, a.final || a.reason.answered()); changed && up {
			r.log.Info("dns server is up", "server", s.addr)
		} else if changed {
			r.log.Warn("dns server is down", "server", s.addr, "reason", a.reason.String())
		}
		if a.final {
			break
		}
	}
	a.sent, a.refused = sent, refused
	r.finish(j, a)
}

// finish takes the result of a lookup and schedules the next one.
func (r *Resolver) finish(j job, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.signal()
	now, h := time.Now(), j.host
	r.stats.InFlight--
	r.stats.Queries += uint64(a.sent)
	r.stats.NamesRefused += uint64(a.refused)
	j.rate.next = j.rate.next.Add(time.Duration(max(a.sent-1, 0)) * j.rate.interval)
	if a.reason != none {
		r.stats.Failures[a.reason]++
	}
	if h.outdated {
		h.outdated = false
		r.move(h, pending, now)
		return
	}
	due := now
	h.retryWhenUp = h.wanted() && a.unreachable()
	switch {
	case a.final:
		h.fails = 0
		due = now.Add(min(max(a.ttl, minTTL), maxTTL))
	case a.unreachable() && r.allDown(): // not this host's fault: it is next when a server is back
	default:
		due = now.Add(min(minRetry<<h.fails, maxRetry))
		h.fails = min(h.fails+1, 6)
	}
	if a.name != "" && a.name != h.name {
		h.name = a.name
		if h.reported {
			r.markChanged(h)
		}
	}
	r.report(h)
	r.schedule(h, due, now)
}

// nextServer reserves the next available server after index i. It returns -1 if there is none.
func (r *Resolver) nextServer(servers []*server, i int) (next int, probe bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if next, _ = firstAvailable(servers, i+1, time.Now()); next < 0 {
		return -1, false
	}
	return next, servers[next].acquire()
}

func (r *Resolver) done(s *server, probe, ok bool) (changed, up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed = s.done(ok, probe, time.Now())
	return changed, !s.down
}

func (r *Resolver) allDown() bool {
	return !slices.ContainsFunc(r.servers, func(s *server) bool { return !s.down })
}

package rdns

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	maxInFlight = 8
	wantedEvery = time.Second / 50
	sweptEvery  = time.Second / 10
	patience    = time.Minute // longest wait of a first lookup in the queue; then the host is shown without a name

	minTTL     = time.Minute
	maxTTL     = 24 * time.Hour
	minRetry   = time.Minute // after a failed lookup, doubling
	maxRetry   = time.Hour
	sweepAgain = time.Hour // a swept host that nobody wants is asked no more often

	never = time.Duration(1<<63 - 1)
	nap   = time.Hour // longest sleep of Run; nothing depends on it
)

// A job is one lookup, with the servers to ask and the number of the one to start with.
type job struct {
	host    *host
	servers []*server
	server  int
	probe   bool
	pace    place // whose rate pays for it
}

// Run asks until ctx ends; then it returns nil, and all its goroutines are gone. It may be run again.
func (p *Resolver) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	jobs := make(chan job)
	for range maxInFlight {
		workers.Go(func() {
			for j := range jobs {
				p.lookup(ctx, j)
			}
		})
	}
	defer workers.Wait()
	defer close(jobs)

	timer := time.NewTimer(nap)
	defer timer.Stop()
	for ctx.Err() == nil {
		j, wait := p.next()
		if j.host != nil {
			jobs <- j // next counts who is in flight: a worker is free, or will be in a moment
			continue
		}
		timer.Reset(min(wait, nap))
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-timer.C:
		}
	}
	return nil
}

// next returns the lookup to do now, or how long to wait for one unless woken.
func (p *Resolver) next() (job, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	s, open := firstOpen(p.servers, 0, now)
	p.giveUp(now, open > now)
	wait := never
	if f := p.agenda[first]; len(f) > 0 {
		wait = f[0].due + patience - now
	}
	if p.stats.InFlight == maxInFlight {
		return job{}, wait
	}
	h, at := p.head(now)
	if at = max(at, open); at > now {
		return job{}, min(wait, at-now)
	}

	j := job{host: h, servers: p.servers, server: s, probe: p.servers[s].take(), pace: first}
	every := wantedEvery
	if h.place == sweep {
		j.pace, every = sweep, sweptEvery
	}
	p.pace[j.pace] = now + every
	p.put(h, flying, h.due)
	p.stats.InFlight++
	return j, 0
}

// giveUp answers the first lookups that have waited too long, or all when no server can be asked. They stay due.
func (p *Resolver) giveUp(now time.Duration, all bool) {
	for len(p.agenda[first]) > 0 {
		h := p.agenda[first][0]
		if !all && h.due+patience > now {
			return
		}
		h.owed = true
		p.answer(h)
		p.put(h, again, h.due)
	}
}

// head returns the host whose turn is next, nil if there is none, and when.
func (p *Resolver) head(now time.Duration) (*host, time.Duration) {
	if f := p.agenda[first]; len(f) > 0 {
		return f[0], p.pace[first]
	}
	h, at := (*host)(nil), never
	for len(p.agenda[again]) > 0 {
		h, at = p.agenda[again][0], p.agenda[again][0].due
		if at > now {
			break
		}
		if p.awake(h, now) {
			return h, p.pace[first]
		}
		p.rest(h, h.due, now)
		h, at = nil, never
	}
	if s := p.agenda[sweep]; len(s) > 0 {
		if t := max(s[0].due, p.pace[sweep]); t < at {
			return s[0], t
		}
	}
	return h, at
}

// awake reports whether a host is still to be kept fresh for having been wanted.
func (p *Resolver) awake(h *host, now time.Duration) bool {
	return h.seen && (h.owed || now-h.wanted < idleAfter)
}

// rest puts a host where it waits until it is due again.
func (p *Resolver) rest(h *host, due, now time.Duration) {
	switch {
	case p.awake(h, now):
		p.put(h, again, due)
	case h.swept:
		p.put(h, sweep, max(due, now+sweepAgain))
	default:
		p.put(h, nowhere, due)
	}
}

// lookup asks one server after the other until one has answered, or none is left.
func (p *Resolver) lookup(ctx context.Context, j job) {
	var a answer
	sent, refused := 0, 0
	for s, probe := j.server, j.probe; s >= 0; s, probe = p.after(j.servers, s) {
		server := j.servers[s]
		a = p.ask(ctx, server.addr, j.host.addr())
		sent += a.sent
		refused += a.refused
		if ctx.Err() != nil {
			p.release(server, probe)
			break
		}
		if turned, up := p.report(server, probe, a.final || a.reason.answered()); turned && up {
			p.log.Info("dns server is up", "server", server.addr)
		} else if turned {
			p.log.Warn("dns server is down", "server", server.addr, "reason", a.reason.String())
		}
		if a.final {
			break
		}
	}
	a.sent, a.refused = sent, refused
	p.settle(j, a, ctx.Err() != nil)
}

// settle takes in how a lookup ended, and lets the host rest.
func (p *Resolver) settle(j job, a answer, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.signal()
	now, h := p.now(), j.host
	p.stats.InFlight--
	p.stats.Queries += uint64(a.sent)
	p.stats.NamesRefused += uint64(a.refused)
	every := wantedEvery
	if j.pace == sweep {
		every = sweptEvery
	}
	p.pace[j.pace] += time.Duration(max(a.sent-1, 0)) * every
	if cut {
		p.putBack(h, now)
		return
	}
	if a.reason != none {
		p.stats.Failures[a.reason]++
	}
	due := now
	h.owed = h.seen && a.silent()
	switch {
	case a.final:
		h.fails = 0
		due += min(max(a.ttl, minTTL), maxTTL)
	case a.silent() && p.allDown(): // not this host's fault: its turn comes when a server is back
	default:
		due += min(minRetry<<h.fails, maxRetry)
		h.fails = min(h.fails+1, 6)
	}
	if a.name != "" && a.name != h.name {
		h.name = a.name
		if h.answered {
			p.change(h)
		}
	}
	p.answer(h)
	p.rest(h, due, now)
}

// putBack returns a host to where it was before a lookup that was cut short.
func (p *Resolver) putBack(h *host, now time.Duration) {
	switch {
	case !h.seen:
		p.put(h, sweep, now)
	case !h.answered:
		p.put(h, first, now)
	default:
		p.put(h, again, now)
	}
}

// firstOpen returns the first of servers from number n on that can be asked now, else -1 and from when on one can.
func firstOpen(servers []*server, n int, now time.Duration) (s int, at time.Duration) {
	at = never
	for i := n; i < len(servers); i++ {
		t := servers[i].open()
		if t <= now {
			return i, t
		}
		at = min(at, t)
	}
	return -1, at
}

// after takes the next server that can be asked after s, or returns -1.
func (p *Resolver) after(servers []*server, s int) (next int, probe bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if next, _ = firstOpen(servers, s+1, p.now()); next < 0 {
		return -1, false
	}
	return next, servers[next].take()
}

func (p *Resolver) report(s *server, probe, ok bool) (turned, up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	turned = s.report(ok, probe, p.now())
	return turned, !s.down
}

// release gives back a server whose query was cut short.
func (p *Resolver) release(s *server, probe bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if probe {
		s.probing = false
	}
}

func (p *Resolver) allDown() bool {
	return !slices.ContainsFunc(p.servers, func(s *server) bool { return !s.down })
}

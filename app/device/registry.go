package device

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/names"
	"gonetmon/app/traffic"
)

// A Namer finds the names of hosts: rdns.Resolver.
type Namer interface {
	// Want says that a host is there. It must not wait.
	Want(host netip.Addr)
	// Drain calls found for each host whose first lookup has ended, with "" if it has no name, or whose name has changed.
	Drain(found func(host netip.Addr, name string))
}

// Config is what a Registry needs.
type Config struct {
	Tables     []*traffic.Table // what is counted; the registry is the only one to drain them
	Names      Namer            // nil: no lookups
	Order      []string         // the sources of names that are used, best first; nil: Sources
	Strip      []string         // domains that names are shown without, where they stay unique
	Limit      int              // of hosts, and of each other thing that is remembered
	AwaitNames bool             // new devices are shown when their names are known, or after some seconds; otherwise by FlushPending
	Forget     time.Duration    // how long a device stays that is not seen any more; 0: for ever
	Start      time.Time        // zero: when the registry first hears of a time
}

const (
	foldEvery   = time.Second
	patience    = 5 * time.Second  // how long a new device waits for its first lookup before it is shown
	nameless    = 3 * time.Second  // how long one waits that has no name after it, in case that it introduces itself
	wantEvery   = time.Minute      // how often the namer is told that a host is still there
	settled     = 10 * time.Minute // how long another name must hold before a device is called by it
	takeover    = 10 * time.Minute // how long a device must be silent before another one of its name is taken for it
	forgetEvery = time.Minute      // how often devices are looked for that are to be forgotten, at least
	perLimit    = 2                // series per host of the limit: devices that are renamed leave series behind
)

// A Registry joins hosts into devices. The hosts of one MAC are one device, unless the MAC speaks for others; so are hosts
// without a known MAC that have one name, and all that has one name in the user's hosts file. What a host gains belongs to the
// device that it belongs to at that time, and is counted under the name that this has at that time: so that no name's counters
// ever go back, and nothing is counted twice or lost.
type Registry struct {
	cfg     Config
	sources []source // of cfg.Order

	mu        sync.Mutex // guards all below
	now       instant    // of the call that goes on
	wall      moment     // likewise
	book      *names.Hosts
	hosts     set[netip.Addr, host]
	counted   int       // of hosts, those that have been counted: at most the limit
	slots     [][]*host // those of each table, by slot
	heard     []*host   // the others, at most the limit: longest known first
	stations  set[mac.Addr, station]
	strangers []*station         // all of them, longest known first
	files     map[string]*device // by name in the hosts file
	called    map[string]*device // by each name that one of their hosts or stations has; may be out of date
	series    set[string, series]
	order     order     // of series
	waiting   []*device // not shown yet, longest first
	renaming  []*device // with another name than the one they are shown by, longest first
	orphans   []*series // of no device any more, longest first
	active    []*series // with a rate
	network   traffic.Network
	overflow  traffic.Totals
	forgotten traffic.Totals
	folded    time.Time
	swept     instant
	snapshot  *Snapshot // of the last Update; nil: nobody has asked for it yet
}

// NewRegistry returns a registry that knows nobody.
func NewRegistry(cfg Config) *Registry {
	if cfg.Order == nil {
		cfg.Order = names.Sources
	}
	return &Registry{
		cfg: cfg, sources: sourcesOf(cfg.Order), folded: cfg.Start, now: 1, book: &names.Hosts{},
		hosts:    newSet((*host).addr),
		stations: newSet(func(s *station) mac.Addr { return s.mac }),
		series:   newSet(func(s *series) string { return s.name }),
		slots:    make([][]*host, len(cfg.Tables)), files: map[string]*device{}, called: map[string]*device{},
	}
}

// Run folds what was counted into the devices, once a second, until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	tick := time.NewTicker(foldEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			r.Update(now)
		case <-ctx.Done():
			return nil
		}
	}
}

// Update takes what the tables have gained, and the names that were found, into the devices.
func (r *Registry) Update(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock(now)
	r.snapshot = nil
	if r.cfg.Names != nil {
		r.cfg.Names.Drain(r.looked)
	}
	for i, t := range r.cfg.Tables {
		n := t.Drain(func(slot int, addr netip.Addr, gain *traffic.Delta) { r.gained(i, slot, addr, &gain.Totals) })
		r.network.Add(&n)
	}
	if r.cfg.AwaitNames {
		r.show(false)
	} else if len(r.waiting) > 4*r.cfg.Limit {
		r.waiting = slices.DeleteFunc(r.waiting, func(d *device) bool {
			d.waits = d.waits && !d.void()
			return !d.waits
		})
	}
	r.rename()
	r.forget()
	if since := now.Sub(r.folded); since > 0 {
		r.rates(since)
		r.folded = now
	}
}

// FlushPending shows every device that waits: nothing more will be learned.
func (r *Registry) FlushPending() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot = nil
	r.show(true)
}

// clock sets the time of the call that goes on. Times that go back, as in files, stand still.
func (r *Registry) clock(now time.Time) {
	if r.cfg.Start.IsZero() {
		r.cfg.Start, r.folded = now, now
	}
	r.now = max(r.now, 1+span(now.Sub(r.cfg.Start)))
	r.wall = momentOf(now)
}

// gained adds what a host has gained to its device.
func (r *Registry) gained(table, slot int, addr netip.Addr, gain *traffic.Totals) {
	var h *host
	slots := r.slots[table]
	if slot < len(slots) {
		h = slots[slot]
	}
	if h == nil {
		if h = r.count(addr); h == nil {
			r.overflow.Add(gain)
			return
		}
		r.place(h, table, slot)
	}
	h.last = r.now
	if !h.sent && gain.Sent().Packets > 0 {
		h.sent = true
	}
	if r.cfg.Names != nil && (h.wanted == 0 || r.now-h.wanted >= span(wantEvery)) {
		h.wanted = r.now
		r.cfg.Names.Want(addr)
	}
	d := h.device
	if d.series == nil {
		r.hold(h, gain)
		r.wait(d)
		return
	}
	r.add(d.series, gain)
}

// place notes which host has a slot of a table.
func (r *Registry) place(h *host, table, slot int) {
	if n := slot + 1 - len(r.slots[table]); n > 0 {
		r.slots[table] = append(r.slots[table], make([]*host, n)...)
	}
	if r.slots[table][slot] != h {
		r.slots[table][slot] = h
		h.places++
	}
}

// looked takes the outcome of a lookup.
func (r *Registry) looked(addr netip.Addr, name string) {
	h := r.hosts.get(addr)
	if h == nil || !h.counted {
		if name == "" || !r.uses(byPTR) {
			return
		}
		if h = r.count(addr); h == nil { // a host that has not been seen yet is shown with counters of 0
			return
		}
	}
	h.looked = true
	if name != "" && name != h.ptr && r.uses(byPTR) {
		h.some().ptr = name
		r.renamed(h)
	}
	if h.ptr != "" {
		r.wait(h.device)
	}
}

// LastUpdate is when the last Update was. Any goroutine may call it.
func (r *Registry) LastUpdate() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.folded
}

// Snapshot returns what was known at the last Update. It is built when it is asked for, once for each Update. Any goroutine may call it.
func (r *Registry) Snapshot() *Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.snapshot == nil {
		r.snapshot = r.newSnapshot()
	}
	return r.snapshot
}

func (r *Registry) newSnapshot() *Snapshot {
	s := &Snapshot{
		Time: r.folded, Start: r.cfg.Start,
		Network: r.network, Overflow: r.overflow, Forgotten: r.forgotten,
		Hosts: r.counted, Limit: r.cfg.Limit,
		Tables: []TableUsage{
			{"hosts", r.counted, r.cfg.Limit},
			{"neighbours", r.hosts.len() - r.counted, r.cfg.Limit},
			{"macs", r.stations.len(), r.cfg.Limit},
			{"devices", r.series.len(), perLimit * r.cfg.Limit},
		},
		Devices: make([]Device, 0, r.series.len()),
	}
	for _, d := range r.waiting {
		if d.held != nil {
			s.Waiting.Add(&d.held.totals)
		}
		for _, h := range d.hosts.all() {
			if h.held != nil {
				s.Waiting.Add(&h.held.totals)
			}
		}
	}
	for _, series := range r.order.of(&r.series) {
		s.Devices = append(s.Devices, r.describe(series))
	}
	return s
}

// describe returns what is known of a series.
func (r *Registry) describe(s *series) Device {
	to := Device{
		Name: s.name, Source: s.source.String(), Totals: s.totals, First: s.first.time(), Last: s.last.time(),
		InRate: float64(s.inRate), OutRate: float64(s.outRate),
	}
	if s.last != never {
		to.Idle = time.Duration(r.now-s.seen) * tick
	}
	d := s.owner
	if d == nil {
		return to
	}
	to.Source = d.source.String()
	for _, h := range d.hosts.all() {
		to.Hosts = append(to.Hosts, h.addr())
	}
	if d.stations.len() > 0 {
		to.MAC = d.stations.all()[0].mac
		to.Vendor = mac.Vendor(to.MAC)
	}
	return to
}

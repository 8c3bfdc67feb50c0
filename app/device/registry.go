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
	// Want says that a host is active. It must not block.
	Want(host netip.Addr)
	// Refresh is Want for a host that is new, or whose address has passed to another device. Drain reports it once more.
	Refresh(host netip.Addr)
	// Drain calls found for each host whose first lookup has ended, with "" if it has no name,
	// and for each whose name has changed.
	Drain(found func(host netip.Addr, name string))
}

// Config is what a Registry needs.
type Config struct {
	Tables     []*traffic.Table // of the counters; only the registry drains them
	Names      Namer            // nil: no lookups
	Order      []string         // sources of names to use, best first; nil: names.Sources
	Strip      []string         // domains to leave out of names, where these stay unique
	Limit      int              // of hosts, and of entries in each other table
	AwaitNames bool             // show new devices when their names are known, or after some seconds; otherwise at FlushPending
	Forget     time.Duration    // how long to keep a device after it was last seen; 0: forever
	Start      time.Time        // zero: the time of the first call
	Remember   bool             // Records will be given to the next registry
	Records    []Record         // what Records returned before the restart; only with Start
	LastID     uint64           // IDs up to it are taken, whether or not there is a record of them
}

const (
	updateEvery   = time.Second
	wantEvery     = time.Minute     // how often Want is called for an active host
	clockStep     = time.Second / 2 // resolution of the clock: a timer that fires a little early delays nothing
	seriesPerHost = 2               // of the limit: renamed devices leave series behind
)

// A Registry joins hosts into devices. The hosts of one MAC are one device, except those that it only speaks for; so are hosts
// without a known MAC that share a name, and everything that shares a name in the hosts file. What a host gains belongs to the
// device that the host is part of at that time, and is counted under the name that the device has at that time. So no counter
// ever goes back, and nothing is counted twice or lost.
type Registry struct {
	cfg Config

	mu         sync.Mutex // guards everything below
	now        time.Time  // of the call in progress, in steps of clockStep; never goes back
	wall       time.Time  // the same on the wall clock
	file       *names.Hosts
	hosts      map[netip.Addr]*host
	counted    int       // hosts that are counted, at most the limit
	slots      [][]*host // of each table
	neighbors  []*host   // hosts that are not counted, at most the limit, oldest first
	stations   map[mac.Addr]*station
	evictable  []*station        // all stations, oldest first
	byFileName map[string]*group // by name in the hosts file
	byName     nameIndex
	byPTR      nameIndex            // IPv4 hosts by their name in the reverse DNS alone
	wildcards  map[string]time.Time // names without domains, and when each was found to be that of every address
	servers    map[netip.Addr]bool  // DHCP servers that have answered requests
	doubts     []*host              // that two MACs send from
	series     map[string]*series
	waiting    []*group  // to be shown, oldest first
	renaming   []*group  // to be renamed, oldest first
	retired    []*series // without a group, oldest first
	network    traffic.Network
	overflow   traffic.Totals
	forgotten  traffic.Totals
	gains      map[uint64]*traffic.Totals // since the last call of Gains, by the ID of the device
	former     map[uint64]*Record         // devices that were forgotten, by ID, at most the limit
	formerIDs  []uint64                   // the same, the oldest first
	formerMACs map[mac.Addr]uint64        // their IDs, by MAC
	byID       map[uint64]*group          // the devices
	lastID     uint64                     // that was given to a device
	lastUpdate time.Time
	lastExpiry time.Time
	lastReview time.Time
	snapshot   *Snapshot // of the last Update; nil: not built yet
}

// NewRegistry returns an empty registry.
func NewRegistry(cfg Config) *Registry {
	if cfg.Order == nil {
		cfg.Order = names.Sources
	}
	r := &Registry{
		cfg: cfg, now: cfg.Start, lastUpdate: cfg.Start, lastExpiry: cfg.Start, file: &names.Hosts{},
		hosts: map[netip.Addr]*host{}, stations: map[mac.Addr]*station{}, series: map[string]*series{},
		byFileName: map[string]*group{}, byName: nameIndex{}, byPTR: nameIndex{}, servers: map[netip.Addr]bool{},
		wildcards: map[string]time.Time{}, gains: map[uint64]*traffic.Totals{},
		byID: map[uint64]*group{}, former: map[uint64]*Record{}, formerMACs: map[mac.Addr]uint64{},
		slots: make([][]*host, len(cfg.Tables)),
	}
	r.restore(cfg.Records)
	r.cfg.Records = nil
	return r
}

// Run calls Update once a second until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	tick := time.NewTicker(updateEvery)
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

// Update adds what the tables have gained since the last Update, and the names that were found, to the devices.
func (r *Registry) Update(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setClock(now)
	r.snapshot = nil
	if r.cfg.Names != nil {
		r.cfg.Names.Drain(r.lookedUp)
	}
	for i, t := range r.cfg.Tables {
		n, transit := t.Drain(func(slot int, addr netip.Addr, delta *traffic.Delta) { r.gain(i, slot, addr, delta) })
		r.network.Add(&n)
		for _, f := range transit {
			r.forward(f.MAC, f.Packets)
		}
	}
	r.settleDoubts(false)
	if r.now.Sub(r.lastReview) >= reviewEvery {
		r.lastReview = r.now
		r.review()
	}
	if r.cfg.AwaitNames {
		r.show(false)
	} else if len(r.waiting) > 4*r.cfg.Limit {
		r.waiting = slices.DeleteFunc(r.waiting, func(g *group) bool {
			g.waits = g.waits && !g.nothingToShow()
			return !g.waits
		})
	}
	r.applyRenames()
	r.expire()
	if since := now.Sub(r.lastUpdate); since > 0 {
		r.updateRates(since)
		r.lastUpdate = now
	}
}

// FlushPending shows every device that is still waiting. Call it when nothing more will be learned.
func (r *Registry) FlushPending() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot = nil
	r.settleDoubts(true)
	r.show(true)
}

// LastUpdate returns the time of the last Update. It is safe for concurrent use.
func (r *Registry) LastUpdate() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastUpdate
}

// setClock sets the time of the call in progress. It is measured on the monotonic clock where there is one, so that nothing
// expires because somebody sets the clock. An earlier time than the last, as in files, leaves the clock as it is.
func (r *Registry) setClock(now time.Time) {
	if r.cfg.Start.IsZero() {
		r.cfg.Start, r.now, r.lastUpdate, r.lastExpiry, r.lastReview = now, now, now, now, now
	}
	if t := r.cfg.Start.Add(now.Sub(r.cfg.Start).Truncate(clockStep)); t.After(r.now) {
		r.now = t
	}
	r.wall = now.Round(0)
}

// gain adds what a host has gained to its device.
func (r *Registry) gain(table, slot int, addr netip.Addr, delta *traffic.Delta) {
	gained := &delta.Totals
	var h *host
	if slots := r.slots[table]; slot < len(slots) {
		h = slots[slot]
	}
	if h == nil {
		if h = r.count(addr); h == nil {
			r.overflow.Add(gained)
			r.book(0, gained)
			return
		}
		r.setSlot(h, table, slot)
	}
	if delta.Senders[0] != (mac.Addr{}) {
		r.sentBy(h, &delta.Senders)
	}
	h.last = r.now
	h.sent = h.sent || gained.Sent().Packets > 0
	if r.cfg.Names != nil && r.now.Sub(h.wanted) >= wantEvery {
		if h.wanted.IsZero() && !h.lookedUp {
			r.cfg.Names.Refresh(addr) // it may have been reported for a host that was forgotten
		} else {
			r.cfg.Names.Want(addr)
		}
		h.wanted = r.now
	}
	if h.group.series == nil {
		r.addPending(h, gained)
		r.wait(h.group)
		return
	}
	if h.doubted {
		r.addPending(h, gained)
		return
	}
	r.add(h.group.series, gained)
}

// setSlot records that a host has a slot of a table.
func (r *Registry) setSlot(h *host, table, slot int) {
	if n := slot + 1 - len(r.slots[table]); n > 0 {
		r.slots[table] = append(r.slots[table], make([]*host, n)...)
	}
	if r.slots[table][slot] != h {
		r.slots[table][slot] = h
		h.slots++
	}
}

// lookedUp handles the outcome of a reverse lookup.
func (r *Registry) lookedUp(addr netip.Addr, name string) {
	if names.ContainsAddress(name, addr) || names.IsPlaceholder(name) {
		name = "" // it says no more than the address
	}
	h := r.hosts[addr]
	if h == nil || !h.counted {
		if name == "" || !r.uses(names.SourcePTR) || names.IsFromAddress(name, addr) || r.isWildcard(firstLabel(name)) {
			return
		}
		if h = r.count(addr); h == nil { // a host that has not been seen yet is shown with counters of 0
			return
		}
	}
	h.lookedUp = true
	if name != "" && name != h.stale && r.uses(names.SourcePTR) {
		h.stale = ""
		r.setPTR(h, name)
	}
	if h.ptr != "" && h.counted { // it may have turned out to be a wildcard
		r.wait(h.group)
	}
}

// uses reports whether names of a source are used.
func (r *Registry) uses(source string) bool { return slices.Contains(r.cfg.Order, source) }

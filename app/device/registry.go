package device

import (
	"cmp"
	"context"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"gonetmon/app/traffic"
)

// A Namer finds the names of hosts: names.PTR.
type Namer interface {
	// Want says that a host is there. It must not wait.
	Want(host netip.Addr)
	// Drain calls found for each host whose first lookup has ended, with "" if it has no name, or whose name has changed.
	Drain(found func(host netip.Addr, name string))
}

// Config is what a Registry needs.
type Config struct {
	Tables []*traffic.Table // what is counted; the registry is the only one to drain them
	Names  Namer            // nil: every host is called by its address
	Limit  int              // of hosts
	Start  time.Time
}

const (
	foldEvery = time.Second
	patience  = 5 * time.Second // how long a new host waits for its first lookup before it is shown by its address
	wantEvery = time.Minute     // how often the namer is told that a host is still there
	rateOver  = 5 * time.Second // the time constant of the rates
	noRate    = 1.0             // bytes per second below which a rate is over
	perLimit  = 2               // devices per host of the limit: hosts that are renamed leave devices behind
)

// A Registry joins hosts into devices: hosts of one name are one device. What a host gains belongs to the device that it
// belongs to at that time, so that a device's counters never go back, and nothing is counted twice or lost.
type Registry struct {
	cfg Config

	mu       sync.Mutex // guards all below
	hosts    map[netip.Addr]*host
	devices  map[string]*device
	order    []*device // devices sorted by name; nil when it must be made anew
	waiting  []*host   // without a device yet, oldest first
	active   []*device // with a rate
	network  traffic.Network
	overflow traffic.Totals
	folded   time.Time
	snapshot *Snapshot // of the last fold, once asked for
}

type host struct {
	addr    netip.Addr
	device  *device
	pending *traffic.Totals // what it has gained before it had a device
	first   time.Time
	wanted  time.Time
}

type device struct {
	Device
	in, out float64 // bytes gained in this fold
	active  bool
}

// NewRegistry returns a registry that knows nobody.
func NewRegistry(cfg Config) *Registry {
	return &Registry{cfg: cfg, hosts: map[netip.Addr]*host{}, devices: map[string]*device{}, folded: cfg.Start}
}

// Run folds what was counted into the devices, once a second, until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	tick := time.NewTicker(foldEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			r.Fold(now)
		case <-ctx.Done():
			return nil
		}
	}
}

// Fold takes what the tables have gained, and the names that were found, into the devices.
func (r *Registry) Fold(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot = nil
	if r.cfg.Names != nil {
		r.cfg.Names.Drain(r.named)
	}
	for _, t := range r.cfg.Tables {
		n := t.Drain(func(addr netip.Addr, gain *traffic.Totals) { r.gained(now, addr, gain) })
		r.network.Add(&n)
	}
	for len(r.waiting) > 0 && (r.waiting[0].device != nil || now.Sub(r.waiting[0].first) >= patience) {
		r.show(r.waiting[0], "")
		r.waiting[0] = nil
		r.waiting = r.waiting[1:]
	}
	r.rates(now.Sub(r.folded))
	r.folded = now
}

// gained adds what a host has gained to its device.
func (r *Registry) gained(now time.Time, addr netip.Addr, gain *traffic.Totals) {
	h := r.hosts[addr]
	if h == nil {
		if h = r.meet(addr); h == nil {
			r.overflow.Add(gain)
			return
		}
		h.first = now
		if r.cfg.Names == nil {
			r.show(h, "")
		} else {
			r.waiting = append(r.waiting, h)
		}
	}
	if r.cfg.Names != nil && now.Sub(h.wanted) >= wantEvery {
		h.wanted = now
		r.cfg.Names.Want(addr)
	}
	d := h.device
	if d == nil {
		if h.pending == nil {
			h.pending = &traffic.Totals{}
		}
		h.pending.Add(gain)
		return
	}
	d.add(gain, now, now)
	d.in += float64(gain.Received().Bytes)
	d.out += float64(gain.Sent().Bytes)
	if !d.active {
		d.active = true
		r.active = append(r.active, d)
	}
}

func (d *device) add(gain *traffic.Totals, first, last time.Time) {
	d.Totals.Add(gain)
	if d.First.IsZero() || first.Before(d.First) {
		d.First = first
	}
	if last.After(d.Last) {
		d.Last = last
	}
}

// meet makes a host known; nil if there is no room for it.
func (r *Registry) meet(addr netip.Addr) *host {
	if !addr.IsValid() || len(r.hosts) >= r.cfg.Limit {
		return nil
	}
	h := &host{addr: addr}
	r.hosts[addr] = h
	return h
}

// named takes the outcome of a lookup.
func (r *Registry) named(addr netip.Addr, name string) {
	h := r.hosts[addr]
	if h == nil {
		if name == "" {
			return
		}
		if h = r.meet(addr); h == nil { // a host that has not been seen yet is shown with counters of 0
			return
		}
	}
	if h.device == nil || name != "" {
		r.show(h, name)
	}
}

// show makes h a host of the device called name, or if that is empty of the device called by its address. A host that has a
// device already keeps it if there is no room for another.
func (r *Registry) show(h *host, name string) {
	source := SourcePTR
	if name == "" {
		if h.device != nil {
			return
		}
		name, source = h.addr.String(), SourceAddress
	}
	d := r.devices[name]
	if d == nil {
		if h.device != nil && len(r.devices) >= perLimit*r.cfg.Limit {
			return
		}
		d = &device{Device: Device{Name: name, Source: source}}
		r.devices[name] = d
		r.order = nil
	}
	if h.device == d {
		return
	}
	if old := h.device; old != nil {
		old.Hosts = slices.DeleteFunc(slices.Clone(old.Hosts), func(a netip.Addr) bool { return a == h.addr })
		if len(old.Hosts) == 0 && old.First.IsZero() {
			delete(r.devices, old.Name)
			r.order = nil
		}
	}
	h.device = d
	d.Hosts = append(slices.Clone(d.Hosts), h.addr)
	slices.SortFunc(d.Hosts, netip.Addr.Compare)
	if h.pending != nil {
		d.add(h.pending, h.first, h.first)
		h.pending = nil
	}
}

// rates lets each rate follow what was gained in the time since the last fold, as an exponentially weighted average.
func (r *Registry) rates(since time.Duration) {
	if since <= 0 {
		return
	}
	weight := 1 - math.Exp(-since.Seconds()/rateOver.Seconds())
	r.active = slices.DeleteFunc(r.active, func(d *device) bool {
		d.InRate += (d.in/since.Seconds() - d.InRate) * weight
		d.OutRate += (d.out/since.Seconds() - d.OutRate) * weight
		d.in, d.out = 0, 0
		if d.InRate+d.OutRate < noRate {
			d.InRate, d.OutRate, d.active = 0, 0, false
		}
		return !d.active
	})
}

// Snapshot returns what is known as of the last Fold. Any goroutine may call it.
func (r *Registry) Snapshot() *Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.snapshot != nil {
		return r.snapshot
	}
	if r.order == nil {
		r.order = make([]*device, 0, len(r.devices))
		for _, d := range r.devices {
			r.order = append(r.order, d)
		}
		slices.SortFunc(r.order, func(a, b *device) int { return cmp.Compare(a.Name, b.Name) })
	}
	s := &Snapshot{
		Time: r.folded, Start: r.cfg.Start,
		Devices: make([]Device, len(r.order)),
		Network: r.network, Overflow: r.overflow,
		Hosts: len(r.hosts), Limit: r.cfg.Limit,
	}
	for i, d := range r.order {
		s.Devices[i] = d.Device
	}
	for _, h := range r.waiting {
		if h.pending != nil {
			s.Waiting.Add(h.pending)
		}
	}
	r.snapshot = s
	return s
}

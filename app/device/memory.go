package device

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/names"
)

// maxKeptAddrs is how many addresses of a device are kept over a restart: those that it used last.
const maxKeptAddrs = 16

// A Record is what is kept of a device over a restart, in a form for encoding/json. All times are on the wall clock.
type Record struct {
	ID       uint64    `json:"id"`
	Label    string    `json:"label"` // the name by which it is shown; unique
	Name     string    `json:"name"`  // with its domain
	Source   string    `json:"source"`
	Kind     string    `json:"kind,omitempty"`
	First    time.Time `json:"first"` // when it first sent or received
	Last     time.Time `json:"last"`
	Stations []Station `json:"stations,omitempty"`
	Hosts    []Host    `json:"hosts,omitempty"`
}

// A Station is what is kept of a MAC of a device.
type Station struct {
	MAC        mac.Addr   `json:"mac"`
	DHCP       string     `json:"dhcp,omitempty"`       // the name that it gives itself in DHCP
	Router     bool       `json:"router,omitempty"`     // it keeps sending packets from outside the LAN
	Advertises bool       `json:"advertises,omitempty"` // it advertises itself as a router
	Relayed    []mac.Addr `json:"relayed,omitempty"`    // MACs whose own messages came in its frames
	Since      time.Time  `json:"since,omitzero"`       // when the first of these came
	Until      time.Time  `json:"until,omitzero"`       // when the last of these came
}

// A Host is what is kept of an address of a device.
type Host struct {
	Addr   netip.Addr `json:"addr"`
	MAC    mac.Addr   `json:"mac,omitzero"`    // of the station that has it
	Client mac.Addr   `json:"client,omitzero"` // the MAC that has leased it
	Since  time.Time  `json:"since,omitzero"`  // when the lease began
	Until  time.Time  `json:"until,omitzero"`  // when the lease ends
	Sender mac.Addr   `json:"sender,omitzero"` // the MAC that sends from it
	Apart  bool       `json:"apart,omitempty"` // it is not the sender's own
	Sent   time.Time  `json:"sent,omitzero"`   // when the sender last sent from it
	Last   time.Time  `json:"last"`            // when the address last sent or received
}

// Records returns what to give to the registry at the next start, sorted by ID.
func (r *Registry) Records() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := map[uint64]*series{} // of each device, the one that it has or had last
	for _, s := range r.series {
		if o := last[s.id]; r.isKept(s) && (o == nil || s.seen.After(o.seen) || s.seen.Equal(o.seen) && s.name < o.name) {
			last[s.id] = s
		}
	}
	all := make([]Record, 0, len(last)+len(r.former))
	for _, s := range last {
		all = append(all, r.record(s))
	}
	for id, rec := range r.former {
		if last[id] == nil {
			all = append(all, *rec)
		}
	}
	slices.SortFunc(all, func(a, b Record) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// isKept reports whether a series is kept over a restart: its device was seen, and has no other name now.
func (r *Registry) isKept(s *series) bool { return !s.known.IsZero() && !r.isFormer(s) }

func (r *Registry) record(s *series) Record {
	rec := Record{ID: s.id, Label: s.name, Name: s.name, Source: s.source, First: s.known, Last: s.last}
	g := s.group
	if g == nil {
		return rec
	}
	rec.Name, rec.Source, rec.Kind = g.name, g.source, g.kind()
	hosts := slices.Clone(g.hosts)
	for _, t := range g.stations {
		rec.Stations = append(rec.Stations, r.keptStation(t))
		for _, h := range t.hosts {
			if !h.counted && (h.kept || !h.last.IsZero()) {
				hosts = append(hosts, h)
			}
		}
	}
	slices.SortStableFunc(hosts, func(a, b *host) int { return b.last.Compare(a.last) })
	for _, h := range hosts[:min(len(hosts), maxKeptAddrs)] {
		rec.Hosts = append(rec.Hosts, r.keptHost(h))
	}
	return rec
}

func (r *Registry) keptStation(s *station) Station {
	k := Station{MAC: s.mac, DHCP: s.dhcp.name, Router: s.transit >= routerPackets, Advertises: s.advertises}
	if r.relays(s) {
		k.Relayed, k.Since, k.Until = slices.Clone(s.relayed), r.onWall(s.relayedSince), r.onWall(s.relayedAt)
	}
	return k
}

func (r *Registry) keptHost(h *host) Host {
	k := Host{Addr: h.addr, Last: r.onWall(h.last), Sender: h.sender.mac, Sent: r.onWall(h.sender.last), Apart: h.apart}
	if h.station != nil {
		k.MAC = h.station.mac
	}
	if r.isLeased(h) {
		k.Client, k.Since, k.Until = h.lease.mac, r.onWall(h.lease.since), r.onWall(h.lease.end)
	}
	return k
}

// onWall converts a time of the registry's clock to the wall clock.
func (r *Registry) onWall(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return r.wall.Add(t.Sub(r.now)).Truncate(time.Second)
}

// fromWall is the reverse of onWall. A time in the future becomes now: the clock was wrong when it was noted.
func (r *Registry) fromWall(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return r.now.Add(min(0, t.Sub(r.wall)))
}

// restore takes the devices of the records.
func (r *Registry) restore(records []Record) {
	r.now, r.wall, r.lastID = r.cfg.Start, r.cfg.Start.Round(0), r.cfg.LastID
	for i := range records {
		rec := &records[i]
		if rec.ID == 0 || r.byID[rec.ID] != nil {
			continue // not written by us
		}
		r.lastID = max(r.lastID, rec.ID)
		if r.cfg.Forget > 0 && r.now.Sub(r.fromWall(rec.Last)) >= r.cfg.Forget || r.series[rec.Label] != nil ||
			len(r.series) >= r.cfg.Limit {
			r.addFormer(*rec)
			continue
		}
		r.revive(rec)
	}
}

// revive makes the device of a record known, with its label and without traffic.
func (r *Registry) revive(rec *Record) {
	s := &series{name: rec.Label, id: rec.ID, source: rec.Source, known: rec.First, revived: true}
	s.last, s.seen = rec.Last, r.fromWall(rec.Last)
	r.series[s.name] = s
	for i := range rec.Hosts {
		s.had = append(s.had, rec.Hosts[i].Addr)
	}
	slices.SortFunc(s.had, netip.Addr.Compare)
	s.queued = true
	r.retired = append(r.retired, s)
	if len(rec.Stations) == 0 {
		return
	}
	s.mac = rec.Stations[0].MAC // also if there is no room for it
	g := &group{name: rec.Name, source: rec.Source, weak: names.IsGeneric(rec.Name), series: s}
	switch rec.Source {
	case names.SourceAddress:
	case names.SourceFile:
		if r.byFileName[g.name] == nil {
			g.fileName = g.name
			r.byFileName[g.name] = g // until the file is read
		}
	default:
		g.keptFrom = rec.Source
	}
	for i := range rec.Stations {
		r.reviveStation(&rec.Stations[i], rec.Kind, g)
	}
	if len(g.stations) == 0 { // there is no room for them
		if g.fileName != "" {
			delete(r.byFileName, g.fileName)
		}
		return
	}
	s.group, s.mac = g, g.mac()
	r.setID(g, rec.ID)
	for i := range rec.Hosts {
		r.reviveHost(&rec.Hosts[i])
	}
}

func (r *Registry) reviveStation(k *Station, kind string, g *group) {
	s := r.keptStationFor(k.MAC)
	if s == nil || s.group != nil {
		return
	}
	s.group, s.kind, s.advertises = g, kind, k.Advertises
	g.stations = append(g.stations, s)
	if k.DHCP != "" {
		s.dhcp.take(k.DHCP, true, s.mac, r.now)
	}
	if k.Router {
		s.transit = routerPackets
	}
	if len(k.Relayed) == relayedMACs {
		s.relayed, s.relayedSince, s.relayedAt = k.Relayed, r.fromWall(k.Since), r.fromWall(k.Until)
		s.several = r.relays(s)
	}
}

// keptStationFor is stationFor for a MAC that may not be that of a station. It returns nil then.
func (r *Registry) keptStationFor(hw mac.Addr) *station {
	if !hw.IsStation() {
		return nil
	}
	return r.stationFor(hw)
}

// reviveHost makes an address known, of which nothing was counted yet.
func (r *Registry) reviveHost(k *Host) {
	if !k.Addr.IsValid() || r.hosts[k.Addr] != nil {
		return
	}
	h := r.hostAt(k.Addr)
	h.kept, h.last = true, r.fromWall(k.Last)
	if s := r.stations[k.MAC]; s != nil {
		h.station, h.why = s, byDefault
		s.add(h)
	}
	if c := r.keptStationFor(k.Client); c != nil && k.Until.After(r.wall) {
		h.lease = lease{mac: k.Client, since: r.fromWall(k.Since), end: r.now.Add(min(k.Until.Sub(r.wall), k.Until.Sub(k.Since)))}
		if h.addr.Is4() {
			c.leased = h
		}
	}
	at := r.fromWall(k.Sent)
	if s := r.keptStationFor(k.Sender); s != nil && r.now.Sub(at) < pastAfter {
		h.sender, h.apart = sender{mac: k.Sender, first: at, last: at, seconds: 1}, k.Apart
		s.addSent(h)
	}
}

// addFormer keeps the record of a device that is not shown any more. The device is shown again if its MAC comes back.
func (r *Registry) addFormer(rec Record) {
	rec.Hosts = nil
	for len(r.formerIDs) >= r.cfg.Limit {
		oldest := r.formerIDs[0]
		r.formerIDs = r.formerIDs[1:]
		r.dropFormer(oldest)
	}
	if r.former[rec.ID] == nil {
		r.formerIDs = append(r.formerIDs, rec.ID)
	}
	r.dropFormer(rec.ID)
	r.former[rec.ID] = &rec
	for _, s := range rec.Stations {
		r.formerMACs[s.MAC] = rec.ID
	}
}

// setAside keeps the record of a device that lost its name to another device, until it is shown again.
func (r *Registry) setAside(g *group, rec Record) {
	if g.id == 0 || len(g.stations) == 0 || rec.First.IsZero() {
		return
	}
	g.known = rec.First
	rec.ID, rec.Label, rec.Source = g.id, g.mac().String(), names.SourceAddress
	rec.Name = rec.Label
	r.addFormer(rec)
}

func (r *Registry) dropFormer(id uint64) {
	rec := r.former[id]
	if rec == nil {
		return
	}
	delete(r.former, id)
	for _, s := range rec.Stations {
		if r.formerMACs[s.MAC] == id {
			delete(r.formerMACs, s.MAC)
		}
	}
}

// comeBack shows the forgotten device of a MAC again, if its label is still free. It reports whether it did.
func (r *Registry) comeBack(hw mac.Addr) bool {
	rec := r.former[r.formerMACs[hw]]
	if rec == nil || r.byID[rec.ID] != nil || !r.roomForSeries() {
		return false
	}
	label := rec.Label
	if r.series[label] != nil {
		label += "-" + hw.String()
	}
	if r.series[label] != nil {
		return false
	}
	r.dropFormer(rec.ID)
	rec.Label = label
	r.revive(rec)
	s := r.stations[hw]
	return s != nil && s.group != nil
}

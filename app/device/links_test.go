package device

import (
	"slices"
	"testing"

	"gonetmon/app/mac"
)

// checkLinks fails the test if a host, station, group or series points to one that is gone or does not point back, or if bytes
// wait where nothing will count them.
func checkLinks(t *testing.T, r *Registry) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	counted := 0
	groups := map[*group]bool{}
	for addr, h := range r.hosts {
		switch {
		case h.addr != addr:
			t.Errorf("the host at %s is %s", addr, h.addr)
		case h.counted != (h.group != nil):
			t.Errorf("%s: counted is %v, its group %v", addr, h.counted, h.group)
		case h.station != nil && (r.stations[h.station.mac] != h.station || h.station.hosts[h.inStation] != h):
			t.Errorf("%s is not in the list of its station", addr)
		case h.sender.mac != (mac.Addr{}) && r.stations[h.sender.mac] != nil &&
			(len(*r.stations[h.sender.mac].sent(h)) <= h.inSent || (*r.stations[h.sender.mac].sent(h))[h.inSent] != h):
			t.Errorf("%s is not in the list of its sender", addr)
		case h.doubted && !slices.Contains(r.doubts, h):
			t.Errorf("%s is in doubt, and not in the list", addr)
		}
		for _, key := range h.keys {
			if !r.byName[key][h] {
				t.Errorf("%s is not in the index as %s", addr, key)
			}
		}
		if h.group == nil {
			continue
		}
		counted++
		groups[h.group] = true
		if h.station != nil && h.group != h.station.group && h.group.fileName == "" {
			t.Errorf("%s is not in the group of its station", addr)
		}
		if h.group.fileName == "" && h.station == nil && len(h.group.stations) > 0 && len(h.keys) == 0 {
			t.Errorf("%s is of no station and has no name, and is in the group of %s", addr, h.group.stations[0].mac)
		}
	}
	if counted != r.counted {
		t.Errorf("%d hosts are counted, by the count %d", counted, r.counted)
	}
	for hw, s := range r.stations {
		for _, h := range slices.Concat(s.hosts, s.sends, s.sends6) {
			if r.hosts[h.addr] != h {
				t.Errorf("%s has or sends from %s, which is gone", hw, h.addr)
			}
		}
		for _, h := range s.hosts {
			if h.station != s {
				t.Errorf("%s has %s, which is another station's", hw, h.addr)
			}
		}
		for _, h := range slices.Concat(s.sends, s.sends6) {
			if h.sender.mac != hw {
				t.Errorf("%s sends from %s, whose sender is %s", hw, h.addr, h.sender.mac)
			}
		}
		if s.leased != nil && r.hosts[s.leased.addr] != s.leased {
			t.Errorf("%s has a lease of %s, which is gone", hw, s.leased.addr)
		}
		if s.group != nil {
			groups[s.group] = true
			if !slices.Contains(s.group.stations, s) {
				t.Errorf("%s is not in its group", hw)
			}
		}
		if s.behind != nil {
			groups[s.behind] = true
			if s.behind.behind != s {
				t.Errorf("what is behind %s is behind another one", hw)
			}
		}
	}
	for key, hosts := range r.byName {
		for h := range hosts {
			if r.hosts[h.addr] != h || !slices.Contains(h.keys, key) {
				t.Errorf("the index has %s as %s, which is gone or not called so", h.addr, key)
			}
		}
	}
	for i, h := range r.doubts {
		if slices.Contains(r.doubts[:i], h) {
			t.Errorf("%s is twice in the list of doubts", h.addr)
		}
	}
	for name, s := range r.series {
		if s.group != nil {
			groups[s.group] = true
			if s.group.series != s || s.group.id != s.id {
				t.Errorf("the group of %s has another series or ID", name)
			}
		}
		if s.name != name {
			t.Errorf("the series of %s is called %s", name, s.name)
		}
	}
	ids := map[uint64]*group{}
	for id, g := range r.byID {
		if g.id != id || !groups[g] && r.byFileName[g.fileName] != g {
			t.Errorf("the device %d is gone or another one: %+v", id, g)
		}
	}
	for g := range groups {
		if o := ids[g.id]; g.id != 0 && o != nil {
			t.Errorf("%s and %s have the ID %d", o.name, g.name, g.id)
		}
		if g.id != 0 && r.byID[g.id] != g {
			t.Errorf("%s is not in the index as the device %d", g.name, g.id)
		}
		ids[g.id] = g
		for _, h := range g.hosts {
			if h.group != g || r.hosts[h.addr] != h {
				t.Errorf("a group has %s, which is gone or another one's", h.addr)
			}
		}
		for _, s := range g.stations {
			if s.group != g || r.stations[s.mac] != s {
				t.Errorf("a group has %s, which is gone or another one's", s.mac)
			}
		}
		if g.series != nil && (g.series.group != g || r.series[g.series.name] != g.series) {
			t.Errorf("the series %s is gone or another one's", g.series.name)
		}
		if g.fileName != "" && r.byFileName[g.fileName] != g {
			t.Errorf("the index has not the group of %s", g.fileName)
		}
		if g.pending != nil && !g.waits {
			t.Errorf("what a group has gained does not wait: %+v, %+v", g, g.pending)
		}
		for _, h := range g.hosts {
			if h.pending != nil && !g.waits && (!h.doubted || g.series == nil) {
				t.Errorf("what %s has gained does not wait: %+v", h.addr, h.pending)
			}
		}
		if g.waits != slices.Contains(r.waiting, g) {
			t.Errorf("a group waits %v, and is in the list %v", g.waits, !g.waits)
		}
	}
}

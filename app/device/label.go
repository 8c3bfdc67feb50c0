package device

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gonetmon/app/mac"
)

// wait makes a device wait for its name, unless it is shown.
func (r *Registry) wait(d *device) {
	if d.waits || d.series != nil {
		return
	}
	d.waits, d.since = true, r.now
	r.waiting = append(r.waiting, d)
}

// void says whether there is no point in a device's waiting: it is shown, or has nothing that could be.
func (d *device) void() bool { return d.series != nil || d.hosts.len() == 0 && d.held == nil }

// show shows the devices that have waited long enough, or all that have gained something.
func (r *Registry) show(all bool) {
	for _, d := range slices.Clone(r.waiting) {
		if d.series == nil && (all || r.ready(d)) {
			for _, h := range slices.Clone(d.hosts.all()) {
				r.resolve(h)
			}
		}
	}
	waiting := r.waiting
	r.waiting = nil
	still := waiting[:0]
	for _, d := range waiting {
		switch {
		case d.void(), (all || r.ready(d)) && r.label(d):
			d.waits = false
		case all: // there is no room for another series
			for _, h := range d.hosts.all() {
				h.leaveBehind()
			}
			if d.held != nil {
				r.overflow.Add(&d.held.totals)
				d.held = nil
			}
			d.waits = false
		default:
			still = append(still, d)
		}
	}
	clear(waiting[len(still):])
	r.waiting = append(still, r.waiting...) // those that began to wait meanwhile
}

// ready says whether a device need not wait any longer.
func (r *Registry) ready(d *device) bool {
	age := r.now - d.since
	real := d.hosts.len() == 0
	looking := false
	for _, h := range d.hosts.all() {
		// To be sent something is not enough: anybody can send to any IPv6 address.
		real = real || h.four || h.sent || h.station != nil || h.ptr != ""
		looking = looking || !h.looked
	}
	if !real {
		return false
	}
	if age >= span(patience) {
		return true
	}
	switch _, source := r.choose(d); {
	case source == byFile || source == byPTR:
		return true
	case looking && r.uses(byPTR):
		return false
	default:
		return source != byAddress || age >= span(nameless)
	}
}

// choose returns the best name of a device, in full, and its source. The name by which it is shown stays as long as it is
// one of those of the best source.
func (r *Registry) choose(d *device) (string, source) {
	for _, source := range r.sources {
		best := ""
		consider := func(name string) {
			switch {
			case name == "":
			case best == "", anonymous(best) && !anonymous(name), name == d.name && anonymous(best) == anonymous(name):
				best = name
			}
		}
		switch source {
		case byFile:
			consider(d.file)
		case byPTR:
			for _, h := range d.hosts.all() {
				consider(h.ptr)
			}
		case byDHCP:
			for _, s := range d.stations.all() {
				consider(s.dhcp.name)
			}
		case byMDNS:
			for _, h := range d.hosts.all() {
				consider(h.mdns.name)
			}
			for _, s := range d.stations.all() {
				for _, h := range s.hosts.all() {
					consider(h.mdns.name)
				}
			}
		}
		if best != "" {
			return best, source
		}
	}
	return r.address(d).String(), byAddress
}

// address is the first of a device's addresses; IPv4 goes before IPv6.
func (r *Registry) address(d *device) netip.Addr {
	for _, h := range d.hosts.all() {
		return h.addr()
	}
	return netip.Addr{}
}

// review looks whether a device that is shown is to be shown by another name.
func (r *Registry) review(d *device) {
	if d.series == nil {
		return
	}
	name, source := r.choose(d)
	if source == byAddress {
		// The last good name is kept; but of two addresses people know the IPv4 one.
		if was, err := netip.ParseAddr(d.name); d.source == byAddress && err == nil && was.Is6() && r.address(d).Is4() {
			r.label(d)
		}
		return
	}
	switch {
	case d.source != byAddress && akin(name, d.name):
		d.rename = 0
		d.source = source
	case d.source == byAddress || source == byFile || d.source == byFile:
		r.label(d)
	case d.rename == 0:
		d.rename = r.now + span(settled)
		r.renaming = append(r.renaming, d)
	}
}

// rename shows devices by the other name that they have had for long enough.
func (r *Registry) rename() {
	for len(r.renaming) > 0 {
		d := r.renaming[0]
		if d.rename > r.now {
			return
		}
		r.renaming[0] = nil
		r.renaming = r.renaming[1:]
		if d.rename == 0 || d.series == nil {
			continue // it has changed its mind
		}
		d.rename = 0
		if name, source := r.choose(d); source != byAddress && !akin(name, d.name) {
			r.label(d)
		}
	}
}

// label finds a name for a device that no other is shown by, and shows it so. It says whether there is room for it.
func (r *Registry) label(d *device) bool {
	name, source := r.choose(d)
	text := r.shorten(name)
	if source == byAddress && d.hosts.len() == 0 {
		text = ""
	}
	for i := range 100 {
		if i == 1 && text != name && source != byAddress {
			text = name
		} else if i > 0 {
			text = r.distinct(d, r.shorten(name), source, i)
		}
		if text != "" && r.free(d, text) {
			d.rename = 0
			if !r.take(d, text) {
				return false
			}
			d.name, d.source = name, source
			return true
		}
	}
	return false
}

// distinct is a name with something behind it that another device of that name does not have.
func (r *Registry) distinct(d *device, name string, source source, try int) string {
	var m mac.Addr
	if d.stations.len() > 0 {
		m = d.stations.all()[0].mac
	}
	addr := ""
	if d.hosts.len() > 0 {
		addr = r.address(d).String()
	}
	switch {
	case source == byAddress && m != mac.Addr{} && try < 3:
		return m.String()
	case source == byAddress:
		return addr + "-" + strconv.Itoa(try)
	case try < 3 && addr != "":
		return name + "-" + addr
	case try < 4 && m != mac.Addr{}:
		return name + "-" + m.String()
	default:
		return name + "-" + strconv.Itoa(try)
	}
}

// free says whether a device may be shown by a name: no other one is, or that has been silent for long.
func (r *Registry) free(d *device, text string) bool {
	s := r.series.get(text)
	if s == nil || s.owner == nil || s.owner == d {
		return true
	}
	return r.cfg.AwaitNames && !slices.ContainsFunc(s.owner.hosts.all(), func(h *host) bool { return r.now-h.last < span(takeover) })
}

// canonical is a name as it is compared: without the domain that it would be shown without.
func (r *Registry) canonical(name string) string { return r.shorten(name) }

// shorten returns a name without the domain that it is to be shown without.
func (r *Registry) shorten(name string) string {
	for _, domain := range r.cfg.Strip {
		if rest, ok := strings.CutSuffix(name, "."+domain); ok && rest != "" {
			return rest
		}
	}
	return name
}

// akin says whether two names are one: equal, or one of them with a domain behind it.
func akin(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == b || len(a) > 0 && strings.HasPrefix(b, a) && b[len(a)] == '.'
}

// anonymous says whether a name is a UUID: browsers and media players call themselves so in multicast DNS, and a machine may have
// a better name besides.
func anonymous(name string) bool {
	if len(name) < 36 || len(name) > 36 && name[36] != '.' {
		return false
	}
	for i := range 36 {
		switch c := name[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
		default:
			return false
		}
	}
	return true
}

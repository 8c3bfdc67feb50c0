package home

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gonetmon/app/mac"
	"gonetmon/app/names"
)

// A style is how the router answers PTR questions for its leases.
type style int

const (
	unique      style = iota // a number is appended to a name that another lease has; without a name one is made from the address
	latest                   // the latest lease of a name has it, the others lose it, as with dnsmasq
	wildcard                 // all addresses have the same name
	synthesized              // all names are made from the address, those of IPv6 by the provider
	numStyles
)

func (s style) String() string { return [...]string{"unique", "latest", "wildcard", "synthesized"}[s] }

const domain = "lan"

// A zone is the reverse DNS of the router.
type zone struct {
	style style
	given map[mac.Addr]*given // unique names
}

// A given name is kept for a client.
type given struct {
	name string
	last time.Time // when it was last used
}

const keepName = 20 * time.Hour

// name gives a lease the name that the client asked for.
func (z *zone) name(r *router, l *lease, asked string) {
	label := strings.Trim(strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(asked)), "-")
	switch z.style {
	case unique:
		if known := z.given[l.mac]; known != nil {
			known.last, l.name = r.home.now, known.name
			return
		}
		if label == "" {
			label = "pc-" + dashed(l.addr)
		}
		taken := func(name string) bool {
			for _, o := range z.given {
				if o.name == name && r.home.now.Sub(o.last) < keepName {
					return true
				}
			}
			return false
		}
		l.name = label
		for i := 1; taken(l.name); i++ {
			l.name = fmt.Sprintf("%s-%d", label, i)
		}
		z.given[l.mac] = &given{l.name, r.home.now}
	case latest:
		for _, o := range r.leases {
			if o != l && o.name == label {
				o.name = ""
			}
		}
		l.name = label
	}
}

func dashed(a netip.Addr) string { return strings.ReplaceAll(a.String(), ".", "-") }

// lookup returns the PTR name of an address, without its domain if people chose it.
func (z *zone) lookup(h *Home, a netip.Addr) (name string, human bool) {
	r := h.router
	if o := h.owner[a]; o != nil && o.ptr != "" && o.v4 == a && (r.has(a) || o.routed) {
		return o.ptr, true
	}
	if l := r.leaseAt(a); l != nil && l.name != "" && l.until.After(h.now) {
		return l.name, !strings.HasSuffix(l.name, dashed(a))
	}
	switch {
	case z.style == wildcard && r.has(a):
		return "home", false
	case z.style == synthesized && r.has(a):
		return "dhcp-" + dashed(a), false
	case z.style == synthesized && a.Is6() && r.prefix.Contains(a):
		return fmt.Sprintf("p%x.dip0.t-ipconnect.de", a.As16()), false
	}
	return "", false
}

// A namer finds PTR names as rdns.Resolver does: with a delay, once and then from time to time as long as they are wanted.
type namer struct {
	home  *Home
	hosts map[netip.Addr]*lookup
	found []*lookup
	over  bool // gonetmon has ended
}

type lookup struct {
	addr          netip.Addr
	name          string // the last good one
	wanted        time.Time
	asking        bool
	told, changed bool
	outdated      bool // the answer to come is, as the address has passed to another device
	due           time.Time
}

const (
	refreshEvery = 5 * time.Minute
	forgetWanted = 10 * time.Minute
)

// Want asks for the name of an address that was seen.
func (n *namer) Want(a netip.Addr) {
	l := n.hosts[a]
	if l == nil {
		l = &lookup{addr: a}
		n.hosts[a] = l
	}
	l.wanted = n.home.now
	if !l.asking && !n.home.now.Before(l.due) {
		n.ask(l)
	}
}

// Refresh forgets the name of an address, which is new or has passed to another device, and asks for it.
func (n *namer) Refresh(a netip.Addr) {
	if l := n.hosts[a]; l != nil {
		l.name, l.told, l.changed, l.due = "", false, false, n.home.now
		l.outdated = l.asking
		n.found = slices.DeleteFunc(n.found, func(o *lookup) bool { return o == l })
	}
	n.Want(a)
}

// sweep asks for all addresses of the network, before they are seen.
func (n *namer) sweep() {
	h := n.home
	for i := 1; i < 255; i++ {
		h.after(time.Duration(i)*100*time.Millisecond, func() {
			a := h.router.addr4(i)
			if l := n.hosts[a]; !n.over && (l == nil || !l.asking && l.name == "") {
				if l == nil {
					l = &lookup{addr: a}
					n.hosts[a] = l
				}
				n.ask(l)
			}
		})
	}
	h.after(time.Hour, func() {
		if !n.over {
			n.sweep()
		}
	})
}

// ask asks, and has the answer arrive after a while.
func (n *namer) ask(l *lookup) {
	h := n.home
	l.asking = true
	delay := h.between(5*time.Millisecond, 200*time.Millisecond)
	if h.chance(0.02) || l.addr.Is6() && h.chance(0.1) {
		delay = h.between(time.Second, 6*time.Second)
	}
	h.after(delay, func() {
		if n.over {
			return
		}
		l.asking, l.due = false, h.now.Add(refreshEvery)
		if l.outdated {
			l.outdated = false
			n.ask(l)
			return
		}
		name, human := "", false
		if h.router.isUp() {
			name, human = h.router.dns.lookup(h, l.addr)
		}
		if name != "" && (human || h.router.dns.style != synthesized || l.addr.Is4()) {
			name += "." + domain
		}
		name, ok := names.Canonical(name)
		if ok && !names.IsPlaceholder(name) && name != l.name {
			l.name, l.changed = name, true
		}
		if l.changed || !l.told {
			l.told, l.changed = true, false
			n.found = append(n.found, l)
		}
		h.after(refreshEvery, func() {
			if !n.over && !l.asking && h.now.Sub(l.wanted) < forgetWanted {
				n.ask(l)
			}
		})
	})
}

// Drain hands over the answers since the last call.
func (n *namer) Drain(found func(host netip.Addr, name string)) {
	all := n.found
	n.found = nil
	for _, l := range all {
		found(l.addr, l.name)
	}
}

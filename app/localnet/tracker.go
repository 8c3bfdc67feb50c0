// Package localnet keeps where the local network is: which interface each configured name means, whether frames can come from
// it, which interface has the default route, and which addresses are ours. These are in configured prefixes, in those of
// interfaces, and in those that routers announce. It knows neither frames nor devices. Announcements carry the caller's time:
// that of the machine, or that of a capture file.
package localnet

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/traffic"
)

var linkLocal = netip.MustParsePrefix("fe80::/10")

// Private are the private ranges (RFC 1918, RFC 4193 and RFC 4291), which stand in where the local prefixes are
// unknown.
var Private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("fc00::/7"), linkLocal,
}

const (
	pollInterval = 2 * time.Second       // how often to ask the kernel when it reports no change
	minRest      = 50 * time.Millisecond // how long to collect changes before asking it again
	maxRest      = 400 * time.Millisecond
)

// Config says what a Tracker follows.
type Config struct {
	Prefixes   []netip.Prefix // ours in any case; none: those of the interfaces
	Interfaces []string       // to capture on; none: the one of the default route
	Announced  bool           // fe80::/10, the interfaces' IPv6 prefixes and those that routers announce are ours too
	Kernel     Kernel         // nil: there are no interfaces, the frames come from a file

	// Each is called with each change after the first state, one call at a time; may be nil.
	PrefixesChanged   func(*traffic.Prefixes)
	InterfacesChanged func([]capture.Interface)

	Log *slog.Logger // may be nil
}

// A Kernel tells what this machine's network is: a Netlink.
type Kernel interface {
	Snapshot() (*Snapshot, error)
	BringUp(index int) error  // needs CAP_NET_ADMIN
	Changes() <-chan struct{} // a change may have happened
}

// LearnsIPv6 reports whether configured prefixes leave open which IPv6 addresses are ours: they have none that an
// internet provider may give, which are outside fe80::/10 and fc00::/7.
func LearnsIPv6(configured []netip.Prefix) bool {
	return !slices.ContainsFunc(configured, func(p netip.Prefix) bool {
		return p.Addr().Is6() && !p.Addr().IsLinkLocalUnicast() && !p.Addr().IsPrivate()
	})
}

// A Tracker keeps where the local network is. All methods may be called at the same time.
type Tracker struct {
	cfg        Config
	current    atomic.Pointer[traffic.Prefixes]
	interfaces atomic.Pointer[[]capture.Interface]
	snapshot   atomic.Pointer[Snapshot] // the last one

	mu        sync.Mutex // guards what is below; held while functions of the Config are called
	bindings  []binding
	base      []netip.Prefix // all but the announced ones
	announced announced
	broken    bool // the kernel did not answer last time
	vpn       string
}

// NewTracker returns a tracker that has asked the kernel once.
func NewTracker(cfg Config) *Tracker {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	t := &Tracker{cfg: cfg, announced: announced{prefixes: map[netip.Prefix]announcement{}}, base: cfg.Prefixes}
	for _, name := range cfg.Interfaces {
		t.bindings = append(t.bindings, binding{name: name})
	}
	if len(cfg.Interfaces) == 0 && cfg.Kernel != nil {
		t.bindings = []binding{{auto: true}}
	}
	unknown := make([]capture.Interface, len(t.bindings))
	for i, b := range t.bindings {
		unknown[i] = capture.Interface{Name: cmp.Or(b.name, auto), Reason: "unknown"}
	}
	t.interfaces.Store(&unknown)
	t.snapshot.Store(&Snapshot{})
	t.look(time.Time{})
	t.current.Store(t.join())
	return t
}

// Current returns the prefixes that are ours now.
func (t *Tracker) Current() *traffic.Prefixes { return t.current.Load() }

// Interfaces returns where to capture now: one for each configured interface, in their order.
func (t *Tracker) Interfaces() []capture.Interface { return *t.interfaces.Load() }

// Snapshot returns what the kernel knew when it was asked last. It must not be changed.
func (t *Tracker) Snapshot() *Snapshot { return t.snapshot.Load() }

// Known reports whether anything but link-local addresses is ours.
func (t *Tracker) Known() bool {
	return slices.ContainsFunc(t.Current().List(), func(p netip.Prefix) bool { return p != linkLocal })
}

// String lists the prefixes that are ours now.
func (t *Tracker) String() string {
	var all []string
	for _, p := range t.Current().List() {
		all = append(all, p.String())
	}
	return strings.Join(all, ",")
}

// Zone returns the address with the kernel's name of the interface in its zone. The net package knows no alternative names.
func (t *Tracker) Zone(a netip.Addr) netip.Addr {
	if l := t.Snapshot().named(a.Zone()); l != nil {
		return a.WithZone(l.Name)
	}
	return a
}

// Announce takes a router's announcement that a prefix is on the link for a lifetime. Until Refresh finds it expired
// the prefix is ours.
func (t *Tracker) Announce(now time.Time, p netip.Prefix, lifetime time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.cfg.Announced {
		return
	}
	was := t.announced.full
	t.announced.add(now, p, lifetime)
	if t.announced.full && !was {
		t.cfg.Log.Warn("routers announce more IPv6 prefixes than are kept; the one not heard of for the longest time makes room",
			"kept", maxAnnounced, "advice", "set GONETMON_CIDR with your IPv6 prefixes, for example 192.168.2.0/24,2001:db8:1::/64")
	}
	t.publish()
}

// Full reports whether routers have announced more prefixes than are kept.
func (t *Tracker) Full() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.announced.full
}

// Run refreshes the tracker with each change, and every two seconds, until ctx ends. It rests after that, so that it takes little
// time of a machine whose thousands of routes change all the time. The rest is short on a busy machine too, where asking takes
// long: an interface that was recreated must be captured again within a second.
func (t *Tracker) Run(ctx context.Context) error {
	for {
		begin := time.Now()
		t.Refresh(begin)
		rest := time.After(min(max(minRest, 20*time.Since(begin)), maxRest))
		select {
		case <-ctx.Done():
			return nil
		case <-rest:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.cfg.Kernel.Changes():
		case <-time.After(pollInterval):
		}
	}
}

// Refresh asks the kernel again, and ends announced prefixes that have expired.
func (t *Tracker) Refresh(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.look(now)
	t.announced.expire(now)
	t.publish()
}

// look asks the kernel, and follows the interfaces. At the start now is zero.
func (t *Tracker) look(now time.Time) {
	if t.cfg.Kernel == nil {
		return
	}
	s, err := t.cfg.Kernel.Snapshot()
	if err != nil {
		if !t.broken {
			t.cfg.Log.Warn("cannot list interfaces, addresses and routes; trying again", "error", err)
		}
		t.broken = true
		return
	}
	t.broken = false
	t.snapshot.Store(s)
	next := make([]capture.Interface, len(t.bindings))
	base := slices.Clone(t.cfg.Prefixes)
	for i := range t.bindings {
		b := &t.bindings[i]
		before := *b
		b.follow(s, now)
		if b.link.Index != before.link.Index && b.link.Index != 0 && b.link.reason() == ReasonDown {
			t.bringUp(b)
		}
		next[i] = b.iface(s)
		if next[i].Index != 0 && slices.ContainsFunc(next[:i], func(o capture.Interface) bool { return o.Index == next[i].Index }) {
			next[i].Index, next[i].Reason = 0, ReasonSame
		}
		t.logInterface(s, &before, b, next[i])
		for _, p := range b.prefixes(s) {
			if len(t.cfg.Prefixes) == 0 || t.cfg.Announced && p.Addr().Is6() {
				base = append(base, p)
			}
		}
	}
	t.warnOfVPN(s, next)
	t.base = base
	if slices.Equal(next, t.Interfaces()) {
		return
	}
	t.interfaces.Store(&next)
	if t.cfg.InterfacesChanged != nil && !now.IsZero() {
		t.cfg.InterfacesChanged(next)
	}
}

// bringUp sets the link of a binding up.
func (t *Tracker) bringUp(b *binding) {
	if b.bringUpErr = t.cfg.Kernel.BringUp(b.link.Index); b.bringUpErr != nil {
		return
	}
	t.cfg.Log.Info("interface brought up", "interface", b.link.Name)
	if s, err := t.cfg.Kernel.Snapshot(); err == nil {
		if l := s.link(b.link.Index); l != nil {
			b.link = *l
		}
	}
}

// logInterface logs what has changed with an interface, except that the ring logs when it listens.
func (t *Tracker) logInterface(s *Snapshot, before, after *binding, now capture.Interface) {
	log := t.cfg.Log.With("interface", now.Name)
	switch {
	case after.auto && after.name != before.name:
		log.Info("interface of the default route")
	case after.link.Index != 0 && after.link.Name != before.link.Name && !after.link.has(after.name):
		log.Warn("the interface has another name now and is still captured", "name", after.link.Name,
			"advice", "set GONETMON_INTERFACE="+after.link.Name)
	case before.link.Index != 0 && after.link.Index != 0 && before.link.Index != after.link.Index:
		log.Info("another interface has this name now", "name", after.link.Name)
	case before.link.Index != 0 && after.link.Index == 0 && s.link(before.link.Index) != nil:
		log.Warn("the interface had this name for a moment only and is not captured", "name", s.link(before.link.Index).Name)
	}
	old := t.reasonOf(now.Name)
	switch {
	case now.Reason == "" || now.Reason == old:
	case strings.HasPrefix(now.Reason, ReasonNoInterface):
		if !strings.HasPrefix(old, ReasonNoInterface) { // the others may come and go
			log.Warn("interface does not exist, waiting for it", "existing", strings.Join(s.existing(), " "))
		}
	case now.Reason == ReasonDown && after.bringUpErr != nil:
		log.Warn("not listening", "reason", now.Reason, "error", after.bringUpErr, "advice", "gonetmon can bring an interface up only "+
			"at its start and with CAP_NET_ADMIN; run: ip link set "+after.link.Name+" up")
	default:
		log.Warn("not listening", "reason", now.Reason)
	}
}

// reasonOf returns the present reason of an interface.
func (t *Tracker) reasonOf(name string) string {
	for _, i := range t.Interfaces() {
		if i.Name == name {
			return i.Reason
		}
	}
	return ""
}

// warnOfVPN warns once if the interface of the default route is to be captured and leads into a tunnel or a modem.
func (t *Tracker) warnOfVPN(s *Snapshot, listening []capture.Interface) {
	vpn := ""
	if l := s.vpn(); l != nil && len(t.bindings) > 0 && t.bindings[0].auto {
		vpn = l.Name
	}
	if vpn != t.vpn && vpn != "" {
		log := t.cfg.Log.With("route", vpn, "interface", listening[0].Name, "others", strings.Join(s.candidates(), " "))
		if listening[0].Name == vpn {
			log = log.With("advice", "set GONETMON_INTERFACE to one of the others")
		}
		log.Warn("the default route leads into a tunnel or a modem, where there is no LAN")
	}
	t.vpn = vpn
}

// publish hands on the prefixes if they have changed.
func (t *Tracker) publish() {
	next := t.join()
	if slices.Equal(next.List(), t.Current().List()) {
		return
	}
	t.current.Store(next)
	if t.cfg.PrefixesChanged != nil {
		t.cfg.PrefixesChanged(next)
	}
	t.cfg.Log.Info("local prefixes changed", "local", t.String())
}

// join returns all that is ours: the announced prefixes come last.
func (t *Tracker) join() *traffic.Prefixes {
	all := slices.Clone(t.base)
	if t.cfg.Announced {
		all = append(all, linkLocal)
	}
	return traffic.NewPrefixes(append(all, t.announced.list()...))
}

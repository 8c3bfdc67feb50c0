package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gonetmon/app/localnet"
	"gonetmon/app/meter"
	"gonetmon/app/notice"
	"gonetmon/app/packet"
)

const adviceInterval = 2 * time.Second

// An adviser finds out what keeps the counts from being those of the whole network, each packet once, though everything works:
// the wrong interface, two interfaces with the same packets, frames of which the content is not understood. It logs each thing
// once.
type adviser struct {
	log      *slog.Logger
	snapshot func() *localnet.Snapshot
	status   func() []meter.Status
	surveys  []*meter.Survey // of the interfaces of status, in that order
	hearings []hearing       // the same
	said     map[string]bool
	current  atomic.Pointer[findings]
}

// findings are what an adviser has found out.
type findings struct {
	notices []notice.Notice
	health  []meter.Health // of the interfaces of status, in that order
}

// notices returns what is to be said now, for the page.
func (a *adviser) notices() []notice.Notice {
	if p := a.current.Load(); p != nil {
		return p.notices
	}
	return nil
}

// health returns the health of the interface with this index in status.
func (a *adviser) health(i int) meter.Health {
	if p := a.current.Load(); p != nil {
		return p.health[i]
	}
	return meter.Listening
}

// Run looks every two seconds until ctx ends.
func (a *adviser) Run(ctx context.Context) error {
	tick := time.NewTicker(adviceInterval)
	defer tick.Stop()
	for {
		a.look(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *adviser) look(now time.Time) {
	var all []notice.Notice
	s := a.snapshot()
	status := a.status()
	narrow := map[string]bool{}
	own := s.Own()
	var names []string
	for i, m := range status {
		a.surveys[i].SetOwn(own)
		names = append(names, m.Interface)
	}
	for _, o := range s.Overlaps(names, forwards) {
		all = append(all, aboutOverlap(o))
	}
	for _, name := range names {
		if why, parent := s.Narrow(name); why != "" {
			narrow[name] = true
			all = append(all, aboutNarrow(name, why, parent))
		}
	}
	health := make([]meter.Health, len(status))
	for i, m := range status {
		f, h := a.surveys[i].Findings(), &a.hearings[i]
		h.add(now, &m, &f)
		health[i] = h.health()
		about := aboutFrames(m.Interface, &f)
		switch {
		case !m.Up:
			continue
		case health[i] == meter.BroadcastsOnly && len(about) > 0: // the traffic is there, but not understood
			health[i] = meter.NotHeard
		case health[i] == meter.BroadcastsOnly && !narrow[m.Interface]:
			about = append(about, aboutBroadcastsOnly(m.Interface))
		}
		all = append(all, about...)
	}
	a.current.Store(&findings{notices: all, health: health})
	for _, n := range all {
		if key, _, _ := strings.Cut(n.Text, ":"); !a.said[key] {
			a.said[key] = true
			a.log.Warn("the counts are not those of the whole network", "reason", n.Text, "advice", n.Hint)
		}
	}
}

// forwards reports whether the kernel routes packets of an interface (ip-sysctl.rst).
func forwards(name string) bool {
	for _, family := range []string{"ipv4", "ipv6"} {
		if b, err := os.ReadFile(filepath.Join("/proc/sys/net", family, "conf", name, "forwarding")); err == nil && b[0] == '1' {
			return true
		}
	}
	return false
}

func aboutOverlap(o localnet.Overlap) notice.Notice {
	return notice.Notice{
		Text: fmt.Sprintf("%s and %s show the same packets, which count twice: %s.", o.Names[0], o.Names[1], o.Why),
		Hint: "Listen to one of them, for example GONETMON_INTERFACE=" + o.Listen + ".",
	}
}

func aboutNarrow(name, why, parent string) notice.Notice {
	hint := "Listen to its parent instead; in a container, use the network of the host."
	if parent != "" {
		hint = "Listen to its parent instead: GONETMON_INTERFACE=" + parent + "."
	}
	return notice.Notice{Text: name + " does not show the traffic of other machines: " + why + ".", Hint: hint}
}

func aboutBroadcastsOnly(name string) notice.Notice {
	return notice.Notice{
		Text: name + " does not show the traffic of other machines: only this machine's own, and broadcasts and multicasts.",
		Hint: "It is no mirror port. Plug it into the mirror port of a switch, or, on a router, listen to the interface of the LAN. " +
			"README explains how: See the whole LAN.",
	}
}

// aboutFrames returns what the frames of an interface tell.
func aboutFrames(name string, f *meter.Findings) (all []notice.Notice) {
	for kind, n := range sorted(f.Mirrors) {
		if kind.OnlyMirror() || n > f.Frames/2 && f.Frames >= minFrames {
			all = append(all, aboutMirror(name, kind))
		}
	}
	unread := uint64(0)
	var kinds []string
	for kind, n := range sorted(f.Unread) {
		unread += n
		kinds = append(kinds, kind.String())
	}
	if f.Frames >= minFrames && unread > f.Frames/2 {
		all = append(all, notice.Notice{
			Text: fmt.Sprintf("Most frames on %s have no IP packet that gonetmon finds: %s.", name,
				strings.Join(kinds[:min(3, len(kinds))], ", ")),
			Hint: "They are only counted as other. If a switch puts tags of its own in front of the packets, turn that off for this port.",
		})
	}
	return all
}

// aboutMirror says what to do where copies arrive in an encapsulation.
func aboutMirror(name string, kind packet.Unread) notice.Notice {
	n := notice.Notice{Text: fmt.Sprintf("Copies of a remote mirror (%s) arrive on %s: they count for the machine that sends them, "+
		"not for the devices inside.", kind, name)}
	const listen = " and GONETMON_INTERFACE=mirror0."
	switch kind.Mirror {
	case packet.MirrorERSPAN:
		n.Hint = "Unpack them: ip link add mirror0 type erspan local THIS remote SENDER seq key SESSION erspan_ver 1," + listen
	case packet.MirrorGRETAP:
		n.Hint = "Unpack them: ip link add mirror0 type gretap local THIS remote SENDER," + listen
	case packet.MirrorVXLAN:
		n.Hint = "Unpack them: ip link add mirror0 type vxlan id VNI dstport 4789," + listen
	case packet.MirrorGeneve:
		n.Hint = "Unpack them: ip link add mirror0 type geneve id VNI remote SENDER," + listen
	default:
		n.Hint = "Linux cannot unpack them: let the switch mirror to a port of its own, or as ERSPAN or VXLAN."
	}
	return n
}

// sorted yields kinds of frames, the most frequent first.
func sorted(kinds map[packet.Unread]uint64) func(yield func(packet.Unread, uint64) bool) {
	keys := slices.SortedFunc(maps.Keys(kinds), func(a, b packet.Unread) int {
		return cmp.Or(cmp.Compare(kinds[b], kinds[a]), cmp.Compare(a.String(), b.String()))
	})
	return func(yield func(packet.Unread, uint64) bool) {
		for _, k := range keys {
			if !yield(k, kinds[k]) {
				return
			}
		}
	}
}

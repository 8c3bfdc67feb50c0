package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/traffic"
)

// lan keeps which addresses are ours: those configured, or those of interfaces, which may change while we run.
type lan struct {
	interfaces []string
	fixed      bool
	log        *slog.Logger
	now        atomic.Pointer[traffic.LAN]
	apply      func(*traffic.LAN) // told of each change
}

func newLAN(interfaces []string, configured []netip.Prefix, log *slog.Logger, apply func(*traffic.LAN)) *lan {
	l := &lan{interfaces: interfaces, fixed: len(configured) > 0, log: log, apply: apply}
	if !l.fixed {
		configured = autoPrefixes(interfaces)
	}
	l.now.Store(traffic.NewLAN(configured))
	return l
}

// autoPrefixes are the prefixes of the interfaces; one without addresses is taken for a mirror port and has those of the
// interface of the default route.
func autoPrefixes(interfaces []string) []netip.Prefix {
	var all []netip.Prefix
	for _, name := range interfaces {
		p := capture.Prefixes(name)
		if !slices.ContainsFunc(p, func(p netip.Prefix) bool { return !p.Addr().IsLinkLocalUnicast() }) {
			p = append(p, capture.Prefixes(capture.DefaultInterface())...)
		}
		all = append(all, p...)
	}
	return all
}

func (l *lan) current() *traffic.LAN { return l.now.Load() }

func (l *lan) String() string { return prefixes(l.current().Prefixes()).String() }

// run looks for changed addresses until ctx ends.
func (l *lan) run(ctx context.Context) error {
	const every = 2 * time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !l.fixed {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		next := traffic.NewLAN(autoPrefixes(l.interfaces))
		// None at all means that the interface is gone for a while: its devices are still ours.
		if p := next.Prefixes(); len(p) == 0 || slices.Equal(p, l.current().Prefixes()) {
			continue
		}
		l.now.Store(next)
		l.apply(next)
		l.log.Info("local prefixes changed", "local", l.String())
	}
	<-ctx.Done()
	return nil
}

// chooseInterfaces returns the interfaces to listen to.
func chooseInterfaces(configured []string) ([]string, error) {
	if len(configured) > 0 {
		return configured, nil
	}
	if name := capture.DefaultInterface(); name != "" {
		return []string{name}, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("GONETMON_INTERFACE=auto: %w", err)
	}
	for _, i := range all {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			return []string{i.Name}, nil
		}
	}
	return nil, fmt.Errorf("GONETMON_INTERFACE=auto: there is no default route, and no interface is up; name one, for example GONETMON_INTERFACE=eth1 (there are: %s)",
		strings.Join(capture.Interfaces(), " "))
}

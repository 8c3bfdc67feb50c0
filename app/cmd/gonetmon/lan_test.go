package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"gonetmon/app/traffic"
)

// What routers advertise is ours for as long as they say, unless IPv6 prefixes are configured.
func TestAnnouncedPrefixes(t *testing.T) {
	four, six := netip.MustParsePrefix("192.168.2.0/24"), netip.MustParsePrefix("2001:db8:1::/64")
	for _, tt := range []struct {
		name       string
		configured []netip.Prefix
		want       string // at first
		announced  string // after an advertisement of two prefixes
	}{
		{"IPv4 is configured", []netip.Prefix{four}, "192.168.2.0/24,fe80::/10", "192.168.2.0/24,fe80::/10,2001:db8:2::/64,fd00::/64"},
		{"IPv6 too", []netip.Prefix{four, six}, "192.168.2.0/24,2001:db8:1::/64", "192.168.2.0/24,2001:db8:1::/64"},
		{"nothing", nil, "fe80::/10", "fe80::/10,2001:db8:2::/64,fd00::/64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				applied := ""
				l := newLAN(nil, tt.configured, slog.New(slog.DiscardHandler), func(lan *traffic.Prefixes) { applied = prefixes(lan.List()).String() })
				want := func(when, want string) {
					t.Helper()
					l.mu.Lock()
					defer l.mu.Unlock()
					if got := l.String(); got != want {
						t.Errorf("%s: local are %s, want %s", when, got, want)
					}
					if applied != want && applied != "" {
						t.Errorf("%s: %s was applied, want %s", when, applied, want)
					}
				}
				want("at first", tt.want)
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan error)
				go func() { done <- l.run(ctx) }()
				a, b := netip.MustParsePrefix("fd00::/64"), netip.MustParsePrefix("2001:db8:2::/64")
				l.announce(a, 30*time.Minute)
				l.announce(b, 24*time.Hour)
				want("announced", tt.announced)
				l.announce(b, 0) // anybody can say so
				time.Sleep(31 * time.Minute)
				if l.six {
					want("one is over", tt.want+",2001:db8:2::/64")
				}
				time.Sleep(2 * time.Hour)
				want("the other was taken back two hours ago", tt.want)
				for i := range 1000 {
					l.announce(netip.MustParsePrefix(fmt.Sprintf("fd00:%x::/64", i+1)), 24*time.Hour)
				}
				l.mu.Lock()
				n := len(l.announced)
				l.mu.Unlock()
				if l.six && n != mostAnnounced || !l.six && n != 0 {
					t.Errorf("%d prefixes", n)
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Who forges routers that advertise other prefixes all the time, each for a second, changes what is ours now and then only.
func TestForgedPrefixes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes := 0
		l := newLAN(nil, nil, slog.New(slog.DiscardHandler), func(*traffic.Prefixes) { changes++ })
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- l.run(ctx) }()
		const seconds = 3600
		for i := range seconds {
			for j := range 10 {
				l.announce(netip.MustParsePrefix(fmt.Sprintf("fd00:%x:%x::/64", i, j)), time.Second)
			}
			time.Sleep(time.Second)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if most := 2 * mostAnnounced * (seconds/int(shortestLife/time.Second) + 1); changes == 0 || changes > most {
			t.Errorf("what is ours changed %d times in an hour, at most %d are fine", changes, most)
		}
	})
}

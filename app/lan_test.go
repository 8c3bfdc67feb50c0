package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gonetmon/app/logbook"
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
				l := newLAN(nil, tt.configured, slog.New(slog.DiscardHandler), func(lan *traffic.LAN) { applied = prefixes(lan.Prefixes()).String() })
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

// However often somebody advertises prefixes for a second only, the log has a few lines of it.
func TestAnnouncedPrefixesLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		changes := 0
		l := newLAN(nil, []netip.Prefix{netip.MustParsePrefix("192.168.2.0/24")}, slog.New(logbook.NewHandler(slog.NewTextHandler(&out, nil))),
			func(*traffic.LAN) { changes++ })
		begin := time.Now()
		for i := range 10_000 {
			l.announce(netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x::/64", i)), time.Second)
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		lines, most := strings.Count(out.String(), "\n"), 12+int(time.Since(begin)/time.Minute)
		if lines > most || changes < 10_000 || !strings.Contains(out.String(), "skipped=") {
			t.Errorf("%d lines for %d changes in %v, want at most %d", lines, changes, time.Since(begin), most)
		}
	})
}

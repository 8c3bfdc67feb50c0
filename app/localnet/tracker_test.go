package localnet

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gonetmon/app/traffic"
)

var start = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

// What routers announce is ours for as long as they say, if announcements count at all.
func TestTracker_Announced(t *testing.T) {
	four, six := netip.MustParsePrefix("192.168.2.0/24"), netip.MustParsePrefix("2001:db8:1::/64")
	for _, tt := range []struct {
		name   string
		config Config
		first  string
		then   string // after an announcement of two prefixes
	}{
		{"IPv4 is configured", Config{Prefixes: []netip.Prefix{four}, Announced: true}, "192.168.2.0/24,fe80::/10", "192.168.2.0/24,fe80::/10,2001:db8:2::/64,fd00::/64"},
		{"IPv6 too", Config{Prefixes: []netip.Prefix{four, six}}, "192.168.2.0/24,2001:db8:1::/64", "192.168.2.0/24,2001:db8:1::/64"},
		{"nothing", Config{Announced: true}, "fe80::/10", "fe80::/10,2001:db8:2::/64,fd00::/64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var changed *traffic.Prefixes
			tt.config.PrefixesChanged = func(lan *traffic.Prefixes) { changed = lan }
			tracker := NewTracker(tt.config)
			want := func(when, want string) {
				t.Helper()
				if got := tracker.String(); got != want {
					t.Errorf("%s: local are %s, want %s", when, got, want)
				}
				if changed != nil && !slices.Equal(changed.List(), tracker.Current().List()) {
					t.Errorf("%s: PrefixesChanged was called with %v, want %s", when, changed.List(), want)
				}
			}
			want("at first", tt.first)
			a, b := netip.MustParsePrefix("fd00::/64"), netip.MustParsePrefix("2001:db8:2::/64")
			tracker.Announce(start, a, 30*time.Minute)
			tracker.Announce(start, b, 24*time.Hour)
			want("announced", tt.then)
			tracker.Announce(start, b, 0) // anybody can send that
			tracker.Refresh(start.Add(31 * time.Minute))
			if tt.config.Announced {
				want("one has expired", tt.first+",2001:db8:2::/64")
			}
			tracker.Refresh(start.Add(keptLifetime + time.Second))
			want("the other was withdrawn two hours ago", tt.first)
		})
	}
}

// Forged routers that announce other prefixes all the time, each for a second, cannot fill the list, and rarely
// change it.
func TestTracker_ForgedAnnouncements(t *testing.T) {
	changes := 0
	tracker := NewTracker(Config{Announced: true, PrefixesChanged: func(*traffic.Prefixes) { changes++ }})
	const seconds = 3600
	for i := range seconds {
		now := start.Add(time.Duration(i) * time.Second)
		for j := range 10 {
			tracker.Announce(now, netip.MustParsePrefix(fmt.Sprintf("fd00:%x:%x::/64", i, j)), time.Second)
		}
		tracker.Refresh(now)
		if n := len(tracker.Current().List()); n > maxAnnounced+1 {
			t.Fatalf("%d prefixes", n)
		}
	}
	if limit := maxAnnounced + maxEvictions*(seconds/60+1); changes == 0 || changes > limit {
		t.Errorf("%d changes in an hour, want at most %d", changes, limit)
	}
}

// When the list is full, the prefix that was not heard of for the longest time makes room, and that is logged once. A prefix that
// is announced for ever is ours for a day after it was heard of last.
func TestTracker_AnnouncedMakeRoom(t *testing.T) {
	var log bytes.Buffer
	tracker := NewTracker(Config{Announced: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	prefix := func(i int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x::/64", i)) }
	const forever = 1<<32 - 1
	for i := range maxAnnounced {
		tracker.Announce(start, prefix(i), forever*time.Second)
		tracker.Announce(start.Add(time.Second), prefix(0), forever*time.Second)
	}
	if n := strings.Count(log.String(), "WARN"); n > 0 {
		t.Errorf("%d warnings while there is room: %s", n, log.String())
	}
	for _, i := range []int{100, 101} {
		tracker.Announce(start.Add(2*time.Second), prefix(i), time.Hour)
	}
	list := tracker.Current().List()
	for i, want := range map[int]bool{0: true, 1: false, 2: false, 3: true, 100: true, 101: true} {
		if got := slices.Contains(list, prefix(i)); got != want {
			t.Errorf("%v is ours: %v, want %v", prefix(i), got, want)
		}
	}
	if n := strings.Count(log.String(), "kept=32"); n != 1 {
		t.Errorf("said %d times that the list is full, want once: %s", n, log.String())
	}
	tracker.Refresh(start.Add(maxLifetime))
	if n := len(tracker.Current().List()); n < 20 {
		t.Errorf("%d prefixes after a day, want most of them", n)
	}
	tracker.Refresh(start.Add(maxLifetime + 2*time.Second))
	if got := tracker.String(); got != "fe80::/10" {
		t.Errorf("local are %s a day after the last announcement", got)
	}
}

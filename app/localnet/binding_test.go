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

	"gonetmon/app/capture"
)

// A step is a network, when it is seen, and what must come of it: for each interface its name and the index that is captured,
// and why no frames come.
type step struct {
	after   time.Duration // since the step before
	network string
	want    string
	log     string // part of what is logged
}

func TestTracker_FollowsInterfaces(t *testing.T) {
	const noRoute = "(no default route yet: waiting for one; or set GONETMON_INTERFACE"
	for _, tt := range []struct {
		name       string
		interfaces []string // none: auto
		steps      []step
	}{
		{"down, no carrier, dormant", []string{"eth1"}, []step{
			{0, "link eth0; link eth1", "eth1=3", ""},
			{1, "link eth0; link eth1 nocarrier", "eth1=3 (interface has no carrier (is the cable plugged in?))", "no carrier"},
			{1, "link eth0; link eth1 dormant", "eth1=3", ""},
			{1, "link eth0; link eth1 down", "eth1=3 (interface is down)", "interface is down"},
		}},
		{"down at the start", []string{"eth1"}, []step{{0, "link eth1 down", "eth1=2", "interface brought up"}}},
		{"comes later", []string{"eth1"}, []step{
			{0, "link eth0; link docker0; link veth12ab; link wlan0 down", "eth1=0 (no such interface; those that exist: eth0, wlan0)",
				`existing="eth0 wlan0"`},
			{1, "link eth0; link eth1", "eth1=3", ""},
			{1, "link eth0", "eth1=0 (no such interface; those that exist: eth0)", "waiting for it"},
			{1, "link eth0; link eth1 index=7", "eth1=7", ""},
		}},
		{"altname", []string{"enp3s0"}, []step{{0, "link eth0; link eno1 alt=enp2s0 alt=enp3s0", "enp3s0=3", ""}}},
		{"two names of one interface", []string{"eno1", "enp3s0"}, []step{
			{0, "link eno1 alt=enp3s0", "eno1=2 enp3s0=0 (the same interface is captured under another name)", "not listening"},
			{1, "link eno1; link enp3s0", "eno1=2 enp3s0=0 (the same interface is captured under another name)", ""},
			{settleTime, "link eno1; link enp3s0", "eno1=2 enp3s0=3", "another interface"},
		}},
		{"renamed, and down under the other name", []string{"eth1"}, []step{
			{0, "link eth1", "eth1=2", ""},
			{0, "link lan1", "eth1=2", "name=lan1"},
			{1, "link lan1 down", "eth1=2 (interface is down)", "interface is down"},
			{1, "link eth1", "eth1=2", ""},
		}},
		{"renamed while down", []string{"eth1"}, []step{
			{0, "link eth1", "eth1=2", ""},
			{1, "link eth1 down", "eth1=2 (interface is down)", ""},
			{1, "link lan1 down", "eth1=2 (interface is down)", "name=lan1"},
			{1, "link lan1", "eth1=2", ""},
		}},
		{"another one takes the name over", []string{"eth1"}, []step{
			{0, "link eth1", "eth1=2", ""},
			{time.Minute, "link lan1; link eth1", "eth1=2", "name=lan1"},
			{time.Second, "link lan1; link enx0011", "eth1=2", ""},
			{time.Second, "link lan1; link eth1 index=4", "eth1=2", ""},
			{settleTime, "link lan1; link eth1 index=4", "eth1=4", "another interface"},
		}},
		{"another one has the name for a moment", []string{"eth1"}, []step{
			{0, "link eth0", "eth1=0 (no such interface; those that exist: eth0)", ""},
			{time.Second, "link eth0; link eth1", "eth1=3", ""},
			{300 * time.Millisecond, "link eth0; link enx001122334455",
				"eth1=0 (no such interface; those that exist: eth0, enx001122334455)", "name=enx001122334455"},
			{time.Second, "link eth0; link enx001122334455; link eth1", "eth1=4", ""},
			{time.Hour, "link eth0; link enx001122334455; link lan1", "eth1=4", "name=lan1"},
		}},
		{"auto waits", nil, []step{
			{0, "link docker0; link veth12ab; link eth0 nocarrier", "auto=0 " + noRoute + ", for example eth0)", "no default route yet"},
			{1, "link docker0; link eth0 nocarrier; link br-0123456789ab; link wlan0", "auto=0 " + noRoute + ", for example wlan0)", ""},
			{30 * time.Second, "link docker0; link eth0 nocarrier; link wlan0; route 0.0.0.0/0 wlan0", "wlan0=4", "interface=wlan0"},
		}},
		{"auto without any interface", nil, []step{{0, "", "auto=0 " + noRoute + ")", ""}}},
		{"auto moves", nil, []step{
			{0, "link eth0; link wlan0; route 0.0.0.0/0 eth0 metric=100; route 0.0.0.0/0 wlan0 metric=600", "eth0=2", ""},
			{1, "link eth0 nocarrier; link wlan0; route 0.0.0.0/0 eth0 metric=100; route 0.0.0.0/0 wlan0 metric=600", "wlan0=3", ""},
			{1, "link eth0; link wlan0; route 0.0.0.0/0 eth0 metric=100; route 0.0.0.0/0 wlan0 metric=600", "eth0=2", "interface=eth0"},
			{1, "link eth0; link wlan0", "eth0=2", ""},
			{1, "link lan0; link wlan0", "eth0=2", "name=lan0"},
			{1, "link lan0; link wlan0; route 0.0.0.0/0 lan0", "lan0=2", ""},
		}},
		{"auto, the interface goes away", nil, []step{
			{0, "link eth0; link usb0; route 0.0.0.0/0 usb0", "usb0=3", ""},
			{1, "link eth0", "usb0=0 " + noRoute + ", for example eth0)", "not listening"},
			{1, "link eth0; link usb0 index=9", "usb0=9", ""},
			{1, "link eth0; link usb0 index=9; route 0.0.0.0/0 eth0", "eth0=2", ""},
		}},
		{"auto and a VPN", nil, []step{
			{0, "link eth0; link docker0; link wg0 tun; route 0.0.0.0/0 wg0", "wg0=4", "others=eth0"},
			{1, "link eth0; link docker0; link wg0 tun; route 0.0.0.0/0 wg0; route 0.0.0.0/0 eth0 metric=100", "eth0=2", ""},
			{1, "link eth0; link docker0; route 0.0.0.0/0 eth0 metric=100", "eth0=2", ""},
			{1, "link eth0; link tun0 tun; route 0.0.0.0/1 tun0; route 128.0.0.0/1 tun0; route 0.0.0.0/0 eth0", "eth0=2",
				"route=tun0 interface=eth0"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			k := &fakeKernel{snapshot: network(t, tt.steps[0].network)}
			var told []capture.Interface
			tracker := NewTracker(Config{
				Interfaces: tt.interfaces, Kernel: k, Log: slog.New(slog.NewTextHandler(&log, nil)),
				InterfacesChanged: func(all []capture.Interface) { told = all },
			})
			now := start
			for i, s := range tt.steps {
				if i > 0 {
					log.Reset()
					now = now.Add(s.after)
					k.snapshot = network(t, s.network)
					tracker.Refresh(now)
				}
				var got []string
				for _, x := range tracker.Interfaces() {
					text := fmt.Sprintf("%s=%d", x.Name, x.Index)
					if x.Reason != "" {
						text += " (" + x.Reason + ")"
					}
					got = append(got, text)
				}
				if got := strings.Join(got, " "); got != s.want {
					t.Errorf("step %d: %s, want %s", i, got, s.want)
				}
				if told != nil && !slices.Equal(told, tracker.Interfaces()) {
					t.Errorf("step %d: told %v, now %v", i, told, tracker.Interfaces())
				}
				if !strings.Contains(log.String(), s.log) {
					t.Errorf("step %d: %q is not in the log: %s", i, s.log, log.String())
				}
			}
		})
	}
}

// What does not change is not logged again. A kernel that does not answer changes nothing.
func TestTracker_LogsChangesOnly(t *testing.T) {
	var log bytes.Buffer
	k := &fakeKernel{snapshot: network(t, "link eth0 nocarrier; addr eth0 192.168.1.5/24; link wg0 tun; route 0.0.0.0/0 wg0")}
	tracker := NewTracker(Config{Interfaces: []string{"eth0", "eth9"}, Kernel: k, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines at the start, want 2: %s", n, log.String())
	}
	log.Reset()
	before := tracker.Interfaces()
	tracker.Refresh(start)
	k.err = fmt.Errorf("an error")
	tracker.Refresh(start)
	tracker.Refresh(start)
	if n := strings.Count(log.String(), "an error"); n != 1 || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("logged %s, want the error once", log.String())
	}
	if !slices.Equal(before, tracker.Interfaces()) || tracker.String() != "192.168.1.0/24" {
		t.Errorf("%v and %s after an error", tracker.Interfaces(), tracker)
	}
}

// The interface that leads to a switch chip is known by the ports above it.
func TestTracker_KnowsConduit(t *testing.T) {
	for lines, want := range map[string]bool{
		"link eth0; link lan1 kind=dsa parent=eth0": true, "link eth0; link lan1 parent=eth0": true,
		"link eth0; link eth0.5 kind=vlan parent=eth0": false, "link eth0; link eth1": false,
	} {
		tracker := NewTracker(Config{Interfaces: []string{"eth0"}, Kernel: &fakeKernel{snapshot: network(t, lines)}})
		if got := tracker.Interfaces()[0].Conduit; got != want {
			t.Errorf("%s: %v, want %v", lines, got, want)
		}
	}
}

func TestTracker_Zone(t *testing.T) {
	tracker := NewTracker(Config{Kernel: &fakeKernel{snapshot: network(t, "link eno1 alt=enp3s0; link eth0")}})
	for addr, want := range map[string]string{
		"fe80::1%enp3s0": "fe80::1%eno1", "fe80::1%eth0": "fe80::1%eth0", "fe80::1%eth9": "fe80::1%eth9", "192.168.1.1": "192.168.1.1",
	} {
		if got := tracker.Zone(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

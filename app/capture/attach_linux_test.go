package capture_test

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/app/capture"
	"gonetmon/test/testnet"
)

// The ring captures on the interface that it is told, and on no other: on none, on a recreated one, on one that went away and
// came back under the same index, on another one. It repeats the reason that it is told.
func TestRing_FollowsInterface(t *testing.T) {
	l := newLink(t)
	testnet.Veth(l.there, "in1", l.here, "mon1")
	r := l.open(t, "mon0", 1<<20)
	var wg sync.WaitGroup
	wg.Go(func() { read(t, r, nil) })
	defer wg.Wait()
	defer r.Stop()
	reason := func(want string) {
		t.Helper()
		testnet.Until(t, fmt.Sprintf("reason %q", want), func() bool { return r.Stats().Reason == want })
	}
	captures := func(what, in, mon string) {
		t.Helper()
		before := r.Stats().Frames
		testnet.NewSender(l.there, in).SendAll(testnet.Conversation(10), 0)
		testnet.Until(t, what+": frames captured", func() bool { return r.Stats().Frames >= before+10 })
		if p := l.here.Promiscuity(mon); p != 1 {
			t.Errorf("%s: promiscuity %d, want 1", what, p)
		}
	}
	reason("")
	captures("at first", "in0", "mon0")

	iface := l.iface(t, "mon0")
	iface.Reason = "a reason"
	r.Follow(iface)
	reason("a reason")
	captures("in spite of a reason", "in0", "mon0")
	empty := testnet.NewNamespace(t)
	l.here.IP("link set mon0 netns " + empty.Name)
	empty.IP("link set mon0 netns " + l.here.Name)
	l.here.IP("link set mon0 up")
	iface.Reason, iface.Hardware = "", 803
	r.Follow(iface)
	testnet.Until(t, "it says what it cannot read", func() bool {
		return strings.Contains(r.Stats().Reason, "ARPHRD 803") && !r.Stats().Up
	})
	iface.Hardware = unix.ARPHRD_ETHER
	r.Follow(iface)
	reason("")
	testnet.Until(t, "attached again", func() bool { return r.Stats().Attached == 2 })
	captures("after it was away", "in0", "mon0")

	r.Follow(l.iface(t, "mon1"))
	testnet.Until(t, "attached to the other", func() bool { return r.Stats().Attached == 3 })
	captures("on another interface", "in1", "mon1")
	if p := l.here.Promiscuity("mon0"); p != 0 {
		t.Errorf("promiscuity %d of the interface that was left, want 0", p)
	}
	r.Follow(capture.Interface{Name: "mon1", Reason: "none"})
	reason("none")
	before := r.Stats().Frames
	testnet.NewSender(l.there, "in1").SendAll(testnet.Conversation(10), 0)
	time.Sleep(200 * time.Millisecond) // blocks that are not full arrive after 60 ms
	if n := r.Stats().Frames - before; n > 0 {
		t.Errorf("%d frames of no interface", n)
	}
	l.here.IP("link delete mon1")
	testnet.Veth(l.there, "in1", l.here, "mon1")
	r.Follow(l.iface(t, "mon1"))
	reason("")
	captures("after it was recreated", "in1", "mon1")
	r.Follow(capture.Interface{Name: "mon2", Index: 1 << 20})
	testnet.Until(t, "an error of bind", func() bool { return strings.Contains(r.Stats().Reason, "bind: ") })
}

// Each frame has the link type that the interface had when it arrived, although the type changes in place.
func TestRing_FollowsLinkType(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t)}
	tap := openTun(t, l.here, "wlan0", unix.IFF_TAP)
	l.here.Sysctl("net/ipv6/conf/wlan0/disable_ipv6", "1")
	l.here.IP("link set wlan0 up")
	r := l.open(t, "wlan0", 0)
	const radiotap, none = 803, 65535
	want := map[uint16]int{}
	for _, kind := range []struct{ hardware, link uint16 }{{unix.ARPHRD_ETHER, 1}, {radiotap, none}, {unix.ARPHRD_ETHER, 1}} {
		l.here.IP("link set wlan0 down")
		if err := unix.IoctlSetInt(tap, unix.TUNSETLINK, int(kind.hardware)); err != nil {
			t.Fatal(err)
		}
		l.here.IP("link set wlan0 up")
		for range 10 { // before the ring has looked at the interface
			if _, err := unix.Write(tap, testnet.UDP(home, away, 100)); err != nil {
				t.Fatal(err)
			}
			want[kind.link]++
		}
	}
	r.Stop()
	got := map[uint16]int{}
	read(t, r, func(f *capture.Frame) { got[f.Link]++ })
	if !maps.Equal(got, want) {
		t.Errorf("frames by link type: got %v, want %v", got, want)
	}
}

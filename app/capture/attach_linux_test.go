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

// The ring follows an interface that is absent at first, goes down and up, loses its carrier, is renamed and recreated. Waiting
// for it costs little.
func TestRing_FollowsInterface(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t), there: testnet.NewNamespace(t)}
	r := l.open(t, "mon0", 1<<20)
	var wg sync.WaitGroup
	wg.Go(func() { read(t, r, nil) })
	defer wg.Wait()
	defer r.Stop()
	reason := func(want string) {
		t.Helper()
		until(t, fmt.Sprintf("reason %q", want), func() bool { return r.Stats().Reason == want })
	}
	var s *testnet.Sender
	captures := func(what string) {
		t.Helper()
		before := r.Stats().Frames
		s.SendAll(testnet.Conversation(10), 0)
		until(t, what+": frames captured", func() bool { return r.Stats().Frames >= before+10 })
	}
	promiscuous := func() {
		t.Helper()
		if p := l.here.Promiscuity("mon0"); p != 1 {
			t.Errorf("promiscuity %d, want 1", p)
		}
	}
	reason(capture.ReasonNoInterface)
	testnet.Veth(l.there, "in0", l.here, "mon0")
	reason("")
	s = testnet.NewSender(l.there, "in0")
	captures("after it appeared")
	promiscuous()
	l.here.IP("link set mon0 down")
	reason(capture.ReasonDown)
	l.here.IP("link set mon0 up")
	reason("")
	captures("after down and up")
	l.there.IP("link set in0 down")
	reason(capture.ReasonNoCarrier)
	l.there.IP("link set in0 up")
	reason("")
	captures("after the carrier was lost")
	l.here.IP("link set mon0 name mon1")
	time.Sleep(1200 * time.Millisecond) // at least one periodic check
	captures("after it was renamed")
	l.here.IP("link set mon1 name mon0")
	captures("after it was renamed back")
	if a := r.Stats().Attached; a != 1 {
		t.Errorf("attached %d times, want once so far", a)
	}
	l.here.IP("link delete mon0")
	reason(capture.ReasonNoInterface)
	l.there.IP("link add in0 mtu 65535 type veth peer name mon0 mtu 65535 netns " + l.here.Name) // down: the ring brings it up
	l.there.IP("link set in0 up")
	reason("")
	s = testnet.NewSender(l.there, "in0")
	captures("after it was recreated")
	promiscuous()
	if a := r.Stats().Attached; a != 2 {
		t.Errorf("attached %d times, want twice", a)
	}
	l.here.IP("link delete mon0")
	used := cpu(t)
	time.Sleep(2 * time.Second)
	if spent := cpu(t) - used; spent > 200*time.Millisecond {
		t.Errorf("%v of CPU time in 2 s without the interface", spent)
	}
}

// Each frame has the link type that the interface had when it arrived, although the type changes in place.
func TestRing_FollowsLinkType(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t)}
	tap := openTun(t, l.here, "wlan0", unix.IFF_TAP)
	l.here.Sysctl("net/ipv6/conf/wlan0/disable_ipv6", "1")
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
	got, batch := map[uint16]int{}, make([]capture.Frame, 8)
	for {
		n, err := r.Next(batch)
		for _, f := range batch[:n] {
			got[f.Link]++
		}
		if err != nil {
			break
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("frames by link type: got %v, want %v", got, want)
	}
}

// An interface whose frames cannot be read is not up, and says why.
func TestRing_SaysWhatItCannotRead(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t)}
	tap := openTun(t, l.here, "wlan0", unix.IFF_TAP)
	r := l.open(t, "wlan0", 0)
	var wg sync.WaitGroup
	wg.Go(func() { read(t, r, nil) })
	defer wg.Wait()
	defer r.Stop()
	for hardware, reason := range map[int]string{803: "ARPHRD 803", 825: "6LoWPAN", unix.ARPHRD_ETHER: ""} {
		l.here.IP("link set wlan0 down")
		if err := unix.IoctlSetInt(tap, unix.TUNSETLINK, hardware); err != nil {
			t.Fatal(err)
		}
		l.here.IP("link set wlan0 up")
		until(t, "the reason says "+reason, func() bool {
			s := r.Stats()
			return strings.Contains(s.Reason, reason) && s.Up == (reason == "")
		})
	}
	if a := r.Stats().Attached; a != 1 {
		t.Errorf("attached %d times, want once", a)
	}
}

// cpu returns the CPU time that this process has used.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

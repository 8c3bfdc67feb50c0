package capture_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/capture"
	"gonetmon/test/testnet"
)

var (
	nas    = [6]byte{2, 0, 0, 0, 0, 7}
	nasAt6 = netip.MustParseAddr("fe80::7")
)

// openControl opens a ring for control frames.
func (l *link) openControl(t *testing.T, name string) *capture.Ring {
	t.Helper()
	return l.openRing(t, capture.RingConfig{Interface: name, Control: true})
}

// controlFrames returns one frame of each kind.
func controlFrames() [][]byte {
	long := []testnet.Record{}
	for range 60 {
		long = append(long, testnet.Record{Name: strings.Repeat("x", 60) + ".local", Addr: home})
	}
	return [][]byte{
		testnet.ARPRequest(nas, home, home),
		testnet.NeighborAdvert(nas, nasAt6, nasAt6, testnet.TargetMAC(nas)),
		testnet.RouterAdvert(nas, nasAt6, testnet.PrefixInfo(netip.MustParsePrefix("2001:db8::/64"), time.Hour)),
		testnet.DHCP{Type: testnet.Request, MAC: nas, Name: "nas"}.Frame(),
		testnet.DHCP6{Type: testnet.Solicit6, Name: "nas", Ends: testnet.Ends{SrcMAC: nas, Src: nasAt6}}.Frame(),
		testnet.MDNSResponse(nas, home, 120, true, testnet.Record{Name: "nas.local", Addr: home}),
		testnet.MDNSResponse(nas, nasAt6, 120, true, long...),
	}
}

// asCaptured returns a frame as a packet socket gets it: the kernel removes the outer tag if it has one of these two ethertypes.
func asCaptured(frame []byte) seen {
	if kind := [2]byte(frame[12:]); kind == [2]byte{0x81, 0} || kind == [2]byte{0x88, 0xa8} {
		return seen{slices.Concat(frame[:12], frame[16:]), len(frame), 4}
	}
	return seen{frame, len(frame), 0}
}

// A control ring captures all control frames, uncut and in order, and nothing else. A ring beside it captures all frames.
func TestControlRing_CapturesOnlyControlFrames(t *testing.T) {
	l := newLink(t)
	r, all := l.openControl(t, "mon0"), l.open(t, "mon0", 1<<20)
	var frames [][]byte
	var want []seen
	others := testnet.Conversation(12)
	for i := range 1000 {
		frame := controlFrames()[i%len(controlFrames())]
		ours := i%3 == 0
		if !ours {
			frame = others[rand.IntN(len(others))]
		}
		switch rand.IntN(6) {
		case 0:
			frame = testnet.Tagged(frame, 5)
		case 1:
			frame = testnet.Tagged(frame, 5, 6)
		case 2:
			frame = testnet.Tagged(frame, 5, 6)
			frame[12], frame[13] = 0x88, 0xa8
		case 3:
			frame = testnet.Tagged(frame, 5, 6, 7) // two of them stay
		}
		frames = append(frames, frame)
		if ours {
			want = append(want, asCaptured(frame))
		}
	}
	testnet.NewSender(l.there, "in0").SendAll(frames, 0)
	r.Stop()
	all.Stop()
	var got []seen
	read(t, r, &got)
	if d := cmp.Diff(want, got, cmp.AllowUnexported(seen{})); d != "" {
		t.Errorf("captured (-want +got):\n%s", d)
	}
	if n := read(t, all, nil); n != uint64(len(frames)) {
		t.Errorf("the ring beside it captured %d frames of %d", n, len(frames))
	}
	if s := r.Stats(); s.Frames != uint64(len(want)) || s.Drops != 0 {
		t.Errorf("stats %+v, want %d frames", s, len(want))
	}
}

// A control ring leaves an interface down until the ring beside it brings it up, and follows an interface that is recreated.
func TestControlRing_FollowsInterface(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t), there: testnet.NewNamespace(t)}
	r := l.openControl(t, "mon0")
	var wg sync.WaitGroup
	wg.Go(func() { read(t, r, nil) })
	defer wg.Wait()
	defer r.Stop()
	create := func() *testnet.Sender {
		l.there.IP("link add in0 mtu 65535 type veth peer name mon0 mtu 65535 netns " + l.here.Name)
		l.there.IP("link set in0 up")
		return testnet.NewSender(l.there, "in0")
	}
	reason := func(want string) {
		t.Helper()
		until(t, want, func() bool { return r.Stats().Reason == want })
	}
	reason(capture.ReasonNoInterface)
	s := create()
	reason(capture.ReasonDown)
	time.Sleep(1200 * time.Millisecond) // at least one periodic check
	reason(capture.ReasonDown)
	all := l.open(t, "mon0", 1<<20)
	wg.Go(func() { read(t, all, nil) })
	defer all.Stop()
	for sent := uint64(1); ; sent++ {
		reason("")
		until(t, "the ring beside it is up", func() bool { return all.Stats().Up })
		s.Send(controlFrames()[0])
		s.Send(testnet.UDP(home, away, 100))
		until(t, "the control frame is captured", func() bool { return r.Stats().Frames == sent })
		if sent == 2 {
			return
		}
		l.here.IP("link delete mon0")
		reason(capture.ReasonNoInterface)
		s = create()
	}
}

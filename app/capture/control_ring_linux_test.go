package capture_test

import (
	"bytes"
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

// openControl opens a ring for control frames in the namespace. The test closes it.
func (l *link) openControl(t *testing.T, name string) *capture.Ring {
	t.Helper()
	return l.openRing(t, capture.RingConfig{Interface: name, Control: true})
}

// controlFrames are one of each kind.
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

// asHeard is what a tap is given of a frame: the kernel takes out a tag that comes first, of the two kinds that it knows.
func asHeard(frame []byte) seen {
	if kind := [2]byte(frame[12:]); kind == [2]byte{0x81, 0} || kind == [2]byte{0x88, 0xa8} {
		return seen{slices.Concat(frame[:12], frame[16:]), len(frame)}
	}
	return seen{frame, len(frame)}
}

// A ring for control frames hears these, whole and in order, and nothing else, while the one beside it hears all.
func TestControlRing(t *testing.T) {
	l := newLink(t)
	r, all := l.openControl(t, "mon0"), l.open(t, "mon0", 1<<20)
	defer func() { _ = r.Close() }()
	defer func() { _ = all.Close() }()
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
			frame = testnet.Tagged(frame, 5, 6, 7) // of which two stay in
		}
		frames = append(frames, frame)
		if ours {
			want = append(want, asHeard(frame))
		}
	}
	testnet.NewSender(l.there, "in0").SendAll(frames, 0)
	r.Stop()
	all.Stop()
	var got []seen
	read(t, r, &got)
	if d := cmp.Diff(want, got, cmp.AllowUnexported(seen{})); d != "" {
		t.Errorf("heard (-want +got):\n%s", d)
	}
	if n := read(t, all, nil); n != uint64(len(frames)) {
		t.Errorf("the ring beside it heard %d frames of %d", n, len(frames))
	}
	if s := r.Stats(); s.Frames != uint64(len(want)) || s.Drops != 0 {
		t.Errorf("stats %+v, want %d frames", s, len(want))
	}
}

// The link types and tags of the frames are as of any ring, and the ring's own filter agrees about them.
func TestControlRingFrames(t *testing.T) {
	l := newLink(t)
	r := l.openControl(t, "mon0")
	defer func() { _ = r.Close() }()
	testnet.NewSender(l.there, "in0").SendAll([][]byte{
		controlFrames()[0], testnet.Tagged(controlFrames()[1], 5), testnet.Tagged(controlFrames()[3], 5, 6),
	}, 0)
	r.Stop()
	var tags []int
	batch := make([]capture.Frame, 8)
	for n, err := r.Next(batch); err == nil; n, err = r.Next(batch) {
		for i := range batch[:n] {
			if f := &batch[i]; f.Link != 1 || !capture.IsControl(f) {
				t.Errorf("frame %+v", f)
			}
			tags = append(tags, batch[i].Tag)
		}
	}
	if d := cmp.Diff([]int{0, 4, 4}, tags); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
}

// It leaves a down interface down, and stays with an interface that goes, comes back and is brought up by the ring beside it.
func TestControlRingInterface(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t), there: testnet.NewNamespace(t)}
	r := l.openControl(t, "mon0")
	defer func() { _ = r.Close() }()
	var wg sync.WaitGroup
	var got []seen
	wg.Go(func() { read(t, r, &got) })
	create := func() *testnet.Sender {
		l.there.IP("link add in0 mtu 65535 type veth peer name mon0 mtu 65535 netns " + l.here.Name)
		l.there.IP("link set in0 up")
		return testnet.NewSender(l.there, "in0")
	}
	why := func(r *capture.Ring, want string) {
		t.Helper()
		until(t, want, func() bool { return r.Stats().Reason == want })
	}
	sent := uint64(0)
	send := func(s *testnet.Sender) {
		sent++
		s.Send(controlFrames()[0])
		s.Send(testnet.UDP(home, away, 100))
		until(t, "the frame is heard", func() bool { return r.Stats().Frames == sent })
	}
	why(r, "no such interface")
	s := create()
	why(r, "interface is down")
	time.Sleep(1200 * time.Millisecond) // a look at the interface in between
	why(r, "interface is down")
	all := l.open(t, "mon0", 1<<20)
	defer func() { _ = all.Close() }()
	wg.Go(func() { read(t, all, nil) })
	why(r, "")
	why(all, "")
	send(s)
	for range 3 {
		l.here.IP("link delete mon0")
		why(r, "no such interface")
		why(all, "no such interface")
		s = create()
		why(r, "")
		why(all, "")
		send(s)
	}
	r.Stop()
	all.Stop()
	wg.Wait()
	for i := range got {
		if !bytes.Equal(got[i].data, controlFrames()[0]) {
			t.Errorf("frame %d: got %x", i, got[i].data)
		}
	}
	if n := all.Stats(); n.Frames != 2*sent || n.Attached != 4 {
		t.Errorf("the ring beside it: %+v, want %d frames", n, 2*sent)
	}
}

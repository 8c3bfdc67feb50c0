package capture_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/app/capture"
	"gonetmon/test/testnet"
)

// A link connects two namespaces: what is sent on in0 of there arrives on mon0 of here.
type link struct {
	here, there *testnet.Namespace
}

func newLink(t *testing.T) *link {
	t.Helper()
	l := &link{here: testnet.NewNamespace(t), there: testnet.NewNamespace(t)}
	testnet.Veth(l.there, "in0", l.here, "mon0")
	return l
}

// open opens a ring in the namespace here and closes it at the end of the test.
func (l *link) open(t *testing.T, name string, size int) *capture.Ring {
	t.Helper()
	return l.openRing(t, name, capture.RingConfig{Size: size, Log: slog.New(slog.DiscardHandler)})
}

func (l *link) openRing(t *testing.T, name string, cfg capture.RingConfig) *capture.Ring {
	t.Helper()
	r := capture.NewRing(cfg)
	r.Follow(l.iface(t, name))
	l.here.Do(func() {
		if err := r.Open(); err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// iface returns where an interface of the namespace here is.
func (l *link) iface(t *testing.T, name string) (i capture.Interface) {
	t.Helper()
	l.here.Do(func() {
		n, err := net.InterfaceByName(name)
		if err != nil {
			t.Error(err)
			return
		}
		i = capture.Interface{Name: name, Index: n.Index, Hardware: unix.ARPHRD_ETHER, Loopback: n.Flags&net.FlagLoopback != 0}
		switch {
		case i.Loopback:
			i.Hardware = unix.ARPHRD_LOOPBACK
		case n.Flags&net.FlagPointToPoint != 0:
			i.Hardware = unix.ARPHRD_NONE
		}
	})
	return i
}

// read reads to the end, calls look for each frame if it is not nil, and returns their number.
func read(t *testing.T, r *capture.Ring, look func(*capture.Frame)) (frames uint64) {
	t.Helper()
	batch := make([]capture.Frame, 64)
	for {
		n, err := r.Next(batch)
		frames += uint64(n)
		for i := range batch[:n] {
			if look != nil {
				look(&batch[i])
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return frames
		}
	}
}

var (
	home = netip.MustParseAddr("192.168.2.7")
	away = netip.MustParseAddr("198.51.100.1")
)

// Frames arrive as they were sent, with their tags and at least the headers of long frames.
func TestRing_ReturnsFramesAsSent(t *testing.T) {
	l := newLink(t)
	r := l.open(t, "mon0", 1<<20)
	frames := [][]byte{
		testnet.UDP(home, away, 10),
		testnet.UDP(home, away, 1400),
		testnet.UDP(home, away, 60000),
		testnet.UDP(home, away, 10, 5),
		testnet.UDP(home, away, 1400, 5, 6),
		testnet.UDP(home, away, 1400, 5, 6, 7, 8),
		testnet.UDP(netip.MustParseAddr("fe80::1"), netip.MustParseAddr("ff02::1"), 1400, 5),
		append(append(bytes.Repeat([]byte{2}, 12), 0x91, 0), 0),       // a tag cut short, of a kind that the kernel does not remove
		append(append(bytes.Repeat([]byte{2}, 12), 0x88, 0x47), 0, 0), // a label cut short
		append(append(bytes.Repeat([]byte{2}, 12), 0, 100), make([]byte, 1000)...),
		append(append(bytes.Repeat([]byte{2}, 12), 0x08, 0x06), make([]byte, 28)...),
	}
	testnet.NewSender(l.there, "in0").SendAll(frames, 0)
	r.Stop()
	i := 0
	read(t, r, func(got *capture.Frame) {
		f, tag := frames[i], 0
		if f[12] == 0x81 && f[13] == 0 && len(f) >= 18 {
			tag = 4
		}
		stored := append(bytes.Clone(f[:12]), f[12+tag:]...)
		switch {
		case got.Wire != len(f) || got.Tag != tag:
			t.Errorf("frame %d: %d bytes on the wire with a tag of %d, want %d with %d", i, got.Wire, got.Tag, len(f), tag)
		case !bytes.HasPrefix(stored, got.Data):
			t.Errorf("frame %d: got %x, want the beginning of %x", i, got.Data, stored)
		case len(got.Data) < min(len(stored), 96):
			t.Errorf("frame %d: only %d bytes of %d are stored", i, len(got.Data), len(stored))
		}
		i++
	})
	if s := r.Stats(); s.Frames != uint64(len(frames)) || s.Drops != 0 || s.Attached != 1 || s.Reason != "stopped" {
		t.Errorf("stats %+v", s)
	}
}

// Every frame is returned or counted as a drop, also if nobody reads for a while and the ring overflows.
func TestRing_CountsDropsOnOverflow(t *testing.T) {
	l := newLink(t)
	s := testnet.NewSender(l.there, "in0")
	frames := testnet.Conversation(20000)
	for _, size := range []int{0, 1 << 20, 4 << 20} {
		r := l.open(t, "mon0", size)
		before := s.Sent
		s.SendAll(frames, 0) // nobody reads
		var got atomic.Uint64
		var wg sync.WaitGroup
		wg.Go(func() { got.Store(read(t, r, nil)) })
		s.SendAll(frames, 0)
		r.Stop()
		wg.Wait()
		stats := r.Stats()
		if sent := s.Sent - before; got.Load()+stats.Drops != sent || stats.Frames != got.Load() {
			t.Errorf("ring of %d: %d read (%d counted) + %d dropped, %d sent", size, got.Load(), stats.Frames, stats.Drops, sent)
		}
		if stats.Drops == 0 && size < 4<<20 {
			t.Errorf("ring of %d: no drops, so this test shows nothing", size)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A quiet LAN does not overflow a ring while nobody reads for two seconds, as on a busy machine, although the kernel hands over
// blocks that are almost empty.
func TestRing_HoldsFewFramesForLong(t *testing.T) {
	t.Parallel()
	l := newLink(t)
	r := l.open(t, "mon0", 8<<20)
	s := testnet.NewSender(l.there, "in0")
	for range 25 {
		s.Send(testnet.UDP(home, away, 10))
		time.Sleep(80 * time.Millisecond) // longer than the kernel waits for more
	}
	r.Stop()
	if got, stats := read(t, r, nil), r.Stats(); got != s.Sent || stats.Drops != 0 {
		t.Errorf("%d read and %d dropped of %d frames", got, stats.Drops, s.Sent)
	}
}

// A stop loses no frame that was sent before, even if it is still in a block of the kernel.
func TestRing_StopReturnsAllFrames(t *testing.T) {
	l := newLink(t)
	s := testnet.NewSender(l.there, "in0")
	frames := testnet.Conversation(1000)
	for run := range 30 {
		r := l.open(t, "mon0", 1<<20)
		before := s.Sent
		var got uint64
		var wg sync.WaitGroup
		wg.Go(func() { got = read(t, r, nil) })
		for i := range 1 + rand.IntN(5000) {
			s.Send(frames[i%len(frames)])
		}
		sent := s.Sent - before
		r.Stop()
		wg.Wait()
		if stats := r.Stats(); got+stats.Drops != sent {
			t.Errorf("run %d: %d read + %d dropped, %d sent", run, got, stats.Drops, sent)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The kernel's count and ours agree after a stop under load. Otherwise Next would return an error.
func TestRing_StopUnderLoadAgreesWithKernel(t *testing.T) {
	l := newLink(t)
	s := testnet.NewSender(l.there, "in0")
	frames := testnet.Conversation(1000)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	var load sync.WaitGroup
	load.Go(func() {
		for ctx.Err() == nil {
			s.SendAll(frames, 100000)
		}
	})
	defer load.Wait()
	defer cancel()
	for range 20 {
		r := l.open(t, "mon0", 1<<20)
		time.AfterFunc(time.Duration(rand.IntN(50))*time.Millisecond, r.Stop)
		if got := read(t, r, nil); got != r.Stats().Frames {
			t.Errorf("%d read, %d counted", got, r.Stats().Frames)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRing_CapturesLoopbackOnce(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t)}
	r := l.open(t, "lo", 1<<20)
	s := testnet.NewSender(l.here, "lo")
	s.SendAll(testnet.Conversation(100), 0)
	r.Stop()
	if got := read(t, r, nil); got != 100 {
		t.Errorf("got %d frames of 100", got)
	}
}

// openTun makes an interface of which the test is the other end: what is written to the descriptor arrives on it (tuntap.rst).
func openTun(t *testing.T, n *testnet.Namespace, name string, flags uint16) int {
	t.Helper()
	fd := -1
	n.Do(func() {
		var err error
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			t.Errorf("open /dev/net/tun: %v", err)
			return
		}
		ifr, err := unix.NewIfreq(name)
		if err != nil {
			t.Error(err)
			return
		}
		ifr.SetUint16(flags | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
			t.Errorf("make %s: %v", name, err)
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// The frames of an interface without link headers (a tunnel) have link type 101.
func TestRing_CapturesTunnel(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t)}
	tun := openTun(t, l.here, "tun0", unix.IFF_TUN)
	l.here.IP("link set tun0 up")
	r := l.open(t, "tun0", 1<<20)
	packet := testnet.UDP(netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("2620::1"), 100)[14:]
	if _, err := unix.Write(tun, packet); err != nil {
		t.Fatal(err)
	}
	r.Stop()
	if got := read(t, r, func(f *capture.Frame) {
		if f.Link != 101 || f.Wire != len(packet) || !bytes.HasPrefix(packet, f.Data) || len(f.Data) < 60 {
			t.Errorf("got %+v, want link type 101 and the beginning of %x", f, packet)
		}
	}); got != 1 {
		t.Errorf("got %d packets, want 1", got)
	}
}

// The kernel cannot describe some merged frames, for example those of UFO. It leaves an old header in the ring for them, after
// it has counted them in their block, and counts them as drops. They must never be read, wherever in a block they are.
func TestRing_SkipsUnfinishedFrames(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t)}
	tap := openTun(t, l.here, "tap0", unix.IFF_TAP|unix.IFF_VNET_HDR)
	l.here.Sysctl("net/ipv6/conf/tap0/disable_ipv6", "1")
	good := append(make([]byte, 10), testnet.UDP(home, away, 1000)...)
	datagram := testnet.UDP(home, away, 4000)
	unfinished := append([]byte{1, 3 /* UFO */, 42, 0, 0xc8, 5, 34, 0, 6, 0}, datagram...) // struct virtio_net_hdr, little endian
	stale := append(make([]byte, 10), datagram[:14]...)
	stale[22], stale[23] = 0x88, 0x47                          // MPLS
	stale = append(stale, bytes.Repeat([]byte{0xff}, 1486)...) // what an old header could be
	write := func(frame []byte) {
		if _, err := unix.Write(tap, frame); err != nil {
			t.Fatal(err)
		}
	}
	const rounds, whole, broken = 10, 400, 100
	l.here.IP("link set tap0 up")
	r := l.open(t, "tap0", 0)
	var got uint64
	var wg sync.WaitGroup
	wg.Go(func() {
		got = read(t, r, func(f *capture.Frame) {
			if f.Wire != len(good)-10 && f.Wire != len(stale)-10 || f.GSO != (capture.GSO{}) {
				t.Errorf("got a frame of %d bytes, GSO %+v", f.Wire, f.GSO)
			}
		})
	})
	sent := uint64(0)
	for range 600 { // fills every block of the ring once
		write(stale)
		if sent++; sent%50 == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	for range rounds {
		kinds := append(slices.Repeat([][]byte{good}, whole), slices.Repeat([][]byte{unfinished}, broken)...)
		rand.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, frame := range kinds {
			write(frame)
			if sent++; sent%50 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
	r.Stop()
	wg.Wait()
	s := r.Stats()
	if s.Frames != got || s.Frames+s.Drops != sent {
		t.Errorf("%d read (%d counted) + %d dropped, %d sent", got, s.Frames, s.Drops, sent)
	}
	if s.Drops < rounds*broken {
		t.Errorf("%d drops of %d unfinished frames, so this test shows nothing", s.Drops, rounds*broken)
	}
}

// The virtio header says where the transport header of a merged frame is, also in a tunnel, and enough of the frame is kept to
// read that header.
func TestRing_DescribesMergedFrames(t *testing.T) {
	l := &link{here: testnet.NewNamespace(t)}
	tap := openTun(t, l.here, "tap0", unix.IFF_TAP|unix.IFF_VNET_HDR)
	l.here.Sysctl("net/ipv6/conf/tap0/disable_ipv6", "1")
	l.here.IP("link set tap0 up")
	r := l.open(t, "tap0", 0)
	const transport = 14 + 20 + 8 + 8 + 14 + 40 // IPv6 in VXLAN
	frame := testnet.UDP(home, away, 20000)
	copy(frame[transport-54:], testnet.UDP(netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("2620::1"), 10)[:54])
	frame[transport-40+6] = unix.IPPROTO_TCP
	frame[transport+12] = 0x80                                                                          // 32 bytes of TCP header
	header := []byte{1, unix.VIRTIO_NET_HDR_GSO_TCPV6, transport + 32, 0, 0xe8, 3, transport, 0, 16, 0} // little endian
	if _, err := unix.Write(tap, append(header, frame...)); err != nil {
		t.Fatal(err)
	}
	r.Stop()
	want := capture.GSO{Type: unix.VIRTIO_NET_HDR_GSO_TCPV6, Size: 1000, Transport: transport}
	if n := read(t, r, func(f *capture.Frame) {
		if f.GSO != want || f.Wire != len(frame) || len(f.Data) <= transport+12 || f.Data[transport+12] != 0x80 {
			t.Errorf("got %+v of %d bytes, %d kept, want %+v of %d", f.GSO, f.Wire, len(f.Data), want, len(frame))
		}
	}); n != 1 {
		t.Errorf("got %d frames, want 1", n)
	}
}

// LastActive does not depend on the wall clock.
func TestRing_LastActiveIsMonotonic(t *testing.T) {
	l := newLink(t)
	r := l.open(t, "mon0", 1<<20)
	begin := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() { read(t, r, nil) })
	testnet.Until(t, "activity", func() bool { return r.Stats().LastActive.After(begin) })
	if active := r.Stats().LastActive; active == active.Round(0) { //nolint:staticcheck // Round strips the monotonic reading
		t.Errorf("LastActive %v has no monotonic clock reading", active)
	}
	r.Stop()
	wg.Wait()
}

func TestRing_NextDoesNotAllocate(t *testing.T) {
	l := newLink(t)
	r := l.open(t, "mon0", 8<<20)
	testnet.NewSender(l.there, "in0").SendAll(testnet.Conversation(20000), 0)
	batch := make([]capture.Frame, 64)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := r.Next(batch); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("Next: %v allocations", n)
	}
}

func TestRing_OpenNeedsCapability(t *testing.T) {
	testnet.WithoutCapabilities(t, func() {
		r := capture.NewRing(capture.RingConfig{Log: slog.Default()})
		r.Follow(capture.Interface{Name: "lo", Index: 1})
		err := r.Open()
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "open ring on lo: socket: ") {
			t.Errorf("got %v", err)
		}
	})
}

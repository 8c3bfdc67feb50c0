package meter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"gonetmon/app/capture"
	"gonetmon/app/mac"
	"gonetmon/app/packet"
	"gonetmon/app/traffic"
	"gonetmon/test/testnet"
)

func TestMain(m *testing.M) { testnet.Main(m) }

// A slice is a Source of frames in memory.
type slice struct {
	frames []capture.Frame
	err    error
	after  func() // called after the last frame, if set; Next then blocks until Stop
	stop   chan struct{}
}

func (s *slice) Next(batch []capture.Frame) (int, error) {
	n := copy(batch, s.frames)
	s.frames = s.frames[n:]
	if n > 0 {
		return n, nil
	}
	if s.after != nil {
		s.after()
		<-s.stop
	}
	return 0, s.err
}

func (s *slice) More() bool { return len(s.frames) > 0 }

func (s *slice) Stop() { close(s.stop) }

func ethernet(data []byte) capture.Frame {
	return capture.Frame{Data: data, Wire: len(data), Link: packet.LinkEthernet}
}

var (
	home = netip.MustParseAddr("192.168.2.7")
	away = netip.MustParseAddr("198.51.100.1")
	lan  = traffic.NewPrefixes([]netip.Prefix{netip.MustParsePrefix("192.168.2.0/24"), netip.MustParsePrefix("2001:db8:2:1::/64")})
)

// Run converts a packet.Class to a traffic.Family.
func TestFamiliesEqualClasses(t *testing.T) {
	if traffic.Family(packet.IPv4) != traffic.IPv4 || traffic.Family(packet.IPv6) != traffic.IPv6 {
		t.Error("IPv4 and IPv6 have other numbers in packet than in traffic")
	}
}

func TestMeter_Run(t *testing.T) {
	merged := ethernet(testnet.UDP(home, away, 4000))
	merged.GSO = capture.GSO{Type: 5, Size: 1000} // VIRTIO_NET_HDR_GSO_UDP_L4: four datagrams
	tagged := ethernet(testnet.UDP(away, home, 100))
	tagged.Wire, tagged.Tag = tagged.Wire+4, 4
	arp := make([]byte, 60)
	arp[12], arp[13] = 8, 6
	broken := testnet.UDP(home, away, 0)
	broken[14] = 0x65
	table := traffic.NewTable(lan, 100)
	m := New(&slice{err: io.EOF, frames: []capture.Frame{merged, tagged, ethernet(arp), ethernet(broken),
		ethernet(arp[:12])}}, table)
	var reasons []string
	m.OnNonIP = func(class packet.Class, key string, _ uint64) { reasons = append(reasons, class.String()+" "+key) }
	if err := m.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	var host traffic.Delta
	network, transits := table.Drain(func(_ int, a netip.Addr, n *traffic.Delta) {
		if a != home {
			t.Errorf("counted for %s", a)
		}
		host = *n
	})
	if got, want := network.Total(), (traffic.Count{Bytes: 4*28 + 4000 + 128, Packets: 5}); got != want {
		t.Errorf("network %v, want %v", got, want)
	}
	if host.OutWire != 4*42+4000 || host.InWire != 142+4 {
		t.Errorf("on the wire %d out, %d in", host.OutWire, host.InWire)
	}
	from := mac.Addr{2, 0, 0, 0, 0, 1} // of testnet.UDP
	if host.Senders != [2]mac.Addr{from} || !slices.Equal(transits, []traffic.Transit{{MAC: from, Packets: 1}}) {
		t.Errorf("sent by %v, from outside by %v, want %v once", host.Senders, transits, from)
	}
	want := Classes{packet.IPv4: {5, 4*42 + 4000 + 146}, packet.ARP: {1, 60}, packet.Other: {1, 12}, packet.Malformed: {1, 60}}
	if got := m.Classes(); got != want {
		t.Errorf("classes %v, want %v", got, want)
	}
	if got := strings.Join(reasons, ", "); got != "arp 0x0806, malformed version, other short" {
		t.Errorf("reasons: %s", got)
	}
}

// An IPv4 packet in a link-layer broadcast has no receiving host, even if its destination looks like one in a wide prefix.
func TestMeter_BroadcastHasNoReceiver(t *testing.T) {
	frame := testnet.UDP(home, netip.MustParseAddr("192.168.2.127"), 100)
	copy(frame, "\xff\xff\xff\xff\xff\xff")
	six := testnet.UDP(netip.MustParseAddr("2001:db8:2:1::7"), netip.MustParseAddr("2001:db8:2:1::8"), 100)
	copy(six, "\xff\xff\xff\xff\xff\xff")
	table := traffic.NewTable(lan, 100)
	m := New(&slice{err: io.EOF, frames: []capture.Frame{ethernet(frame), ethernet(six)}}, table)
	if err := m.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	hosts := map[string]bool{}
	network, _ := table.Drain(func(_ int, a netip.Addr, _ *traffic.Delta) { hosts[a.String()] = true })
	if got, want := fmt.Sprint(slices.Sorted(maps.Keys(hosts))), "[192.168.2.7 2001:db8:2:1::7 2001:db8:2:1::8]"; got != want {
		t.Errorf("hosts %s, want %s", got, want)
	}
	want := traffic.Network{traffic.IPv4: {traffic.ScopeMulticast: {Bytes: 128, Packets: 1}},
		traffic.IPv6: {traffic.ScopeLAN: {Bytes: 148, Packets: 1}}}
	if network != want {
		t.Errorf("network %v, want %v", network, want)
	}
}

// Every control frame is handed on, and no other.
func TestMeter_HandsOnControlFrames(t *testing.T) {
	mac := [6]byte{2, 0, 0, 0, 0, 1}
	arp, mdns := ethernet(testnet.ARPRequest(mac, home, home)), ethernet(testnet.MDNSQuery(mac, home, "nas.local"))
	other := ethernet(testnet.UDP(home, away, 100))
	frames := []capture.Frame{other, arp, other, mdns, ethernet(arp.Data[:12])}
	m := New(&slice{err: io.EOF, frames: frames}, traffic.NewTable(lan, 100))
	var got [][]byte
	m.OnControl = func(f *capture.Frame) { got = append(got, f.Data) }
	if err := m.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || &got[0][0] != &arp.Data[0] || &got[1][0] != &mdns.Data[0] {
		t.Errorf("got %d control frames: %x", len(got), got)
	}
}

func TestMeter_StopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &slice{err: io.EOF, frames: []capture.Frame{ethernet(testnet.UDP(home, away, 10))}, after: cancel,
		stop: make(chan struct{})}
	m := New(s, traffic.NewTable(lan, 100))
	if err := m.Run(ctx); err != nil {
		t.Error(err)
	}
	if n := m.Classes()[packet.IPv4].Frames; n != 1 {
		t.Errorf("%d frames counted, want 1", n)
	}
}

func TestMeter_ReturnsSourceError(t *testing.T) {
	lost := errors.New("lost")
	m := New(&slice{err: lost}, traffic.NewTable(lan, 100))
	if err := m.Run(context.Background()); !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
}

// mix returns n frames of lengths 64, 590 and 1,514 in the ratio 7:4:1, of which 96 bytes are captured.
func mix(n, hosts int, v6, tagged bool) []capture.Frame {
	frames := make([]capture.Frame, n)
	for i := range frames {
		var h, p netip.Addr
		if v6 {
			b := [16]byte{0x20, 1, 0x0d, 0xb8, 0, 2, 0, 1}
			binary.BigEndian.PutUint64(b[8:], uint64(i%hosts+1)*0x9e3779b97f4a7c15)
			h, p = netip.AddrFrom16(b), netip.AddrFrom16([16]byte{0x26, 0x20, 15: byte(i)})
		} else {
			h, p = netip.AddrFrom4([4]byte{192, 168, 2, byte(i*7%hosts) + 1}), netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
		}
		if uint32(i)*2654435761>>7&1 == 0 {
			h, p = p, h
		}
		var tags []uint16
		if tagged {
			tags = []uint16{7}
		}
		size := []int{64, 64, 64, 590, 64, 590, 64, 1514, 64, 590, 64, 590}[i%12]
		if v6 {
			size = max(size, 80)
		}
		f := testnet.UDP(h, p, size-62, tags...)
		frames[i] = ethernet(append(make([]byte, 0, 96), f[:min(len(f), 96)]...))
		frames[i].Wire = len(f)
	}
	return frames
}

func TestMeter_CountDoesNotAllocate(t *testing.T) {
	for name, frames := range map[string][]capture.Frame{
		"ipv4": mix(640, 200, false, false), "ipv6": mix(640, 200, true, false), "tagged": mix(640, 200, false,
			true), "tagged ipv6": mix(640, 200, true, true),
	} {
		t.Run(name, func(t *testing.T) {
			m := New(nil, traffic.NewTable(lan, 1000))
			m.OnControl = func(*capture.Frame) {}
			var p packet.Packet
			all := func() {
				m.table.Begin()
				var classes Classes
				for i := 0; i < len(frames); i += batchSize {
					m.count(&p, frames[i:i+batchSize], &classes)
				}
				m.table.End()
				m.publish(&classes)
			}
			for range 2 { // admit the hosts, in both sets of counters
				all()
				m.table.Drain(func(int, netip.Addr, *traffic.Delta) {})
			}
			if n := testing.AllocsPerRun(100, all); n != 0 {
				t.Errorf("%v allocations in %d frames", n, len(frames))
			}
		})
	}
}

func BenchmarkCount(b *testing.B) {
	for _, bb := range []struct {
		name   string
		frames []capture.Frame
	}{
		{"ipv4-200-hosts", mix(8192, 200, false, false)},
		{"ipv4-200-hosts-tagged", mix(8192, 200, false, true)},
		{"ipv6-200-hosts", mix(8192, 200, true, false)},
		{"ipv6-65536-hosts", mix(131072, 65536, true, false)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			m := New(nil, traffic.NewTable(lan, 131072)) // room for 65,536 IPv6 senders
			m.OnControl = func(*capture.Frame) { b.Fatal("there are no control frames") }
			var p packet.Packet
			b.ReportAllocs()
			at := 0
			var classes Classes
			m.table.Begin()
			for b.Loop() {
				m.count(&p, bb.frames[at:at+batchSize], &classes)
				if at += batchSize; at == len(bb.frames) {
					at = 0
				}
			}
			m.table.End()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batchSize, "ns/frame")
		})
	}
}

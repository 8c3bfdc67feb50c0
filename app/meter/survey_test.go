package meter

import (
	"context"
	"encoding/binary"
	"io"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gonetmon/app/capture"
	"gonetmon/app/packet"
	"gonetmon/app/traffic"
	"gonetmon/test/testnet"
)

// A survey tells traffic of this machine from that of others, and names what is not looked into.
func TestSurvey_Findings(t *testing.T) {
	addr := netip.MustParseAddr
	packetOf := func(src, dst string) []byte { return testnet.UDP(addr(src), addr(dst), 100) }
	mirror := func(dst string) []byte {
		f := packetOf("192.168.1.1", dst)
		binary.BigEndian.PutUint16(f[36:], 37008)
		f[42] = 1
		return f
	}
	odd := append(make([]byte, 12), 0x89, 0x3f, 0, 0)
	var frames []capture.Frame
	for _, data := range [][]byte{
		packetOf("192.168.1.9", "198.51.100.1"), packetOf("2001:db8::7", "2001:db8::9"), // this machine's
		packetOf("192.168.1.7", "198.51.100.1"), packetOf("2001:db8::7", "2620::1"), // of others
		packetOf("192.168.1.7", "239.255.255.250"), packetOf("fe80::7", "ff02::fb"), packetOf("0.0.0.0", "255.255.255.255"),
		mirror("192.168.1.9"), mirror("192.168.1.8"), // the second one ends elsewhere
		odd, odd,
		append([]byte{0x01, 0x80, 0xc2, 0, 0, 0, 2, 2, 2, 2, 2, 2, 0, 38}, make([]byte, 46)...), // spanning tree
	} {
		frames = append(frames, ethernet(data))
	}
	m := New(&slice{frames: frames, err: io.EOF, stop: make(chan struct{})}, traffic.NewTable(lan, 100))
	m.Survey = new(Survey)
	m.Survey.SetOwn([]netip.Addr{addr("192.168.1.9"), addr("2001:db8::9")})
	for i := range frames { // as if each came by itself
		m.Survey.add(frames[i : i+1])
	}
	want := Findings{
		Frames: 11, Own: 3, Others: 3, Group: 3,
		Unread:  map[packet.Unread]uint64{{Reason: packet.ReasonEthertype, Code: 0x893f}: 2},
		Mirrors: map[packet.Unread]uint64{{Mirror: packet.MirrorTZSP}: 1},
	}
	if d := cmp.Diff(want, m.Survey.Findings()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := m.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := m.Survey.Findings().Frames; got != 2*11 {
		t.Errorf("Run has shown %d frames to the survey, want all 11", got-11)
	}
}

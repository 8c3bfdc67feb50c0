package capture

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/bpf"

	"gonetmon/test/testnet"
)

var (
	someone = [6]byte{2, 0, 0, 0, 0, 1}
	four    = netip.MustParseAddr("192.168.2.7")
	six     = netip.MustParseAddr("fe80::7")
)

// datagram returns a UDP frame over IPv4 or IPv6.
func datagram(src netip.Addr, from, to uint16) []byte {
	return testnet.Datagram(testnet.Ends{SrcMAC: someone, Src: src, Dst: src}, from, to, 64, make([]byte, 20))
}

// behind returns the frame with tags of these ethertypes.
func behind(frame []byte, kinds ...uint16) []byte {
	b := bytes.Clone(frame[:12])
	for i, kind := range kinds {
		b = binary.BigEndian.AppendUint16(b, kind)
		b = binary.BigEndian.AppendUint16(b, uint16(i+1))
	}
	return append(b, frame[12:]...)
}

// optioned returns the frame with n bytes of IPv4 options.
func optioned(frame []byte, n int) []byte {
	b := slices.Insert(bytes.Clone(frame), 34, bytes.Repeat([]byte{1}, n)...)
	b[14] += byte(n / 4)
	return b
}

// extended returns the frame with an IPv6 extension header.
func extended(frame []byte, header byte) []byte {
	b := slices.Insert(bytes.Clone(frame), 54, frame[20], 0, 0, 0, 0, 0, 0, 0)
	b[20] = header
	return b
}

func with(frame []byte, at int, change ...byte) []byte {
	b := bytes.Clone(frame)
	copy(b[at:], change)
	return b
}

func icmp6(typ uint8) []byte {
	return testnet.ICMPv6(testnet.Ends{SrcMAC: someone, Src: six, Dst: six}, 255, typ, make([]byte, 20))
}

// passes reports whether an Ethernet frame passes the control filter.
func passes(data []byte) bool {
	return IsControl(&Frame{Data: data, Wire: len(data), Link: linkEthernet})
}

// Control frames pass if they are long enough to tell, behind at most two tags. Nothing else passes.
func TestControlFilter_Frames(t *testing.T) {
	tests := []struct {
		name  string
		frame []byte
		needs int // minimum length without tags; 0 if it is not a control frame
	}{
		{"arp request", testnet.ARPRequest(someone, four, four), 14},
		{"arp reply", testnet.ARPReply(someone, four, someone, four), 14},
		{"router solicitation", testnet.RouterSolicit(someone, six), 55},
		{"router advertisement", testnet.RouterAdvert(someone, six), 55},
		{"neighbor solicitation", testnet.NeighborSolicit(someone, six, six), 55},
		{"neighbor advertisement", testnet.NeighborAdvert(someone, six, six), 55},
		{"dhcp discover", testnet.DHCP{Type: testnet.Discover, MAC: someone}.Frame(), 36},
		{"dhcp offer", testnet.DHCP{Type: testnet.Offer, MAC: someone, Your: four}.Frame(), 36},
		{"dhcp from another port", datagram(four, 30000, 67), 38},
		{"dhcp to another port", datagram(four, 67, 30000), 36},
		{"dhcpv6 solicit", testnet.DHCP6{Type: testnet.Solicit6, Ends: testnet.Ends{Src: six}}.Frame(), 56},
		{"dhcpv6 reply", testnet.DHCP6{Type: testnet.Reply6, Ends: testnet.Ends{Src: six, Dst: six}}.Frame(), 56},
		{"dhcpv6 from another port", datagram(six, 30000, 547), 58},
		{"mdns over ipv4", testnet.MDNSQuery(someone, four, "nas.local"), 36},
		{"mdns over ipv6", testnet.MDNSQuery(someone, six, "nas.local"), 56},
		{"mdns of a simple resolver", datagram(four, 40000, 5353), 38},
		{"mdns to a simple resolver", datagram(six, 5353, 40000), 56},
		{"options, 4 bytes", optioned(datagram(four, 40000, 5353), 4), 42},
		{"options, 40 bytes", optioned(datagram(four, 40000, 5353), 40), 78},
		{"first fragment", with(datagram(four, 40000, 5353), 20, 0x20, 0), 38},
		{"not to be fragmented", with(datagram(four, 40000, 5353), 20, 0x40, 0), 38},

		{"later fragment", with(datagram(four, 5353, 5353), 20, 0x20, 1), 0},
		{"last fragment", with(datagram(four, 5353, 5353), 20, 0x1f, 0xff), 0},
		{"port beyond the options", optioned(datagram(four, 40000, 5354), 8), 0},
		{"ports in the options", with(optioned(datagram(four, 40000, 5354), 8), 34, 0, 67, 0, 68), 0},
		{"dns", datagram(four, 53, 40000), 0},
		{"dns over ipv6", datagram(six, 40000, 53), 0},
		{"tcp with a port of ours", with(datagram(four, 5353, 5353), 23, 6), 0},
		{"tcp over ipv6", with(datagram(six, 5353, 5353), 20, 6), 0},
		{"echo request", icmp6(128), 0},
		{"multicast listener report", icmp6(132), 0},
		{"redirect", icmp6(137), 0},
		{"hop-by-hop header", extended(icmp6(135), 0), 0},
		{"fragment header", extended(datagram(six, 5353, 5353), 44), 0},
		{"destination options", extended(datagram(six, 5353, 5353), 60), 0},
		{"rarp", with(testnet.ARPRequest(someone, four, four), 12, 0x80, 0x35), 0},
		{"mpls", with(datagram(four, 5353, 5353), 12, 0x88, 0x47), 0},
		{"pppoe session", with(datagram(four, 5353, 5353), 12, 0x88, 0x64), 0},
		{"llc", with(testnet.ARPRequest(someone, four, four), 12, 0, 46), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, kinds := range [][]uint16{
				nil, {0x8100}, {0x88a8}, {0x9100}, {0x8100, 0x8100}, {0x88a8, 0x8100}, {0x9100, 0x88a8}, {0x8100, 0x9100}, {0x8100,
					0x8100, 0x8100},
			} {
				frame := behind(tt.frame, kinds...)
				needs := tt.needs + 4*len(kinds)
				for size := range len(frame) + 1 {
					want := tt.needs > 0 && size >= needs && len(kinds) <= 2
					if got := passes(frame[:size:size]); got != want {
						t.Fatalf("behind %x: %v of %d bytes, want %v", kinds, got, size, want)
					}
				}
			}
		})
	}
}

// All ports, ICMPv6 types and ethertypes.
func TestControlFilter_Numbers(t *testing.T) {
	for _, src := range []netip.Addr{four, six} {
		at := len(datagram(src, 1, 1)) - 28
		frame := datagram(src, 1, 1)
		for port := range 1 << 16 {
			want := slices.Contains([]int{67, 68, 546, 547, 5353}, port)
			for _, off := range []int{at, at + 2} {
				binary.BigEndian.PutUint16(frame[off:], uint16(port))
				if got := passes(frame); got != want {
					t.Errorf("from %s, port %d at %d: %v", src, port, off, got)
				}
				binary.BigEndian.PutUint16(frame[off:], 1)
			}
		}
	}
	frame := icmp6(0)
	for typ := range 256 {
		if got, want := passes(with(frame, 54, byte(typ))), typ >= 133 && typ <= 136; got != want {
			t.Errorf("type %d: %v", typ, got)
		}
	}
	for kind := range 1 << 16 {
		frame := with(make([]byte, 100), 12, byte(kind>>8), byte(kind))
		if got, want := passes(frame), kind == 0x0806; got != want {
			t.Errorf("ethertype %#04x: %v", kind, got)
		}
	}
}

// Which frames the filter of a link type keeps, and how much of them.
func TestFilterFor(t *testing.T) {
	arp, udp := testnet.ARPRequest(someone, four, four), datagram(four, 40000, 443)
	tests := []struct {
		name     string
		link     uint16
		control  bool
		arp, udp int
	}{
		{"ethernet", linkEthernet, false, keepHeaders, keepHeaders},
		{"ethernet, control", linkEthernet, true, keepAll, 0},
		{"raw", linkRaw, false, keepHeaders, keepHeaders},
		{"raw, control", linkRaw, true, 0, 0},
		{"unknown, control", linkUnknown, true, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vm, err := bpf.NewVM(filterFor(tt.link, tt.control))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []struct {
				frame []byte
				want  int
			}{{arp, tt.arp}, {udp, tt.udp}} {
				if kept, err := vm.Run(f.frame); err != nil || min(kept, len(f.frame)) != min(f.want, len(f.frame)) {
					t.Errorf("%d bytes are kept of %d, want %d (%v)", kept, len(f.frame), f.want, err)
				}
			}
		})
	}
}

// Frames of other link types always pass.
func TestIsControl_DoesNotAllocate(t *testing.T) {
	if !IsControl(&Frame{Link: linkRaw}) {
		t.Error("IsControl is false for another link type")
	}
	for _, frame := range [][]byte{testnet.ARPRequest(someone, four, four), datagram(six, 40000, 5353), datagram(four, 40000, 443)} {
		f := Frame{Data: behind(frame, 0x8100, 0x8100), Link: linkEthernet}
		if n := testing.AllocsPerRun(1000, func() { IsControl(&f) }); n != 0 {
			t.Errorf("IsControl: %v allocations", n)
		}
	}
}

func BenchmarkIsControl(b *testing.B) {
	for _, bench := range []struct {
		name  string
		frame []byte
	}{
		{"arp", testnet.ARPRequest(someone, four, four)},
		{"mdns", datagram(six, 5353, 5353)},
		{"other-tagged", behind(datagram(four, 40000, 443), 0x8100)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			f := Frame{Data: bench.frame, Link: linkEthernet}
			b.ReportAllocs()
			for b.Loop() {
				IsControl(&f)
			}
		})
	}
}

package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/bpf"

	"gonetmon/app/packet"
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
	binary.BigEndian.PutUint16(b[16:], binary.BigEndian.Uint16(b[16:])+uint16(n))
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

// A control frame is one for packet.Packet.IsControl, and the filter then keeps it whole. Of other frames it keeps the headers.
func TestEthernetFilter_KeepsControlFrames(t *testing.T) {
	vm, err := bpf.NewVM(ethernetFilter())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		frame   []byte
		control bool
	}{
		{"arp request", testnet.ARPRequest(someone, four, four), true},
		{"router solicitation", testnet.RouterSolicit(someone, six), true},
		{"dhcp discover", testnet.DHCP{Type: testnet.Discover, MAC: someone}.Frame(), true},
		{"dhcp from another port", datagram(four, 30000, 67), true},
		{"dhcp to another port", datagram(four, 67, 30000), true},
		{"dhcpv6 solicit", testnet.DHCP6{Type: testnet.Solicit6, Ends: testnet.Ends{Src: six}}.Frame(), true},
		{"dhcpv6 from another port", datagram(six, 30000, 547), true},
		{"mdns over ipv4", testnet.MDNSQuery(someone, four, "nas.local"), true},
		{"mdns over ipv6", testnet.MDNSQuery(someone, six, "nas.local"), true},
		{"mdns of a simple resolver", datagram(four, 40000, 5353), true},
		{"llmnr query", datagram(six, 40000, 5355), true},
		{"llmnr answer", datagram(four, 5355, 40000), true},
		{"netbios name", datagram(four, 137, 137), true},
		{"netbios datagram", datagram(four, 138, 138), true},
		{"ssdp search", datagram(four, 40000, 1900), true},
		{"ssdp answer", datagram(four, 1900, 40000), true},
		{"options, 40 bytes", optioned(datagram(four, 40000, 5353), 40), true},
		{"first fragment", with(datagram(four, 40000, 5353), 20, 0x20, 0), true},
		{"not to be fragmented", with(datagram(four, 40000, 5353), 20, 0x40, 0), true},

		{"later fragment", with(datagram(four, 5353, 5353), 20, 0x20, 1), false},
		{"port beyond the options", optioned(datagram(four, 40000, 5354), 8), false},
		{"ports in the options", with(optioned(datagram(four, 40000, 5354), 8), 34, 0, 67, 0, 68), false},
		{"netbios session", datagram(four, 139, 139), false},
		{"dns", datagram(four, 53, 40000), false},
		{"tcp with a port of ours", with(datagram(four, 5353, 5353), 23, 6), false},
		{"tcp", with(datagram(four, 443, 40000), 23, 6), false},
		{"tcp behind options, 40 bytes", with(optioned(datagram(four, 443, 40000), 40), 23, 6), false},
		{"tcp over ipv6", with(datagram(six, 443, 40000), 20, 6), false},
		{"echo request", icmp6(128), false},
		{"hop-by-hop header", extended(icmp6(135), 0), false},
		{"fragment header", extended(datagram(six, 5353, 5353), 44), false},
		{"destination options", extended(datagram(six, 5353, 5353), 60), false},
		{"mpls", with(datagram(four, 5353, 5353), 12, 0x88, 0x47), false},
		{"pppoe session", with(datagram(four, 5353, 5353), 12, 0x88, 0x64), false},
		{"llc", with(testnet.ARPRequest(someone, four, four), 12, 0, 46), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, kinds := range [][]uint16{
				nil, {0x8100}, {0x88a8}, {0x9100}, {0x8100, 0x8100}, {0x88a8, 0x8100}, {0x9100, 0x88a8}, {0x8100, 0x8100, 0x8100},
			} {
				frame := append(behind(tt.frame, kinds...), make([]byte, 1000)...) // longer than what is kept of all
				if got := isControl(frame); got != tt.control {
					t.Errorf("behind %x: IsControl is %v, want %v", kinds, got, tt.control)
				}
				for _, size := range []int{keepHeaders, keepHeaders + 1, len(frame)} {
					kept, err := vm.Run(frame[:size])
					if err != nil || min(kept, size) < headersOf(frame) || tt.control && kept < size {
						t.Errorf("behind %x: %d bytes are kept of %d (%v)", kinds, kept, size, err)
					}
				}
				for size := range len(frame) { // no length makes it read past the end
					isControl(frame[:size:size])
				}
			}
		})
	}
}

// headersOf returns how many bytes must be kept of a frame that is no control frame: those up to the length of a TCP header.
func headersOf(data []byte) int {
	var p packet.Packet
	p.Decode(packet.LinkEthernet, data, len(data), 0)
	switch at := p.Offset(); {
	case p.Class == packet.IPv4 && data[at+9] == 6:
		return at + int(data[at]&15)*4 + 13
	case p.Class == packet.IPv6 && data[at+6] == 6:
		return at + 40 + 13
	}
	return keepHeaders
}

// isControl reports whether an Ethernet frame is a control frame.
func isControl(data []byte) bool {
	var p packet.Packet
	p.Decode(packet.LinkEthernet, data, len(data), 0)
	return p.IsControl(data)
}

// All ports, ICMPv6 types and ethertypes.
func TestEthernetFilter_Numbers(t *testing.T) {
	vm, err := bpf.NewVM(ethernetFilter())
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, frame []byte, control, whole bool) {
		t.Helper()
		frame = append(bytes.Clone(frame), make([]byte, 200)...)
		kept, err := vm.Run(frame)
		if got := isControl(frame); got != control || err != nil || (kept >= len(frame)) != whole {
			t.Errorf("%s: IsControl is %v, %d bytes are kept of %d (%v)", what, got, kept, len(frame), err)
		}
	}
	for _, src := range []netip.Addr{four, six} {
		at := len(datagram(src, 1, 1)) - 28
		frame := datagram(src, 1, 1)
		for port := range 1 << 16 {
			want := slices.Contains([]int{67, 68, 137, 138, 546, 547, 1900, 5353, 5355}, port)
			for _, off := range []int{at, at + 2} {
				binary.BigEndian.PutUint16(frame[off:], uint16(port))
				check(fmt.Sprintf("from %s, port %d at %d", src, port, off), frame, want, want)
				binary.BigEndian.PutUint16(frame[off:], 1)
			}
		}
	}
	for typ := range 256 {
		want := typ >= 133 && typ <= 136
		check(fmt.Sprintf("type %d", typ), with(icmp6(0), 54, byte(typ)), want, want)
	}
	for kind := range 1 << 16 {
		if kind == 0x8100 || kind == 0x88a8 || kind == 0x9100 { // tags, behind which is a length of 0
			continue
		}
		whole := kind <= 1500 || slices.Contains([]int{0x0806, 0x8847, 0x8848}, kind)
		frame := with(make([]byte, 100), 12, byte(kind>>8), byte(kind))
		check(fmt.Sprintf("ethertype %#04x", kind), frame, kind == 0x0806, whole)
		check(fmt.Sprintf("ethertype %#04x behind tags", kind), behind(frame, 0x9100, 0x88a8), kind == 0x0806, whole)
	}
	tcp := append(with(datagram(four, 443, 40000), 23, 6), make([]byte, 1000)...)
	if kept, err := vm.Run(tcp); kept != keepTCP || err != nil {
		t.Errorf("%d bytes are kept of TCP (%v)", kept, err)
	}
	check("three tags", behind(datagram(four, 1, 1), 0x8100, 0x8100, 0x8100), false, true)
	for size := range keepHeaders + 1 {
		if kept, err := vm.Run(make([]byte, size)); err != nil || kept < size {
			t.Errorf("of %d bytes %d are kept (%v)", size, kept, err)
		}
	}
}

func TestFilterFor_OtherLinks(t *testing.T) {
	for _, link := range []uint16{linkRaw, linkUnknown} {
		vm, err := bpf.NewVM(filterFor(link))
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := vm.Run(make([]byte, 20)); err != nil || kept != keepHeaders {
			t.Errorf("link type %d: %d bytes are kept (%v)", link, kept, err)
		}
	}
}

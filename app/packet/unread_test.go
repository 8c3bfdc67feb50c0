package packet

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"gonetmon/test/testnet"
)

// udpTo returns a datagram to a port, which begins with this payload.
func udpTo(src, dst string, port uint16, payload ...byte) []byte {
	f := testnet.UDP(netip.MustParseAddr(src), netip.MustParseAddr(dst), 100)
	at := len(f) - 108
	binary.BigEndian.PutUint16(f[at+2:], port)
	copy(f[at+8:], payload)
	return f
}

// gre returns an IPv4 packet with a GRE header for this ethertype.
func gre(ethertype uint16) []byte {
	f := udpTo("192.168.2.1", "192.168.2.9", ethertype)
	f[14+9] = protoGRE
	return f
}

// What is not looked into is known, so that it can be said.
func TestPacket_Unread(t *testing.T) {
	ethernet := func(typ uint16) []byte {
		return binary.BigEndian.AppendUint16([]byte{12: 0}[:12:12], typ)[:14:14]
	}
	later := udpTo("192.168.2.1", "192.168.2.9", 37008, 1, 0)
	later[14+7] = 1
	tests := []struct {
		name string
		link uint16
		data []byte
		want string // "": nothing to say
	}{
		{"an ordinary packet", LinkEthernet, udpTo("192.168.2.1", "192.168.2.9", 443), ""},
		{"ARP", LinkEthernet, append(ethernet(etherARP), make([]byte, 28)...), ""},
		{"TZSP", LinkEthernet, udpTo("192.168.2.1", "192.168.2.9", 37008, 1, 0), "TZSP"},
		{"TZSP over IPv6", LinkEthernet, udpTo("fe80::1", "fe80::2", 37008, 1, 1), "TZSP"},
		{"TZSP keepalive", LinkEthernet, udpTo("192.168.2.1", "192.168.2.9", 37008, 1, 4), ""},
		{"a later fragment", LinkEthernet, later, ""},
		{"ERSPAN II", LinkEthernet, gre(0x88be), "ERSPAN"},
		{"ERSPAN III", LinkEthernet, gre(0x22eb), "ERSPAN"},
		{"Ethernet in GRE", LinkEthernet, gre(0x6558), "Ethernet in GRE"},
		{"IP in GRE", LinkEthernet, gre(etherIPv4), ""},
		{"VXLAN", LinkEthernet, udpTo("192.168.2.1", "192.168.2.9", 4789, 8), "VXLAN"},
		{"Geneve", LinkEthernet, udpTo("192.168.2.1", "192.168.2.9", 6081), "Geneve"},
		{"HP", LinkEthernet, udpTo("192.168.2.1", "192.168.2.9", 7932), "HP remote mirror"},
		{"a tag", LinkEthernet, append(ethernet(0x893f), make([]byte, 60)...), "ethertype 0x893f (802.1BR E-tag)"},
		{"an ethertype without a name", LinkEthernet, append(ethernet(0xc008), 0), "ethertype 0xc008"},
		{"LLC", LinkEthernet, append(ethernet(40), 0x42, 0x42, 3), "802.3 with LLC"},
		{"a link type", 258, nil, "link type 258 (Apple PKTAP)"},
		{"a link type without a name", 999, nil, "link type 999"},
		{"a broken header", LinkRaw, []byte{0x45}, "broken IP headers"},
		{"a cut packet", LinkEthernet, udpTo("192.168.2.1", "192.168.2.9", 37008)[:36], ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Packet
			p.Decode(tt.link, tt.data, len(tt.data), 0)
			u, ok := p.Unread(tt.data)
			if ok != (tt.want != "") || ok && u.String() != tt.want {
				t.Errorf("got %v, %v, want %q", u, ok, tt.want)
			}
		})
	}
}

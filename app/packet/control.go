package packet

import "encoding/binary"

// UDP ports of the protocols in which devices say who they are (IANA).
const (
	portDHCPServer      = 67
	portDHCPClient      = 68
	portNetBIOSName     = 137
	portNetBIOSDatagram = 138
	portDHCP6Client     = 546
	portDHCP6Server     = 547
	portSSDP            = 1900
	portMDNS            = 5353
	portLLMNR           = 5355
)

const (
	protoICMP6 = 58
	firstNDP   = 133 // ICMPv6 types of router and neighbor discovery without redirects (RFC 4861)
	lastNDP    = 136
)

// controlPorts are the ports above as a bit each. Testing two bits costs the CPU less than wrong guesses of comparisons.
var controlPorts = newPortSet(portDHCPServer, portDHCPClient, portNetBIOSName, portNetBIOSDatagram,
	portDHCP6Client, portDHCP6Server, portSSDP, portMDNS, portLLMNR)

// A portSet has a bit for each port.
type portSet [1 << 16 / 64]uint64

func newPortSet(ports ...uint16) *portSet {
	s := &portSet{}
	for _, port := range ports {
		s[port/64] |= 1 << (port % 64)
	}
	return s
}

// bit returns 1 if the port is in the set, and 0 otherwise.
func (s *portSet) bit(port uint16) uint64 { return s[port/64] >> (port % 64) & 1 }

// IsControl reports whether the frame tells something about the LAN: ARP, router and neighbor discovery, DHCP, DHCPv6, mDNS,
// LLMNR, NetBIOS or SSDP. It must follow Decode of the same data. Either UDP port is enough, as datagrams of relays and older
// clients, and answers to them, have only one of them. A frame that is too short to tell is not a control frame. IsControl is
// part of the hot path: what is seldom true comes first.
func (p *Packet) IsControl(data []byte) bool {
	at := p.offset
	switch p.Class {
	case IPv4:
		h := data[at : at+20 : len(data)]
		return hasControlPort(data, at+int(h[0]&15)*4) && h[9] == protoUDP && h[6]&0x1f|h[7] == 0 // and no later fragment
	case IPv6:
		if data[at+6] == protoICMP6 {
			return len(data) > at+40 && data[at+40] >= firstNDP && data[at+40] <= lastNDP
		}
		return hasControlPort(data, at+40) && data[at+6] == protoUDP
	default:
		return p.Class == ARP
	}
}

// hasControlPort reports whether one of the ports of the transport header at offset at is of a control protocol.
func hasControlPort(data []byte, at int) bool {
	if len(data) < at+4 {
		return false
	}
	ports := binary.BigEndian.Uint32(data[at:])
	return controlPorts.bit(uint16(ports>>16))|controlPorts.bit(uint16(ports)) != 0
}

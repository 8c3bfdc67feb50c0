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

// IsControl reports whether the frame tells something about the LAN: ARP, router and neighbor discovery, DHCP, DHCPv6, mDNS, LLMNR,
// NetBIOS or SSDP. It must follow Decode of the same data. Either UDP port is enough, as datagrams of relays and older clients, and
// answers to them, have only one of them.
// A frame that is too short to tell is not a control frame. IsControl is part of the hot path.
func (p *Packet) IsControl(data []byte) bool {
	at := p.offset
	switch p.Class {
	case IPv4:
		h := data[at : at+20 : len(data)]
		if h[9] != protoUDP || h[6]&0x1f|h[7] != 0 { // or a later fragment
			return false
		}
		at += int(h[0]&15) * 4
	case IPv6:
		switch data[at+6] {
		case protoUDP:
			at += 40
		case protoICMP6:
			return len(data) > at+40 && data[at+40] >= firstNDP && data[at+40] <= lastNDP
		default:
			return false
		}
	default:
		return p.Class == ARP
	}
	if len(data) < at+4 {
		return false
	}
	ports := binary.BigEndian.Uint32(data[at:])
	return isControlPort(ports>>16) || isControlPort(ports&0xffff)
}

// isControlPort reports whether a UDP port is of a control protocol.
func isControlPort(port uint32) bool {
	switch port {
	case portDHCPServer, portDHCPClient, portNetBIOSName, portNetBIOSDatagram, portDHCP6Client, portDHCP6Server, portSSDP, portMDNS,
		portLLMNR:
		return true
	}
	return false
}

package replay

import (
	"encoding/json"
	"io"
	"net/netip"

	"gonetmon/app/capture"
	"gonetmon/app/meter"
	"gonetmon/app/packet"
	"gonetmon/app/traffic"
)

// A Tally holds all counts of one capture file, as `gonetmon replay --json` prints them: names and order of the
// fields are those of the JSON.
type Tally struct {
	CIDRs     []netip.Prefix           `json:"cidrs"`
	File      TallyFile                `json:"file"`
	Hosts     map[netip.Addr]TallyHost `json:"hosts"`
	Malformed map[string]uint64        `json:"malformed"` // frames, by what is wrong with them
	NonIP     map[string]TallyFrames   `json:"nonip"`     // by what they are instead
	Totals    TallyTotals              `json:"totals"`
}

// TallyFile says how the file was read.
type TallyFile struct {
	Format     string            `json:"format"`
	Interfaces int               `json:"interfaces"`
	LinkTypes  map[uint16]uint64 `json:"linktypes"` // frames, by LINKTYPE
	Status     string            `json:"status"`
}

// TallyFrames are frames and their length on the wire, in bytes.
type TallyFrames struct {
	Packets   uint64 `json:"packets"`
	WireBytes uint64 `json:"wire_bytes"`
}

// TallyHost is what one host sent and received. Bytes are IP bytes, wire bytes those of its frames.
type TallyHost struct {
	InBytes           uint64 `json:"in_bytes"`
	InLANBytes        uint64 `json:"in_lan_bytes"`
	InPackets         uint64 `json:"in_packets"`
	InWireBytes       uint64 `json:"in_wire_bytes"`
	OutBytes          uint64 `json:"out_bytes"`
	OutLANBytes       uint64 `json:"out_lan_bytes"`
	OutMulticastBytes uint64 `json:"out_multicast_bytes"`
	OutPackets        uint64 `json:"out_packets"`
	OutWireBytes      uint64 `json:"out_wire_bytes"`
}

// TallyTotals are the counts of the whole file. Packets counts frames.
type TallyTotals struct {
	IPBytes            uint64            `json:"ip_bytes"`
	IPPackets          uint64            `json:"ip_packets"`
	IPWireBytes        uint64            `json:"ip_wire_bytes"`
	IPv4Bytes          uint64            `json:"ipv4_bytes"`
	IPv4Packets        uint64            `json:"ipv4_packets"`
	IPv6Bytes          uint64            `json:"ipv6_bytes"`
	IPv6Packets        uint64            `json:"ipv6_packets"`
	LocalBytes         uint64            `json:"local_bytes"` // of packets with at least one end in the LAN
	LocalPackets       uint64            `json:"local_packets"`
	MalformedPackets   uint64            `json:"malformed_packets"`
	MalformedWireBytes uint64            `json:"malformed_wire_bytes"`
	NonIPPackets       uint64            `json:"nonip_packets"`
	NonIPWireBytes     uint64            `json:"nonip_wire_bytes"`
	Packets            uint64            `json:"packets"`
	ScopeBytes         map[string]uint64 `json:"scope_bytes"`
	WireBytes          uint64            `json:"wire_bytes"`
}

func newTally(cidrs []netip.Prefix) *Tally {
	if cidrs == nil {
		cidrs = []netip.Prefix{}
	}
	return &Tally{
		CIDRs:     cidrs,
		File:      TallyFile{LinkTypes: map[uint16]uint64{}},
		Hosts:     map[netip.Addr]TallyHost{},
		Malformed: map[string]uint64{},
		NonIP:     map[string]TallyFrames{},
	}
}

// countNonIP counts a frame without an IP packet, as a Meter's OnNonIP.
func (t *Tally) countNonIP(class packet.Class, key string, wire uint64) {
	if class == packet.Malformed {
		t.Malformed[key]++
		return
	}
	f := t.NonIP[key]
	t.NonIP[key] = TallyFrames{f.Packets + 1, f.WireBytes + wire}
}

// addHost adds what a host moved in all.
func (t *Tally) addHost(host netip.Addr, n *traffic.Delta) {
	in, out := n.Received(), n.Sent()
	t.Hosts[host] = TallyHost{
		InBytes: in.Bytes, InPackets: in.Packets, InWireBytes: n.InWire, InLANBytes: n.In[traffic.ScopeLAN].Bytes,
		OutBytes: out.Bytes, OutPackets: out.Packets, OutWireBytes: n.OutWire,
		OutLANBytes: n.Out[traffic.ScopeLAN].Bytes, OutMulticastBytes: n.Out[traffic.ScopeMulticast].Bytes,
	}
}

// finish fills in what is known when the whole file has been read.
func (t *Tally) finish(info capture.Info, network *traffic.Network, classes *meter.Classes) {
	t.File.Format, t.File.Interfaces, t.File.Status = info.Format, info.Interfaces, info.Status
	s := &t.Totals
	s.ScopeBytes = map[string]uint64{}
	for f := range network {
		for scope, n := range network[f] {
			s.ScopeBytes[traffic.Scope(scope).String()] += n.Bytes
			if traffic.Scope(scope) != traffic.ScopeOther {
				s.LocalBytes += n.Bytes
				s.LocalPackets += n.Packets
			}
			if traffic.Family(f) == traffic.IPv4 {
				s.IPv4Bytes += n.Bytes
				s.IPv4Packets += n.Packets
			} else {
				s.IPv6Bytes += n.Bytes
				s.IPv6Packets += n.Packets
			}
		}
	}
	s.IPBytes, s.IPPackets = s.IPv4Bytes+s.IPv6Bytes, s.IPv4Packets+s.IPv6Packets
	s.IPWireBytes = classes[packet.IPv4].Bytes + classes[packet.IPv6].Bytes
	s.MalformedPackets, s.MalformedWireBytes = classes[packet.Malformed].Frames, classes[packet.Malformed].Bytes
	s.NonIPPackets = classes[packet.ARP].Frames + classes[packet.Other].Frames
	s.NonIPWireBytes = classes[packet.ARP].Bytes + classes[packet.Other].Bytes
	for _, c := range classes {
		s.Packets += c.Frames
		s.WireBytes += c.Bytes
	}
}

// write writes the tally as JSON, its keys sorted.
func (t *Tally) write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(t)
}

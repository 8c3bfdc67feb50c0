package names_test

import (
	"encoding/binary"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"gonetmon/app/names"
)

// theirs is what the layers of gopacket say in the words of facts, names, prefixes and mDNS left out; ok is false where
// they say nothing of ARP, NDP, DHCP or DHCPv6.
func theirs(link uint16, data []byte) (facts []names.Fact, ok bool) {
	defer func() {
		if recover() != nil { // its layers panic on some crafted frames
			ok = false
		}
	}()
	p := gopacket.NewPacket(data, layers.LinkType(link), gopacket.Default)
	if p.ErrorLayer() != nil || p.Metadata().Truncated || p.Layer(layers.LayerTypePPPoE) != nil {
		return nil, false // PPPoE is not looked into
	}
	var src, dst names.MAC
	var from, to netip.Addr
	add := func(kind names.Kind, protocol names.Protocol, mac names.MAC, addr netip.Addr, life time.Duration) {
		f := names.Fact{Kind: kind, From: protocol, MAC: mac, Addr: addr, Life: life}
		if ok = true; broken(f) == "" {
			facts = append(facts, f)
		}
	}
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			src, dst = names.MAC(l.SrcMAC), names.MAC(l.DstMAC)
		case *layers.LinuxSLL:
			src = names.MAC(l.Addr)
		case *layers.IPv6:
			from, to = addrOf(l.SrcIP), addrOf(l.DstIP)
		case *layers.ARP:
			ok = true
			theirARP(l, dst, add)
		case *layers.ICMPv6RouterSolicitation:
			add(names.Speaks, names.NDP, optionOr(l.Options, 1, src), from, 0)
		case *layers.ICMPv6RouterAdvertisement:
			add(names.Speaks, names.NDP, optionOr(l.Options, 1, names.MAC{}), from, 0)
			add(names.Routes, names.NDP, optionOr(l.Options, 1, names.MAC{}), from, 0)
		case *layers.ICMPv6NeighborSolicitation:
			add(names.Speaks, names.NDP, optionOr(l.Options, 1, src), from, 0)
			if from.IsUnspecified() {
				add(names.Tries, names.NDP, src, addrOf(l.TargetAddress), 0)
			}
		case *layers.ICMPv6NeighborAdvertisement:
			target := addrOf(l.TargetAddress)
			if from == target {
				add(names.Speaks, names.NDP, optionOr(l.Options, 2, src), target, 0)
				continue
			}
			add(names.Answers, names.NDP, optionOr(l.Options, 2, names.MAC{}), target, 0)
			if optionOr(l.Options, 2, src) == src {
				add(names.Speaks, names.NDP, src, from, 0)
			}
		case *layers.DHCPv4:
			theirDHCP(l, add)
		case *layers.DHCPv6:
			theirDHCPv6(l, src, dst, from, to, add)
		}
	}
	return facts, ok
}

type adder func(kind names.Kind, protocol names.Protocol, mac names.MAC, addr netip.Addr, life time.Duration)

func theirARP(l *layers.ARP, dst names.MAC, add adder) {
	if binary.BigEndian.Uint16(l.Contents) != 1 || // AddrType has only eight bits
		l.Protocol != layers.EthernetTypeIPv4 || l.HwAddressSize != 6 || l.ProtAddressSize != 4 {
		return
	}
	sender, target := names.MAC(l.SourceHwAddress), names.MAC(l.DstHwAddress)
	senderAddr, targetAddr := addrOf(l.SourceProtAddress), addrOf(l.DstProtAddress)
	switch {
	case l.Operation == layers.ARPRequest && senderAddr.IsUnspecified():
		add(names.Tries, names.ARP, sender, targetAddr, 0)
	case l.Operation == layers.ARPRequest:
		add(names.Speaks, names.ARP, sender, senderAddr, 0)
	case l.Operation == layers.ARPReply && (senderAddr == targetAddr || dst.String() == "ff:ff:ff:ff:ff:ff"):
		add(names.Speaks, names.ARP, sender, senderAddr, 0)
	case l.Operation == layers.ARPReply:
		add(names.Answers, names.ARP, sender, senderAddr, 0)
		if target == dst {
			add(names.Speaks, names.ARP, target, targetAddr, 0)
		}
	}
}

func theirDHCP(l *layers.DHCPv4, add adder) {
	mac, current, your := names.MAC(l.ClientHWAddr), addrOf(l.ClientIP.To4()), addrOf(l.YourClientIP.To4())
	var asked netip.Addr
	typ, life := layers.DHCPMsgTypeUnspecified, time.Hour
	for _, o := range l.Options {
		switch o.Type {
		case layers.DHCPOptRequestIP:
			asked = addrOf(o.Data)
		case layers.DHCPOptMessageType:
			typ = layers.DHCPMsgType(o.Data[0])
		case layers.DHCPOptLeaseTime:
			life = time.Duration(binary.BigEndian.Uint32(o.Data)) * time.Second
		}
	}
	switch typ {
	case layers.DHCPMsgTypeRequest:
		add(names.Tries, names.DHCP, mac, asked, 0)
		add(names.Speaks, names.DHCP, mac, current, 0)
	case layers.DHCPMsgTypeInform:
		add(names.Speaks, names.DHCP, mac, current, 0)
	case layers.DHCPMsgTypeRelease:
		add(names.Leaves, names.DHCP, mac, current, 0)
	case layers.DHCPMsgTypeDecline:
		add(names.Leaves, names.DHCP, mac, asked, 0)
	case layers.DHCPMsgTypeAck:
		add(names.Leases, names.DHCP, mac, your, min(life, century))
		if your.IsUnspecified() {
			add(names.Speaks, names.DHCP, mac, current, 0)
		}
	}
}

// theirDHCPv6 knows no options within options but of the plainest kind: one address, first in its association.
func theirDHCPv6(l *layers.DHCPv6, src, dst names.MAC, from, to netip.Addr, add adder) {
	kind, mac, addr := names.Speaks, src, from
	switch l.MsgType {
	case layers.DHCPv6MsgTypeRequest, layers.DHCPv6MsgTypeConfirm, layers.DHCPv6MsgTypeRenew, layers.DHCPv6MsgTypeRebind:
		kind = names.Tries
	case layers.DHCPv6MsgTypeRelease, layers.DHCPv6MsgTypeDecline:
		kind = names.Leaves
	case layers.DHCPv6MsgTypeReply:
		kind, mac, addr = names.Leases, dst, to
	case layers.DHCPv6MsgTypeSolicit, layers.DHCPv6MsgTypeInformationRequest:
	default:
		return
	}
	if !addr.IsLinkLocalUnicast() {
		return
	}
	if kind != names.Leases {
		add(names.Speaks, names.DHCPv6, mac, addr, 0)
	}
	for _, o := range l.Options {
		if o.Code != layers.DHCPv6OptIANA || len(o.Data) < 40 || kind == names.Speaks {
			continue
		}
		life := time.Duration(0)
		if kind == names.Leases {
			life = min(time.Duration(binary.BigEndian.Uint32(o.Data[36:]))*time.Second, century)
		}
		add(kind, names.DHCPv6, mac, addrOf(o.Data[16:32]), life)
	}
}

func addrOf(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}

// optionOr returns the MAC in an option, or another if there is none.
func optionOr(options layers.ICMPv6Options, typ layers.ICMPv6Opt, other names.MAC) names.MAC {
	for _, o := range options {
		if o.Type == typ && len(o.Data) == 6 {
			return names.MAC(o.Data)
		}
	}
	return other
}

// agree compares what both say of a frame, and returns whether gopacket says anything.
func agree(t *testing.T, link uint16, data []byte) bool {
	t.Helper()
	want, ok := theirs(link, data)
	if !ok {
		return false
	}
	got, _ := draw(t, link, data)
	got = slices.DeleteFunc(got, func(f names.Fact) bool { return f.Kind == names.OnLink || f.Kind == names.Called })
	if !slices.Equal(got, want) {
		t.Errorf("link %d, frame %x:\ngot %+v\ngopacket says %+v", link, data, got, want)
	}
	return true
}

// Reader and gopacket's layers agree on the samples, and on every frame of the captures of which gopacket says something.
func TestReaderAgreesWithGopacket(t *testing.T) {
	for name, frame := range samples() {
		if !agree(t, 1, frame) && name[:4] != "mdns" {
			t.Errorf("%s: gopacket says nothing", name)
		}
	}
	dir, compared := folder(t), 0
	for _, pattern := range []string{"*.pcap", "*.pcapng"} {
		paths, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, path := range paths {
			eachFrame(t, path, func(_ int, link uint16, data []byte) {
				if (link == 1 || link == 113 || link == 101) && agree(t, link, data) {
					compared++
				}
			})
		}
	}
	if t.Logf("%d frames compared", compared); compared == 0 {
		t.Error("nothing was compared")
	}
}

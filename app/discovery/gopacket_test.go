package discovery_test

import (
	"encoding/binary"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"gonetmon/app/discovery"
	"gonetmon/app/mac"
)

// theirs is what the layers of gopacket say in the words of facts, names, prefixes and mDNS left out; ok is false where
// they say nothing of ARP, NDP, DHCP or DHCPv6.
func theirs(link uint16, data []byte) (facts []discovery.Fact, ok bool) {
	defer func() {
		if recover() != nil { // its layers panic on some crafted frames
			ok = false
		}
	}()
	p := gopacket.NewPacket(data, layers.LinkType(link), gopacket.Default)
	if p.ErrorLayer() != nil || p.Metadata().Truncated || p.Layer(layers.LayerTypePPPoE) != nil {
		return nil, false // PPPoE is not looked into
	}
	var src, dst mac.Addr
	var from, to netip.Addr
	add := func(kind discovery.Kind, protocol discovery.Protocol, mac mac.Addr, addr netip.Addr, life time.Duration) {
		f := discovery.Fact{Kind: kind, Protocol: protocol, MAC: mac, Addr: addr, Lifetime: life}
		if ok = true; broken(f) == "" {
			facts = append(facts, f)
		}
	}
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			src, dst = mac.Addr(l.SrcMAC), mac.Addr(l.DstMAC)
		case *layers.LinuxSLL:
			src = mac.Addr(l.Addr)
		case *layers.IPv6:
			from, to = addrOf(l.SrcIP), addrOf(l.DstIP)
		case *layers.ARP:
			ok = true
			theirARP(l, dst, add)
		case *layers.ICMPv6RouterSolicitation:
			add(discovery.Announced, discovery.NDP, optionOr(l.Options, 1, src), from, 0)
		case *layers.ICMPv6RouterAdvertisement:
			add(discovery.Announced, discovery.NDP, optionOr(l.Options, 1, mac.Addr{}), from, 0)
			add(discovery.Router, discovery.NDP, optionOr(l.Options, 1, mac.Addr{}), from, 0)
		case *layers.ICMPv6NeighborSolicitation:
			add(discovery.Announced, discovery.NDP, optionOr(l.Options, 1, src), from, 0)
			if from.IsUnspecified() {
				add(discovery.Probed, discovery.NDP, src, addrOf(l.TargetAddress), 0)
			}
		case *layers.ICMPv6NeighborAdvertisement:
			target := addrOf(l.TargetAddress)
			if from == target {
				add(discovery.Announced, discovery.NDP, optionOr(l.Options, 2, src), target, 0)
				continue
			}
			add(discovery.Replied, discovery.NDP, optionOr(l.Options, 2, mac.Addr{}), target, 0)
			if optionOr(l.Options, 2, src) == src {
				add(discovery.Announced, discovery.NDP, src, from, 0)
			}
		case *layers.DHCPv4:
			theirDHCP(l, add)
		case *layers.DHCPv6:
			theirDHCPv6(l, src, dst, from, to, add)
		}
	}
	return facts, ok
}

type adder func(kind discovery.Kind, protocol discovery.Protocol, mac mac.Addr, addr netip.Addr, life time.Duration)

func theirARP(l *layers.ARP, dst mac.Addr, add adder) {
	if binary.BigEndian.Uint16(l.Contents) != 1 || // AddrType has only eight bits
		l.Protocol != layers.EthernetTypeIPv4 || l.HwAddressSize != 6 || l.ProtAddressSize != 4 {
		return
	}
	sender, target := mac.Addr(l.SourceHwAddress), mac.Addr(l.DstHwAddress)
	senderAddr, targetAddr := addrOf(l.SourceProtAddress), addrOf(l.DstProtAddress)
	switch {
	case l.Operation == layers.ARPRequest && senderAddr.IsUnspecified():
		add(discovery.Probed, discovery.ARP, sender, targetAddr, 0)
	case l.Operation == layers.ARPRequest:
		add(discovery.Announced, discovery.ARP, sender, senderAddr, 0)
	case l.Operation == layers.ARPReply && (senderAddr == targetAddr || dst.String() == "ff:ff:ff:ff:ff:ff"):
		add(discovery.Announced, discovery.ARP, sender, senderAddr, 0)
	case l.Operation == layers.ARPReply:
		add(discovery.Replied, discovery.ARP, sender, senderAddr, 0)
		if target == dst {
			add(discovery.Announced, discovery.ARP, target, targetAddr, 0)
		}
	}
}

func theirDHCP(l *layers.DHCPv4, add adder) {
	mac, current, your := mac.Addr(l.ClientHWAddr), addrOf(l.ClientIP.To4()), addrOf(l.YourClientIP.To4())
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
		add(discovery.Probed, discovery.DHCP, mac, asked, 0)
		add(discovery.Announced, discovery.DHCP, mac, current, 0)
	case layers.DHCPMsgTypeInform:
		add(discovery.Announced, discovery.DHCP, mac, current, 0)
	case layers.DHCPMsgTypeRelease:
		add(discovery.Released, discovery.DHCP, mac, current, 0)
	case layers.DHCPMsgTypeDecline:
		add(discovery.Released, discovery.DHCP, mac, asked, 0)
	case layers.DHCPMsgTypeAck:
		add(discovery.Leased, discovery.DHCP, mac, your, min(life, century))
		if your.IsUnspecified() {
			add(discovery.Announced, discovery.DHCP, mac, current, 0)
		}
	}
}

// theirDHCPv6 knows no options within options but of the plainest kind: one address, first in its association.
func theirDHCPv6(l *layers.DHCPv6, src, dst mac.Addr, from, to netip.Addr, add adder) {
	kind, mac, addr := discovery.Announced, src, from
	switch l.MsgType {
	case layers.DHCPv6MsgTypeRequest, layers.DHCPv6MsgTypeConfirm, layers.DHCPv6MsgTypeRenew, layers.DHCPv6MsgTypeRebind:
		kind = discovery.Probed
	case layers.DHCPv6MsgTypeRelease, layers.DHCPv6MsgTypeDecline:
		kind = discovery.Released
	case layers.DHCPv6MsgTypeReply:
		kind, mac, addr = discovery.Leased, dst, to
	case layers.DHCPv6MsgTypeSolicit, layers.DHCPv6MsgTypeInformationRequest:
	default:
		return
	}
	if !addr.IsLinkLocalUnicast() {
		return
	}
	if kind != discovery.Leased {
		add(discovery.Announced, discovery.DHCPv6, mac, addr, 0)
	}
	for _, o := range l.Options {
		if o.Code != layers.DHCPv6OptIANA || len(o.Data) < 40 || kind == discovery.Announced {
			continue
		}
		life := time.Duration(0)
		if kind == discovery.Leased {
			life = min(time.Duration(binary.BigEndian.Uint32(o.Data[36:]))*time.Second, century)
		}
		add(kind, discovery.DHCPv6, mac, addrOf(o.Data[16:32]), life)
	}
}

func addrOf(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}

// optionOr returns the MAC in an option, or another if there is none.
func optionOr(options layers.ICMPv6Options, typ layers.ICMPv6Opt, other mac.Addr) mac.Addr {
	for _, o := range options {
		if o.Type == typ && len(o.Data) == 6 {
			return mac.Addr(o.Data)
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
	got = slices.DeleteFunc(got, func(f discovery.Fact) bool { return f.Kind == discovery.OnLinkPrefix || f.Kind == discovery.MACName })
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

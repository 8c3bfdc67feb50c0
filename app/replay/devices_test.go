package replay_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"gonetmon/app/localnet"
	"gonetmon/app/mac"
	"gonetmon/app/names"
	"gonetmon/app/replay"
	"gonetmon/test/captures"
)

// A listed device is one of what replay --devices --json prints: what it promises to others, in words of the test's
// own.
type listed struct {
	Device string   `json:"device"`
	Source string   `json:"source"`
	MAC    string   `json:"mac"`
	Vendor string   `json:"vendor"`
	Kind   string   `json:"kind"`
	Hosts  []string `json:"hosts"`
	Moved
	Scopes struct {
		Internet  Moved `json:"internet"`
		LAN       Moved `json:"lan"`
		Multicast Moved `json:"multicast"`
	} `json:"scopes"`
}

// Moved is what a device has moved, in all or in one scope.
type Moved struct {
	InBytes    uint64 `json:"in_bytes"`
	OutBytes   uint64 `json:"out_bytes"`
	InPackets  uint64 `json:"in_packets"`
	OutPackets uint64 `json:"out_packets"`
}

// replayDevices is what replay prints of a file's devices, without the packets by scope.
func replayDevices(t *testing.T, c replay.Config, files ...string) []listed {
	t.Helper()
	c.Format = replay.DevicesJSON
	out := output(t, c, files...)
	var all struct {
		Devices []listed `json:"devices"`
	}
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("after the devices: %v", err)
	}
	for i := range all.Devices {
		d := &all.Devices[i]
		sum := Moved{}
		for _, s := range []*Moved{&d.Scopes.Internet, &d.Scopes.LAN, &d.Scopes.Multicast} {
			sum = Moved{sum.InBytes + s.InBytes, sum.OutBytes + s.OutBytes, sum.InPackets + s.InPackets, sum.OutPackets + s.OutPackets}
			s.InPackets, s.OutPackets = 0, 0 // the oracle does not know them
		}
		if sum != d.Moved {
			t.Errorf("%s: all scopes %+v, want %+v", d.Device, sum, d.Moved)
		}
	}
	return all.Devices
}

func devicesConfig(prefixes ...netip.Prefix) replay.Config {
	return replay.Config{Prefixes: prefixes, MaxHosts: 4096, Names: names.Sources}
}

// A known device was found by reading the frames of a capture with tcpdump, not with gonetmon. The numbers are those
// of the frames, from 1, that prove what is said; "only" stands where all frames of an address were looked at.
type known struct{ name, source, mac, kind, hosts, proof string }

var devicesOfCaptures = map[string][]known{
	"home-mdns-cast.pcap": { // no ARP, no NDP
		{"192.168.1.1", "address", "10:13:31:f1:39:76", "", "192.168.1.1",
			"only DNS to and from 192.168.1.77: 39, 41, ...; 390 and 708 are of another station than 41"},
		{"desktop-rb5t12g", "netbios", "04:92:26:5c:97:35", "", "192.168.1.43", "MAC and name: NetBIOS 612"},
		{"192.168.1.52", "address", "f0:a3:5a:30:18:12", "", "192.168.1.52 fe80::4dc:edec:5b0c:a661",
			"MAC: mDNS queries 168, 169; no record is of it"},
		{"192.168.1.53", "address", "c0:9a:d0:2d:62:74", "", "192.168.1.53 fe80::18a0:a412:8935:c01b",
			"MAC: mDNS queries 3, 68; no record is of it"},
		{"gabrieles-ipad", "mdns", "8c:fe:57:23:37:e4", "", "192.168.1.75 fe80::4ba:91a:7817:e318",
			"MAC: mDNS 5, 6; name: A and AAAA 29, 30"},
		{"lucas-imac", "mdns", "28:37:37:00:6d:c8", "", "192.168.1.77", "MAC and name: A in mDNS 11, TTL 255"},
		{"sonos7828ca05facc", "mdns", "78:28:ca:05:fa:cc", "", "192.168.1.69", "MAC and name: A in mDNS 4"},
	},
	"home-roku-ra.pcap": {
		{"10.0.0.1", "address", "2c:7e:81:b0:4a:a1", "", "10.0.0.1 fe80::2e7e:81ff:feb0:4aa1",
			"MAC: ARP request 276, router advertisement 9"},
		{"10.0.0.151", "address", "d8:31:34:20:77:fb", "Roku", "10.0.0.151",
			"only TCP from 4 on, which has the MAC, and SSDP answers from 411 on"},
		{"10.0.0.213", "address", "18:81:0e:46:8e:c8", "", "10.0.0.213 fe80::408:3e45:3abc:1552",
			"MAC: ARP reply 101, mDNS queries 96, 97; no record is of it"},
		{"79d88e83-725c-b71b-bad0-5862d5b22386", "mdns", "a4:77:33:8c:f1:40", "", "10.0.0.149", "MAC: mDNS query 580; name: A in 582"},
		{"ndpi", "mdns", "34:36:3b:cf:75:28", "", "10.0.0.227", "MAC: ARP request 100, reply 277; name: A in mDNS 102"},
	},
	"hue-setup.pcap": {
		{"10.10.10.1", "address", "00:b5:6d:06:08:ba", "", "10.10.10.1", "MAC: ARP reply 18, request 260"},
		{"10.10.10.30", "address", "38:0b:40:ef:85:41", "", "10.10.10.30", "MAC: ARP reply 138"},
		{"philips-hue", "dhcp", "00:17:88:24:76:ff", "Hue bridge", "10.10.10.6 fe80::217:88ff:fe24:76ff",
			"name: DHCP discover 11, ack 16; MAC: that, ARP announcement 26, neighbor solicitation 4, mDNS 64, 65"},
	},
	"camera-setup.pcap": {
		{"10.10.10.1", "address", "28:b2:bd:c3:41:79", "", "10.10.10.1", "MAC: ARP reply 28, request 128"},
		{"10.10.10.28", "address", "bc:f5:ac:f4:c0:9d", "", "10.10.10.28", "MAC: it is the target of ARP reply 130"},
		{"dcs-935l", "dhcp", "b0:c5:54:25:5b:0e", "camera", "10.10.10.37",
			"name: DHCP discover 17, request 19 for 10.10.10.37; MAC: ARP request 27; mDNS from 52 on has four names more"},
	},
	"alexa.pcapng": {
		{"172.16.42.1", "address", "00:c0:ca:91:a3:ef", "", "172.16.42.1", "MAC: ARP reply 14, request 2590"},
		{"android-1c1335ec95a27318", "dhcp", "78:f8:82:d3:fb:c2", "", "172.16.42.216 fe80::7af8:82ff:fed3:fbc2",
			"name: DHCP request 7; MAC: ack 9, ARP request 12, neighbor solicitation 3, router solicitation 10"},
	},
	"sonos.pcapng": { // TCP and UDP from one to one, nothing else
		{"192.168.1.29", "address", "9c:58:3c:a7:ee:cc", "", "192.168.1.29", "only TCP 1-44"},
		{"192.168.1.70", "address", "34:7e:5c:ff:a2:6e", "", "192.168.1.70", "only TCP 1-44"},
		{"192.168.15.36", "address", "", "", "192.168.15.36", "only UDP 45-61"},
		{"192.168.15.37", "address", "5c:aa:fd:02:92:1a", "", "192.168.15.37", "only UDP 45-61"},
	},
}

// What changes where the local prefixes are not configured.
var devicesWithoutCIDR = map[string]struct {
	announced string // by a router, somewhere in the file
	devices   []known
}{
	"hue-setup.pcap": {"", []known{
		devicesOfCaptures["hue-setup.pcap"][0], devicesOfCaptures["hue-setup.pcap"][1],
		{"philips-hue", "dhcp", "00:17:88:24:76:ff", "Hue bridge", "10.10.10.6 fdd9:fbb:a067::1 fe80::217:88ff:fe24:76ff",
			"as above; fdd9:fbb:a067::1: neighbor solicitation 25, AAAA in mDNS 64; it sends and receives nothing"},
	}},
	"camera-setup.pcap": {"", []known{
		devicesOfCaptures["camera-setup.pcap"][0], devicesOfCaptures["camera-setup.pcap"][1],
		{"192.168.0.1", "address", "", "", "192.168.0.1", "only DNS 30, by way of 10.10.10.1; nobody answers ARP 9 and 13"},
		{"dcs-935l", "dhcp", "b0:c5:54:25:5b:0e", "camera", "10.10.10.37 192.168.0.20",
			"as above; 192.168.0.20: mDNS 5, ARP request 9, both before DHCP 17"},
	}},
	"home-roku-ra.pcap": {"2601:646:8402:44b0::/64", devicesOfCaptures["home-roku-ra.pcap"]}, // nobody uses the prefix
	"ipv6.pcap": {"3ffe:507:0:1::/64", []known{
		{"3ffe:507:0:1:200:86ff:fe05:80da", "address", "00:00:86:05:80:da", "",
			"3ffe:507:0:1:200:86ff:fe05:80da fe80::200:86ff:fe05:80da",
			"MAC: neighbor solicitations 3, 9"},
		{"3ffe:507:0:1:260:97ff:fe07:69ea", "address", "00:60:97:07:69:ea", "",
			"3ffe:507:0:1:260:97ff:fe07:69ea fe80::260:97ff:fe07:69ea",
			"MAC: neighbor solicitations 5, 11"},
	}},
}

// The devices of captures are those that people find in them, and each has moved what the oracle says of its hosts.
func TestDevicesOfCaptures(t *testing.T) {
	t.Parallel()
	dir, tallies := captures.Expected(t)
	for name, devices := range devicesOfCaptures {
		t.Run(name, func(t *testing.T) {
			got := replayDevices(t, devicesConfig(tallies[name].CIDRs...), filepath.Join(dir, name))
			if d := gocmp.Diff(listing(t, devices, tallies[name].Hosts), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	for name, auto := range devicesWithoutCIDR {
		t.Run(name+"/auto", func(t *testing.T) {
			path := filepath.Join(dir, name)
			var private []string
			for _, p := range localnet.Private {
				private = append(private, p.String())
			}
			asked := []captures.Question{{Path: path, CIDRs: private}}
			if auto.announced != "" {
				asked[0].CIDRs = append(private, auto.announced)
			}
			hosts := captures.Oracle(t, dir, asked)[0].Hosts
			if d := gocmp.Diff(listing(t, auto.devices, hosts), replayDevices(t, devicesConfig(), path)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// listing is what replay should list, sorted as it should be.
func listing(t *testing.T, devices []known, tally map[netip.Addr]replay.TallyHost) []listed {
	t.Helper()
	left := len(tally)
	var all []listed
	for _, k := range devices {
		var n replay.TallyHost
		d := listed{Device: k.name, Source: k.source, MAC: k.mac, Kind: k.kind, Hosts: strings.Fields(k.hosts)}
		for _, host := range d.Hosts {
			if moved, ok := tally[netip.MustParseAddr(host)]; ok {
				n = addTally(n, moved)
				left--
			}
		}
		if k.mac != "" {
			hw, err := net.ParseMAC(k.mac)
			if err != nil {
				t.Fatal(err)
			}
			d.Vendor = mac.Vendor(mac.Addr(hw))
		}
		d.Moved = Moved{n.InBytes, n.OutBytes, n.InPackets, n.OutPackets}
		d.Scopes.Internet = Moved{InBytes: n.InBytes - n.InLANBytes, OutBytes: n.OutBytes - n.OutLANBytes - n.OutMulticastBytes}
		d.Scopes.LAN = Moved{InBytes: n.InLANBytes, OutBytes: n.OutLANBytes}
		d.Scopes.Multicast = Moved{OutBytes: n.OutMulticastBytes}
		all = append(all, d)
	}
	if left != 0 {
		t.Errorf("%d hosts of the oracle are of no device here", left)
	}
	slices.SortFunc(all, func(a, b listed) int { return cmp.Compare(a.Device, b.Device) })
	return all
}

func addTally(a, b replay.TallyHost) replay.TallyHost {
	return replay.TallyHost{
		InBytes: a.InBytes + b.InBytes, InLANBytes: a.InLANBytes + b.InLANBytes, InPackets: a.InPackets + b.InPackets,
		InWireBytes: a.InWireBytes + b.InWireBytes, OutBytes: a.OutBytes + b.OutBytes, OutLANBytes: a.OutLANBytes + b.OutLANBytes,
		OutMulticastBytes: a.OutMulticastBytes + b.OutMulticastBytes, OutPackets: a.OutPackets + b.OutPackets,
		OutWireBytes: a.OutWireBytes + b.OutWireBytes,
	}
}

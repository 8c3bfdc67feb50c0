package web

import (
	"net/netip"
	"slices"
	"time"

	"gonetmon/app/capture"
	"gonetmon/app/device"
	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/meter"
	"gonetmon/app/names"
	"gonetmon/app/packet"
	"gonetmon/app/rdns"
	"gonetmon/app/traffic"
)

var (
	start = time.Date(2026, 11, 23, 14, 3, 0, 0, time.UTC)
	now   = start.Add(3*time.Hour + 12*time.Minute + 7*time.Second)
)

func count(bytes uint64) traffic.Count {
	return traffic.Count{Bytes: bytes, Packets: (bytes + 899) / 900}
}

func totals(outInternet, outLAN, outMulticast, inInternet, inLAN uint64) traffic.Totals {
	return traffic.Totals{
		Out: [3]traffic.Count{count(outInternet), count(outLAN), count(outMulticast)},
		In:  [2]traffic.Count{count(inInternet), count(inLAN)},
	}
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, t := range texts {
		all = append(all, netip.MustParseAddr(t))
	}
	return all
}

// dev returns a device that was last seen some time before now. The rates are in bits per second.
func dev(name string, seen time.Duration, in, out float64, t traffic.Totals, hosts ...string) device.Device {
	d := device.Device{Name: name, Source: names.SourcePTR, Hosts: addrs(hosts...), Totals: t, InRate: in / 8, OutRate: out / 8}
	if len(hosts) > 0 && hosts[0] == name {
		d.Source = names.SourceAddress
	}
	if seen >= 0 {
		d.First, d.Last, d.Idle = start.Add(time.Second), now.Add(-seen), seen
	}
	return d
}

// withMAC returns a device with a source, a vendor and a MAC.
func withMAC(d device.Device, source, vendor string, mac mac.Addr) device.Device {
	d.Source, d.Vendor, d.MAC = source, vendor, mac
	return d
}

// home returns a snapshot of a home network.
func home() *device.Snapshot {
	s := &device.Snapshot{
		Time: now, Start: start, Hosts: 31, Limit: 4096, Waiting: totals(0, 0, 340, 0, 0),
		Tables: []device.TableUsage{{Name: "hosts", Used: 31, Limit: 4096}, {Name: "neighbours", Used: 4, Limit: 4096},
			{Name: "macs", Used: 17, Limit: 4096}, {Name: "devices", Used: 14, Limit: 8192}},
		Devices: []device.Device{
			withMAC(dev("192.168.178.1", 0, 410e3, 96e3, totals(41e6, 12e6, 3e6, 88e6, 9e6), "192.168.178.1", "fe80::3a10:d5ff:fe12:9c01"),
				names.SourceAddress, "AVM Audiovisuelles Marketing und Comput", mac.Addr{0x38, 0x10, 0xd5, 0x12, 0x9c, 0x01}),
			dev("192.168.178.77", 6*time.Minute, 0, 0, totals(48_213, 0, 1_920, 90_112, 0), "192.168.178.77"),
			withMAC(dev("alexa-kitchen.fritz.box", 2*time.Second, 38e3, 12e3, totals(18e6, 0, 210e3, 96e6, 0), "192.168.178.41",
				"2001:db8:42:1::41"),
				names.SourceDHCP, "Amazon Technologies", mac.Addr{0xfc, 0x65, 0xde, 0x10, 0x22, 0x41}),
			withMAC(dev("annas-iphone.fritz.box", 4*time.Second, 1.9e6, 71e3, totals(62e6, 1e6, 400e3, 1_840e6, 3e6), "192.168.178.24",
				"2001:db8:42:1:1c2b:9a55:41d0:8e11", "2001:db8:42:1:8c8a:77ff:fe01:2233", "2001:db8:42:1:f00d:1:2:3", "fe80::1c2b:9a55:41d0:8e11"),
				names.SourceMDNS, "", mac.Addr{0x9a, 0x1c, 0x2b, 0x55, 0x41, 0xd0}),
			withMAC(dev("ben-laptop.fritz.box", 0, 1.1e6, 94.7e6, totals(410e6, 38e9, 2e6, 3_200e6, 910e6), "192.168.178.20",
				"2001:db8:42:1::20"),
				names.SourceFile, "Intel Corporate", mac.Addr{0xa4, 0xc3, 0xf0, 0x71, 0x20, 0x20}),
			withMAC(dev("brother-printer.fritz.box", -1, 0, 0, traffic.Totals{}, "192.168.178.9"),
				names.SourcePTR, "Brother industries", mac.Addr{0x00, 0x80, 0x77, 0x5a, 0x10, 0x09}),
			withMAC(dev("chromecast-livingroom.fritz.box", 0, 14.2e6, 310e3, totals(71e6, 900e3, 1.2e6, 9_410e6, 2e6), "192.168.178.31"),
				names.SourceMDNS, "Google", mac.Addr{0xf4, 0xf5, 0xd8, 0x9a, 0x00, 0x31}),
			dev("doorbell.fritz.box", 41*time.Second, 0, 0, totals(730e6, 0, 44e3, 21e6, 0), "192.168.178.52"),
			withMAC(dev("garage-esp32.fritz.box", 3*time.Hour, 0, 0, totals(12e3, 0, 6e3, 9e3, 0), "192.168.178.61"),
				names.SourceDHCP, "Espressif", mac.Addr{0x24, 0x0a, 0xc4, 0x61, 0x61, 0x61}),
			dev("guest-tablet.fritz.box", -1, 0, 0, traffic.Totals{}, "192.168.178.90"),
			withMAC(dev("nas.fritz.box", 0, 94.8e6, 1.4e6, totals(120e3, 911e6, 31e6, 2.4e6, 38e9), "192.168.178.2", "fd00::2"),
				names.SourcePTR, "Synology", mac.Addr{0x00, 0x11, 0x32, 0x12, 0x34, 0x56}),
			withMAC(dev("pi.hole", 1*time.Second, 22e3, 31e3, totals(8e6, 96e6, 1e6, 19e6, 41e6), "192.168.178.3"),
				names.SourcePTR, "Raspberry Pi Trading", mac.Addr{0xdc, 0xa6, 0x32, 0x00, 0x10, 0x03}),
			dev("roku-ultra.fritz.box", 52*time.Minute, 0, 0, totals(9.8e6, 0, 4.1e6, 612e6, 0), "192.168.178.30"),
			dev("thermostat.fritz.box", 28*time.Second, 0, 0, totals(310e3, 0, 12e3, 480e3, 0), "192.168.178.71"),
		},
	}
	s.Network[traffic.IPv4] = [traffic.NumScopes]traffic.Count{count(11.9e9), count(38.7e9), count(44e6), count(1_200)}
	s.Network[traffic.IPv6] = [traffic.NumScopes]traffic.Count{count(4.6e9), count(291e6), count(2e6), count(0)}
	return s
}

func healthy() []meter.Status {
	m := []meter.Status{{Interface: "eth1", Stats: capture.Stats{Frames: 41_203_117, Attached: 1, Up: true}}}
	m[0].Classes = meter.Classes{
		packet.IPv4: {Frames: 35_911_204, Bytes: 51_201_334_112}, packet.IPv6: {Frames: 5_202_913, Bytes: 4_981_002_331},
		packet.ARP: {Frames: 81_204, Bytes: 4_872_240}, packet.Other: {Frames: 7_792,
			Bytes: 911_201}, packet.Malformed: {Frames: 4, Bytes: 240},
	}
	return m
}

// sick returns a capture with drops and one without an interface.
func sick() []meter.Status {
	m := append(healthy(), meter.Status{Interface: "eth2", Stats: capture.Stats{Reason: "no such interface"}})
	m[0].Drops = 1_204
	m[0].Attached = 3
	return m
}

func lookupsWell() rdns.Stats { return rdns.Stats{Queries: 96, Cached: 31} }

func lookupsBad() rdns.Stats {
	s := rdns.Stats{Queries: 512, NamesRefused: 2, InFlight: 3, Queued: 11, Cached: 31}
	s.Failures[rdns.Timeout] = 21
	s.Failures[rdns.ServFail] = 4
	return s
}

func factsWell() discovery.Stats {
	return discovery.Stats{Facts: [discovery.NumProtocols]uint64{discovery.ARP: 18_204, discovery.NDP: 3_117,
		discovery.DHCP: 64, discovery.MDNS: 942}}
}

func factsBad() discovery.Stats {
	s := factsWell()
	s.Facts[discovery.DHCPv6] = 3
	s.Malformed[discovery.DHCP], s.Malformed[discovery.MDNS] = 1, 2
	s.NamesRefused[discovery.DHCP], s.NamesRefused[discovery.MDNS] = 4, 19
	return s
}

func lan() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("192.168.178.0/24"), netip.MustParsePrefix("2001:db8:42:1::/64"),
		netip.MustParsePrefix("fe80::/10")}
}

func healthyConfig() Config {
	return Config{Snapshot: home, Meters: healthy, Names: lookupsWell, Facts: factsWell,
		ControlDrops: func() uint64 { return 0 }, Prefixes: lan,
		Version: "v1.2.3"}
}

// sickConfig returns a page with all kinds of problems.
func sickConfig() Config {
	s := home()
	s.Overflow, s.Forgotten = totals(1000, 0, 0, 2000, 0), totals(40e6, 0, 0, 512e6, 0)
	s.Tables[2].Used = s.Tables[2].Limit
	devices := slices.Clone(s.Devices)
	devices[12].Hosts = nil // the roku has got another name
	s.Devices = devices
	c := healthyConfig()
	c.Snapshot, c.Meters, c.Names = func() *device.Snapshot { return s }, sick, lookupsBad
	c.Facts, c.ControlDrops = factsBad, func() uint64 { return 1_377 }
	return c
}

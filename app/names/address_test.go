package names

import (
	"net/netip"
	"testing"
)

func TestIsFromAddress(t *testing.T) {
	for addr, synthesized := range map[string][]string{
		"192.168.1.10": {
			"192-168-1-10", "192-168-1-10.lan", "192.168.1.10.lan", "192_168_1_10.isp.net", "192x168x1x10.isp.net", "ip-192-168-1-10",
			"ip192-168-1-10.isp.net", "ip-192-168-1-10.ec2.internal", "dhcp-192-168-1-10.isp.net", "host-192-168-001-010",
			"192-168-001-010",
			"h192-168-1-10-static.example.net", "10-1-168-192.dyn.isp.net", "host-10-1-168-192", "10.1.168.192.in-addr.arpa",
			"10.1.168.192.pool.isp.net", "192168001010", "ppp192168001010.isp.net", "010001168192.isp.net", "c0a8010a", "c0a8010a.lan",
			"ip-c0a8010a", "pc0a8010a.dip0.isp.net", "c0-a8-01-0a.isp.net", "0a01a8c0.isp.net", "unknown-192-168-1-10",
			"a-192-168-1-10-b",
			"dhcp-10", "dhcp10", "dhcp-1-10", "dhcp-168-1-10.lan", "dhcp-010", "host-10", "host10", "host-1-10", "host_10",
			"ip-10", "client-10",
			"pool-1-10.isp.net", "dyn-10", "dynamic-10", "static-10", "cpe-1-10", "10", "10.lan", "010.lan", "1-10", "host-10-1",
			"dhcp-192-168-1-99", "192-168-7-20.isp.net", "pool-96-224-1-1.nycmny.isp.net", "dhcp-231", "dhcp-231.example.com",
			"dyn-4711",
			"dhcp-a1b2c3", "dsl-12345", "p5483c2a1.dip0.t-isp.de", "x4db1a2b3.dyn.isp.net", "ip1f123456.dynamic.cable-isp.de",
		},
		"::ffff:10.0.0.7": {"10-0-0-7", "0a000007", "dhcp-7"},
		"10.0.0.1":        {"10-0-0-1.lan", "1-0-0-10", "010000000001", "ip-10-0-0-1", "host-1", "1", "0-1", "0a000001"},
		"2003:e1:1234:5600::aaaa": {
			"p200300e112345600000000000000aaaa.dip0.t-ipconnect.de", "200300e112345600000000000000aaaa",
			"2003-00e1-1234-5600-0000-0000-0000-aaaa",
			"2003-e1-1234-5600--aaaa", "2003-e1-1234-5600--aaaa.isp.net", "host-2003-e1-1234-5600-0-0-0-aaaa.isp.net",
			"a.a.a.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.5.4.3.2.1.1.e.0.0.3.0.0.2.ip6.arpa", "2003.e1.1234.5600.0.0.0.aaaa.isp.net",
			"2003-00e1-1234-5600.isp.net", "p200300e1123456000000000000001234.dip0.t-ipconnect.de",
		},
		"2001:db8::211:32ff:fe12:3456": {"0211-32ff-fe12-3456.lan", "021132fffe123456", "211-32ff-fe12-3456",
			"host-211-32ff-fe12-3456.isp.net"},
		"fd00::5":      {"fd00--5", "host-fd00--5.lan", "fd00-0-0-0-0-0-0-5"},
		"fe80::1%eth0": {"fe80--1", "fe80000000000000"},
	} {
		for _, name := range synthesized {
			checkFromAddress(t, name, addr, true)
		}
	}
	for addr, chosen := range map[string][]string{
		"192.168.1.10": {
			"nas", "nas-10", "nas10", "nas-10.lan", "nas.10.lan", "dev0", "dev10", "raspberry3", "raspberrypi", "tv-192",
			"tv-192-168", "tv-168-1-10",
			"tv.fritz.box", "alexa-kitchen", "iphone-10", "galaxy-s10", "pixel-10", "hs110-eu", "cam-1", "cam-1-10", "router1",
			"win10", "win-10",
			"desktop-4f2k9ql", "laptop-2024-11-28", "backup-2026-11-28-1", "office-365", "windows-11-pro", "esp_1a2b3c",
			"tasmota-1a2b3c-0123",
			"brw1234567890ab", "brw1234567890ab.dyn.example.edu", "dcs-935l-b0c554255b0e", "shelly1pm-a4cf12f45e10",
			"lgwebostv", "dhcp", "dhcp-server",
			"dhcp1", "dhcp2", "dhcp-2", "pool", "pool-pump", "pool-heater-2", "pool-1", "host", "hostess-10", "hosts-10",
			"client", "ip-camera", "ip-phone-10",
			"ipad-10", "dynamics-365", "dyno-10", "static", "room-10", "bedroom-10-1", "node-10", "pc-10",
			"nas.dyn.example.net", "mynas10.dyn.example.net",
			"tv.pool.example.net", "4711", "11", "host-11", "1-11", "168", "192", "cafe", "deadbeef", "server-01", "vm-100-10",
			"ps4-123456", "ps5",
			"printer-hp-m401", "cisco-spa-112", "sonos7828ca05facc", "h264-cam", "dlink-dir-825", "ap-1-2-3", "switch-1-2-10",
			"rack1-u10",
			"192.168.1.lan", "c0a8010", "pppoe-router", "dsl-router", "dslmodem", "adsl", "cable-modem", "facebook", "dhcp-face",
		},
		"2001:db8::211:32ff:fe12:3456": {"nas", "nas-3456", "nas-001132123456", "001132123456", "tv-2001", "db8",
			"fe12-3456", "syno-123456"},
		"fd00::5": {"nas", "nas-5", "fd00", "tv-00000000", "5x"},
		"":        {"nas", "nas-10"},
	} {
		for _, name := range chosen {
			checkFromAddress(t, name, addr, false)
		}
	}
}

func checkFromAddress(t *testing.T, name, text string, want bool) {
	t.Helper()
	if canonical, ok := Canonical(name); !ok || canonical != name {
		t.Errorf("%q is not canonical", name)
	}
	addr, _ := netip.ParseAddr(text)
	if got := IsFromAddress(name, addr); got != want {
		t.Errorf("IsFromAddress(%q, %s) = %v, want %v", name, addr, got, want)
	}
}

// A name that a server has numbered was made from an address, but people may have chosen it too.
func TestContainsAddress(t *testing.T) {
	for _, tt := range []struct {
		name, addr string
		want       bool
	}{
		{"host-192-168-1-10.lan", "192.168.1.10", true},
		{"pc0a8010a.dip0.isp.net", "192.168.1.10", true},
		{"p200300e112345600000000000000aaaa.dip0.t-ipconnect.de", "2003:e1:1234:5600::aaaa", true},
		{"dhcp-10", "192.168.1.10", false},
		{"host10.lan", "192.168.1.10", false},
		{"nas", "192.168.1.10", false},
		{"nas", "2003:e1:1234:5600::aaaa", false},
	} {
		if got := ContainsAddress(tt.name, netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("ContainsAddress(%q, %s) = %v", tt.name, tt.addr, got)
		}
	}
}

package localnet

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Which addresses are ours, with no and with some configured prefixes, as the network of this machine changes.
func TestTracker_Prefixes(t *testing.T) {
	const home = "link eth0; addr eth0 192.168.1.5/24; addr eth0 fe80::5/64; route 0.0.0.0/0 eth0 via;"
	for _, tt := range []struct {
		name       string
		configured string
		iface      string // "": auto
		networks   []string
		want       string
	}{
		{"auto", "", "", []string{home}, "192.168.1.0/24,fe80::/10"},
		{"mirror port", "", "eth1", []string{home + "link eth1"}, "192.168.1.0/24,fe80::/10"},
		{"mirror port with a link-local address", "", "eth1", []string{
			home + "link eth1; addr eth1 fe80::7/64",
		}, "192.168.1.0/24,fe80::/10"},
		{"only link-local", "", "eth0", []string{
			"link eth0; addr eth0 169.254.7.7/16; addr eth0 fe80::5/64",
		}, "169.254.0.0/16,fe80::/10"},
		{"two subnets", "", "", []string{home + "addr eth0 10.0.0.5/8"}, "192.168.1.0/24,10.0.0.0/8,fe80::/10"},
		{"temporary addresses", "", "", []string{
			home + "addr eth0 2001:db8::1/64; addr eth0 2001:db8::2/64",
		}, "192.168.1.0/24,2001:db8::/64,fe80::/10"},
		{"DHCPv6", "", "", []string{
			home + "addr eth0 2001:db8::5/128; route 2001:db8::/64 eth0",
		}, "192.168.1.0/24,2001:db8::/64,fe80::/10"},
		{"DHCPv6 without a prefix on the link", "", "", []string{
			home + "addr eth0 2001:db8::5/128",
		}, "192.168.1.0/24,2001:db8::5/128,fe80::/10"},
		{"a VPN in front", "", "eth1", []string{
			home + "link eth1; link wg0 tun; addr wg0 10.8.0.2/24; route 0.0.0.0/0 wg0 metric=-1",
		}, "192.168.1.0/24,fe80::/10"},
		{"nothing but a VPN", "", "eth1", []string{
			"link eth0; addr eth0 192.168.1.5/24; link docker0; addr docker0 172.17.0.1/16; link eth1; link wg0 tun; " +
				"addr wg0 10.8.0.2/24; route 0.0.0.0/0 wg0",
		}, "192.168.1.0/24,fe80::/10"},
		{"no LAN but a VPN", "", "eth1", []string{
			"link eth1; link wg0 tun; addr wg0 10.8.0.2/24; route 0.0.0.0/0 wg0",
		}, "10.8.0.0/24,fe80::/10"},

		{"bridge port", "", "lan1", []string{
			"link eth0; addr eth0 203.0.113.7/24; route 0.0.0.0/0 eth0; link br-lan kind=bridge; " +
				"addr br-lan 192.168.1.1/24; link lan1 master=br-lan",
		},
			"192.168.1.0/24,fe80::/10"},
		{"port of a bond in a bridge", "", "eth1", []string{
			"link br0 kind=bridge; addr br0 192.168.1.1/24; link bond0 kind=bond master=br0; link eth1 master=bond0",
		},
			"192.168.1.0/24,fe80::/10"},
		{"VLAN in a bridge", "", "eth1", []string{
			"link br0 kind=bridge; addr br0 192.168.1.1/24; link eth1; link eth1.5 kind=vlan parent=eth1 master=br0",
		},
			"192.168.1.0/24,fe80::/10"},
		{"trunk", "", "eth1", []string{
			"link eth1; addr eth1 10.0.0.1/24; link eth1.5 kind=vlan parent=eth1; addr eth1.5 192.168.5.1/24",
		},
			"10.0.0.0/24,192.168.5.0/24,fe80::/10"},
		{"one VLAN", "", "eth1.5", []string{
			"link eth1; addr eth1 10.0.0.1/24; link eth1.5 kind=vlan parent=eth1; addr eth1.5 192.168.5.1/24",
		},
			"192.168.5.0/24,fe80::/10"},
		{"macvlan", "", "mac0", []string{
			"link eth0; addr eth0 192.168.1.5/24; link mac0 kind=macvlan parent=eth0",
		}, "192.168.1.0/24,fe80::/10"},
		{"a tunnel on top is another network", "", "eth1", []string{
			"link eth1; addr eth1 10.0.0.1/24; link vx0 kind=vxlan parent=eth1; addr vx0 172.30.0.1/24",
		},
			"10.0.0.0/24,fe80::/10"},

		{"address lost", "", "", []string{
			home,
			"link eth0; addr eth0 fe80::5/64; route 0.0.0.0/0 eth0",
		}, "192.168.1.0/24,fe80::/10"},
		{"address lost, 169.254 instead", "", "", []string{
			home,
			"link eth0; addr eth0 169.254.7.7/16",
		}, "192.168.1.0/24,169.254.0.0/16,fe80::/10"},
		{"IPv4 lost, IPv6 stays", "", "", []string{
			home + "addr eth0 2001:db8::1/64",
			"link eth0; addr eth0 2001:db8::1/64",
		}, "192.168.1.0/24,2001:db8::/64,fe80::/10"},
		{"IPv6 lost, IPv4 stays", "", "", []string{
			home + "addr eth0 2001:db8::1/64",
			home,
		}, "192.168.1.0/24,2001:db8::/64,fe80::/10"},
		{"down and up again", "", "", []string{home, "link eth0 down", home}, "192.168.1.0/24,fe80::/10"},
		{"another subnet", "", "", []string{
			home,
			"link eth0; route 0.0.0.0/0 eth0",
			"link eth0; addr eth0 10.0.0.9/24; route 0.0.0.0/0 eth0",
		}, "10.0.0.0/24,fe80::/10"},
		{"mirror port, address lost", "", "eth1", []string{home + "link eth1", "link eth0; link eth1"}, "192.168.1.0/24,fe80::/10"},
		{"mirror port, address lost, a modem has the default route", "", "eth1", []string{
			home + "link eth1; link wwan0; addr wwan0 100.64.3.2/30; route 0.0.0.0/0 wwan0 metric=700",
			"link eth0; link eth1; link wwan0; addr wwan0 100.64.3.2/30; route 0.0.0.0/0 wwan0 metric=700",
		}, "192.168.1.0/24,fe80::/10"},
		{"auto, address lost, a tunnel has the default route", "", "", []string{
			home + "link tun0 tun; addr tun0 10.8.0.2/24; route 0.0.0.0/1 tun0; route 128.0.0.0/1 tun0",
			"link eth0; link tun0 tun; addr tun0 10.8.0.2/24; route 0.0.0.0/1 tun0; route 128.0.0.0/1 tun0",
		}, "192.168.1.0/24,fe80::/10"},
		{"interface removed", "", "eth0", []string{home + "link eth1", "link eth1 index=3"}, "192.168.1.0/24,fe80::/10"},
		{"interface removed, another has the default route", "", "v1", []string{
			"link e1; addr e1 10.77.0.5/24; route 0.0.0.0/0 e1; link v1; addr v1 192.168.2.1/24",
			"link e1; addr e1 10.77.0.5/24; route 0.0.0.0/0 e1",
		}, "192.168.2.0/24,fe80::/10"},
		{"interface not there yet", "", "eth1", []string{home}, "192.168.1.0/24,fe80::/10"},
		{"address lost, another has the default route", "", "v1", []string{
			"link e1; addr e1 10.77.0.5/24; route 0.0.0.0/0 e1; link v1; addr v1 192.168.2.1/24",
			"link e1; addr e1 10.77.0.5/24; route 0.0.0.0/0 e1; link v1; addr v1 fe80::1/64",
		}, "192.168.2.0/24,fe80::/10"},
		{"address of the bridge lost", "", "lan1", []string{
			"link e1; addr e1 10.77.0.5/24; route 0.0.0.0/0 e1; link br0 kind=bridge; addr br0 192.168.2.1/24; link lan1 master=br0",
			"link e1; addr e1 10.77.0.5/24; route 0.0.0.0/0 e1; link br0 kind=bridge; link lan1 master=br0",
		}, "192.168.2.0/24,fe80::/10"},
		{"mirror port with IPv6 of its own", "", "eth1", []string{
			home + "link eth1; addr eth1 2001:db8::1/64",
		}, "2001:db8::/64,192.168.1.0/24,fe80::/10"},
		{"LAN with IPv4, WAN with IPv6", "", "lan0", []string{
			"link wan0; addr wan0 2001:db8:f::1/64; route ::/0 wan0; link lan0; addr lan0 192.168.1.1/24",
		},
			"192.168.1.0/24,fe80::/10"},
		{"interface recreated", "", "eth0", []string{
			home,
			"",
			"link eth0 index=9; addr eth0 10.0.0.9/24",
		}, "10.0.0.0/24,fe80::/10"},
		{"renamed", "", "eth0", []string{home, "link lan0; addr lan0 10.0.0.9/24"}, "10.0.0.0/24,fe80::/10"},
		{"auto moves", "", "", []string{
			home + "addr eth0 2001:db8::1/64; link wlan0; addr wlan0 10.0.0.9/24",
			"link eth0 nocarrier; link wlan0; addr wlan0 10.0.0.9/24; route 0.0.0.0/0 wlan0",
		},
			"10.0.0.0/24,fe80::/10"},

		{"IPv4 configured", "10.0.0.0/8", "", []string{home + "addr eth0 2001:db8::1/64"}, "10.0.0.0/8,2001:db8::/64,fe80::/10"},
		{"IPv4 and fe80::/10 configured", "10.0.0.0/8,fe80::/10", "", []string{
			home + "addr eth0 2001:db8::1/64",
		}, "10.0.0.0/8,fe80::/10,2001:db8::/64"},
		{"only fe80::/10 configured", "fe80::/10", "", []string{home + "addr eth0 2001:db8::1/64"}, "fe80::/10,2001:db8::/64"},
		{"only a private IPv6 prefix configured", "10.0.0.0/8,fd00::/8", "", []string{
			home + "addr eth0 2001:db8::1/64",
		}, "10.0.0.0/8,fd00::/8,2001:db8::/64,fe80::/10"},
		{"IPv6 configured", "10.0.0.0/8,2001:db8:1::/64", "", []string{
			home + "addr eth0 2001:db8::1/64",
		}, "10.0.0.0/8,2001:db8:1::/64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{}
			if tt.iface != "" {
				c.Interfaces = []string{tt.iface}
			}
			if tt.configured != "" {
				for text := range strings.SplitSeq(tt.configured, ",") {
					c.Prefixes = append(c.Prefixes, netip.MustParsePrefix(text))
				}
			}
			c.Announced = LearnsIPv6(c.Prefixes)
			k := &fakeKernel{}
			c.Kernel = k
			var tracker *Tracker
			for i, n := range tt.networks {
				if k.snapshot = network(t, n); i == 0 {
					tracker = NewTracker(c)
				} else {
					tracker.Refresh(start.Add(time.Duration(i) * time.Minute))
				}
			}
			if got := tracker.String(); got != tt.want {
				t.Errorf("local are %s, want %s", got, tt.want)
			}
		})
	}
}

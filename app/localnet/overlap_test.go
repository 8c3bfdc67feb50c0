package localnet

import (
	"slices"
	"strings"
	"testing"
)

func TestSnapshot_Overlaps(t *testing.T) {
	tests := []struct {
		name     string
		network  string
		captured string
		forwards bool
		want     []string // "A B listen": a pair, and the one to capture
	}{
		{"a bridge and its ports", "link br0 kind=bridge; link eth0 master=br0; link eth1 master=br0", "br0 eth0 eth1", false,
			[]string{"br0 eth0 br0", "br0 eth1 br0"}},
		{"ports of one bridge", "link br0 kind=bridge; link eth0 master=br0; link eth1 master=br0", "eth0 eth1", false,
			[]string{"eth0 eth1 br0"}},
		{"ports of two bridges", "link br0 kind=bridge; link br1 kind=bridge; link eth0 master=br0; link eth1 master=br1",
			"eth0 eth1", false, nil},
		{"a VLAN and its parent", "link eth0; link eth0.5 kind=vlan parent=eth0", "eth0.5 eth0", false, []string{"eth0.5 eth0 eth0"}},
		{"two VLANs of one parent", "link eth0; link eth0.5 kind=vlan parent=eth0; link eth0.6 kind=vlan parent=eth0",
			"eth0.5 eth0.6", false, nil},
		{"a bond and its member", "link bond0 kind=bond; link eth0 master=bond0", "eth0 bond0", false, []string{"eth0 bond0 bond0"}},
		{"a VLAN on a bond, and its member", "link bond0 kind=bond; link eth0 master=bond0; link bond0.5 kind=vlan parent=bond0",
			"bond0.5 eth0", false, []string{"bond0.5 eth0 eth0"}},
		{"a macvlan and its parent", "link eth0; link mv0 kind=macvlan parent=eth0", "eth0 mv0", false, []string{"eth0 mv0 eth0"}},
		{"two ends of one link", "link veth0 kind=veth; link veth1 kind=veth parent=veth0", "veth0 veth1", false,
			[]string{"veth0 veth1 veth0"}},
		{"VXLAN and its underlay", "link eth0; link vx0 kind=vxlan parent=eth0", "eth0 vx0", false, []string{"eth0 vx0 vx0"}},
		{"a VPN", "link eth0; link wg0 tun", "eth0 wg0", false, []string{"eth0 wg0 eth0"}},
		{"one LAN twice", "link eth0; link wlan0; addr eth0 192.168.1.5/24; addr wlan0 192.168.1.6/24", "eth0 wlan0", false,
			[]string{"eth0 wlan0 eth0"}},
		{"a router", "link wan; link lan; addr lan 192.168.1.1/24; addr wan 203.0.113.7/24; route 0.0.0.0/0 wan via", "wan lan", true,
			[]string{"wan lan lan"}},
		{"a router's bridge port", "link wan; link br0 kind=bridge; link lan master=br0; addr br0 192.168.1.1/24; " +
			"addr wan 203.0.113.7/24; route 0.0.0.0/0 wan via", "wan lan", true, []string{"wan lan lan"}},
		{"one LAN, two lengths", "link eth0; link wlan0; addr eth0 192.168.1.5/24; addr wlan0 192.168.1.6/25", "eth0 wlan0", false,
			[]string{"eth0 wlan0 eth0"}},
		{"two networks, no router", "link eth0; link eth1; addr eth0 192.168.1.1/24; addr eth1 10.0.0.1/24", "eth0 eth1", false, nil},
		{"a router's LAN, and a mirror port", "link eth0; link eth1; addr eth0 192.168.1.1/24; addr eth1 fe80::1/64",
			"eth0 eth1", true, nil},
		{"one interface twice", "link eth0 alt=enp3s0", "eth0 enp3s0", false, nil},
		{"an absent one", "link eth0", "eth0 eth1", true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := network(t, tt.network)
			if tt.name == "two ends of one link" {
				s.named("veth0").Parent = s.named("veth1").Index
			}
			var got []string
			for _, o := range s.Overlaps(strings.Fields(tt.captured), func(string) bool { return tt.forwards }) {
				got = append(got, o.Names[0]+" "+o.Names[1]+" "+o.Listen)
				if !strings.Contains(o.Why, o.Names[0]) || !strings.Contains(o.Why, o.Names[1]) {
					t.Errorf("%q does not name both", o.Why)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSnapshot_Narrow(t *testing.T) {
	s := network(t, "link eth0; link mv0 kind=macvlan parent=eth0; link mv1 kind=macvtap; link eth0.5 kind=vlan parent=eth0")
	for name, want := range map[string]string{"mv0": "macvlan eth0", "mv1": "macvtap ", "eth0": "", "eth0.5": "", "absent": ""} {
		why, parent := s.Narrow(name)
		kind, wantParent, _ := strings.Cut(want, " ")
		if !strings.Contains(why, kind) || (why == "") != (want == "") || want != "" && parent != wantParent {
			t.Errorf("%s: got %q, parent %q; want %q", name, why, parent, want)
		}
	}
}

package localnet

import "testing"

// The interface of the default route is one of the LAN, with a carrier if possible.
func TestSnapshot_DefaultLink(t *testing.T) {
	const two = "link eth0; link wlan0;"
	for _, tt := range []struct{ name, network, want, vpn string }{
		{"no route", two, "", ""},
		{"one", two + "route 0.0.0.0/0 wlan0 via", "wlan0", ""},
		{"the smaller metric", two + "route 0.0.0.0/0 wlan0 metric=600; route 0.0.0.0/0 eth0 metric=100", "eth0", ""},
		{"the cable is pulled", "link eth0 nocarrier; link wlan0; route 0.0.0.0/0 eth0 metric=100; route 0.0.0.0/0 wlan0 metric=600",
			"wlan0", ""},
		{"only without cable", "link eth0 nocarrier; route 0.0.0.0/0 eth0", "eth0", ""},
		{"IPv4 before IPv6", two + "route ::/0 eth0 metric=1; route 0.0.0.0/0 wlan0 metric=600", "wlan0", ""},
		{"IPv6 only", two + "route ::/0 wlan0 metric=1024", "wlan0", ""},
		{"loopback", "route ::/0 lo", "", ""},
		{"a link that is gone", two, "", ""},
		{"multipath", two + "route 0.0.0.0/0 eth0,wlan0", "eth0", ""},
		{"multipath, the first without cable", "link eth0 nocarrier; link wlan0; route 0.0.0.0/0 eth0,wlan0", "wlan0", ""},
		{"a VPN in front", "link eth0; link wg0 tun; route 0.0.0.0/0 wg0 metric=50; route 0.0.0.0/0 eth0 metric=100", "eth0", "wg0"},
		{"a VPN behind", "link eth0; link wg0 tun; route 0.0.0.0/0 eth0 metric=100; route 0.0.0.0/0 wg0 metric=500", "eth0", ""},
		{"nothing but a VPN", "link eth0; link wg0 tun; route 0.0.0.0/0 wg0", "wg0", "wg0"},
		{"halves", "link eth0; link tun0 tun; route 0.0.0.0/1 tun0; route 128.0.0.0/1 tun0; route 0.0.0.0/0 eth0", "eth0", "tun0"},
		{"nothing but halves", "link eth0; link tun0 tun; route 0.0.0.0/1 tun0; route 128.0.0.0/1 tun0", "tun0", "tun0"},
		{"IPv6 halves", two + "route ::/1 wlan0; route 8000::/1 wlan0", "wlan0", ""},
		{"one half", two + "route 0.0.0.0/1 eth0", "", ""},
		{"the other half", two + "route 128.0.0.0/1 eth0; route 0.0.0.0/1 wlan0", "", ""},
		{"other routes", two + "route 2001:db8::/64 eth0", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := network(t, tt.network)
			name := func(l *Link) string {
				if l == nil {
					return ""
				}
				return l.Name
			}
			if got, vpn := name(s.defaultLink(0)), name(s.vpn()); got != tt.want || vpn != tt.vpn {
				t.Errorf("default link %q, VPN %q, want %q and %q", got, vpn, tt.want, tt.vpn)
			}
		})
	}
	s := network(t, two+"route 0.0.0.0/0 eth0,wlan0")
	if l := s.defaultLink(3); l.Name != "wlan0" {
		t.Errorf("of a multipath route %s, want the current link", l.Name)
	}
}

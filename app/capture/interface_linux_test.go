package capture

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Interfaces whose frames are not read say what they are.
func TestInterface_Link(t *testing.T) {
	tests := []struct {
		name  string
		iface Interface
		link  uint16
		says  string // "": its frames are read
	}{
		{"Ethernet", Interface{Index: 2, Hardware: unix.ARPHRD_ETHER}, linkEthernet, ""},
		{"loopback", Interface{Index: 2, Hardware: unix.ARPHRD_LOOPBACK}, linkEthernet, ""},
		{"tun, wireguard", Interface{Index: 2, Hardware: unix.ARPHRD_NONE}, linkRaw, ""},
		{"PPP", Interface{Index: 2, Hardware: unix.ARPHRD_PPP}, linkRaw, ""},
		{"IP in IP", Interface{Index: 2, Hardware: unix.ARPHRD_TUNNEL}, linkRaw, ""},
		{"IPv6 GRE", Interface{Index: 2, Hardware: 823}, linkRaw, ""},
		{"radiotap", Interface{Index: 2, Hardware: 803}, linkUnknown, "radiotap headers, ARPHRD 803"},
		{"6LoWPAN", Interface{Index: 2, Hardware: 825}, linkUnknown, "6LoWPAN, ARPHRD 825"},
		{"a CAN bus", Interface{Index: 2, Hardware: 280}, linkUnknown, "CAN bus, ARPHRD 280"},
		{"a kind without a name", Interface{Index: 2, Hardware: 3}, linkUnknown, "ARPHRD 3"},
		{"the conduit of a switch", Interface{Index: 2, Hardware: unix.ARPHRD_ETHER, Conduit: true}, linkUnknown, "DSA"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reason := tt.iface.notRead()
			if got := tt.iface.link(); got != tt.link || !strings.Contains(reason, tt.says) || (reason == "") != (tt.says == "") {
				t.Errorf("got %d, %q; want %d, %q", got, reason, tt.link, tt.says)
			}
		})
	}
}

package capture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Interfaces whose frames are not read say what they are.
func TestNIC_Link(t *testing.T) {
	tests := []struct {
		name string
		nic  nic
		link uint16
		says string // "": its frames are read
	}{
		{"Ethernet", nic{hardware: unix.ARPHRD_ETHER}, linkEthernet, ""},
		{"loopback", nic{hardware: unix.ARPHRD_LOOPBACK}, linkEthernet, ""},
		{"tun, wireguard", nic{hardware: unix.ARPHRD_NONE}, linkRaw, ""},
		{"PPP", nic{hardware: unix.ARPHRD_PPP}, linkRaw, ""},
		{"IP in IP", nic{hardware: unix.ARPHRD_TUNNEL}, linkRaw, ""},
		{"IPv6 GRE", nic{hardware: 823}, linkRaw, ""},
		{"radiotap", nic{hardware: 803}, linkUnknown, "radiotap headers, ARPHRD 803"},
		{"6LoWPAN", nic{hardware: 825}, linkUnknown, "6LoWPAN, ARPHRD 825"},
		{"a CAN bus", nic{hardware: 280}, linkUnknown, "CAN bus, ARPHRD 280"},
		{"a kind without a name", nic{hardware: 3}, linkUnknown, "ARPHRD 3"},
		{"the conduit of a switch", nic{hardware: unix.ARPHRD_ETHER, tagging: "mtk"}, linkUnknown, "mtk"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reason := tt.nic.notRead()
			if got := tt.nic.link(); got != tt.link || !strings.Contains(reason, tt.says) || (reason == "") != (tt.says == "") {
				t.Errorf("got %d, %q; want %d, %q", got, reason, tt.link, tt.says)
			}
		})
	}
}

func TestSwitchTagging(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"eth0": "brcm\n", "eth1": "none\n"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "dsa"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "dsa", "tagging"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"eth0": "brcm", "eth1": "", "eth2": ""} {
		if got := switchTagging(dir, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

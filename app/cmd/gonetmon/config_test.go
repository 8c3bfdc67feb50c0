package main

import (
	"strings"
	"testing"

	"gonetmon/test/testnet"
)

// gonetmon config says what auto stands for in this network, and changes nothing in it.
func TestConfig_ShowsAuto(t *testing.T) {
	t.Parallel()
	here, _ := testnet.NewPair(t)
	config := func(variables ...string) string {
		t.Helper()
		status, out, log := testnet.Run(t, gonetmon(here, variables, "config"))
		if status != 0 {
			t.Fatalf("status %d, %s", status, log)
		}
		return out
	}
	expect := func(out string, all ...string) {
		t.Helper()
		for _, want := range all {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in %s", want, out)
			}
		}
	}
	expect(config(), "# Now: no default route yet", "\nGONETMON_INTERFACE=auto\n")
	here.IP("addr add 192.168.7.2/24 dev mon0")
	here.IP("route add default via 192.168.7.1")
	expect(config(), "# Now: mon0\nGONETMON_INTERFACE=auto\n", "# Now: 192.168.7.0/24,fe80::/10\nGONETMON_CIDR=auto\n",
		"\nGONETMON_DNS_SERVERS=auto\n")
	here.IP("link add idle0 type bridge")
	out := config("GONETMON_INTERFACE=idle0", "GONETMON_CIDR=10.0.0.0/8", "GONETMON_DNS_SERVERS=10.0.0.1",
		"GONETMON_STRIP_DOMAIN=none")
	if strings.Contains(out, "# Now:") {
		t.Errorf("nothing is auto: %s", out)
	}
	if _, up, _ := testnet.Run(t, here.Command("ip", "link", "show", "up")); strings.Contains(up, "idle0") {
		t.Errorf("gonetmon config has brought up idle0: %s", up)
	}
}

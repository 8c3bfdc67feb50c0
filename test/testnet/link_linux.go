package testnet

import (
	"encoding/json"
	"os/exec"
	"testing"
)

// NewPair makes two connected namespaces: frames sent on in0 of there arrive on mon0 of here.
func NewPair(tb testing.TB) (here, there *Namespace) {
	tb.Helper()
	here, there = NewNamespace(tb), NewNamespace(tb)
	Veth(there, "in0", here, "mon0")
	return here, there
}

// Promiscuity returns how many sockets keep an interface of the namespace promiscuous (ip-link(8), -details).
func (n *Namespace) Promiscuity(iface string) int {
	n.tb.Helper()
	out, err := exec.Command("ip", "-n", n.Name, "-details", "-json", "link", "show", iface).Output()
	if err != nil {
		n.tb.Fatalf("ip link show %s: %v", iface, err)
	}
	var links []struct{ Promiscuity int }
	if err := json.Unmarshal(out, &links); err != nil || len(links) != 1 {
		n.tb.Fatalf("ip link show %s: %v: %s", iface, err, out)
	}
	return links[0].Promiscuity
}

package traffic

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// senderMACs drains a table and returns the senders of each host as text, and the transits as text.
func senderMACs(t *Table) (hosts map[string]string, transits []string) {
	hosts = map[string]string{}
	_, list := t.Drain(func(_ int, host netip.Addr, d *Delta) {
		hosts[host.String()] = strings.TrimSpace(d.Senders[0].String() + " " + d.Senders[1].String())
	})
	for _, n := range list {
		transits = append(transits, fmt.Sprintf("%s %d", n.MAC, n.Packets))
	}
	return hosts, transits
}

func TestTable_Senders(t *testing.T) {
	const a, b, c, group = 0x0200000000aa, 0x0200000000bb, 0x0200000000cc, 0x0300000000dd
	const textA, textB, textC = "02:00:00:00:00:aa", "02:00:00:00:00:bb", "02:00:00:00:00:cc"
	for _, tt := range []struct {
		name string
		macs []uint64
		want string
	}{
		{"none", []uint64{0, 0}, ""},
		{"one", []uint64{a, a, a}, textA},
		{"two that alternate", []uint64{a, b, a, b, a}, textA + " " + textB},
		{"another one", []uint64{a, b}, textB + " " + textA},
		{"three", []uint64{a, b, c}, textC + " " + textB},
		{"one of three again", []uint64{a, b, c, c, b}, textB + " " + textC},
		{"groups and none are no senders", []uint64{group, 0, a, group, a, 0}, textA},
		{"between two", []uint64{a, 0, b, group}, textB + " " + textA},
	} {
		for _, host := range []string{"192.168.2.7", "172.16.0.7", "fe80::7"} { // flat, in the index, IPv6
			for _, bytes := range []uint64{100, maxBound} { // the second one does not fit into the entries
				t.Run(fmt.Sprintf("%s, %s, %d bytes", tt.name, host, bytes), func(t *testing.T) {
					table := NewTable(NewPrefixes(prefixes("192.168.2.0/24", "172.16.0.0/12", "fe80::/10")), 10)
					to, from := "8.8.8.8", "1.1.1.1"
					if strings.Contains(host, ":") {
						to, from = "2620::1", "2620::2"
					}
					countFrom(table, c, from, host, 100)
					if hosts, _ := senderMACs(table); hosts[host] != "" {
						t.Errorf("senders %q of a host that has sent nothing", hosts[host])
					}
					for i, mac := range tt.macs {
						countFrom(table, c, from, host, uint64(i))
						countFrom(table, mac, host, to, bytes)
					}
					if hosts, _ := senderMACs(table); len(hosts) != 1 || hosts[host] != tt.want {
						t.Errorf("senders %q, want %q", hosts, tt.want)
					}
					for range 2 { // each set of counters
						countFrom(table, 0, host, to, bytes)
						if hosts, _ := senderMACs(table); len(hosts) != 1 || hosts[host] != "" {
							t.Errorf("senders of an interval before: %q", hosts)
						}
					}
				})
			}
		}
	}
}

// Who gets the slot of a forgotten host does not inherit its senders.
func TestTable_SendersOfForgotten(t *testing.T) {
	table := NewTable(NewPrefixes(prefixes("192.168.2.0/24")), 1)
	for _, host := range []string{"192.168.2.7", "192.168.2.8"} {
		countFrom(table, 0, host, "8.8.8.8", 1)
		countFrom(table, 0x020000000000, host, "8.8.8.8", 1)
		if kept := table.Forget([]int{1}); len(kept) != 1 {
			t.Fatal("a host that has sent is forgotten")
		}
		hosts, _ := senderMACs(table)
		if d := cmp.Diff(map[string]string{host: "02:00:00:00:00:00"}, hosts); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		table.Forget([]int{1})
	}
	count(table, "192.168.2.9", "8.8.8.8", 1)
	if hosts, _ := senderMACs(table); hosts["192.168.2.9"] != "" || len(hosts) != 1 {
		t.Errorf("got %q", hosts)
	}
}

func TestTable_Transits(t *testing.T) {
	const router, other, group = 0x0200000000aa, 0x0200000000bb, 0x0300000000cc
	table := NewTable(NewPrefixes(prefixes("192.168.2.0/24", "2001:db8::/64")), 10)
	for _, from := range []uint64{0, group, other, router, router} {
		countFrom(table, from, "8.8.8.8", "192.168.2.7", 100)
		countFrom(table, from, "8.8.8.8", "239.1.2.3", 100)
		countFrom(table, from, "2620::1", "2001:db8::7", maxBound) // does not fit into the entries
		countFrom(table, from, "2620::1", "ff3e::1", 100)
		countFrom(table, from, "192.168.2.7", "192.168.2.8", 100)
		countFrom(table, from, "192.168.2.7", "8.8.8.8", 100)
		countFrom(table, from, "8.8.8.8", "1.1.1.1", 100)
		countFrom(table, from, "0.0.0.0", "255.255.255.255", 100)
		countFrom(table, from, "169.254.7.7", "192.168.2.7", 100)
		countFrom(table, from, "239.1.2.3", "192.168.2.7", 100)
		countFrom(table, from, "fe80::7", "ff02::fb", 100)
		countFrom(table, from, "::", "ff02::1:ff00:7", 100)
	}
	want := []string{"02:00:00:00:00:aa 8", "02:00:00:00:00:bb 4"}
	if _, got := senderMACs(table); cmp.Diff(want, got) != "" {
		t.Errorf("(-want +got):\n%s", cmp.Diff(want, got))
	}
	for range 2 { // each set of counters
		count(table, "192.168.2.7", "8.8.8.8", 1)
		if _, got := senderMACs(table); got != nil {
			t.Errorf("of an interval before: %q", got)
		}
	}
}

// Whatever MACs are forged, those that send the most are found.
func TestTable_TransitsOfMany(t *testing.T) {
	table := NewTable(NewPrefixes(prefixes("192.168.2.0/24")), 10)
	for i := range uint64(4000) {
		countFrom(table, 0x020000000000+i, "8.8.8.8", "192.168.2.7", 1)
		if i%4 == 0 {
			countFrom(table, 0x0600000000aa, "8.8.8.8", "192.168.2.7", 1)
		}
		if i%8 == 0 {
			countFrom(table, 0x0600000000bb, "8.8.8.8", "192.168.2.7", 1)
		}
	}
	_, got := senderMACs(table)
	if len(got) != maxTransits {
		t.Fatalf("%d MACs, want %d: %q", len(got), maxTransits, got)
	}
	if d := cmp.Diff([]string{"06:00:00:00:00:aa 1000", "06:00:00:00:00:bb 500"}, got[:2]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

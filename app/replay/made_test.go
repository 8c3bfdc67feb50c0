package replay_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"gonetmon/app/names"
	"gonetmon/app/replay"
	"gonetmon/test/testnet"
)

// A tape is a capture file that the test makes.
type tape struct {
	t    *testing.T
	path string
	out  *pcapgo.Writer
	at   time.Time
	macs map[string][6]byte // of each host that has announced itself or got a lease
}

func newTape(t *testing.T) *tape {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "*.pcap")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	p := &tape{t, file.Name(), pcapgo.NewWriter(file), time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC), map[string][6]byte{}}
	if err := p.out.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	return p
}

// write writes a frame, a millisecond after the last one.
func (p *tape) write(data []byte, wire int) {
	p.at = p.at.Add(time.Millisecond)
	if err := p.out.WritePacket(gopacket.CaptureInfo{Timestamp: p.at, CaptureLength: len(data), Length: wire}, data); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tape) add(frames ...[]byte) {
	for _, f := range frames {
		p.write(f, len(f))
	}
}

// sends lets each host send 100 bytes to the internet.
func (p *tape) sends(hosts string) {
	for host := range strings.FieldsSeq(hosts) {
		p.data(host, 100)
	}
}

// data lets a host send n bytes of IP to the internet, behind tags if any are given. Its frames have its MAC if that is known.
func (p *tape) data(host string, n int, tags ...uint16) {
	src, far, headers := netip.MustParseAddr(host), netip.MustParseAddr("198.51.100.7"), 28
	if src.Is6() {
		far, headers = netip.MustParseAddr("2620::808:808"), 48
	}
	frame := testnet.UDP(src, far, n-headers, tags...)
	mac := p.macs[host]
	copy(frame[6:12], mac[:])
	p.add(frame)
}

// lease lets a client ask for an address under a name, and get it.
func (p *tape) lease(mac [6]byte, addr, name string) {
	p.macs[addr] = mac
	p.add(testnet.DHCP{Type: testnet.Request, MAC: mac, Name: name, Asked: netip.MustParseAddr(addr)}.Frame(),
		testnet.DHCP{Type: testnet.Ack, MAC: mac, Your: netip.MustParseAddr(addr), Life: time.Hour}.Frame())
}

// announce lets a station announce addresses by ARP.
func (p *tape) announce(mac [6]byte, addrs ...string) {
	for _, a := range addrs {
		p.macs[a] = mac
		p.add(testnet.ARPRequest(mac, netip.MustParseAddr(a), netip.MustParseAddr(a)))
	}
}

// What a control frame says is valid from that frame on, whatever its link layer; a configuration applies as it does
// to the daemon.
func TestRun_MadeCaptures(t *testing.T) {
	mac := func(n byte) [6]byte { return [6]byte{0x00, 0x17, 0x88, 0, 0, n} }
	ip := netip.MustParseAddr
	const server = "192.168.2.1 address 02:00:00:00:0d:0c [192.168.2.1] 0"
	prefix := func(p *tape) {
		p.data("2001:db8:5::7", 1000)
		p.add(testnet.RouterAdvert(mac(1), ip("fe80::1"), testnet.SourceMAC(mac(1)),
			testnet.PrefixInfo(netip.MustParsePrefix("2001:db8:5::/64"), time.Hour),
			testnet.PrefixInfo(netip.MustParsePrefix("2001:db8:6::/64"), 0)))
		p.at = p.at.Add(24 * time.Hour) // long after the prefix has expired
		p.sends("2001:db8:5::7 2001:db8:6::7 192.168.2.7")
	}
	for _, tt := range []struct {
		name   string
		tape   func(*tape)
		config func(c *replay.Config)
		want   []string // name, source, MAC's number, addresses, and what it has sent to the internet
	}{
		{"a new lease moves an address, and not its earlier traffic", func(p *tape) {
			p.lease(mac(1), "192.168.2.7", "tv")
			p.sends("192.168.2.7 192.168.2.7")
			p.at = p.at.Add(30 * time.Minute) // the first one is silent
			p.lease(mac(2), "192.168.2.7", "phone")
			p.data("192.168.2.7", 1000)
			p.lease(mac(1), "192.168.2.8", "tv")
			p.sends("192.168.2.8")
		}, nil, []string{server, "phone dhcp 02 [192.168.2.7] 1000", "tv dhcp 01 [192.168.2.8] 300"}},
		{"times are those of the frames", func(p *tape) {
			p.announce(mac(1), "192.168.2.7")
			p.sends("192.168.2.7")
			p.at = p.at.Add(time.Hour)
			p.announce(mac(2), "192.168.2.8", "192.168.2.7")
			p.data("192.168.2.7", 1000)
		}, nil, []string{"00:17:88:00:00:01 address 01 [] 100", "192.168.2.7 address 02 [192.168.2.7] 1000"}},
		{"a hosts file with addresses and MACs, and domains to remove", func(p *tape) {
			p.announce(mac(2), "192.168.2.8")
			p.lease(mac(3), "192.168.2.9", "brother")
			p.lease(mac(4), "192.168.2.10", "nas.home.arpa")
			p.sends("192.168.2.7 192.168.2.8 192.168.2.9 192.168.2.10")
		}, func(c *replay.Config) {
			c.Hosts, _ = names.ParseHosts(strings.NewReader("192.168.2.7 Laptop\n" +
				"00:17:88:00:00:02 laptop # by radio\n00-17-88-00-00-03 printer\n"))
			c.StripDomains = []string{"home.arpa"}
		}, []string{server, "laptop file 02 [192.168.2.7 192.168.2.8] 200", "nas dhcp 04 [192.168.2.10] 100",
			"printer file 03 [192.168.2.9] 100"}},
		{"control frames with tags", func(p *tape) {
			add := func(frame []byte, tags ...uint16) { p.add(testnet.Tagged(frame, tags...)) }
			add(testnet.ARPRequest(mac(1), ip("192.168.2.7"), ip("192.168.2.1")), 5)
			add(testnet.NeighborSolicit(mac(1), ip("fe80::7"), ip("fe80::1"), testnet.SourceMAC(mac(1))), 5, 6)
			add(testnet.DHCP{Type: testnet.Request, MAC: mac(1), Name: "tv", Asked: ip("192.168.2.7")}.Frame(), 5, 6)
			add(testnet.MDNSResponse(mac(2), ip("192.168.2.8"), 120, true, testnet.Record{Name: "ipad.local", Addr: ip("192.168.2.8")}), 5)
			for depth := range 4 {
				p.data("192.168.2.7", 100, make([]uint16, depth)...)
				p.data("fe80::7", 100, make([]uint16, depth)...)
				p.data("192.168.2.8", 100, make([]uint16, depth)...)
			}
		}, nil, []string{"ipad mdns 02 [192.168.2.8] 400", "tv dhcp 01 [192.168.2.7 fe80::7] 800"}},
		{"a name and an address of DHCPv6", func(p *tape) {
			client := testnet.Ends{SrcMAC: mac(5), Src: ip("fe80::5")}
			p.add(testnet.DHCP6{Type: testnet.Request6, DUID: []byte("duid"), Name: "Printer.lan",
				Options: [][]byte{testnet.IANA(ip("2001:db8:2::50"), time.Hour)}, Ends: client}.Frame())
			p.add(testnet.DHCP6{Type: testnet.Reply6, DUID: []byte("duid"),
				Options: [][]byte{testnet.IANA(ip("2001:db8:2::50"), time.Hour)},
				Ends:    testnet.Ends{SrcMAC: mac(1), DstMAC: mac(5), Src: ip("fe80::1"), Dst: ip("fe80::5")}}.Frame())
			p.sends("2001:db8:2::50 fe80::5")
		}, nil, []string{"fe80::1 address 01 [fe80::1] 0", "printer.lan dhcp 05 [2001:db8:2::50 fe80::5] 200"}},
		{"a prefix that a router announces is local in the whole file", prefix, func(c *replay.Config) { c.Prefixes = nil },
			[]string{"192.168.2.7 address - [192.168.2.7] 100", "2001:db8:5::7 address - [2001:db8:5::7] 1100",
				"fe80::1 address 01 [fe80::1] 0"}},
		{"but not if the local prefixes are configured", prefix, nil,
			[]string{"192.168.2.7 address - [192.168.2.7] 100", "fe80::1 address 01 [fe80::1] 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTape(t)
			tt.tape(p)
			c := devicesConfig(netip.MustParsePrefix("192.168.2.0/24"), netip.MustParsePrefix("fe80::/10"),
				netip.MustParsePrefix("2001:db8:2::/64"))
			if tt.config != nil {
				tt.config(&c)
			}
			var got []string
			var sum Moved
			for _, d := range replayDevices(t, c, p.path) {
				number := cmp.Or(strings.TrimPrefix(d.MAC, "00:17:88:00:00:"), "-")
				got = append(got, fmt.Sprintf("%s %s %s %s %d", d.Device, d.Source, number, d.Hosts, d.Scopes.Internet.OutBytes))
				sum.InBytes += d.InBytes
				sum.OutBytes += d.OutBytes
			}
			if d := gocmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if c.Prefixes == nil {
				return
			}
			c.Format = replay.Tallies
			var tally replay.Tally
			if err := json.Unmarshal([]byte(output(t, c, p.path)), &tally); err != nil {
				t.Fatal(err)
			}
			for _, n := range tally.Hosts {
				sum.InBytes -= n.InBytes
				sum.OutBytes -= n.OutBytes
			}
			if sum != (Moved{}) {
				t.Errorf("devices have moved %+v more than hosts", sum)
			}
		})
	}
}

// With Why, the table and the JSON say of each address why its device has it.
func TestRun_SaysWhy(t *testing.T) {
	p := newTape(t)
	p.lease([6]byte{0x00, 0x17, 0x88, 0, 0, 1}, "192.168.2.7", "tv")
	p.announce([6]byte{0x00, 0x17, 0x88, 0, 0, 9}, "192.168.2.7") // an extender
	p.sends("192.168.2.7")
	c := devicesConfig(netip.MustParsePrefix("192.168.2.0/24"))
	c.Format, c.Why = replay.Devices, true
	const want = "192.168.2.7: 00:17:88:00:00:01 has a DHCP lease"
	if out := output(t, c, p.path); !strings.Contains(out, "\n      "+want) {
		t.Errorf("no %q in:\n%s", want, out)
	}
	c.Format = replay.DevicesJSON
	var all struct {
		Devices []struct{ Hosts, Why []string }
	}
	if err := json.Unmarshal([]byte(output(t, c, p.path)), &all); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, d := range all.Devices {
		found = found || len(d.Why) == 1 && strings.HasPrefix(d.Why[0], want)
		if len(d.Why) != len(d.Hosts) {
			t.Errorf("%d addresses, and %q", len(d.Hosts), d.Why)
		}
	}
	if !found {
		t.Errorf("no %q in %+v", want, all)
	}
}

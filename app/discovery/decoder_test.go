package discovery_test

import (
	"encoding/binary"
	"encoding/csv"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/gopacket/layers"

	"gonetmon/app/capture"
	"gonetmon/app/discovery"
	"gonetmon/app/mac"
	"gonetmon/app/names"
	"gonetmon/test/testnet"
)

// Who is who in the frames of these tests.
var (
	laptop, phone, router = mac.Addr{2, 0, 0, 0, 0, 7}, mac.Addr{2, 0, 0, 0, 0, 8}, mac.Addr{2, 0, 0, 0, 0, 1}
	group                 = mac.Addr{3, 0, 0, 0, 0, 7} // no station

	laptop4, phone4 = ip("192.168.2.7"), ip("192.168.2.8")
	laptop6, phone6 = ip("2001:db8::7"), ip("2001:db8::8")
	laptopLL        = ip("fe80::7")
	phoneLL         = ip("fe80::8")
	routerLL        = ip("fe80::1")
	any4, any6      = netip.IPv4Unspecified(), netip.IPv6Unspecified()
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// draw reads a frame with a new Reader, holds the facts to what Read promises, and returns them and the counters.
func draw(tb testing.TB, link uint16, frame []byte) ([]discovery.Fact, discovery.Stats) {
	tb.Helper()
	r := discovery.NewDecoder()
	var facts []discovery.Fact
	r.Decode(link, slices.Clip(frame), func(f discovery.Fact) { facts = append(facts, f) })
	stats, count := r.Stats(), [discovery.NumProtocols]uint64{}
	for _, f := range facts {
		count[f.Protocol]++
		if why := broken(f); why != "" {
			tb.Errorf("frame %x: %s: %+v", frame, why, f)
		}
	}
	if count != stats.Facts || len(facts) > 64 {
		tb.Errorf("frame %x: %d facts, %v counted", frame, len(facts), stats.Facts)
	}
	return facts, stats
}

// broken says which promise a fact breaks.
func broken(f discovery.Fact) string {
	a := f.Addr
	unicast := a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && !a.Is4In6() && a.Zone() == "" && a != ip("255.255.255.255")
	again, clean := names.Canonical(f.Name)
	switch f.Kind {
	case discovery.Announced, discovery.Replied, discovery.Probed, discovery.Leased, discovery.Released, discovery.Router:
		if !f.MAC.IsStation() || !unicast || f.Name != "" {
			return "no station, or no host"
		}
	case discovery.MACName:
		if !f.MAC.IsStation() || a.IsValid() {
			return "no station, or an address"
		}
	case discovery.AddrName:
		if f.MAC != (mac.Addr{}) || !unicast {
			return "a station, or no host"
		}
	case discovery.OnLinkPrefix:
		if f.Prefix != f.Prefix.Masked() || f.Prefix.Bits() < 48 || a.IsValid() || f.MAC != (mac.Addr{}) && !f.MAC.IsStation() {
			return "a bad prefix"
		}
	}
	named := f.Kind == discovery.MACName || f.Kind == discovery.AddrName
	switch {
	case named && (!clean || again != f.Name || strings.HasSuffix(f.Name, ".local") || strings.HasPrefix(f.Name, "localhost")):
		return "a bad name"
	case f.Kind != discovery.OnLinkPrefix && f.Prefix.IsValid():
		return "a prefix"
	case f.Lifetime < 0 || f.Lifetime > 0 && f.Kind != discovery.Leased && f.Kind != discovery.OnLinkPrefix:
		return "a bad lifetime"
	}
	return ""
}

// A reading is one row of the tables of all protocols.
type reading struct {
	name      string
	frame     []byte
	want      []discovery.Fact
	malformed int
	refused   int
}

// check runs a table; every fact is to be from one protocol.
func check(t *testing.T, from discovery.Protocol, tests []reading) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := slices.Clone(tt.want)
			for i := range want {
				want[i].Protocol = from
			}
			got, stats := draw(t, 1, tt.frame)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(sameAddr), cmp.Comparer(samePrefix)); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			if int(stats.Malformed[from]) != tt.malformed || int(stats.NamesRefused[from]) != tt.refused {
				t.Errorf("malformed %d, refused %d; want %d, %d", stats.Malformed[from], stats.NamesRefused[from], tt.malformed, tt.refused)
			}
			tagged, _ := draw(t, 1, testnet.Tagged(tt.frame, 7, 8))
			if diff := cmp.Diff(got, tagged, cmp.Comparer(sameAddr), cmp.Comparer(samePrefix)); diff != "" {
				t.Errorf("behind two tags (-without +with):\n%s", diff)
			}
		})
	}
}

func sameAddr(a, b netip.Addr) bool     { return a == b }
func samePrefix(a, b netip.Prefix) bool { return a == b }

// samples are frames of every protocol, each of which gives facts.
func samples() map[string][]byte {
	prefix := netip.MustParsePrefix("2001:db8::/64")
	client, server := testnet.Ends{SrcMAC: laptop, Src: laptopLL}, testnet.Ends{SrcMAC: router, DstMAC: laptop, Src: routerLL, Dst: laptopLL}
	return map[string][]byte{
		"arp request":  testnet.ARPRequest(laptop, laptop4, phone4),
		"arp reply":    testnet.ARPReply(phone, phone4, laptop, laptop4),
		"ndp solicit":  testnet.NeighborSolicit(laptop, laptopLL, phone6, testnet.SourceMAC(laptop)),
		"ndp advert":   testnet.NeighborAdvert(laptop, laptopLL, laptop6, testnet.TargetMAC(laptop)),
		"ndp router":   testnet.RouterAdvert(router, routerLL, testnet.SourceMAC(router), testnet.PrefixInfo(prefix, time.Hour)),
		"dhcp request": testnet.DHCP{Type: testnet.Request, MAC: laptop, Name: "laptop", Asked: laptop4}.Frame(),
		"dhcp fqdn": testnet.DHCP{Type: testnet.Request, MAC: laptop, Client: laptop4, Options: map[byte][]byte{
			81: append([]byte{4, 0, 0}, testnet.PartialName("laptop.lan")...),
		}}.Frame(),
		"dhcp ack":       testnet.DHCP{Type: testnet.Ack, MAC: laptop, Your: laptop4, Life: time.Hour}.Frame(),
		"dhcpv6 request": testnet.DHCP6{Type: testnet.Request6, Name: "laptop", Options: [][]byte{testnet.IANA(laptop6, time.Hour)}, Ends: client}.Frame(),
		"dhcpv6 reply":   testnet.DHCP6{Type: testnet.Reply6, Name: "laptop.", Options: [][]byte{testnet.IANA(laptop6, time.Hour)}, Ends: server}.Frame(),
		"mdns query":     testnet.MDNSQuery(laptop, laptop4, "phone.local"),
		"mdns response": testnet.MDNSResponse(phone, phone4, 120, true,
			testnet.Record{Name: "phone.local", Addr: phone4}, testnet.Record{Name: "phone.local", Addr: phoneLL}),
	}
}

// A frame that is cut anywhere, or of which any bit is wrong, breaks nothing.
func TestReaderDamage(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	for name, frame := range samples() {
		whole, _ := draw(t, 1, frame)
		if len(whole) == 0 {
			t.Errorf("%s: no facts", name)
		}
		for n := range len(frame) {
			for _, link := range []uint16{1, 113, 276, 101, 0} {
				draw(t, link, frame[:n])
			}
			if facts, _ := draw(t, 1, frame[:n]); len(facts) > len(whole) {
				t.Errorf("%s, cut after %d: %v, whole only %v", name, n, facts, whole)
			}
		}
		for range 20000 {
			hurt := slices.Clone(frame)
			for range 1 + random.IntN(4) {
				hurt[random.IntN(len(hurt))] ^= 1 << random.IntN(8)
			}
			draw(t, 1, hurt)
		}
	}
}

// What is behind the link header is read the same on every link that has it.
func TestReaderLinks(t *testing.T) {
	cooked := func(frame []byte) []byte {
		b := append([]byte{0, 1, 0, 1, 0, 6}, frame[6:12]...)
		return append(append(b, 0, 0), frame[12:]...)
	}
	cooked2 := func(frame []byte) []byte {
		b := append(slices.Clone(frame[12:14]), 0, 0, 0, 0, 0, 1, 0, 1, 0, 6)
		return append(append(append(b, frame[6:12]...), 0, 0), frame[14:]...)
	}
	raw := func(frame []byte) []byte { return frame[14:] }
	null := func(frame []byte) []byte { return append([]byte{2, 0, 0, 0}, frame[14:]...) }
	outer := func(tpid ...byte) func([]byte) []byte {
		return func(frame []byte) []byte { return append(append(slices.Clone(frame[:12]), tpid...), frame[12:]...) }
	}
	all, station, address := discovery.Fact{Kind: discovery.Announced, MAC: phone, Addr: phone4}, discovery.Fact{Kind: discovery.Probed, MAC: laptop, Addr: laptop4}, discovery.Fact{Kind: discovery.AddrName, Addr: phone4, Name: "phone", Own: true}
	arp := testnet.ARPRequest(phone, phone4, laptop4)
	dhcp := testnet.DHCP{Type: testnet.Request, MAC: laptop, Asked: laptop4}.Frame()
	mdns := testnet.MDNSResponse(phone, phone4, 120, true, testnet.Record{Name: "phone.local", Addr: phone4})
	tests := []struct {
		name  string
		link  uint16
		wrap  func([]byte) []byte
		frame []byte
		want  []discovery.Fact
	}{
		{"cooked arp", 113, cooked, arp, []discovery.Fact{all}},
		{"cooked dhcp", 113, cooked, dhcp, []discovery.Fact{station}},
		{"cooked mdns", 113, cooked, mdns, []discovery.Fact{all, address}},
		{"cooked tagged", 113, cooked, testnet.Tagged(mdns, 7), []discovery.Fact{all, address}},
		{"cooked 2 arp", 276, cooked2, arp, []discovery.Fact{all}},
		{"cooked 2 dhcp", 276, cooked2, dhcp, []discovery.Fact{station}},
		{"cooked 2 mdns", 276, cooked2, mdns, []discovery.Fact{all, address}},
		{"cooked 2 tagged", 276, cooked2, testnet.Tagged(mdns, 7), []discovery.Fact{all, address}},
		{"cooked 2 tagged arp", 276, cooked2, testnet.Tagged(arp, 7), []discovery.Fact{all}},
		{"raw dhcp", 101, raw, dhcp, []discovery.Fact{station}},
		{"raw mdns", 12, raw, mdns, []discovery.Fact{address}},
		{"loopback mdns", 0, null, mdns, []discovery.Fact{address}},
		{"802.1ad", 1, outer(0x88, 0xa8, 0, 7), testnet.Tagged(arp, 8), []discovery.Fact{all}},
		{"priority tag", 1, outer(0x81, 0, 0, 0), arp, []discovery.Fact{all}},
		{"MPLS", 1, outer(0x88, 0x47, 0, 0), arp, nil},
		{"another link", 105, raw, mdns, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := draw(t, tt.link, tt.wrap(tt.frame))
			for i := range got {
				got[i].Protocol = 0
			}
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(sameAddr), cmp.Comparer(samePrefix)); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
		})
	}
}

// Behind these, nobody on the LAN says anything, or it can't be known what.
func TestReaderPassesOver(t *testing.T) {
	four := testnet.MDNSResponse(phone, phone4, 120, true, testnet.Record{Name: "phone.local", Addr: phone4})
	six := testnet.NeighborAdvert(phone, phoneLL, phoneLL, testnet.TargetMAC(phone))
	edit := func(frame []byte, at int, v ...byte) []byte {
		frame = slices.Clone(frame)
		copy(frame[at:], v)
		return frame
	}
	insert := func(frame []byte, next byte, header ...byte) []byte {
		b := slices.Clone(frame[:54])
		binary.BigEndian.PutUint16(b[18:], uint16(len(frame)-54+len(header)))
		b[20] = next
		return append(append(b, header...), frame[54:]...)
	}
	tests := []struct {
		name  string
		frame []byte
		facts int
	}{
		{"as it is, v4", four, 2},
		{"as it is, v6", six, 1},
		{"more fragments", edit(four, 20, 0x20, 0), 0},
		{"a later fragment", edit(four, 20, 0, 1), 0},
		{"not to be fragmented", edit(four, 20, 0x40, 0), 2},
		{"wrong version, v4", edit(four, 14, 0x65), 0},
		{"wrong version, v6", edit(six, 14, 0x40), 0},
		{"padding, v6", append(slices.Clone(six), 0, 0, 0), 1},
		{"hop-by-hop header", insert(six, 0, 58, 0, 1, 4, 0, 0, 0, 0), 1},
		{"hop-by-hop header and padding", append(insert(six, 0, 58, 0, 1, 4, 0, 0, 0, 0), 0, 0), 1},
		{"destination options", insert(six, 60, 58, 0, 1, 4, 0, 0, 0, 0), 1},
		{"both", insert(insert(six, 60, 58, 0, 1, 4, 0, 0, 0, 0), 0, 60, 0, 1, 4, 0, 0, 0, 0), 1},
		{"fragment header", insert(six, 44, 58, 0, 0, 0, 0, 0, 0, 7), 0},
		{"v6 in v6", insert(six, 41, six[14:54]...), 0},
		{"v4 in v4", append(edit(four[:34:34], 23, 4), four[14:]...), 0},
		{"another ICMPv6", edit(six, 54, 128), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			facts, stats := draw(t, 1, tt.frame)
			if len(facts) != tt.facts || stats.Malformed != [discovery.NumProtocols]uint64{} {
				t.Errorf("%v, malformed %v; want %d facts", facts, stats.Malformed, tt.facts)
			}
		})
	}
}

// gopacket's layer for cooked captures panics at this address length.
func TestReaderPanicOfLayer(t *testing.T) {
	frame := make([]byte, 60)
	frame[4], frame[5] = 0xff, 0xff
	func() {
		defer func() {
			if recover() == nil {
				t.Error("gopacket does not panic any more; find something else")
			}
		}()
		_ = new(layers.LinuxSLL).DecodeFromBytes(frame, nil)
	}()
	if facts, _ := draw(t, 113, frame); facts != nil {
		t.Errorf("got %v", facts)
	}
}

// The frame that was read before leaves nothing behind.
func TestReaderForgets(t *testing.T) {
	r, all := discovery.NewDecoder(), samples()
	order := make([]string, 0, 2*len(all))
	for name := range all {
		order = append(order, name, name)
	}
	for range 20 {
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, name := range order {
			want, _ := draw(t, 1, all[name])
			var got []discovery.Fact
			r.Decode(1, all[name], func(f discovery.Fact) { got = append(got, f) })
			if !slices.Equal(got, want) {
				t.Fatalf("%s: got %v, from a new reader %v", name, got, want)
			}
		}
	}
}

func TestReaderAllocatesNothing(t *testing.T) {
	for name, frame := range samples() {
		want := 0.0
		switch name {
		case "dhcp request", "dhcp fqdn", "dhcpv6 request", "dhcpv6 reply":
			want = 2 // the name, and what netip tells Clean of it
		case "mdns response":
			continue // miekg/dns
		}
		r := discovery.NewDecoder()
		learn := func(discovery.Fact) {}
		if n := testing.AllocsPerRun(1000, func() { r.Decode(1, frame, learn) }); n != want {
			t.Errorf("%s: %v allocs, want %v", name, n, want)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	all := samples()
	all["none"] = testnet.UDP(laptop4, phone4, 100)
	for name, frame := range all {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			r := discovery.NewDecoder()
			learn := func(discovery.Fact) {}
			b.ReportAllocs()
			for b.Loop() {
				r.Decode(1, frame, learn)
			}
		})
	}
}

// folder is where the captures lie.
func folder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TEST_CAPTURES")
	if _, err := os.Stat(filepath.Join(dir, "names.tsv")); dir != "" && err == nil {
		return dir
	}
	if os.Getenv("TEST_KERNEL") == "1" {
		t.Fatalf("TEST_CAPTURES=%q: no names.tsv there", dir)
	}
	t.Skip("set TEST_CAPTURES to a folder of capture files with names.tsv beside them")
	return ""
}

// An entry is a name in a capture: of a MAC by DHCP, of an address by mDNS.
type entry struct{ File, Who, Name string }

// unfit are the entries of names.tsv that Read must not draw, and why.
var unfit = map[entry]string{
	{"malformed.pcap", "df:e0:ed:01:6e:bd", "d002465"}: "the lowest bit of df says that it is no station: that frame is fuzzed",
}

// All names of names.tsv are drawn from the captures, and no others.
func TestReaderCaptures(t *testing.T) {
	dir := folder(t)
	f, err := os.Open(filepath.Join(dir, "names.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	table := csv.NewReader(f)
	table.Comma = '\t'
	rows, err := table.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[entry]bool)
	for _, row := range rows[1:] {
		name, ok := names.Canonical(strings.TrimSuffix(row[3], ".local"))
		if !ok {
			t.Errorf("%s: not clean", row[3])
		}
		who := row[2]
		if row[1] == "mdns" {
			who = row[4]
		}
		want[entry{row[0], who, name}] = true
	}
	for e := range unfit {
		delete(want, e)
	}
	var paths []string
	for _, pattern := range []string{"*.pcap", "*.pcapng"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		paths = append(paths, found...)
	}
	got := make(map[entry]bool)
	for _, path := range paths {
		r := discovery.NewDecoder()
		n := eachFrame(t, path, func(n int, link uint16, data []byte) {
			r.Decode(link, data, func(f discovery.Fact) {
				if why := broken(f); why != "" {
					t.Errorf("%s, frame %d: %s: %+v", path, n, why, f)
				}
				if f.Name == "" {
					return
				}
				e := entry{filepath.Base(path), f.MAC.String(), f.Name}
				if f.Kind == discovery.AddrName {
					e.Who = f.Addr.String()
				}
				if got[e] = true; !want[e] {
					t.Errorf("%+v in frame %d is not in names.tsv", e, n)
				}
			})
		})
		t.Logf("%s: %d frames, %+v", filepath.Base(path), n, r.Stats())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// eachFrame calls see for all frames of a capture, counted from 1, and returns how many there are.
func eachFrame(t *testing.T, path string, see func(n int, link uint16, data []byte)) (n int) {
	t.Helper()
	file, err := capture.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	batch := make([]capture.Frame, 16)
	for {
		got, err := file.Next(batch)
		for _, f := range batch[:got] {
			n++
			see(n, f.Link, f.Data)
		}
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, frame := range samples() {
		f.Add(uint16(1), frame)
		f.Add(uint16(1), testnet.Tagged(frame, 7))
		f.Add(uint16(101), frame[14:])
	}
	f.Fuzz(func(t *testing.T, link uint16, frame []byte) { draw(t, link, frame) })
}

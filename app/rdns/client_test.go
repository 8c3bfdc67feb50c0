package rdns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"gonetmon/test/testnet"
)

// testTimeout is for tries that go on to their deadline, and long enough for a busy machine. All others get an hour.
const testTimeout = time.Second

func TestClient_Ask(t *testing.T) {
	hostile := func(labels ...string) testnet.Answer {
		return testnet.Answer{Mode: testnet.RawName, TTL: 300, RData: testnet.WireName(labels...)}
	}
	named := func(mode testnet.Mode) testnet.Answer {
		return testnet.Answer{Mode: mode, TTL: 300, Names: []string{"nas.lan"}}
	}
	good := func(sent int) answer {
		return answer{name: "nas.lan", ttl: 300 * time.Second, reason: none, final: true, sent: sent}
	}
	badName := answer{reason: BadName, final: true, ttl: 300 * time.Second, refused: 1, sent: 1}
	liar := answer{reason: Mismatch, final: true, ttl: minTTL, sent: 1}
	for _, tt := range []struct {
		name   string
		answer testnet.Answer
		want   answer
	}{
		{"ok", named(testnet.OK), good(1)},
		{"slow", testnet.Answer{TTL: 300, Names: []string{"nas.lan"}, Delay: testTimeout / 8}, good(1)},
		{"upper case", testnet.Answer{TTL: 300, Names: []string{"NAS.Lan"}}, good(1)},
		{"several names", testnet.Answer{TTL: 300, Names: []string{"z.lan", "nas.lan", "nas2.lan"}}, good(1)},
		{"the good one of several", testnet.Answer{TTL: 300, Names: []string{`a\"b.lan`, "10.0.0.1", "nas.lan"}},
			answer{name: "nas.lan", ttl: 300 * time.Second, reason: none, final: true, refused: 2, sent: 1}},
		{"the human one of several",
			testnet.Answer{TTL: 300, Names: []string{"192-0-2-17.lan", "android-2.lan", "nas.lan"}},
			good(1)},
		{"a generic one before one made from the address",
			testnet.Answer{TTL: 300, Names: []string{"192-0-2-17.lan", "android-2.lan"}},
			answer{name: "android-2.lan", ttl: 300 * time.Second, reason: none, final: true, sent: 1}},
		{"one made from the address", testnet.Answer{TTL: 300, Names: []string{"dhcp-192-0-2-17.isp.net"}},
			answer{name: "dhcp-192-0-2-17.isp.net", ttl: 300 * time.Second, reason: none, final: true, sent: 1}},
		{"localhost", testnet.Answer{TTL: 300, Names: []string{"localhost"}}, badName},
		{"localhost with a domain", testnet.Answer{TTL: 300, Names: []string{"localhost.localdomain"}}, badName},
		{"gateway of systemd-resolved", testnet.Answer{TTL: 300, Names: []string{"_gateway"}}, badName},
		{"address with a domain", testnet.Answer{TTL: 300, Names: []string{"192.168.1.20.lan"}}, badName},
		{"500 names", testnet.Answer{Mode: testnet.OK, TTL: 300, Names: many(500)},
			answer{name: "h0.lan", ttl: 300 * time.Second, reason: none, final: true, sent: 1}},
		{"nxdomain", testnet.Answer{Mode: testnet.NXDomain, TTL: 120},
			answer{reason: none, final: true, ttl: 120 * time.Second, sent: 1}},
		{"nxdomain without SOA", testnet.Answer{Mode: testnet.NXDomain, NoSOA: true},
			answer{reason: none, final: true, ttl: time.Hour, sent: 1}},
		{"nodata", testnet.Answer{Mode: testnet.NoData, TTL: 120}, answer{reason: none, final: true, ttl: 120 * time.Second, sent: 1}},
		{"servfail", testnet.Answer{Mode: testnet.ServFail}, answer{reason: ServFail, sent: 1}},
		{"refused", testnet.Answer{Mode: testnet.RefusedCode}, answer{reason: Refused, sent: 1}},
		{"notimp", testnet.Answer{Mode: testnet.NotImp}, answer{reason: RCode, sent: 1}},
		{"a server that drops EDNS", named(testnet.DropEDNS), good(1)},
		{"black hole", testnet.Answer{Mode: testnet.BlackHole}, answer{reason: Timeout, sent: 2}},
		{"too slow", testnet.Answer{TTL: 300, Names: []string{"nas.lan"}, Delay: 2 * testTimeout},
			answer{reason: Timeout, sent: 2}},
		{"TCP only", named(testnet.SilentUDP), good(2)},
		{"truncated, then TCP", named(testnet.TruncatedUDP), good(2)},
		{"truncated, and no TCP", named(testnet.TruncatedNoTCP), answer{reason: Truncated, sent: 2}},
		{"wrong ID", named(testnet.WrongID), answer{reason: Mismatch, sent: 1}},
		{"wrong question", named(testnet.WrongQuestion), answer{reason: Mismatch, sent: 1}},
		{"no response", named(testnet.NotResponse), answer{reason: Mismatch, sent: 1}},
		{"wrong owner", named(testnet.WrongOwner), liar},
		{"one CNAME", testnet.Answer{Mode: testnet.Chain, Links: 1, TTL: 300, Names: []string{"nas.lan"}}, good(1)},
		{"8 CNAMEs", testnet.Answer{Mode: testnet.Chain, Links: 8, TTL: 300, Names: []string{"nas.lan"}}, good(1)},
		{"9 CNAMEs", testnet.Answer{Mode: testnet.Chain, Links: 9, TTL: 300, Names: []string{"nas.lan"}}, liar},
		{"CNAME to nowhere", testnet.Answer{Mode: testnet.Chain, Links: 1, TTL: 300},
			answer{reason: none, final: true, sent: 2}},
		{"a CNAME to be asked for", testnet.Answer{Mode: testnet.Alias, Links: 1, TTL: 300, Names: []string{"nas.lan"}}, good(2)},
		{"2 CNAMEs to be asked for", testnet.Answer{Mode: testnet.Alias, Links: 2, TTL: 300, Names: []string{"nas.lan"}}, good(3)},
		{"3 CNAMEs to be asked for", testnet.Answer{Mode: testnet.Alias, Links: 3, TTL: 300, Names: []string{"nas.lan"}},
			answer{reason: none, final: true, ttl: 300 * time.Second, sent: 3}},
		{"CNAME loop", named(testnet.Loop), liar},
		{"runt first", named(testnet.RuntFirst), good(1)},
		{"garbage first", named(testnet.GarbageFirst), good(1)},
		{"garbage", testnet.Answer{Mode: testnet.Garbage}, answer{reason: Malformed, sent: 1}},
		{"compression loop", testnet.Answer{Mode: testnet.CompressionLoop}, answer{reason: Malformed, sent: 1}},
		{"10 kB name", testnet.Answer{Mode: testnet.Huge}, answer{reason: Malformed, sent: 1}},
		{"false count", named(testnet.Overstated), good(1)},
		{"data of no name", testnet.Answer{Mode: testnet.RawName, RData: []byte{0x80, 1, 2}}, answer{reason: Malformed, sent: 1}},
		{"no data", testnet.Answer{Mode: testnet.RawName, TTL: 300}, badName},
		{"root", hostile(), badName},
		{"NUL", hostile("a\x00b"), badName},
		{"script", hostile("<script>alert(1)</script>"), badName},
		{"dot in a label", hostile("a.b"), badName},
		{"address", hostile("10", "0", "0", "1"), badName},
		{"address in a label", hostile("10.0.0.1"), badName},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, addr := range []netip.Addr{netip.MustParseAddr("192.0.2.17"), netip.MustParseAddr("2001:db8::17")} {
				server := testnet.StartDNS(t, nil)
				server.Set(addr, tt.answer)
				c := client{timeout: time.Hour}
				if tt.want.unreachable() || tt.answer.Mode == testnet.SilentUDP {
					if c.timeout = testTimeout; addr.Is6() {
						return // one of the two is slow enough
					}
				}
				got := c.ask(t.Context(), server.Addr, addr)
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(answer{})); diff != "" {
					t.Errorf("%s (-want +got):\n%s", addr, diff)
				}
				if n := server.Queries(); n != got.sent {
					t.Errorf("%s: %d queries came, %d counted", addr, n, got.sent)
				}
			}
		})
	}
}

func many(n int) (names []string) {
	for i := range n {
		names = append(names, "h"+strings.Repeat("0", i%9+1)+".lan")
	}
	return names
}

func TestClient_ClosedPort(t *testing.T) {
	server := testnet.StartDNS(t, nil)
	server.Close()
	got := client{timeout: time.Hour}.ask(t.Context(), server.Addr, netip.MustParseAddr("192.0.2.1"))
	if got.reason != Network || got.final {
		t.Errorf("ask a closed port: %+v, want reason network", got)
	}
}

func TestClient_TCPRefused(t *testing.T) {
	truncate := func(netip.Addr) testnet.Answer { return testnet.Answer{Mode: testnet.TruncatedUDP} }
	server := testnet.ServeDNS(t, listenUDP(t), nil, truncate)
	got := client{timeout: time.Hour}.ask(t.Context(), server.Addr, netip.MustParseAddr("192.0.2.1"))
	if got.reason != Truncated {
		t.Errorf("reason %v, want truncated", got.reason)
	}
}

func TestClient_EndsWithContext(t *testing.T) {
	server := testnet.StartDNS(t, func(netip.Addr) testnet.Answer { return testnet.Answer{Mode: testnet.BlackHole} })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	client{timeout: time.Hour}.ask(ctx, server.Addr, netip.MustParseAddr("192.0.2.1"))
}

// Each query has a socket, and so a port, of its own.
func TestClient_FreshSocketPerQuery(t *testing.T) {
	server := listenUDP(t)
	ports := make(chan net.Addr, 2)
	go func() {
		buf := make([]byte, 2048)
		for range 2 {
			_, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			ports <- from
			_, _ = server.WriteTo([]byte{buf[0], buf[1], 0x80, dns.RcodeServerFailure, 0, 0, 0, 0, 0, 0, 0, 0}, from)
		}
	}()
	addr := server.LocalAddr().(*net.UDPAddr).AddrPort()
	for range 2 {
		if got := (client{timeout: time.Minute}).ask(t.Context(), addr, netip.MustParseAddr("192.0.2.1")); got.reason != ServFail {
			t.Fatalf("got %+v, want SERVFAIL", got)
		}
	}
	if a, b := <-ports, <-ports; a.String() == b.String() {
		t.Errorf("both queries came from %s", a)
	}
}

// A flood of forged answers ends the try: it must not go on to guess until the deadline.
func TestClient_FloodOfForgedAnswers(t *testing.T) {
	server := listenUDP(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		n, from, err := server.ReadFrom(buf)
		if err != nil {
			return
		}
		forged := slices.Clone(buf[:n])
		forged[2] |= 0x80
		for i := 0; ; i++ {
			forged[1] = buf[1] + 1 + byte(i%255)
			if _, err := server.WriteTo(forged, from); errors.Is(err, net.ErrClosed) {
				return
			}
		}
	}()
	addr := server.LocalAddr().(*net.UDPAddr).AddrPort()
	got := client{timeout: time.Hour}.ask(t.Context(), addr, netip.MustParseAddr("192.0.2.1"))
	_ = server.Close()
	<-done
	if got.reason != Mismatch {
		t.Errorf("reason %v, want mismatch", got.reason)
	}
}

func listenUDP(t *testing.T) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

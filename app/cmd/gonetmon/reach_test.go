package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gonetmon/test/testnet"
)

func TestFullNames(t *testing.T) {
	const file = `127.0.0.1 localhost
127.0.1.1	NAS.example.org nas # nas.example.com
192.168.2.7 nas.home.example nasty.example.org xnas.example.org "nas.<b>
`
	if diff := cmp.Diff([]string{"nas.example.org", "nas.home.example"}, fullNames(file, "Nas")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The daemon answers under its addresses, its own name and those that are configured, and under no other.
func TestHostNames(t *testing.T) {
	here, _ := testnet.NewPair(t)
	p := start(t, here, "GONETMON_HOST_NAMES=monitor.example.org")
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		"127.0.0.1": 200, "localhost:8080": 200, own: 200, "monitor.example.org": 200, "monitor.lan": 200, "example.org": 421, "evil.example": 421,
	} {
		r, err := http.NewRequest("GET", p.URL+"metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := p.Client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %s, want %d", host, answer.Status, want)
		}
	}
}

// With 64 descriptors and 2,000 connections that do nothing, frames are counted, names found, and the page is there at once.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	here, there := testnet.NewPair(t)
	dns := testnet.NamespaceDNS(t, here, true, func(addr netip.Addr) testnet.Answer {
		time.Sleep(100 * time.Millisecond) // so that several are asked at once
		return testnet.Answer{Names: []string{fmt.Sprintf("host%d.lan.", addr.As4()[3])}, TTL: 3600}
	})
	p := start(t, here, "GONETMON_DNS_SERVERS=127.0.0.1", descriptors+"=64")
	addr := strings.Trim(strings.TrimPrefix(p.URL, "http://"), "/")
	var conns []net.Conn
	here.Do(func() {
		for i := range 2000 {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Errorf("number %d: %v", i, err)
				return
			}
			conns = append(conns, conn)
			if i%2 == 0 {
				_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: loc")
			}
		}
	})
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	s := testnet.NewSender(there, "in0")
	const hosts = 40
	for i := range hosts {
		s.Send(testnet.UDP(netip.AddrFrom4([4]byte{192, 168, 2, byte(i + 1)}), netip.MustParseAddr("198.51.100.1"), 72))
	}
	most, longest := 0, time.Duration(0)
	p.Until("all hosts named", func() bool {
		asked := time.Now()
		m := p.Metrics()
		longest = max(longest, time.Since(asked))
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, len(open))
		named := 0
		for i := range hosts {
			if m[fmt.Sprintf(`node_bytes_total{device="host%d.lan"}`, i+1)] == 100 {
				named++
			}
		}
		return named == hosts
	})
	if most > 64 {
		t.Errorf("%d descriptors, want at most 64", most)
	}
	t.Logf("%d descriptors at most, the longest page took %v, %d queries at once", most, longest, dns.MaxInFlight())
	if longest > time.Second {
		t.Errorf("a page took %v", longest)
	}
	if log := p.Log.String(); strings.Contains(log, "too many open files") || !strings.Contains(log, "too many connections") {
		t.Error(log)
	}
}

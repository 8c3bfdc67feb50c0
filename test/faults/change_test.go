package faults

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

func changeRows() []row {
	return []row{
		{name: "dns-configuration", run: changingResolv, parallel: true,
			fault:    "resolv.conf changes: none, garbage, dead servers, another server",
			expected: "the current servers are asked, the last ones while there are none; counts exact"},
		{name: "hosts-file", run: changingHosts, parallel: true,
			fault:    "the hosts file changes: replaced, rewritten, garbage, 2 MiB, a directory, a pipe, gone",
			expected: "the current names, the last good ones while there are none; counts exact"},
		{name: "addresses", run: changingAddresses, parallel: true, fault: "the addresses of the interface change",
			expected: "a host of a new prefix is on the page within 10 s, older counts stay; counts exact"},
	}
}

func changingResolv(b *bench) string {
	here, there := testnet.NewPair(b)
	server := testnet.NamespaceDNS(b, here, true, func(addr netip.Addr) testnet.Answer {
		return testnet.Answer{Names: []string{fmt.Sprintf("host%d.", addr.As4()[3])}, TTL: 60}
	})
	here.Etc("resolv.conf", "")
	d := b.start(here, "GONETMON_DNS_SERVERS=")
	s := testnet.NewSender(there, "in0")
	talk := func(n int) {
		s.Send(testnet.UDP(netip.AddrFrom4([4]byte{192, 168, 2, byte(n)}), away, 72))
	}
	named := func(n int) func() bool {
		return func() bool { return d.values(fmt.Sprintf(`node_bytes_total{device="host%d"}`, n))[0] > 0 }
	}
	texts := []string{"garbage\x00\xff\nnameserver nobody\n", "nameserver 192.0.2.1\n", strings.Repeat("# long\n", 100000),
		"nameserver 127.0.0.1\n", "", "nameserver 192.0.2.1\nnameserver 127.0.0.1\n"}
	n, changes := 0, 0
	for range b.of(1, 5) {
		for _, text := range texts {
			n++
			talk(n)
			here.Etc("resolv.conf", text)
			changes++
			time.Sleep(5500 * time.Millisecond)
			if strings.Contains(text, "nameserver 127.0.0.1") || text == "" { // then the last ones are used
				n++
				talk(n)
				d.Until(fmt.Sprintf("host %d is named, after %.40q", n, text), named(n))
			}
		}
	}
	return fmt.Sprintf("%d changes, %d queries; %s", changes, server.Queries(), d.finish(s.Sent))
}

func changingHosts(b *bench) string {
	here, there := testnet.NewPair(b)
	file := filepath.Join(testnet.PublicDir(b), "hosts")
	put := func(text string) {
		b.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			b.Fatal(err)
		}
	}
	put("192.168.2.7 first\n")
	d := b.start(here, "GONETMON_NAMES_FILE="+file)
	l := b.newLoad(nil, 2000)
	l.begin(there, 7)
	current := "first"
	bytes := func() uint64 { return d.values(fmt.Sprintf(`node_bytes_total{device="%s"}`, current))[0] }
	d.Until("it is called "+current, func() bool { return bytes() > 0 })
	steps := 0
	for i := range b.of(1, 5) {
		name := func(s string) string { return fmt.Sprintf("%s%d", s, i) }
		for _, step := range []struct {
			do   func()
			name string // from then on; "": as before
		}{
			{func() { put("192.168.2.7 " + name("replaced") + "\n") }, name("replaced")},
			{func() { _ = os.WriteFile(file, []byte("192.168.2.7 "+name("written")+" # in place\n"), 0o644) }, name("written")},
			{func() { _ = os.Remove(file) }, ""},
			{func() { _ = unix.Mkfifo(file, 0o644) }, ""},
			{func() { _ = os.Remove(file); _ = os.Mkdir(file, 0o755) }, ""},
			{func() { _ = os.Remove(file); put("192.168.2.7 " + name("back") + "\n\xff\x00garbage\n<script> x\n") }, name("back")},
			{func() {
				put("192.168.2.7 " + name("large") + "\n" + strings.Repeat("192.168.2.9 x # "+strings.Repeat("y", 100)+"\n", 20000))
			}, name("large")},
			{func() { put(strings.Repeat("\x00", 1<<20)) }, ""},
			{func() { put("192.168.2.7 " + name("end") + "\n") }, name("end")},
		} {
			step.do()
			steps++
			if step.name != "" {
				current = step.name
				d.Until("it is called "+current, func() bool { return bytes() > 0 })
				continue
			}
			time.Sleep(5 * time.Second)
			was := bytes()
			if !testnet.Within(3*time.Second, func() bool { return bytes() > was }) {
				b.Errorf("it is not called %s any more, although its file has only gone", current)
			}
		}
	}
	l.end()
	return fmt.Sprintf("%d changes; %s", steps, d.finish(l.sent.Load()))
}

func changingAddresses(b *bench) string {
	here, there := testnet.NewPair(b)
	here.IP("addr add 192.168.2.2/24 dev mon0")
	here.IP("route add default via 192.168.2.1")
	d := b.start(here, "GONETMON_INTERFACE=", "GONETMON_CIDR=")
	l := b.newLoad(nil, 2000)
	l.begin(there, 7)
	s := testnet.NewSender(there, "in0")
	firstPackets := func() uint64 { n, _ := d.countedFrom(7); return n }
	d.Until("a host of the first prefix is on the page", func() bool { return firstPackets() > 0 })
	changes := 0
	var longest time.Duration
	for i := range b.of(2, 10) {
		prefix := fmt.Sprintf("10.%d.0", i)
		here.IP("addr add " + prefix + ".2/24 dev mon0")
		begin := time.Now()
		d.Until("a host of the new prefix is counted", func() bool {
			s.Send(testnet.UDP(netip.MustParseAddr(prefix+".9"), away, 72))
			return d.values(fmt.Sprintf(`node_bytes_total{device="%s.9"}`, prefix))[0] > 0
		})
		longest = max(longest, time.Since(begin))
		here.IP("addr del " + prefix + ".2/24 dev mon0")
		changes += 2
	}
	if longest > 10*time.Second { // 2 s until it is seen, 3 until a device without a name is shown
		b.Errorf("a host of a new prefix was counted after %v", longest)
	}
	l.end()
	sent := l.sent.Load() + s.Sent
	d.waitCounted(sent)
	if got := firstPackets(); got != l.sent.Load() {
		b.Errorf("the first host has %d packets, and sent %d", got, l.sent.Load())
	}
	return fmt.Sprintf("%d changes, a host of a new prefix on the page after %s; %s", changes, ms(longest), d.finish(sent))
}

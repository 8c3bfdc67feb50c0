package faults

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gonetmon/test/testnet"
)

func changingFiles(b *bench) string {
	here, there := testnet.NewPair(b)
	server := testnet.NamespaceDNS(b, here, true, func(addr netip.Addr) testnet.Answer {
		return testnet.Answer{Names: []string{fmt.Sprintf("host%d.", addr.As4()[3])}, TTL: 60}
	})
	file := filepath.Join(testnet.PublicDir(b), "hosts")
	write := func(text string) error { return os.WriteFile(file, []byte(text), 0o644) }
	replace := func(text string) error {
		return errors.Join(os.WriteFile(file+".new", []byte(text), 0o644), os.RemoveAll(file), os.Rename(file+".new", file))
	}
	large := strings.Repeat("192.168.2.9 x # "+strings.Repeat("y", 100)+"\n", 20000)
	const local, dead = "nameserver 127.0.0.1\n", "nameserver 192.0.2.1\n"
	become := func(make func(path string) error) error { return errors.Join(os.Remove(file), make(file)) }
	pipe := func(path string) error { return unix.Mkfifo(path, 0o644) }
	folder := func(path string) error { return os.Mkdir(path, 0o755) }
	steps := []struct {
		resolv string
		hosts  func() error
		name   string // of the device in the hosts file from then on
		mute   bool   // no server answers
	}{
		{dead, func() error { return replace("192.168.2.7 first\n") }, "first", true},
		{local, func() error { return write("192.168.2.7 second # in place\n\xff\x00garbage\n<script> x\n") }, "second", false},
		{"garbage\x00\xff\nnameserver nobody\n", func() error { return become(pipe) }, "second", false},
		{strings.Repeat("# long\n", 100000), func() error { return replace(large + "192.168.2.7 third\n") }, "third", false},
		{"", func() error { return become(folder) }, "third", false},
		{dead + local, func() error { return replace("192.168.2.7 fourth\n") }, "fourth", false},
	}
	here.Etc("resolv.conf", "")
	if err := write(""); err != nil {
		b.Fatal(err)
	}
	d := b.start(here, "GONETMON_DNS_SERVERS=", "GONETMON_NAMES_FILE="+file)
	l := b.newLoad(nil, 2000)
	l.begin(there, 7)
	s := testnet.NewSender(there, "in0")
	bytesOf := func(name string) uint64 { return d.values(fmt.Sprintf(`node_bytes_total{device="%s"}`, name))[0] }
	changes, host := 0, 20
	for range b.of(1, 5) {
		last := "fourth"
		for _, step := range steps {
			here.Etc("resolv.conf", step.resolv)
			if err := step.hosts(); err != nil {
				b.Fatal(err)
			}
			changes += 2
			if step.name == last {
				time.Sleep(5500 * time.Millisecond) // longer than gonetmon takes to look at the files again
			}
			was := bytesOf(step.name)
			d.Until("it is called "+step.name, func() bool { return bytesOf(step.name) > was })
			last = step.name
			if step.mute {
				continue
			}
			host++
			s.Send(machineUDP(netip.AddrFrom4([4]byte{192, 168, 2, byte(host)}), 72))
			name := fmt.Sprint("host", host)
			d.Until(fmt.Sprintf("%s is named, after %.40q", name, step.resolv), func() bool { return bytesOf(name) > 0 })
		}
	}
	l.end()
	return fmt.Sprintf("%d changes, %d queries; %s", changes, server.Queries(), d.finish(l.sent.Load()+s.Sent))
}

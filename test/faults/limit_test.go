package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"gonetmon/test/testnet"
)

// limitMemory makes a control group with a memory limit (cgroup-v2 and cgroup-v1/memory in Linux's documentation).
func (b *bench) limitMemory(limit int) (dir string) {
	b.Helper()
	root, file := "/sys/fs/cgroup", "memory.max"
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); errors.Is(err, fs.ErrNotExist) {
		root, file = filepath.Join(root, "memory"), "memory.limit_in_bytes"
	} else {
		_ = os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+memory"), 0) // it may be there already
	}
	dir, err := os.MkdirTemp(root, "gonetmon-")
	if err == nil {
		b.Cleanup(func() { testnet.Until(b, dir+" is removed", func() bool { return os.Remove(dir) == nil }) })
		err = os.WriteFile(filepath.Join(dir, file), []byte(fmt.Sprint(limit)), 0)
	}
	if err != nil {
		b.Fatalf("memory limit: %v; this needs a writable /sys/fs/cgroup", err)
	}
	return dir
}

func memoryLimits(b *bench) string {
	return b.each([]string{"64 MiB", "32 MiB"}, func(b *bench, i int) string {
		if i == 0 {
			return b.limited(64)
		}
		return b.limited(32, "GONETMON_MAX_HOSTS=1024")
	})
}

// limited runs the daemon in so many MiB.
func (b *bench) limited(limit int, variables ...string) string {
	here, there := testnet.NewPair(b)
	dir := b.limitMemory(limit << 20)
	d := b.startBy(here, nil, func(cmd *exec.Cmd) {
		// The namespace's command does not see control groups, so the shell goes before it.
		cmd.Args = append([]string{"sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, dir}, cmd.Args...)
		cmd.Path = "/bin/sh"
	}, append(variables, "GONETMON_CIDR=192.168.0.0/16", "GONETMON_REPORT_INTERVAL=0")...)
	s := testnet.NewSender(there, "in0")
	random, forge := b.random(), forge4()
	for begin := time.Now(); time.Since(begin) < b.seconds(6, 60); time.Sleep(10 * time.Millisecond) {
		for range 500 {
			s.Send(forge(random))
		}
	}
	d.waitCounted(s.Sent)
	v := d.values("gonetmon_hosts", "gonetmon_overflow_bytes_total")
	f := d.finish(s.Sent)
	return fmt.Sprintf("%s; %d hosts, %d MB overflow, page read %d times; %.1f MiB resident", f, v[0], v[1]/1e6, d.page.scrapes,
		mib(d.peak.maxMemory))
}

func descriptors(b *bench) string {
	here, there := testnet.NewPair(b)
	server := testnet.NamespaceDNS(b, here, true, func(netip.Addr) testnet.Answer {
		return testnet.Answer{Names: []string{"tv."}, TTL: 60}
	})
	d := b.startBy(here, []string{"prlimit", "--nofile=64:64"}, nil, "GONETMON_DNS_SERVERS=127.0.0.1")
	s := testnet.NewSender(there, "in0")
	frames := testnet.Conversation(10000)
	s.SendAll(frames, 20000)
	d.waitCounted(s.Sent)
	d.pause(true)
	before, begin := len(d.Log.String()), time.Now()
	conns := d.dial(200)
	for _, c := range conns {
		_, _ = fmt.Fprintf(c, "GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n", address)
	}
	s.SendAll(frames, 20000)
	time.Sleep(b.seconds(6, 30))
	used, _ := usageOf(d.Cmd.Process.Pid)
	text, took := d.Log.String()[before:], time.Since(begin)
	lines, about := strings.Count(text, "\n"), strings.Count(text, " limit=")
	if about == 0 || about > 12+int(took.Minutes()) || lines-about > 3+int(took.Seconds()/5) {
		b.Errorf("%d log lines in %v:\n%s", lines, took, text)
	}
	hangUp(conns)
	d.waitStatus("healthz", 200, "")
	d.pause(false)
	s.SendAll(frames, 20000)
	f := d.finish(s.Sent)
	return fmt.Sprintf("%d descriptors used, %d log lines; %s; %d DNS queries", used.descriptors, lines, f, server.Queries())
}

func brokenOutput(b *bench) string {
	return b.each([]string{"disk full", "write fails", "reader gone"}, func(b *bench, i int) string {
		switch i {
		case 0:
			const full = `mount -t tmpfs -o size=64k none "$0" && exec "$@" >"$0/out" 2>"$0/log"`
			return b.mute([]string{"sh", "-c", full, b.TempDir()}, nil, func() {})
		case 1:
			return b.mute([]string{"sh", "-c", `exec "$0" "$@" >/dev/full 2>/dev/full`}, nil, func() {})
		}
		read, write, err := os.Pipe()
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = write.Close() }()
		return b.mute(nil, func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = write, write }, func() { _ = read.Close() })
	})
}

// mute has a daemon count that can't write, once broken was called.
func (b *bench) mute(wrap []string, prepare func(*exec.Cmd), broken func()) string {
	b.Helper()
	here, there := testnet.NewPair(b)
	d := b.startBy(here, wrap, prepare, "GONETMON_LOG_LEVEL=debug", "GONETMON_REPORT_INTERVAL=1s")
	broken()
	s := testnet.NewSender(there, "in0")
	for range b.of(3, 60) {
		s.SendAll(testnet.Conversation(5000), 10000)
		d.whileDisturbed(func() {
			here.IP("link set mon0 down") // which is logged
			d.waitStatus("readyz", 503, "down")
			here.IP("link set mon0 up")
		})
	}
	d.waitCounted(s.Sent)
	reached := d.reached()
	if reached != s.Sent {
		b.Errorf("identity: %d read or dropped, %d sent", reached, s.Sent)
	}
	d.checkIdle()
	d.unwatch()
	return fmt.Sprintf("%d frames, identity error %d, stopped after %s", reached, int64(s.Sent-reached), ms(d.terminate()))
}

func logFlood(b *bench) string {
	here, there := testnet.NewPair(b)
	server := testnet.NamespaceDNS(b, here, true, func(netip.Addr) testnet.Answer { return testnet.Answer{Mode: testnet.ServFail} })
	file := filepath.Join(testnet.PublicDir(b), "hosts")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			b.Error(err)
		}
	}
	write("192.168.2.7 tv\n")
	d := b.start(here, "GONETMON_DNS_SERVERS=127.0.0.1", "GONETMON_NAMES_FILE="+file, "GONETMON_REPORT_INTERVAL=0")
	s := testnet.NewSender(there, "in0")
	random := b.random()
	before, begin, changes := strings.Count(d.Log.String(), "\n"), time.Now(), 0
	router := netip.MustParseAddr("fe80::1")
	d.allow(64)
	for i := 0; time.Since(begin) < b.seconds(12, 120); i++ {
		for range 20 {
			prefix := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(random.Uint32()),
				byte(random.Uint32()), byte(random.Uint32())}), 64)
			s.Send(testnet.RouterAdvert([6]byte{2, 0, 0, 0, 0, byte(i)}, router, testnet.PrefixInfo(prefix, time.Second)))
			s.Send(testnet.UDP(netip.AddrFrom4([4]byte{192, 168, 2, byte(random.Uint32())}), away, 72))
		}
		server.SetAll([]*testnet.Answer{nil, {Mode: testnet.BlackHole}}[i%2])
		d.ask("\x00\xff\r\n\r\n")
		if i%10 == 0 {
			if changes < 2 { // each is up to twelve lines, once
				write(strings.Repeat(fmt.Sprintf("\xff\x1b[31m%d bad\nnot an address\n", i), 100))
			}
			d.waitReached(s.Sent)
			d.whileDisturbed(func() {
				here.IP("link set mon0 down")
				here.IP("link set mon0 up")
			})
			changes++
		}
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(begin)
	lines := strings.Count(d.Log.String(), "\n") - before
	if bound := 3*changes + 24 + 32 + int(2*took.Seconds()); lines > bound {
		b.Errorf("%d log lines in %v, with %d changes of the interface; bound %d", lines, took, changes, bound)
	}
	d.allow(-64)
	return fmt.Sprintf("%d lines in %s, %d changes of the interface; %s", lines, took.Round(time.Second), changes, d.finish(s.Sent))
}
